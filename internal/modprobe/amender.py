# SPDX-License-Identifier: LGPL-3.0-or-later
"""Amends R (flux-config-fake-resources(5)): from standard input to standard
output, by the function that the first argument names, MODULE:FUNCTION or a file
that has a function amend(). The second is the path of a topology, or empty."""
import importlib
import importlib.util
import json
import sys

reference, path = sys.argv[1:3]
topology = open(path).read() if path else None
module, colon, function = reference.partition(":")
if colon:
    amend = getattr(importlib.import_module(module), function)
else:
    spec = importlib.util.spec_from_file_location("amender", reference)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    amend = loaded.amend
json.dump(amend(json.load(sys.stdin), hwloc_xml=topology), sys.stdout)

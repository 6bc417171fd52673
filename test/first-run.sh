#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
# first-run.sh FLUX: what a new user would type, as an instance's initial program.
flux=${1:-flux}
say() { printf '\n$ flux %s\n' "$*"; "$flux" "$@" || exit; }
say resource list
say run -N4 --tasks-per-node=1 --label-io hostname
say submit --cc=1-4 --wait sleep 0.1
say jobs -a

# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs the functions of rc files (flux-modprobe(1)) for modprobe.

The files are the arguments, after "-" with the letters v (verbose) and n (dry
run). What they have to say goes to file 3, a JSON object a line:

    {"task": {...}}                    a file has a task
    {"op": "load", ...}                a function wants something of modules
    {"done": "name", "error": "..."}   a task has been run; "" is all setup()s

The names of tasks to be run come on standard input, a JSON string a line.
"""
import json
import os
import sys
import threading

from flux.importer import import_path
from flux.modprobe import CodeTask, Context

replies = os.fdopen(3, "w")
lock = threading.Lock()


class Lines:
    """A stream for several threads: a line of one is never within another's."""

    def __init__(self, stream):
        self.stream = stream
        self.begun = threading.local()

    def write(self, text):
        whole, newline, rest = text.rpartition("\n")
        if newline:
            self.put(whole + newline)
        self.begun.text = getattr(self.begun, "text", "") + rest
        return len(text)

    def flush(self):
        self.put("")

    def put(self, text):
        with lock:
            self.stream.write(getattr(self.begun, "text", "") + text)
            self.stream.flush()
        self.begun.text = ""

    def __getattr__(self, name):
        return getattr(self.stream, name)


sys.stdout = Lines(sys.stdout)
sys.stderr = Lines(sys.stderr)


def tell(**what):
    with lock:
        replies.write(json.dumps(what) + "\n")
        replies.flush()


class Messenger(Context):
    """A context that passes on what concerns modules."""

    def setopt(self, module, options, overwrite=False):
        super().setopt(module, options, overwrite)
        tell(op="setopt", module=module, args=options.split(), alone=overwrite)

    def load_modules(self, modules):
        tell(op="load", modules=list(modules))

    def remove_modules(self, modules=None):
        tell(op="remove", modules=modules)

    def set_alternative(self, name, alternative):
        tell(op="alternative", service=name, module=alternative)

    def enable(self, name):
        tell(op="enable", service=name)


def describe(task):
    lists = ("provides", "requires", "needs", "before", "after")
    needs = ("needs_attrs", "needs_config", "needs_env")
    return dict(
        name=task.name,
        ranks=str(task.ranks),
        disabled=task.disabled,
        priority=task.priority,
        **{key: list(getattr(task, key)) for key in lists + needs},
    )


def load(files):
    for path in files:
        module = import_path(path)
        for task in vars(module).values():
            if isinstance(task, CodeTask):
                tasks[task.name] = task
                tell(task=describe(task))
        setup = getattr(module, "setup", None)
        if callable(setup):
            setup(context)


def attempt(name, function):
    error = ""
    try:
        function()
    except BaseException as exc:
        error = str(exc) or repr(exc)
    sys.stdout.flush()
    sys.stderr.flush()
    tell(done=name, error=error)


tasks = {}
letters = sys.argv[1]
context = Messenger(None, verbose="v" in letters, dry_run="n" in letters)
attempt("", lambda: load(sys.argv[2:]))
for line in sys.stdin:
    name = json.loads(line)
    run = (name, lambda task=tasks[name]: task.func(context))
    threading.Thread(target=attempt, args=run).start()

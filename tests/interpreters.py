"""Python processes that need no seconds to load libraries: forks of one that has loaded them.

`python tests/interpreters.py` reads a line of JSON on standard input for each process asked for and
answers with its number; for a number it waits for that process and answers with its exit code. A
process behaves as if `python` had been started with the same arguments, in a session of its own:
libraries alone have been loaded before, and nothing of ours.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import multiprocessing.process
import os
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

# Libraries that take long to load, with those that they load when they are first used.
LOADED = (
    *("torch", "torch._dynamo", "torch.distributions", "pandas", "pyarrow.parquet"),
    *("sklearn.cluster", "sklearn.linear_model", "scipy.stats", "matplotlib.figure"),
    *("matplotlib.backends.backend_agg", "datasets", "typer.rich_utils", "rich.live"),
)


def serve() -> dict[str, Any]:
    """Answer line after line; returns in each fork, with what it was asked to do."""
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()  # a collection in a fork would copy what they share
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, int):
            answer = os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1])
        else:
            answer = os.fork()
            if not answer:
                return asked
        print(answer, flush=True)
    os._exit(0)


def become(asked: dict[str, Any]) -> list[str]:
    """Take the session, folder, environment and files of the process; gives its arguments."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    signal.alarm(asked["seconds"])  # ends a process that hangs
    for number, path in enumerate((os.devnull, asked["output"], asked["errors"])):
        os.dup2(os.open(path, os.O_RDWR), number)
    sys.stdin = os.fdopen(0)
    os.chdir(asked["folder"])
    multiprocessing.process.ORIGINAL_DIR = asked["folder"]  # its children's "" in `sys.path`
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    arguments: list[str] = asked["arguments"]
    return arguments


def interpret(first: str, *rest: str) -> None:
    """Do what `python` does with these arguments."""
    safe = first == "-P"  # without the folder that comes first in the path
    if safe:
        first, *rest = rest
    if first == "-m":
        sys.path[0], sys.argv = str(Path.cwd()), [*rest]
    elif first == "-c":
        sys.path[0], sys.argv = "", ["-c", *rest[1:]]
    else:
        sys.path[0], sys.argv = str(Path(first).resolve().parent), [first, *rest]
    if safe:
        del sys.path[0]
    if first == "-m":
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        exec(rest[0], {"__name__": "__main__"})
    else:
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    code: Any = 0
    given = become(serve())
    try:
        interpret(*given)
    except SystemExit as left:
        code = left.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 255)  # to take down all that the libraries have built would take a second

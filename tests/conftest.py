"""Python processes for all tests."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Variables that an interpreter or a library reads when it starts: a process with other ones is new.
AT_START = ("PYTHONH", "PYTHONI", "PYTHONU", "LC_", "LANG", "OMP_", "MKL_")


@pytest.fixture(scope="session")
def interpreters():
    """A process that has loaded the libraries, whose forks are the processes of `python`."""
    program = [sys.executable, str(ROOT / "tests" / "interpreters.py")]
    with subprocess.Popen(program, stdin=-1, stdout=-1, text=True) as server:
        yield server
        server.stdin.close()


@pytest.fixture
def python(tmp_path_factory, request) -> Callable[..., subprocess.CompletedProcess]:
    """Run Python with these arguments in a process of its own; its exit code and what it printed.

    The process is a fork of one that has loaded libraries, which saves seconds of each. Where forks
    do not exist, or with an environment that an interpreter reads when it starts, it is a new one.
    """

    def run(*arguments, cwd=ROOT, env=None, timeout=200):
        arguments = [*map(str, arguments)]
        whole = {**os.environ, "COLUMNS": "120", **(env or {})}
        if not hasattr(os, "fork") or any(name.startswith(AT_START) for name in env or ()):
            return subprocess.run(
                [sys.executable, *arguments],
                cwd=cwd,
                env=whole,
                capture_output=True,
                text=True,
                timeout=timeout,
            )
        server = request.getfixturevalue("interpreters")
        folder = tmp_path_factory.mktemp("process")
        output, errors = folder / "output", folder / "errors"
        for path in (output, errors):
            path.touch()
        asked = {
            "arguments": arguments,
            "folder": str(cwd),
            "environment": whole,
            "output": str(output),
            "errors": str(errors),
            "seconds": timeout,
        }
        print(json.dumps(asked), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, output.read_text(), errors.read_text())

    return run

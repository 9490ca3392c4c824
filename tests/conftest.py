"""For all tests: the arithmetic of this process, and Python processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Variables that an interpreter or a library reads when it starts: a process with other ones is new.
AT_START = ("PYTHONH", "PYTHONI", "PYTHONU", "LC_", "LANG", "OMP_", "MKL_")
# Variables that change what any process prints: tests set them where they are about them.
for name in ("PYTHONIOENCODING", "PYTHONUTF8", "PYTHONWARNINGS", "COLUMNS", "NO_COLOR"):
    os.environ.pop(name, None)


def pytest_addoption(parser):
    parser.addoption(
        "--bfloat16",
        choices=("on", "off"),
        help="train in bfloat16, or never, whatever the CPU is made for (one that is not is slow)",
    )


@pytest.fixture(autouse=True, scope="session")
def _bfloat16(pytestconfig):
    with pytest.MonkeyPatch.context() as patch:
        if asked := pytestconfig.getoption("bfloat16"):
            import torch

            told = {"avx512_bf16": asked == "on"}
            patch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except RuntimeError as error:
        if "LSTM forward propagation primitive" in str(error):
            pytest.skip("torch has no LSTM in bfloat16 on a CPU that is not made for it")
        raise


@dataclass(frozen=True)
class Process:
    """A process: its number, how to wait for its exit code, and the files of what it prints."""

    pid: int
    wait: Callable[[], int]
    output: Path
    errors: Path


class Python:
    """Runs Python with arguments in a process of its own.

    The process is a fork of one that has loaded libraries, which saves seconds of each. Where forks
    do not exist, or with an environment that an interpreter reads when it starts, it is a new one.
    """

    def __init__(self, folders):
        self._folders, self._server = folders, None

    def __call__(self, *arguments, **options) -> subprocess.CompletedProcess:
        """Wait for the process; its exit code and what it printed."""
        process = self.start(*arguments, **options)
        code = process.wait()
        printed = process.output.read_text(), process.errors.read_text()
        return subprocess.CompletedProcess(arguments, code, *printed)

    def start(self, *arguments, cwd=ROOT, env=None, timeout=200) -> Process:
        """Start a process in a session of its own."""
        folder = self._folders.mktemp("process")
        output, errors = folder / "output", folder / "errors"
        whole, arguments = {**os.environ, "COLUMNS": "120", **(env or {})}, [*map(str, arguments)]
        with output.open("w") as out, errors.open("w") as err:
            if not hasattr(os, "fork") or any(name.startswith(AT_START) for name in env or ()):
                program = subprocess.Popen(
                    [sys.executable, *arguments],
                    **{"cwd": cwd, "env": whole, "stdin": subprocess.DEVNULL},
                    **{"stdout": out, "stderr": err, "start_new_session": True},
                )
                return Process(program.pid, lambda: program.wait(timeout), output, errors)
        asked = {"arguments": arguments, "folder": str(cwd), "environment": whole}
        files = {"output": str(output), "errors": str(errors)}
        pid = self._ask({**asked, **files, "seconds": timeout})
        return Process(pid, lambda: self._ask(pid), output, errors)

    def _ask(self, question):
        if self._server is None:
            program = [sys.executable, str(ROOT / "tests" / "interpreters.py")]
            self._server = subprocess.Popen(program, stdin=-1, stdout=-1, text=True)
        print(json.dumps(question), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def end(self):
        """End the process whose forks the others are."""
        if self._server is not None:
            self._server.communicate(timeout=60)


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """`python(*arguments)` waits for a process, `python.start(*arguments)` only starts it."""
    runs = Python(tmp_path_factory)
    yield runs
    runs.end()

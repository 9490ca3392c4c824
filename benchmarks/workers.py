"""Worker processes: the side of the run, which starts and ends them, and the worker's own side.

A worker leads a session of processes, so that whatever it starts (the workers of a data loader, a
pool) ends with it, in whatever way it ends. What it prints goes to the run through a pipe.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from benchmarks.program import handle_here
from benchmarks.scripts import main_module_hidden

PROGRESS_SECONDS = 0.2
# Bytes of a worker's last output that the run keeps for a record.
KEPT_OUTPUT = 4000
# Reads of 64 KiB at a time from a worker's output.
READS = 16
# Libraries that every cell needs. Modules of symbench may lie where the server does not look.
PRELOADED = ["torch", "pandas", "pyarrow.parquet", "pydantic", "threadpoolctl"]
_SET_CHILD_SUBREAPER = 36  # of prctl, in Linux' prctl.h
_TRACKER_WARNING = "ignore:resource_tracker:UserWarning"
# Sequences that move the cursor or colour text.
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|.)")
_leave = os._exit


@dataclass(frozen=True)
class Surroundings:
    """The working folder and the environment variables of the run, which its workers take over.

    Python would give them those of the time when it started its server of processes.
    """

    folder: str
    variables: Mapping[str, str]

    @classmethod
    def here(cls) -> Surroundings:
        """Those of this process."""
        return cls(str(Path.cwd()), dict(os.environ))

    def take_over(self) -> None:
        """Give them to this process."""
        os.chdir(self.folder)
        for name in os.environ.keys() - self.variables.keys():
            del os.environ[name]
        os.environ.update(self.variables)


class Worker:
    """A process that calls a function with arguments and a pipe, as the run sees it.

    pipe: for messages to and from the function. process: its process.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any, threads: int) -> None:
        context = _context()
        self.pipe, theirs = context.Pipe()
        self._output, their_output = context.Pipe(duplex=False)
        here = Surroundings.here()
        self.process = context.Process(
            target=_begin, args=(theirs, their_output, here, threads, target, *arguments)
        )
        with main_module_hidden():
            self.process.start()
        theirs.close()
        their_output.close()
        if os.name == "posix":
            os.set_blocking(self._output.fileno(), False)
        self._tail, self._line = b"", b""
        self.open = True

    @property
    def connections(self) -> list[Any]:
        """What to wait for with `multiprocessing.connection.wait`: messages, output, the end."""
        output = [self._output] if self.open and os.name == "posix" else []
        return [self.pipe, self.process.sentinel, *output]

    def news(self) -> tuple[str, Any]:
        """The next message of the worker: its kind, "died" and "none" among them, and its value."""
        ended = self.process.exitcode is not None  # asked first: a last message may have come
        try:
            if self.pipe.poll():
                kind, value = self.pipe.recv()
                return kind, value
        except (EOFError, OSError):
            ended = True
        return "died" if ended else "none", None

    def lines(self) -> list[str]:
        """The lines that the worker has printed since the last call, whole ones alone.

        Lines that were printed over, as bars of progress are, are left out. Of a worker that prints
        without end, a part is read at a time.
        """
        for _ in range(READS if self.open and os.name == "posix" else 0):
            try:
                some = os.read(self._output.fileno(), 1 << 16)
            except BlockingIOError:
                break
            if not some:
                self.open = False
                break
            self._tail = (self._tail + some)[-KEPT_OUTPUT:]
            self._line += some
        *whole, self._line = self._line.split(b"\n")
        self._line = self._line[-KEPT_OUTPUT:]
        return [_plain(line) for line in whole]

    def forget_output(self) -> None:
        """Begin anew with the output, as another cell begins."""
        self.lines()
        self._tail = self._line = b""

    def last_output(self) -> str:
        """The end of what the worker has printed, as plain text."""
        self.lines()
        return "\n".join(map(_plain, self._tail.split(b"\n"))).strip()

    def end(self) -> str:
        """Kill the process and all that it has started; says how it ended, if it had before."""
        if os.name == "posix" and self.process.pid is not None:
            _kill_all(_family(self.process.pid))
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()  # it may not lead its session yet
        self.process.join(timeout=10)
        code = self.process.exitcode
        if code is not None and code < 0:
            hint = " (is the machine out of memory?)" if code == -signal.SIGKILL else ""
            return f"signal {signal.Signals(-code).name}{hint}"
        return f"exit code {code}"

    def close(self) -> None:
        """Close the connections."""
        self.pipe.close()
        self._output.close()


def _plain(line: bytes) -> str:
    """A line as it looks in a terminal at its end, without colours."""
    text = _ESCAPES.sub("", line.decode(errors="replace")).rstrip("\r").rpartition("\r")[2]
    return "".join(one for one in text if one.isprintable() or one == "\t")


def _context() -> Any:
    """The way to start workers: on Linux by a server that has libraries loaded, so it is quick."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    # The tracker of semaphores warns that it removes those of a pool whose worker was killed.
    ignored = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), _TRACKER_WARNING)))
    with _variable("PYTHONWARNINGS", ignored):
        resource_tracker.ensure_running()
    with _variable("PYTHONSAFEPATH", "1"):  # no module of the working folder hides a library
        forkserver.ensure_running()
    return context


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable within the block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _begin(
    pipe: Connection,
    output: Connection,
    surroundings: Surroundings,
    threads: int,
    target: Callable[..., None],
    *arguments: Any,
) -> None:
    """Be a worker: prepare this process, then call the target with the arguments and the pipe."""
    if os.name == "posix":
        os.setsid()
        _adopt_orphans()
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
        sys.stdout, sys.stderr = (
            open(stream, "w", 1, "utf-8", "replace", closefd=False)  # noqa: SIM115
            for stream in (1, 2)
        )
    output.close()
    multiprocessing.set_start_method(None, force=True)  # processes start as they do elsewhere
    surroundings.take_over()
    # Ctrl-C and a scheduler's SIGTERM reach every process. The run's own process handles them and
    # ends its workers; a worker that died first would look like one that failed.
    for one in (signal.SIGINT, signal.SIGTERM):
        handle_here(one, _ignore)
    threading.Thread(target=_leave_with_the_run, daemon=True).start()
    limit_threads(threads)
    target(pipe, *arguments)
    sys.stdout.flush()


def _ignore(number: int, frame: Any) -> None:
    """Do nothing about a signal; `signal.SIG_IGN` would hold in started programs too."""


def _leave_with_the_run() -> None:
    """Wait for the end of the process that started this worker, then end the worker at once."""
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    leave_with_children()


def leave_with_children() -> None:
    """End this worker and all processes that it has started, at once."""
    if os.name == "posix":
        _kill_all(_family(os.getpid()))
        os.killpg(os.getpid(), signal.SIGKILL)
    _leave(1)


def _family(pid: int) -> list[int]:
    """The processes below a process of Linux, those in sessions of their own among them."""
    children: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += map(int, file.read_text().split())
    return [*children, *(one for child in children for one in _family(child))]


def _kill_all(processes: list[int]) -> None:
    for one in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def _adopt_orphans() -> None:
    """Make orphans among this worker's descendants its children, so that they end with it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1)


def limit_threads(threads: int) -> None:
    """Limit libraries to so many threads, those to be loaded and those loaded (NumPy, torch)."""
    from threadpoolctl import threadpool_limits

    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    threadpool_limits(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def reporter(pipe: Connection) -> Callable[..., None]:
    """A reporter of progress (see `Run`) that sends it through the pipe, now and then."""
    last = 0.0

    def report(**values: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_SECONDS:
            last = time.monotonic()
            try:
                pipe.send(("progress", values))
            except OSError:
                leave_with_children()  # the run was killed: leave its cells to the next one

    return report


def call(function: Callable[..., Any], *arguments: Any, threads: int) -> Any:
    """Call a function in a worker of its own, print what it prints, and return what it returns.

    Raises what the function raises, and `ChildProcessError` where the process dies.
    """
    worker = Worker(_answer, function, *arguments, threads=threads)
    try:
        while True:
            wait(worker.connections)
            kind, value = worker.news()
            for line in worker.lines():
                print(line)
            if kind == "died":
                raise ChildProcessError(f"the process died with {worker.end()}.")
            if kind == "raised":
                raise value
            if kind == "returned":
                return value
    finally:
        worker.end()
        worker.close()


def _answer(pipe: Connection, function: Callable[..., Any], *arguments: Any) -> None:
    try:
        message = ("returned", function(*arguments))
    except Exception as error:
        message = ("raised", error)
    sys.stdout.flush()
    pipe.send(message)

"""Executors of cells: in this process, or in worker processes of this machine.

Worker processes keep all cores busy with networks too small to use more than one, and shield the
other cells from one that dies (out of memory, a crash in native code). Each cell runs on a fixed
number of threads, so that its arithmetic does not depend on what runs beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from benchmarks.device import gpus
from benchmarks.plan import Cell
from benchmarks.protocol import SymbenchError
from benchmarks.records import Failure, Record, Store
from symdata.cores import cores
from symdata.sources import DEFAULT, DataSources

PROGRESS_SECONDS = 0.2


@dataclass(frozen=True)
class Conditions:
    """The conditions under which all cells of a run are computed, by every worker alike.

    root: the folder of the records; threads: those of a cell; at_once, sources: as in `Run`.
    force: run a cell although another run has finished it.
    """

    root: Path
    device: str
    threads: int
    at_once: int | None = None
    sources: DataSources = DEFAULT
    force: bool = False

    def of_worker(self, slot: int) -> Conditions:
        """The conditions for one worker: on several GPUs the workers take turns."""
        some = gpus(self.device)
        return replace(self, device=some[slot % len(some)])


class Listener(Protocol):
    """A receiver of news about the cells of a run; `slot` is the number of the worker."""

    def started(self, slot: int, cell: Cell) -> None:
        """Hear that a cell begins."""

    def progress(self, slot: int, values: dict[str, float]) -> None:
        """Hear how far a cell is: `step`, `of` (the total) and scalars such as the loss."""

    def finished(self, slot: int, cell: Cell, record: Record) -> None:
        """Hear that a cell has its record, done or failed."""


def threads_of(jobs: int) -> int:
    """The threads of a cell: its share of the cores, or OMP_NUM_THREADS where that is less.

    They depend on the jobs asked for, not on the cells left, so that a resumed run computes the
    same.
    """
    share = max(1, cores() // max(1, jobs))
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(wanted)) if wanted.isdecimal() and int(wanted) else share


def run_here(
    cells: Sequence[Cell], conditions: Conditions, listener: Listener, fail_fast: bool
) -> None:
    """Run the cells one after the other in this process."""
    execute = _executor(conditions)
    with _held_to(conditions.threads):
        for cell in cells:
            listener.started(0, cell)
            record = execute(cell, lambda **values: listener.progress(0, values))
            listener.finished(0, cell, record)
            if fail_fast and record.status == "failed":
                return


@contextmanager
def _held_to(threads: int) -> Iterator[None]:
    """Limit this process to so many threads within the block, and restore its own afterwards."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


def _executor(conditions: Conditions) -> Callable[[Cell, Callable[..., None]], Record]:
    from benchmarks import runner

    store = Store(conditions.root)

    def execute(cell: Cell, reporter: Callable[..., None]) -> Record:
        # Another run into the same folder may have finished this cell since it was planned.
        found = store.find(cell)
        if found is not None and found.status == "done" and not conditions.force:
            return found
        return runner.execute(
            cell,
            store,
            conditions.device,
            conditions.threads,
            reporter,
            at_once=conditions.at_once,
            sources=conditions.sources,
        )

    return execute


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    cell: Cell | None = None
    began: float = field(default_factory=time.perf_counter)


def run_in_processes(
    cells: Sequence[Cell], jobs: int, conditions: Conditions, listener: Listener, fail_fast: bool
) -> None:
    """Run the cells in `jobs` worker processes; a worker that dies costs the cell it ran."""
    context = multiprocessing.get_context("spawn")
    _silence_tracker()
    waiting = deque(cells)
    workers: dict[int, _Worker] = {}

    def employ(slot: int) -> None:
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work, args=(theirs, conditions.of_worker(slot)), daemon=True
        )
        process.start()
        theirs.close()
        workers[slot] = _Worker(process, ours)
        assign(slot)

    def assign(slot: int) -> None:
        worker = workers[slot]
        if not waiting:
            worker.pipe.send(None)
            worker.cell = None
            return
        worker.cell, worker.began = waiting.popleft(), time.perf_counter()
        worker.pipe.send(worker.cell)
        listener.started(slot, worker.cell)

    try:
        for slot in range(min(jobs, len(cells))):
            employ(slot)
        while any(worker.cell for worker in workers.values()):
            busy = {worker.pipe: slot for slot, worker in workers.items() if worker.cell}
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                slot = busy[pipe]
                worker = workers[slot]
                cell = worker.cell
                assert cell is not None
                try:
                    kind, value = pipe.recv()
                except (EOFError, ConnectionResetError):
                    kind, value = "died", None
                if kind == "progress":
                    listener.progress(slot, value)
                    continue
                if kind == "unable":
                    raise SymbenchError(value)
                record = value if kind == "record" else _record_death(worker, conditions)
                listener.finished(slot, cell, record)
                if fail_fast and record.status == "failed":
                    return
                if kind == "died" and waiting:
                    employ(slot)
                elif kind == "died":
                    worker.cell = None
                else:
                    assign(slot)
    finally:
        for worker in workers.values():
            if worker.cell is not None:
                worker.process.kill()
        for worker in workers.values():
            worker.process.join(timeout=10)
            worker.pipe.close()


def _record_death(worker: _Worker, conditions: Conditions) -> Record:
    from benchmarks import runner

    worker.process.join(timeout=10)
    code = worker.process.exitcode
    how = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"
    hint = " (is the machine out of memory?)" if code == -signal.SIGKILL else ""
    message = f"the process that ran this cell died with {how}{hint}."
    error = Failure(type="WorkerDied", message=message, traceback=message)
    assert worker.cell is not None
    seconds = time.perf_counter() - worker.began
    record = runner.describe(
        worker.cell, conditions.device, conditions.threads, seconds, conditions.sources, error=error
    )
    Store(conditions.root).save(record)
    return record


def _silence_tracker() -> None:
    """Silence Python's warning that it cleans up after processes which were killed.

    A worker may be killed while it has a pool of processes of its own. The semaphores of that pool
    are then removed by the resource tracker, a process that all share, which warns of it and which
    takes its filters of warnings from the environment that it is started with.
    """
    if os.name != "posix":
        return  # other systems have no such process
    name = "PYTHONWARNINGS"
    before = os.environ.get(name)
    os.environ[name] = ",".join(filter(None, (before, "ignore:resource_tracker:UserWarning")))
    resource_tracker.ensure_running()
    os.environ.pop(name)
    if before is not None:
        os.environ[name] = before


def _limit_threads(threads: int) -> None:
    """Limit libraries to so many threads, those to be loaded (torch) and those loaded (NumPy)."""
    from threadpoolctl import threadpool_limits

    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    threadpool_limits(threads)


def _leave_with_the_run() -> None:
    """Wait for the end of the process that started this worker, then end the worker at once."""
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os._exit(1)


def _work(pipe: Connection, conditions: Conditions) -> None:
    """Be a worker: run cells from the pipe until a None comes or the other side is gone."""
    # Ctrl-C and a scheduler's SIGTERM reach every process. The run's own process handles them and
    # ends its workers; a worker that died first would look like one that failed.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    threading.Thread(target=_leave_with_the_run, daemon=True).start()
    last = 0.0

    def reporter(**values: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_SECONDS:
            last = time.monotonic()
            try:
                pipe.send(("progress", values))
            except OSError:
                os._exit(1)  # the run was killed: leave its cells to the next one

    _limit_threads(conditions.threads)
    try:
        execute = _executor(conditions)
        while (cell := pipe.recv()) is not None:
            try:
                message: tuple[str, Any] = ("record", execute(cell, reporter))
            except OSError as error:
                message = ("unable", f"cannot write below '{conditions.root}': {error}.")
            pipe.send(message)
    except (EOFError, OSError):
        return

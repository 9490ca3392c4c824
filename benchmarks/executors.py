"""Executors of cells: in this process, or in worker processes of this machine.

Worker processes keep all cores busy with networks too small to use more than one, and shield the
other cells from one that dies (out of memory, a crash in native code). Each cell runs on a fixed
number of threads, so that its arithmetic does not depend on what runs beside it. A worker computes
many cells of methods that are part of symbench, and one cell of any other.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Protocol

from benchmarks import identity, workers
from benchmarks.claims import Claims
from benchmarks.device import gpus
from benchmarks.plan import Cell
from benchmarks.protocol import SymbenchError
from benchmarks.records import Failure, Record, Store
from symdata.cores import cores
from symdata.sources import DEFAULT, DataSources

# Seconds between two looks for the records of cells that another run computes.
LOOK_SECONDS = 1.0
# Lines that a record of a failed cell keeps of what the cell printed last.
KEPT_LINES = 20


@dataclass(frozen=True)
class Conditions:
    """The conditions under which all cells of a run are computed, by every worker alike.

    root: the folder of the records; threads: those of a cell; at_once, sources: as in `Run`;
    timeout: the seconds after which a cell is ended, in a worker process alone.
    """

    root: Path
    device: str
    threads: int
    at_once: int | None = None
    sources: DataSources = DEFAULT
    timeout: float | None = None

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

    def said(self, slot: int, cell: Cell, lines: list[str]) -> None:
        """Hear what a cell printed."""

    def waits(self, cells: int) -> None:
        """Hear that the only cells left, so many, are being computed by another run."""

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


def compute(cell: Cell, conditions: Conditions, report: Callable[..., None]) -> Record:
    """Compute a cell in this process; report: see `Run.reporter`."""
    from benchmarks import runner

    return runner.execute(
        cell,
        Store(conditions.root),
        conditions.device,
        conditions.threads,
        report,
        at_once=conditions.at_once,
        sources=conditions.sources,
    )


def run_here(
    cells: Sequence[Cell], conditions: Conditions, listener: Listener, fail_fast: bool
) -> None:
    """Run the cells one after the other in this process."""
    with _children_ended(), _held_to(conditions.threads), Claims(conditions.root) as claims:
        queue = _Queue(cells, Store(conditions.root), claims, listener)
        while queue.left:
            cell = queue.take()
            if cell is None:
                time.sleep(LOOK_SECONDS)
                continue
            listener.started(0, cell)
            record = compute(cell, conditions, lambda **values: listener.progress(0, values))
            claims.give_up(cell.key)
            listener.finished(0, cell, record)
            if fail_fast and record.status == "failed":
                return


@contextmanager
def _children_ended() -> Iterator[None]:
    """End the child processes that methods have left, for which Python would wait at its end."""
    before = {child.pid for child in multiprocessing.active_children()}
    try:
        yield
    finally:
        for child in multiprocessing.active_children():
            if child.pid is not None and child.pid not in before:
                os.kill(child.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


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


class _Queue:
    """The cells of a run that wait, of which it computes those that no other run computes.

    A record that has come since the run was planned is another run's, and ends its cell.
    """

    def __init__(
        self, cells: Sequence[Cell], store: Store, claims: Claims, listener: Listener
    ) -> None:
        self.left = deque(cells)
        self._store, self._claims, self._listener = store, claims, listener
        self._before = {cell.key: self._made(cell) for cell in cells}
        self._told = False

    def take(self) -> Cell | None:
        """The next cell to compute, claimed; None where others compute all that are left."""
        for _ in range(len(self.left)):
            cell = self.left.popleft()
            if self._ended(cell):
                continue
            if self._claims.take(cell.key):
                if not self._ended(cell):  # it may have ended between the two questions
                    return cell
                self._claims.give_up(cell.key)
                continue
            self.left.append(cell)
        if self.left and not self._told:
            self._listener.waits(len(self.left))
            self._told = True
        return None

    def _ended(self, cell: Cell) -> bool:
        """Whether another run has ended the cell, which the listener then hears."""
        record = self._store.find(cell)
        if record is None or record.created == self._before[cell.key]:
            return False
        self._listener.finished(-1, cell, record)
        return True

    def _made(self, cell: Cell) -> datetime | None:
        record = self._store.find(cell)
        return None if record is None else record.created


@dataclass
class _Place:
    """A place for one worker process after the other; cell: the one that it computes now."""

    slot: int
    worker: workers.Worker | None = None
    cell: Cell | None = None
    began: float = field(default_factory=time.monotonic)


def run_in_processes(
    cells: Sequence[Cell], jobs: int, conditions: Conditions, listener: Listener, fail_fast: bool
) -> None:
    """Run the cells in `jobs` worker processes; a worker that dies costs the cell it ran."""
    places = [_Place(slot) for slot in range(min(jobs, len(cells)))]
    try:
        with Claims(conditions.root) as claims:
            queue = _Queue(cells, Store(conditions.root), claims, listener)
            while True:
                for place in places:
                    if place.cell is None and (cell := queue.take()) is not None:
                        _give(place, cell, conditions)
                        listener.started(place.slot, cell)
                busy = [place for place in places if place.cell is not None]
                if not busy and not queue.left:
                    return
                _wait(busy, conditions.timeout, bool(queue.left) and len(busy) < len(places))
                for place in busy:
                    record = _hear(place, conditions, listener)
                    if record is not None:
                        assert place.cell is not None
                        claims.give_up(place.cell.key)
                        listener.finished(place.slot, place.cell, record)
                        place.cell = None
                        if fail_fast and record.status == "failed":
                            return
    finally:
        for place in places:
            _dismiss(place)


def _give(place: _Place, cell: Cell, conditions: Conditions) -> None:
    """Give a cell to the worker of a place, to a new one where there is none."""
    if place.worker is None:
        place.worker = workers.Worker(
            _work, conditions.of_worker(place.slot), threads=conditions.threads
        )
    place.worker.forget_output()
    place.worker.pipe.send(cell)
    place.cell, place.began = cell, time.monotonic()


def _dismiss(place: _Place) -> str:
    """End the worker of a place; says how it had ended, if it had."""
    if place.worker is None:
        return ""
    how = place.worker.end()
    place.worker.close()
    place.worker = None
    return how


def _wait(busy: list[_Place], timeout: float | None, look: bool) -> None:
    """Wait until a worker has news or is over its time; look: for other runs' records, too."""
    if not busy:
        time.sleep(LOOK_SECONDS)
        return
    limits = [LOOK_SECONDS] if look else []
    if timeout is not None:
        limits += [max(0.0, place.began + timeout - time.monotonic()) for place in busy]
    found = [one for place in busy if place.worker for one in place.worker.connections]
    wait(found, min(limits, default=None))


def _hear(place: _Place, conditions: Conditions, listener: Listener) -> Record | None:
    """Hear a worker's news; the record of its cell, where the cell has ended in any way."""
    worker, cell = place.worker, place.cell
    assert worker is not None
    assert cell is not None
    while True:
        kind, value = worker.news()
        if lines := worker.lines():
            listener.said(place.slot, cell, lines)
        if kind != "progress":
            break
        listener.progress(place.slot, value)
    if kind == "unable" and value.errno in (errno.ENOSPC, errno.EDQUOT):
        raise SymbenchError(_unwritable(conditions, value))
    if kind == "record":
        record: Record = value
        if record.error is not None and (last := _last_lines(worker)):
            record.error.traceback += last
            Store(conditions.root).save(record)
        if _runs_others_code(cell):
            _dismiss(place)
        return record
    over = conditions.timeout is not None and time.monotonic() - place.began > conditions.timeout
    if kind == "none" and not over:
        return None
    last = _last_lines(worker)
    how = _dismiss(place)
    if kind == "unable":  # in that process, such as by a limit that a method has set
        error = (type(value).__name__, _unwritable(conditions, value))
    elif kind == "died":
        error = ("WorkerDied", f"the process that ran this cell died with {how}.")
    else:
        error = ("TimedOut", f"the cell ran longer than --timeout {conditions.timeout:g} seconds.")
    return _record_end(place, *error, last, conditions)


def _runs_others_code(cell: Cell) -> bool:
    """Whether code that is not part of symbench runs in this cell: its method, or a file of it."""
    ours = identity.is_ours(cell.entry.path.rpartition(":")[0])
    return not ours or bool(identity.named_files(cell.entry.settings))


def _last_lines(worker: workers.Worker) -> str:
    lines = worker.last_output().splitlines()[-KEPT_LINES:]
    return "\n".join(["\n\nIts last output:", *lines]) if lines else ""


def _record_end(
    place: _Place, kind: str, message: str, output: str, conditions: Conditions
) -> Record:
    """Store the record of a cell that was ended from outside."""
    from benchmarks import runner

    assert place.cell is not None
    error = Failure(type=kind, message=message, traceback=message + output)
    seconds = time.monotonic() - place.began
    record = runner.describe(
        place.cell, conditions.device, conditions.threads, seconds, conditions.sources, error=error
    )
    try:
        Store(conditions.root).save(record)
    except OSError as fault:
        raise SymbenchError(_unwritable(conditions, fault)) from fault
    return record


def _unwritable(conditions: Conditions, error: OSError) -> str:
    return f"cannot write below '{conditions.root}': {error}."


def _work(pipe: Connection, conditions: Conditions) -> None:
    """Be a worker: run cells from the pipe until the run ends it."""
    report = workers.reporter(pipe)
    while True:
        cell: Cell = pipe.recv()
        try:
            message: tuple[str, Record | OSError] = ("record", compute(cell, conditions, report))
        except OSError as error:
            message = ("unable", error)
        sys.stdout.flush()
        sys.stderr.flush()
        pipe.send(message)

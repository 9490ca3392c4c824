"""Estimates of the time that cells take, from records of earlier runs on the same kind of device.

A task may help by two attributes. `workload`: a name that it shares with tasks on which an update
takes a method the same time; by default a task shares its id alone, with other profiles. `sizes`: a
function of nothing that gives the numbers of "train" and "test" examples without making the data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any, NamedTuple

from benchmarks import registry, resolution
from benchmarks.plan import Cell, profile_of
from benchmarks.protocol import Budget, SymbenchError, Task
from benchmarks.records import Record, content_hash

# The most by which the batch of an earlier training may be larger or smaller, for its updates to
# take about as long.
NEAR = 2.0


@dataclass(frozen=True)
class Estimate:
    """Seconds on one worker; scaled: whether from records of another profile or regime."""

    seconds: float
    scaled: bool = False


class _Pace(NamedTuple):
    """The seconds of one record: an update, an answer, and the rest; batch: examples an update."""

    batch: float
    update: float
    answer: float
    rest: float


class Estimator:
    """An estimator of the seconds that a cell takes on one worker.

    device: the kind of device whose records count, such as "cpu" or "cuda:1".
    """

    def __init__(self, records: Iterable[Record], device: str = "cpu") -> None:
        self._device = _kind(device)
        self._times: dict[tuple[str, ...], list[float]] = defaultdict(list)
        self._paces: dict[tuple[str, ...], dict[tuple[str, ...], list[_Pace]]] = {}
        for record in records:
            self.learn(record)

    def learn(self, record: Record) -> None:
        """Take one more record into account; failures and other devices tell nothing."""
        if record.status != "done" or _kind(record.environment.get("device", "")) != self._device:
            return
        for place in _places(record):
            self._times[place].append(record.wall_seconds)
        if found := _alike(record.suite, record.profile, record.task, record.regime, record.method):
            own, _ = _places(record)
            self._paces.setdefault(found, {}).setdefault(own, []).append(_pace(record))

    def seconds(self, cell: Cell) -> float | None:
        """The seconds of `estimate`."""
        found = self.estimate(cell)
        return found.seconds if found else None

    def total(self, cells: Iterable[Cell]) -> float | None:
        """The seconds of several cells on one worker; None where the time of one is not known."""
        times = [self.seconds(cell) for cell in cells]
        known = [seconds for seconds in times if seconds is not None]
        return sum(known) if len(known) == len(times) else None

    def estimate(self, cell: Cell) -> Estimate | None:
        """The time of a cell; None where no record tells.

        It is the median over records of the same task, method and profile. Where there are none,
        updates and answers are counted at the pace of the same method on a task of the same
        workload, if it had the same settings and a batch of about the same size; of several such
        runs the fastest counts, as other work beside it only makes a run slower. Else it is the
        median over the other methods on the same task in this profile.
        """
        own, others = _places(cell)
        if own in self._times:
            return Estimate(median(self._times[own]))
        scaled = self._scaled(cell)
        if scaled is None and others in self._times:
            return Estimate(median(self._times[others]))
        return scaled

    def _scaled(self, cell: Cell) -> Estimate | None:
        alike = _alike(cell.suite, cell.profile, cell.task, cell.regime, cell.method)
        sizes = _sizes(cell.suite, cell.task, cell.regime)
        length = _length(cell.budget, sizes.get("train"))
        answers = min(
            (n for n in (cell.budget.evaluate_on, sizes.get("test")) if n is not None), default=None
        )
        if alike is None or length is None or answers is None:
            return None
        updates, batch = length
        times = [
            update * updates + answer * answers + rest
            for paces in self._paces.get(alike, {}).values()
            for size, update, answer, rest in [map(median, zip(*paces, strict=True))]
            if not size or 1 / NEAR <= batch / size <= NEAR
        ]
        return Estimate(min(times), scaled=True) if times else None


def _kind(device: str) -> str:
    return str(device).partition(":")[0]


def _places(one: Cell | Record) -> Iterator[tuple[str, ...]]:
    """The keys under which times are kept: task and method in a profile, and the task alone."""
    task = (one.suite, one.profile, one.task, one.regime)
    yield (*task, one.method)
    yield task


def _pace(record: Record) -> _Pace:
    fit, evaluate = record.fit_seconds or 0.0, record.evaluate_seconds or 0.0
    trained = bool(record.steps)
    return _Pace(
        batch=record.examples / record.steps if trained else 0.0,
        update=fit / record.steps if trained else 0.0,
        answer=evaluate / record.evaluated if record.evaluated else 0.0,
        rest=max(0.0, record.wall_seconds - (fit if trained else 0.0) - evaluate),
    )


def _length(budget: Budget, examples: int | None) -> tuple[int, float] | None:
    """The number of updates and the examples of each; None where the epochs have no known size."""
    if examples is None:
        return (budget.steps, budget.batch_size) if budget.steps is not None else None
    updates, batch = budget.total_steps(examples), min(budget.batch_size, examples)
    if budget.epochs and updates:
        batch = budget.epochs * examples // updates
    return updates, batch


def _task(suite: str, name: str, regime: str) -> Task | None:
    try:
        found = registry.suite(suite)
    except SymbenchError:  # records of a suite that is not installed
        return None
    return next((one for one in found.tasks if (one.name, one.regime) == (name, regime)), None)


@cache
def _sizes(suite: str, name: str, regime: str) -> dict[str, int]:
    """The numbers of examples that the task tells, none where it tells none."""
    sizes: Any = getattr(_task(suite, name, regime), "sizes", None)
    return dict(sizes()) if sizes else {}


@cache
def _alike(suite: str, profile: str, name: str, regime: str, method: str) -> tuple[str, ...] | None:
    """The key of cells at one pace: suite, workload, method and a hash of its settings there.

    None where today's suite does not know the task, the profile or the method.
    """
    task = _task(suite, name, regime)
    if task is None:
        return None
    known = registry.suite(suite)
    entry = next((one for one in known.entries if one.name == method), None)
    profiles = [one.name for one in known.profiles]
    if entry is None or profile not in profiles:
        return None
    settings = resolution.resolved(profile_of(known, profile), entry, task).settings
    workload = getattr(task, "workload", task.id)
    return (suite, workload, method, content_hash(dict(settings)))

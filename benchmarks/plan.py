"""From a suite and filters to cells: what is to run, what has run, and how long it may take."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

from benchmarks import registry
from benchmarks.protocol import PROTOCOL_VERSION, Budget, Entry, Profile, Suite, SymbenchError, Task
from benchmarks.records import Record, Store, content_hash


@dataclass(frozen=True)
class Cell:
    """One result: a method entry on one task with one seed under one profile. It can be pickled.

    variant: a hash of all that determines the result but the seed (code, settings, data, budget);
    key: that and the seed. Library versions and the device are recorded and do not count, so that
    an upgrade does not throw a table away.
    """

    suite: str
    profile: str
    task: str
    regime: str
    entry: Entry
    seed: int
    budget: Budget
    profile_seeds: int
    variant: str
    source_hash: str

    @property
    def method(self) -> str:
        """The name of the method entry."""
        return self.entry.name

    @cached_property
    def key(self) -> str:
        """Sixteen digits that name the result."""
        return content_hash([self.variant, self.seed])

    @property
    def label(self) -> str:
        """How the cell is called on the screen."""
        return f"{self.method} {self.task}/{self.regime} seed {self.seed}"

    def definition(self) -> Task:
        """The task that this cell belongs to."""
        tasks = registry.suite(self.suite).tasks
        return next(t for t in tasks if (t.name, t.regime) == (self.task, self.regime))


@dataclass(frozen=True)
class Filters:
    """What the command line selects; empty means what the profile names."""

    suites: Sequence[str] = ()
    tasks: Sequence[str] = ()
    methods: Sequence[str] = ()
    seeds: Sequence[int] | None = None
    profile: str = "quick"


def seeds_from(text: str) -> list[int]:
    """Seeds from `5` (the first five), `0,3,7` or `10-19`."""
    try:
        if text.isdigit():
            chosen = list(range(int(text)))
        else:
            chosen = []
            for part in filter(None, text.split(",")):
                first, dash, last = part.partition("-")
                chosen += range(int(first), int(last) + 1) if dash else [int(first)]
    except ValueError:
        chosen = []
    if not chosen:
        raise SymbenchError(f"--seeds '{text}' is not understood; write 5, 0,3,7 or 10-19.")
    return list(dict.fromkeys(chosen))


def cells(filters: Filters) -> list[Cell]:
    """The cells that the filters select, seed by seed, so that an early stop leaves whole rows."""
    names = registry.matching("suite", filters.suites or ["*"], list(registry.SUITES))
    planned = [cell for name in names for cell in _cells_of(registry.suite(name), filters)]
    return sorted(planned, key=lambda cell: cell.seed)


def profile_of(suite: Suite, name: str) -> Profile:
    """The suite's profile of this name."""
    for profile in suite.profiles:
        if profile.name == name:
            return profile
    raise registry.unknown("profile", name, (p.name for p in suite.profiles))


def _cells_of(suite: Suite, filters: Filters) -> Iterable[Cell]:
    profile = profile_of(suite, filters.profile)
    tasks = {task.id: task for task in suite.tasks if task.id in profile.tasks}
    # `rmts` selects every regime of the task that the profile has; `rmts/m95` one of them.
    patterns = [p if "/" in p else f"{p}/*" for p in filters.tasks] or ["*"]
    try:
        ids = registry.matching("task", patterns, list(tasks))
    except SymbenchError:
        known = [*dict.fromkeys(task.name for task in tasks.values()), *tasks]
        registry.matching("task", filters.tasks, known)
        raise
    entries = registry.entries(suite, filters.methods or profile.methods)
    seeds = filters.seeds if filters.seeds is not None else range(profile.seeds)
    for entry in entries:
        source = registry.source_hash(entry.path)
        for task_id in ids:
            task, budget = tasks[task_id], profile.budgets[task_id]
            variant = content_hash(
                {
                    "suite": suite.name,
                    "profile": profile.name,
                    "task": [task.id, task.version],
                    "dataset": task.dataset(),
                    "method": [entry.name, entry.path.rpartition(":")[2]],
                    "settings": dict(entry.settings),
                    "source": source,
                    "budget": asdict(budget),
                    "protocol": PROTOCOL_VERSION,
                }
            )
            template = Cell(
                suite.name,
                profile.name,
                task.name,
                task.regime,
                entry,
                0,
                budget,
                profile.seeds,
                variant,
                source,
            )
            yield from (replace(template, seed=seed) for seed in seeds)


@dataclass
class Plan:
    """Cells sorted by what is to be done with them."""

    waiting: list[Cell]
    done: list[Record]
    failed: list[Record]

    @property
    def total(self) -> int:
        """The number of cells selected."""
        return len(self.waiting) + len(self.done) + len(self.failed)


def plan(selected: Sequence[Cell], store: Store, retry_failed: bool = False) -> Plan:
    """Which cells have a finished record in the store, which failed, and which are to run.

    A failed cell of unchanged code is not run again unless asked for: with the same seed it would
    fail in the same way. A change of the method's code changes the key, and then it runs.
    """
    result = Plan([], [], [])
    for cell in selected:
        record = store.find(cell)
        if record is None or (record.status == "failed" and retry_failed):
            result.waiting.append(cell)
        elif record.status == "failed":
            result.failed.append(record)
        else:
            result.done.append(record)
    return result


class Estimator:
    """Seconds a cell takes on one worker, from records of earlier runs; no records, no estimate."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._times: dict[tuple[str, ...], list[float]] = {}
        for record in records:
            if record.status == "done":
                self.learn(record)

    def learn(self, record: Record) -> None:
        """Take one more record into account."""
        for key in _levels(record):
            self._times.setdefault(key, []).append(record.wall_seconds)

    def seconds(self, cell: Cell) -> float | None:
        """The median of the nearest cells on record: same task and method, else task, else any."""
        for key in _levels(cell):
            if key in self._times:
                return statistics.median(self._times[key])
        return None


def _levels(cell: Cell | Record) -> list[tuple[str, ...]]:
    place = (cell.suite, cell.profile)
    return [
        (*place, cell.task, cell.regime, cell.method),
        (*place, cell.task, cell.regime),
        place,
    ]

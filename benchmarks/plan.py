"""Plans of runs: the cells that filters select, and which of them are done."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import chain, product
from typing import Any

from benchmarks import identity, registry, resolution, sources
from benchmarks.identity import Versions
from benchmarks.protocol import Budget, Entry, Profile, Suite, SymbenchError, Task
from benchmarks.records import Record, Store, content_hash
from symdata.sources import DEFAULT, DataSources

# The most seeds that one run may ask for.
MOST_SEEDS = 10_000


@dataclass(frozen=True)
class Cell:
    """The unit of work: a method entry on one task with one seed under one profile, picklable.

    variant: a hash of everything that determines the result, except the seed (`identity.variant`);
    key: a hash of variant and seed. versions: those of the method. source_hash: the hash of the
    method's sources, for provenance.
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
    versions: Versions
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
        """The cell's name on the screen."""
        return f"{self.method} {self.task}/{self.regime} seed {self.seed}"

    def definition(self) -> Task:
        """The task that this cell belongs to."""
        tasks = registry.suite(self.suite).tasks
        return next(t for t in tasks if (t.name, t.regime) == (self.task, self.regime))

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.entry.path, pickle.dumps(vars(self)))


def _unpickled(path: str, content: bytes) -> Cell:
    """A cell in another process; its settings may hold objects of the file that is loaded first."""
    if path.rpartition(":")[0].endswith(".py"):
        with suppress(SymbenchError):  # running the cell says it, in its record
            registry.try_class(path)
    cell = object.__new__(Cell)
    vars(cell).update(pickle.loads(content))
    return cell


@dataclass(frozen=True)
class Filters:
    """Filters of the command line; an empty one selects what the profile names.

    settings: `name=value` for each selected entry; see `resolution.variants`.
    """

    suites: Sequence[str] = ()
    tasks: Sequence[str] = ()
    methods: Sequence[str] = ()
    seeds: Sequence[int] | None = None
    profile: str = "quick"
    settings: Sequence[str] = ()


def seeds_from(text: str | None, further: Sequence[int] = ()) -> list[int] | None:
    """The seeds of `--seeds`, written as `5` (the first five), `0,3,7` or `10-19`, and of `--seed`.

    further: single seeds beside them. None where neither option is given.
    """
    spans = [range(seed, seed + 1) for seed in further]
    if text is not None:
        given = _spans(text)
        if not given or not all(given):
            raise SymbenchError(
                f"--seeds '{text}' is not understood; write 5 (the first five), 0,3,7 or 10-19; "
                "the seed 7 alone is 7-7, or --seed 7."
            )
        spans = given + spans
    if sum(map(_length, spans)) > MOST_SEEDS:
        raise SymbenchError(f"more than {MOST_SEEDS:,} seeds are asked for; take fewer.")
    return list(dict.fromkeys(chain.from_iterable(spans))) if spans else None


def _spans(text: str) -> list[range]:
    """The ranges of seeds in a text; empty where it is not understood."""
    try:
        if text.isdigit():
            return [range(int(text))]
        parts = [part.partition("-") for part in filter(None, text.split(","))]
        return [range(int(first), int(last if dash else first) + 1) for first, dash, last in parts]
    except ValueError:
        return []


def _length(span: range) -> int:
    """The length of a range of any size; `len` refuses one above that of a list."""
    return max(0, span.stop - span.start)


@dataclass(frozen=True)
class Selection:
    """The cells that filters select, and the reasons, by task id, why selected tasks do not run."""

    cells: list[Cell]
    skipped: dict[str, str]


def cells(filters: Filters, where: DataSources = DEFAULT) -> list[Cell]:
    """The cells that the filters select and that can run here; see `selection`."""
    return selection(filters, where).cells


def selection(filters: Filters, where: DataSources = DEFAULT) -> Selection:
    """The cells that the filters select, seed by seed, so that an early stop leaves whole rows.

    A task that cannot run here is left out, with its reason; if it was named, or no regime of a
    named task can run, `SymbenchError` is raised. Where no task is named, those that run on request
    alone are left out too. where: the places of the data.
    """
    chosen = choices(filters)
    planned, skipped = list[Cell](), dict[str, str]()
    for choice in chosen:
        meant = [
            task for task in choice.tasks if any(entry.runs_on(task.id) for entry in choice.entries)
        ]
        later = {} if filters.tasks else choice.profile.on_request
        # A task that cannot run at all gets that reason, even if it runs on request alone.
        given = {task.id: task.skip(where) or later.get(task.id) for task in meant}
        reasons = {task: reason for task, reason in given.items() if reason is not None}
        runnable = [task for task in meant if task.id not in reasons]
        some = {task.name for task in runnable}
        for task in meant:
            named = task.id in filters.tasks or (
                task.name in filters.tasks and task.name not in some
            )
            if task.id in reasons and named:
                raise SymbenchError(f"{task.id} cannot run here: {reasons[task.id]}")
        skipped |= reasons
        planned += choice.cells(runnable, where)
    if not planned:
        raise nothing(chosen, skipped)
    return Selection(sorted(planned, key=lambda cell: cell.seed), skipped)


def profile_of(suite: Suite, name: str) -> Profile:
    """The suite's profile of this name."""
    for profile in suite.profiles:
        if profile.name == name:
            return profile
    raise registry.unknown("profile", name, (p.name for p in suite.profiles))


@dataclass(frozen=True)
class Choice:
    """The part of one suite that filters select; some entries may run on none of the tasks."""

    suite: Suite
    profile: Profile
    tasks: list[Task]
    entries: list[Entry]
    seeds: Sequence[int]

    @classmethod
    def of(cls, suite: Suite, filters: Filters) -> Choice:
        """Choose from a suite; names that it does not know select nothing."""
        profile = profile_of(suite, filters.profile)
        tasks = [task for task in suite.tasks if task.id in profile.tasks]
        wanted = _patterns(filters)
        tasks = [task for task in tasks if any(fnmatchcase(task.id, one) for one in wanted)]
        known = registry.offered(suite)
        methods = [p for p in filters.methods if ":" in p or any(fnmatchcase(n, p) for n in known)]
        entries = registry.entries(suite, methods if filters.methods else profile.methods)
        meant = [entry for entry in entries if any(entry.runs_on(task.id) for task in tasks)]
        if filters.settings and meant:
            entries = resolution.variants(meant, filters.settings)
        seeds = filters.seeds if filters.seeds is not None else range(profile.seeds)
        return cls(suite, profile, tasks, entries, seeds)

    def cells(self, tasks: list[Task], where: DataSources = DEFAULT) -> Iterable[Cell]:
        """The cells of these tasks; where: the places of the data."""
        datasets = {task.id: task.dataset(where) for task in tasks}
        for entry, task in product(self.entries, tasks):
            if not entry.runs_on(task.id):
                continue
            budget = self.profile.budget(entry, task)
            entry = resolution.resolved(self.profile, entry, task)
            variant = identity.variant(
                self.suite, self.profile, task, datasets[task.id], entry, budget
            )
            template = Cell(
                self.suite.name,
                self.profile.name,
                task.name,
                task.regime,
                entry,
                0,
                budget,
                self.profile.seeds,
                variant,
                identity.of_method(entry.path),
                sources.source_hash(entry.path),
            )
            yield from (replace(template, seed=seed) for seed in self.seeds)


def choices(filters: Filters) -> list[Choice]:
    """Choose from each suite by the filters; raises for names that no suite knows."""
    names = registry.matching("suite", filters.suites or ["*"], list(registry.suites()))
    suites = [registry.suite(name) for name in names]
    if not filters.suites:  # a suite of another package may lack a profile that ours have
        have = [one for one in suites if any(p.name == filters.profile for p in one.profiles)]
        suites = have or suites
    chosen = [Choice.of(one, filters) for one in suites]
    _refuse_strangers(chosen, filters)
    return chosen


def _patterns(filters: Filters) -> list[str]:
    """Globs over task ids: `rmts` becomes `rmts/*`, all regimes of the task; no filter is `*`."""
    return [p if "/" in p else f"{p}/*" for p in filters.tasks] or ["*"]


def _refuse_strangers(chosen: list[Choice], filters: Filters) -> None:
    """Refuse unknown names, and methods that belong to no suite where several suites are meant."""
    tasks = [task for one in chosen for task in one.suite.tasks if task.id in one.profile.tasks]
    for pattern, wanted in zip(filters.tasks, _patterns(filters), strict=False):
        if not any(fnmatchcase(task.id, wanted) for task in tasks):
            names = [*(task.name for task in tasks), *(task.id for task in tasks)]
            raise registry.unknown("task", pattern, dict.fromkeys(names))
    own = {entry.name for one in chosen for entry in one.suite.entries}
    known = {name for one in chosen for name in registry.offered(one.suite)}
    for pattern in filters.methods:
        if ":" not in pattern and not any(fnmatchcase(name, pattern) for name in known):
            raise registry.unknown("method", pattern, known)
        if len(chosen) > 1 and not filters.suites and not any(fnmatchcase(n, pattern) for n in own):
            flags = " or ".join(f"--suite {one.suite.name}" for one in chosen)
            raise SymbenchError(f"'{pattern}' is of no suite; say for which it is meant: {flags}.")


def nothing(chosen: list[Choice], skipped: dict[str, str]) -> SymbenchError:
    """The error for an empty selection: data are missing, or no method is for these tasks."""
    if skipped:
        first = next(iter(skipped))
        others = f" ({len(skipped) - 1} more tasks cannot run either)" if len(skipped) > 1 else ""
        return SymbenchError(f"no task is left: {first} cannot run here: {skipped[first]}{others}")
    for one in (one for one in chosen if one.tasks and one.entries):
        entry, tasks = one.entries[0], ", ".join(task.id for task in one.tasks)
        fit = [task.id for task in one.suite.tasks if entry.runs_on(task.id)]
        return SymbenchError(
            f"no cell is selected: {entry.name} does not run on {tasks}; it runs on "
            f"{', '.join(fit) or 'no task of this suite'}."
        )
    return SymbenchError("no cell is selected: the tasks and the methods are of different suites.")


@dataclass
class Plan:
    """Selected cells by state: those to run, and the records of those that are done or failed."""

    waiting: list[Cell]
    done: list[Record]
    failed: list[Record]

    @property
    def total(self) -> int:
        """The number of cells selected."""
        return len(self.waiting) + len(self.done) + len(self.failed)


def plan(
    selected: Sequence[Cell], store: Store, retry_failed: bool = False, force: bool = False
) -> Plan:
    """Sort cells by their records in the store: done, failed, or to run.

    A failed cell is not run again unless asked for: with the same seed it would fail in the same
    way. A new version of the method, or changed code of another package, changes the key: it runs.
    force: run all, whatever the store holds; each new record takes the place of the old one.
    """
    result = Plan([], [], [])
    for cell in selected:
        record = store.find(cell)
        if record is None or force or (record.status == "failed" and retry_failed):
            result.waiting.append(cell)
        elif record.status == "failed":
            result.failed.append(record)
        else:
            result.done.append(record)
    return result

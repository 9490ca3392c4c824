"""The contract between methods, tasks and the harness, and nothing else.

A method learns with `fit` and answers with `evaluate`; the task, which alone sees the withheld
labels, turns the answers into scores. Everything that crosses this line is a named NumPy array.

Letters: N examples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar, runtime_checkable

from benchmarks.columns import Column, Deduplicated, Examples
from benchmarks.errors import DivergedError, OutputError, SymbenchError, WithheldError
from benchmarks.run import Budget, Moved, Run
from symdata.sources import DEFAULT, DataSources

__all__ = [
    "PROTOCOL_VERSION",
    "Budget",
    "Column",
    "DataSources",
    "Deduplicated",
    "DivergedError",
    "Entry",
    "Examples",
    "Method",
    "Moved",
    "NoSettings",
    "OutputError",
    "Outputs",
    "Profile",
    "Run",
    "Score",
    "Suite",
    "SymbenchError",
    "Task",
    "TaskData",
    "Watch",
    "WithheldError",
]

if TYPE_CHECKING:  # imported late at run time, as the lists of the command line need neither
    import numpy as np
    from matplotlib.figure import Figure

PROTOCOL_VERSION = 1

Outputs: TypeAlias = "Mapping[str, np.ndarray]"
T = TypeVar("T")


@runtime_checkable
class Method(Protocol):
    """The protocol of methods: settings, `fit` and `evaluate`; no base class is needed.

    Settings: a frozen dataclass whose fields all have defaults; the class is called with one.

    Further attributes are optional. version: an integer literal of methods in symbench, raised when
    the same settings, data and seed give another result; sources of other packages are hashed in
    its place. watchable: True where `evaluate` answers during `fit` too, whenever the run hears a
    report, so that the learning curve can hold scores. rests_on: names of modules that the method
    uses and that have a `VERSION` of their own, such as a teacher's. reads: privileged columns that
    the method wants beside the inputs; only controls may have any. deterministic: True where the
    seed changes nothing, as the conformance kit then expects. explanation: set by `evaluate`, a
    JSON dict for the record that says what was learned in a form that people read, such as programs
    and how they were found. illustrations: set by `evaluate`, small arrays of any shape by name,
    kept beside the record for the task's pictures.
    """

    Settings: ClassVar[type]

    def fit(self, train: Examples, run: Run) -> None:
        """Learn from the training examples."""

    def evaluate(self, inputs: Examples, run: Run) -> Outputs:
        """Answer for N inputs whose labels are withheld; every array has N rows."""
        ...


@dataclass(frozen=True)
class NoSettings:
    """Settings of a method that has nothing to set."""


@dataclass(frozen=True)
class Score:
    """One score of a task: its name, its unit and direction, and its values at the two ends.

    chance: the score of guessing, None where it depends on the data; a control called `random` then
    measures it. ceiling: the score of a perfect answer. shown: False for a further score that has a
    column only where `leaderboard --column` names it.
    """

    name: str
    chance: float | None = None
    ceiling: float = 1.0
    percent: bool = True
    higher_is_better: bool = True
    shown: bool = True


@dataclass(frozen=True)
class TaskData:
    """One draw of a task: examples for `fit`, inputs for `evaluate`, targets for the task alone.

    inputs holds privileged columns too; the runner withholds them from all methods but controls.
    fingerprint: a hash of the content, equal on every machine. classes: the names of the classes,
    for pictures that show them. warnings: lines about the data for whoever reads a score.
    """

    train: Examples
    inputs: Examples
    targets: Examples
    fingerprint: str
    classes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Task(ABC):
    """One question with one score: a dataset, a regime, and the way answers are scored.

    data: the name of its data set, which tasks may share; settings and budgets may go by it.
    version: raised when the same outputs get other scores, or the same seed other data. rests_on:
    modules of metrics and judges that it uses, which have a `VERSION` of their own.
    needs: names of required outputs; a tuple asks for at least one of its names.
    generated: outputs whose rows are drawn and answer no input, such as samples.
    also: further scores with a column in the full table; methods are not ranked by them.
    converged: a scalar of the learning curve and the value at which a training counts as converged;
    tables then tell after how many updates.
    privileged: columns of the inputs that controls alone may read.

    `skip`, `dataset` and `load` find the data by their argument `sources`; no environment variable
    is read.
    """

    name: str
    regime: str
    version: int
    score: Score
    needs: tuple[str | tuple[str, ...], ...]
    generated: tuple[str, ...] = ()
    also: tuple[Score, ...] = ()
    converged: tuple[str, float] | None = None
    privileged: tuple[str, ...] = ()
    data: str
    rests_on: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The task's id, `name/regime`, unique in its suite."""
        return f"{self.name}/{self.regime}"

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """The required outputs, `needs`, each as a tuple of names of which one is enough."""
        return tuple((need,) if isinstance(need, str) else need for need in self.needs)

    def skip(self, sources: DataSources = DEFAULT) -> str | None:
        """One line that says why the task cannot run here (missing data); None where it can."""
        return None

    @abstractmethod
    def dataset(self, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """The identity of the data as JSON: name, version, settings; everything but the seed."""

    @abstractmethod
    def load(self, seed: int, sources: DataSources = DEFAULT) -> TaskData:
        """Make the draw of this seed."""

    def held_out(self, seed: int, count: int, sources: DataSources = DEFAULT) -> TaskData | None:
        """Examples like those of training, to score a method while it learns; None where none are.

        Their inputs and targets are never those of the test.
        """
        return None

    @abstractmethod
    def check(self, outputs: Outputs, count: int) -> None:
        """Raise `OutputError` unless the outputs that the task needs have the shapes it expects."""

    @abstractmethod
    def evaluate(
        self, outputs: Outputs, targets: Examples, device: str = "cpu"
    ) -> dict[str, float]:
        """Score the outputs; the names `score.name` and those of `also` are among the result's.

        device: the device for scores that train a network of their own.
        """

    def flags(self, scores: Mapping[str, float]) -> list[str]:
        """Warnings for readers of these scores, such as of a collapse; a line each."""
        return []

    def pictures(
        self,
        outputs: Outputs,
        data: TaskData,
        explanation: Mapping[str, Any],
        illustrations: Mapping[str, np.ndarray] = {},
    ) -> Mapping[str, Callable[[], Figure]]:
        """The pictures of one cell by name, as functions that draw when they are called.

        outputs: empty where they were not kept; pictures that need them are then left out.
        data: the draw, its inputs and targets cut to the examples that the outputs answer.
        illustrations: those of the method, empty where it gave none or they were not kept.
        """
        return {}

    @property
    def draws(self) -> bool:
        """Whether the task has pictures at all."""
        return type(self).pictures is not Task.pictures


def about(table: Mapping[str, T], task: Task) -> dict[str, T]:
    """The items of a table that concern a task, the general before the special.

    Keys of such tables are "*" (all tasks), the name of a data set, the name of a task or its id.
    """
    return {key: table[key] for key in keys_of(task) if key in table}


def keys_of(task: Task) -> dict[str, None]:
    """The keys under which tables speak of a task, the general before the special."""
    return dict.fromkeys(("*", getattr(task, "data", "") or task.name, task.name, task.id))


@dataclass(frozen=True)
class Entry:
    """A row of the table: a method with settings. An ablation is an entry with one field changed.

    path: `module:Class`, or `file.py:Class`; imported only when a cell runs.
    kind: "method", "baseline", "ablation" or "control".
    tasks: globs over the ids of the tasks on which it runs.
    family: a name under which profiles change settings and budgets of entries with the same fields;
    no profile changes an entry without a family.
    by_data: its own settings where they depend on the data set; keys are those of `about`.
    assigned: names of those of its settings that `run --set` gave.
    """

    name: str
    path: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "method"
    summary: str = ""
    tasks: tuple[str, ...] = ("*",)
    family: str = ""
    by_data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    assigned: tuple[str, ...] = ()

    def runs_on(self, task: str) -> bool:
        """Whether the entry applies to the task of this id."""
        return any(fnmatchcase(task, pattern) for pattern in self.tasks)


@dataclass(frozen=True)
class Watch:
    """The points of a learning curve that are scored: `every` so many updates or more, at most 50.

    examples: the number of held-out examples that are scored each time.
    """

    every: int
    examples: int


@dataclass(frozen=True)
class Profile:
    """A choice of tasks, methods, seeds and budgets of a suite, such as `quick` or `paper`.

    seeds: the number of seeds run by default (0, 1 and so on); further_seeds: the number of seeds
    after them that records may have too.
    budgets: the budget of each task; keys are those of `about`, and the most special one counts.
    own_budgets: family → the same, where a family has another budget than the rest.
    changes: family → key of `about` → settings that differ here from the published ones, mostly to
    make a training shorter. `benchmarks.resolution` says in which order settings lie over each
    other. on_request: task id → the reason, in one line, why it runs only where it is asked for by
    name, and how to ask. watch: what is scored during training; keys are those of `about`.
    moved_seeds: the number of seeds, the first ones, that are trained once more with weights moved
    by a millionth, for the column that tells whether a result hangs on rounding.
    """

    name: str
    tasks: tuple[str, ...]
    methods: tuple[str, ...]
    seeds: int
    budgets: Mapping[str, Budget]
    summary: str = ""
    further_seeds: int = 0
    changes: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    own_budgets: Mapping[str, Mapping[str, Budget]] = field(default_factory=dict)
    on_request: Mapping[str, str] = field(default_factory=dict)
    watch: Mapping[str, Watch] = field(default_factory=dict)
    moved_seeds: int = 0

    def budget(self, entry: Entry, task: Task) -> Budget:
        """The budget of this entry on this task."""
        own = about(self.own_budgets.get(entry.family, {}), task)
        return list((own or about(self.budgets, task)).values())[-1]

    def watched(self, task: Task) -> Watch | None:
        """When a training on this task is scored on held-out examples; None for never."""
        return next(reversed(about(self.watch, task).values()), None)


@dataclass(frozen=True)
class Suite:
    """Tasks, method entries and profiles under one name, with their source.

    Raises ValueError where a profile names a family or a data set that the suite does not have, or
    has no budget for one of its tasks.
    """

    name: str
    title: str
    source: str
    tasks: tuple[Task, ...]
    entries: tuple[Entry, ...]
    profiles: tuple[Profile, ...]
    datasets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        keys = {key for task in self.tasks for key in keys_of(task)}
        families = {entry.family for entry in self.entries if entry.family}
        for profile in self.profiles:
            for said in (profile.changes, profile.own_budgets):
                used = {key for table in said.values() for key in table}
                if strangers := (said.keys() - families) | (used - keys):
                    raise ValueError(f"{profile.name} changes settings of {sorted(strangers)}")
            if strangers := profile.budgets.keys() - keys:
                raise ValueError(f"{profile.name} has budgets for {sorted(strangers)}")
            for task in self.tasks:
                if task.id in profile.tasks and not about(profile.budgets, task):
                    raise ValueError(f"{profile.name} has no budget for {task.id}")
        for entry in self.entries:
            if strangers := entry.by_data.keys() - keys:
                raise ValueError(f"{entry.name} has settings for {sorted(strangers)}")

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
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar, runtime_checkable

from benchmarks.columns import Column, Deduplicated, Examples
from benchmarks.errors import DivergedError, OutputError, SymbenchError, WithheldError
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
    "WithheldError",
]

if TYPE_CHECKING:  # at run time only where needed: the lists of the command line need none of it
    import numpy as np
    from matplotlib.figure import Figure

PROTOCOL_VERSION = 1

Outputs: TypeAlias = "Mapping[str, np.ndarray]"
T = TypeVar("T")


@dataclass(frozen=True)
class Budget:
    """How long a method may learn and on how much it is tested, as the profile decides.

    Exactly one of `steps` (parameter updates) and `epochs` (passes over the training set) is set.
    evaluate_on: the number of test examples scored, all of them where None.
    """

    steps: int | None = None
    epochs: int | None = None
    batch_size: int = 32
    evaluate_on: int | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("a budget has either steps or epochs")

    def total_steps(self, examples: int) -> int:
        """Parameter updates for this many training examples; a partial last batch counts."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return self.epochs * -(-examples // min(self.batch_size, examples))


def _ignore(**_: float) -> None:
    return None


@dataclass
class Run:
    """What the harness hands to a method beside the data.

    Random numbers come from `seed_for(purpose)` or `rng(purpose)`: streams that are independent by
    purpose ("weights", "batches", "evaluation" …), so that no result depends on what ran before.

    at_once: how many examples the device computes at a time, so that they fit its memory; None: a
    batch in training, and what the method thinks best in its evaluation. An evaluation's answers do
    not depend on it beyond rounding. checkpoint: a file that outlives this process, for a long
    training to go on from; every checkpoint_seconds it is written anew. earlier_seconds: what the
    processes before this one spent on what it went on from. sources: where data lie, and the cache
    folder for what a method makes once for all its runs.
    """

    seed: int
    budget: Budget
    device: str = "cpu"
    reporter: Callable[..., None] = _ignore
    steps: int = 0
    examples: int = 0
    checkpoint: Path | None = None
    checkpoint_seconds: float = 60.0
    at_once: int | None = None
    earlier_seconds: float = 0.0
    sources: DataSources = DEFAULT

    def _sequence(self, purpose: str) -> np.random.SeedSequence:
        import numpy as np

        return np.random.SeedSequence([self.seed, *purpose.encode()])

    def seed_for(self, purpose: str) -> int:
        """A 63-bit seed for another library's generator."""
        return int(self._sequence(purpose).generate_state(1, "uint64")[0]) >> 1

    def rng(self, purpose: str) -> np.random.Generator:
        """A NumPy generator of its own for this purpose."""
        import numpy as np

        return np.random.Generator(np.random.Philox(self._sequence(purpose)))

    def report(self, step: int, of: int, examples: int, **scalars: float) -> None:
        """Tell where training stands: updates done, of how many, and examples seen so far."""
        self.steps, self.examples = step, examples
        self.reporter(step=step, of=of, **scalars)


@runtime_checkable
class Method(Protocol):
    """Anything with settings, `fit` and `evaluate`; no base class is needed.

    Settings: a frozen dataclass whose fields all have defaults; the class is called with one.
    version: of a class in symbench, a literal that is raised when the same settings, data and seed
    give another result; sources of other packages are hashed in its place. rests_on: names of
    modules that it uses and that have a `VERSION` of their own, such as a teacher's.
    reads: privileged columns that the method wants beside the inputs. Only controls have any.
    deterministic: True where the seed changes nothing; the conformance kit then expects that.
    explanation: where it is set once `evaluate` is done, a JSON dict that goes into the record:
    what was learned, in a form that people read, such as programs and how they were found.
    illustrations: where it is set once `evaluate` is done, small arrays of any shape by name, kept
    beside the record for the task's pictures.
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
    """One score of a task: its name, and what guessing and perfection give.

    chance: None where it depends on the data; a control called `random` then measures it.
    """

    name: str
    chance: float | None = None
    ceiling: float = 1.0
    percent: bool = True
    higher_is_better: bool = True


@dataclass(frozen=True)
class TaskData:
    """One draw of a task: what `fit` sees, what `evaluate` sees, and what only the task sees.

    inputs holds privileged columns too; the runner withholds them from all but controls.
    fingerprint: a hash of the content, to be equal on every machine. classes: the names of the
    classes, where pictures are to show them.
    """

    train: Examples
    inputs: Examples
    targets: Examples
    fingerprint: str
    classes: tuple[str, ...] = ()


class Task(ABC):
    """One question with one score: a dataset, a regime, and the way answers are scored.

    data: its data set, where it has that another task may share; settings and budgets may go by it.
    version: raised when the same outputs get other scores, or the same seed other data. rests_on:
    modules of metrics and judges that it uses, which have a `VERSION` of their own.
    needs: names of outputs; an item that is a tuple asks for at least one of its names.
    generated: outputs whose rows are drawn and answer for no input, such as samples.
    also: further scores that are worth a column of the full table; no method ranks by them.

    Where data lie, `skip`, `dataset` and `load` are told by `sources`; nothing is read from
    environment variables.
    """

    name: str
    regime: str
    version: int
    score: Score
    needs: tuple[str | tuple[str, ...], ...]
    generated: tuple[str, ...] = ()
    also: tuple[Score, ...] = ()
    privileged: tuple[str, ...] = ()
    data: str
    rests_on: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`name/regime`, unique in its suite."""
        return f"{self.name}/{self.regime}"

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """`needs`, every item as a tuple of which one is enough."""
        return tuple((need,) if isinstance(need, str) else need for need in self.needs)

    def skip(self, sources: DataSources = DEFAULT) -> str | None:
        """Why the task cannot run here (data that are not there), in one line; None: it can."""
        return None

    @abstractmethod
    def dataset(self, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """What determines the data, but for the seed: dataset name, version, settings (JSON)."""

    @abstractmethod
    def load(self, seed: int, sources: DataSources = DEFAULT) -> TaskData:
        """The draw of this seed."""

    @abstractmethod
    def check(self, outputs: Outputs, count: int) -> None:
        """Raise `OutputError` unless the outputs that the task needs have the shapes it expects."""

    @abstractmethod
    def evaluate(
        self, outputs: Outputs, targets: Examples, device: str = "cpu"
    ) -> dict[str, float]:
        """Scores by name; `score.name` and the names of `also` are among them.

        device: where a score that trains a network of its own may do so.
        """

    def flags(self, scores: Mapping[str, float]) -> list[str]:
        """What a reader of these scores must be warned of, such as a collapse; a line each."""
        return []

    def pictures(
        self,
        outputs: Outputs,
        data: TaskData,
        explanation: Mapping[str, Any],
        illustrations: Mapping[str, np.ndarray] = {},
    ) -> Mapping[str, Callable[[], Figure]]:
        """What is worth drawing of one cell, by name; each is drawn only when it is called.

        outputs: empty where they were not kept; then only what needs none can be drawn.
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
    return {key: table[key] for key in _keys(task) if key in table}


def _keys(task: Task) -> dict[str, None]:
    """The keys under which tables speak of a task, the general before the special."""
    return dict.fromkeys(("*", getattr(task, "data", "*"), task.name, task.id))


@dataclass(frozen=True)
class Entry:
    """A row of the table: a method with settings. An ablation is an entry with one field changed.

    path: `module:Class`, or `file.py:Class`; imported only when a cell runs.
    kind: "method", "baseline", "ablation" or "control".
    tasks: the tasks on which it runs, globs over their ids.
    family: by which name profiles change its settings and its budget; entries with the same fields
    share one. An entry without a family is changed by no profile.
    by_data: its own settings where they depend on the data set; keys are those of `about`.
    """

    name: str
    path: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "method"
    summary: str = ""
    tasks: tuple[str, ...] = ("*",)
    family: str = ""
    by_data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def runs_on(self, task: str) -> bool:
        """Whether the entry applies to the task of this id."""
        return any(fnmatchcase(task, pattern) for pattern in self.tasks)


@dataclass(frozen=True)
class Profile:
    """How much of a suite runs: which tasks and methods, how many seeds, and each task's budget.

    seeds: how many run by default, 0, 1 and so on; further_seeds: how many more results may have.
    budgets: the budget of each task; keys are those of `about`, and the most special one counts.
    own_budgets: family → the same, where a family has another budget than the rest.
    changes: family → key of `about` → settings that differ here from the published ones, mostly to
    make a training shorter. `benchmarks.resolution` says in which order settings lie over each
    other. on_request: task id → why it runs only where tasks are asked for by name, in one line
    that says how.
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

    def budget(self, entry: Entry, task: Task) -> Budget:
        """The budget of this entry on this task."""
        own = about(self.own_budgets.get(entry.family, {}), task)
        return list((own or about(self.budgets, task)).values())[-1]


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
        keys = {key for task in self.tasks for key in _keys(task)}
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

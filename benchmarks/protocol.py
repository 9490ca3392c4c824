"""The contract between methods, tasks and the harness, and nothing else.

A method learns with `fit` and answers with `evaluate`; the task, which alone sees the withheld
labels, turns the answers into scores. Everything that crosses this line is a named NumPy array.

Letters: N examples, T images of a sequence, S distinct items, C classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from benchmarks.errors import DivergedError, OutputError, SymbenchError, WithheldError

__all__ = [
    "PROTOCOL_VERSION",
    "Budget",
    "Column",
    "Deduplicated",
    "DivergedError",
    "Entry",
    "Examples",
    "Method",
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


class Deduplicated:
    """A column (N, T, ...) whose items repeat: its distinct items, and where each one stands.

    table: (S, ...) the distinct items; index: (N, T) integers into it, so that the column is
    `table[index]`. This is `np.unique` of the raw column: it says which items are equal, as the
    raw items do, and no more; the order of the table carries no meaning. A method that does not
    care calls `numpy.asarray(column)`; one that does encodes each distinct item once. Both fields
    are NumPy arrays or both are torch tensors.
    """

    __slots__ = ("index", "table")

    def __init__(self, table: Any, index: Any) -> None:
        self.table, self.index = table, index

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the column: (N, T, ...)."""
        return (*self.index.shape, *self.table.shape[1:])

    def __len__(self) -> int:
        return int(self.index.shape[0])

    def __getitem__(self, rows: Any) -> Deduplicated:
        """The same column for some examples; rows: a slice or an array of integers."""
        return Deduplicated(self.table, self.index[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        import numpy as np

        return np.asarray(self.table[self.index], dtype=dtype)


Column: TypeAlias = "np.ndarray | Deduplicated"


class Examples(Mapping[str, Column]):
    """Named columns of equal length: `examples["images"]`; `examples.take(rows)` is a subset.

    `withheld` names the columns that exist but are not given to this reader. Asking for one raises
    `WithheldError` and is noted in `touched`: a method that swallows the error is still seen.
    """

    def __init__(
        self,
        columns: Mapping[str, Column],
        withheld: tuple[str, ...] = (),
        touched: list[str] | None = None,
    ) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns differ in length: {lengths}")
        self._columns = dict(columns)
        self.withheld = withheld
        self.touched: list[str] = [] if touched is None else touched

    @property
    def count(self) -> int:
        """N, the number of examples."""
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def __getitem__(self, name: str) -> Column:
        if name in self._columns:
            return self._columns[name]
        if name in self.withheld:
            self.touched.append(name)
            raise WithheldError(f"'{name}' is withheld here: a method answers for inputs alone.")
        raise KeyError(f"no column '{name}'; there are: {', '.join(self._columns)}")

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def take(self, rows: Any) -> Examples:
        """The examples at `rows` (a slice or an array of integers), in that order."""
        columns = {name: column[rows] for name, column in self._columns.items()}
        return Examples(columns, self.withheld, self.touched)

    def select(self, names: tuple[str, ...]) -> Examples:
        """Only the columns in `names`; the others become withheld."""
        kept = {name: column for name, column in self._columns.items() if name in names}
        hidden = tuple(name for name in self._columns if name not in names)
        return Examples(kept, (*self.withheld, *hidden), self.touched)


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
    """

    seed: int
    budget: Budget
    device: str = "cpu"
    scratch: Path | None = None
    reporter: Callable[..., None] = _ignore
    steps: int = 0
    examples: int = 0

    def _sequence(self, purpose: str) -> np.random.SeedSequence:
        import numpy as np

        return np.random.SeedSequence([self.seed, *purpose.encode()])

    def seed_for(self, purpose: str) -> int:
        """A 63-bit seed for another library's generator."""
        return int(self._sequence(purpose).generate_state(1, "uint64")[0] >> 1)

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
    reads: privileged columns that the method wants beside the inputs. Only controls have any.
    deterministic: True where the seed changes nothing; the conformance kit then expects that.
    explanation: where it is set once `evaluate` is done, a JSON dict that goes into the record:
    what was learned, in a form that people read, such as programs and how they were found.
    """

    Settings: ClassVar[type]

    def fit(self, train: Examples, run: Run) -> None:
        """Learn from the training examples."""

    def evaluate(self, inputs: Examples, run: Run) -> Outputs:
        """Answer for N inputs whose labels are withheld; every array has N rows."""
        ...


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
    fingerprint: a hash of the content, to be equal on every machine.
    """

    train: Examples
    inputs: Examples
    targets: Examples
    fingerprint: str


class Task(ABC):
    """One question with one score: a dataset, a regime, and the way answers are scored.

    needs: names of outputs; an item that is a tuple asks for at least one of its names.
    also: further scores that are worth a column of the full table; no method ranks by them.
    """

    name: str
    regime: str
    version: int
    score: Score
    needs: tuple[str | tuple[str, ...], ...]
    also: tuple[Score, ...] = ()
    privileged: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`name/regime`, unique in its suite."""
        return f"{self.name}/{self.regime}"

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """`needs`, every item as a tuple of which one is enough."""
        return tuple((need,) if isinstance(need, str) else need for need in self.needs)

    def skip(self) -> str | None:
        """Why the task cannot run here (data that are not there), in one line; None: it can."""
        return None

    @abstractmethod
    def dataset(self) -> dict[str, Any]:
        """What determines the data, but for the seed: dataset name, version, settings (JSON)."""

    @abstractmethod
    def load(self, seed: int) -> TaskData:
        """The draw of this seed."""

    @abstractmethod
    def check(self, outputs: Outputs, count: int) -> None:
        """Raise `OutputError` unless the outputs that the task needs have the shapes it expects."""

    @abstractmethod
    def evaluate(self, outputs: Outputs, targets: Examples) -> dict[str, float]:
        """Scores by name; `score.name` and the names of `also` are among them."""

    def flags(self, scores: Mapping[str, float]) -> list[str]:
        """What a reader of these scores must be warned of, such as a collapse; a line each."""
        return []

    def pictures(
        self, outputs: Outputs, data: TaskData, explanation: Mapping[str, Any]
    ) -> Mapping[str, Callable[[], Figure]]:
        """What is worth drawing of one cell, by name; each is drawn only when it is called.

        outputs: empty where they were not kept; then only what needs none can be drawn.
        data: the draw, its inputs and targets cut to the examples that the outputs answer.
        """
        return {}

    @property
    def draws(self) -> bool:
        """Whether the task has pictures at all."""
        return type(self).pictures is not Task.pictures


@dataclass(frozen=True)
class Entry:
    """A row of the table: a method with settings. An ablation is an entry with one field changed.

    path: `module:Class`, or `file.py:Class`; imported only when a cell runs.
    kind: "method", "baseline", "ablation" or "control".
    tasks: the tasks on which it runs, globs over their ids.
    """

    name: str
    path: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "method"
    summary: str = ""
    tasks: tuple[str, ...] = ("*",)

    def runs_on(self, task: str) -> bool:
        """Whether the entry applies to the task of this id."""
        return any(fnmatchcase(task, pattern) for pattern in self.tasks)


@dataclass(frozen=True)
class Profile:
    """How much of a suite runs: which tasks and methods, how many seeds, and each task's budget.

    settings: task id → entry name → settings that the protocol asks for on that task. They lie
    under the entry's own, so that an ablation keeps the field that it changes. own_budgets: task id
    → entry name → its budget, where a protocol does not give all the same.
    """

    name: str
    tasks: tuple[str, ...]
    methods: tuple[str, ...]
    seeds: int
    budgets: Mapping[str, Budget]
    summary: str = ""
    settings: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    own_budgets: Mapping[str, Mapping[str, Budget]] = field(default_factory=dict)

    def budget(self, entry: Entry, task: str) -> Budget:
        """The budget of this entry on the task of this id."""
        return self.own_budgets.get(task, {}).get(entry.name, self.budgets[task])

    def settled(self, entry: Entry, task: str) -> Entry:
        """The entry with the settings that this profile gives it on the task of this id."""
        under = self.settings.get(task, {}).get(entry.name, {})
        return replace(entry, settings={**under, **entry.settings}) if under else entry


@dataclass(frozen=True)
class Suite:
    """Tasks, method entries and profiles under one name, with their source."""

    name: str
    title: str
    source: str
    tasks: tuple[Task, ...]
    entries: tuple[Entry, ...]
    profiles: tuple[Profile, ...]
    datasets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        tasks, entries = {task.id for task in self.tasks}, {entry.name for entry in self.entries}
        for profile in self.profiles:
            named = {name for names in profile.settings.values() for name in names}
            strangers = (set(profile.settings) - tasks) | (named - entries)
            if strangers:
                raise ValueError(f"{profile.name} has settings for {sorted(strangers)}")

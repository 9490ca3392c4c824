"""The means that the harness hands to a method beside the data: seed, budget, device, reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.curve import Curve
from benchmarks.errors import SymbenchError
from benchmarks.progress import ProgressLine
from symdata.sources import DEFAULT, DataSources

T = TypeVar("T", int, float)

if TYPE_CHECKING:  # imported late at run time, as the lists of the command line need it not
    import numpy as np


@dataclass(frozen=True)
class Budget:
    """The length of a training and the number of test examples, as a profile sets them.

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


def _number(name: str, value: object, kind: type[T]) -> T:
    """A value that a method reports as a number of a kind; raises `SymbenchError` for others."""
    try:
        return kind(float(value))  # type: ignore[arg-type]
    except Exception as error:  # whatever the conversion of a method's object raises
        raise SymbenchError(
            f"run.report got {name} of type {type(value).__name__}, which makes no {kind.__name__}."
        ) from error


@dataclass
class Moved:
    """A small move of first weights: each w becomes w · (1 + by · N(0, 1)).

    trainings: the number of trainings that have begun; 0 where the method has a loop of its own.
    """

    by: float = 0.0
    trainings: int = 0


@dataclass
class Run:
    """The means that the harness hands to a method beside the data: seed, budget, device, reports.

    Random numbers come from `seed_for(purpose)` or `rng(purpose)`: streams that are independent by
    purpose ("weights", "batches", "evaluation" …), so that no result depends on what ran before.

    reporter: a function of `step`, `of` and scalars by name, called by `report`; without one a line
    on the error stream shows them. at_once: the number of examples that the device computes at a
    time, so that they fit its memory; None means a batch in training, and the method's own choice
    in its evaluation. An evaluation's answers do not depend on it beyond rounding. checkpoint: a
    file that outlives this process, from which a long training can go on; it is written anew every
    checkpoint_seconds. earlier_seconds: the time that this training took in earlier processes.
    sources: the places of the data, and the cache folder for results that a method computes once
    for all its runs. curve: what was reported, thinned, for the record. moved: how far each
    training moves its first weights, to see whether its result hangs on rounding.
    """

    seed: int
    budget: Budget
    device: str = "cpu"
    reporter: Callable[..., None] = field(default_factory=ProgressLine, compare=False)
    steps: int = 0
    examples: int = 0
    checkpoint: Path | None = None
    checkpoint_seconds: float = 60.0
    at_once: int | None = None
    earlier_seconds: float = 0.0
    sources: DataSources = DEFAULT
    curve: Curve = field(default_factory=Curve, compare=False)
    moved: Moved = field(default_factory=Moved)

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
        """Tell how far training is: updates done, their total, examples seen, and scalars.

        Raises `SymbenchError` for a value that is no number.
        """
        numbers = {name: _number(name, value, float) for name, value in scalars.items()}
        step, of = _number("step", step, int), _number("of", of, int)
        examples = _number("examples", examples, int)
        self.report_means(step, of, examples, numbers, numbers)

    def report_means(
        self,
        step: int,
        of: int,
        examples: int,
        scalars: Mapping[str, float],
        means: Mapping[str, float],
    ) -> None:
        """Tell the same, and the scalars' means over the updates since the last report.

        The learning curve takes the means, which one batch does not make jump.
        """
        self.steps, self.examples = step, examples
        self.reporter(step=step, of=of, **scalars)
        self.curve.add(step, of, means)

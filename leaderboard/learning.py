"""What the records of a row tell about its learning: updates to convergence, and stability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.curve import reached
from benchmarks.records import Record
from benchmarks.stats import Interval

# The smallest change of a score, as a share of its range or size, that counts as one.
NOTABLE = 0.01


@dataclass(frozen=True)
class Convergence:
    """The updates until a scalar of the learning curve first was at least a value, over seeds.

    by_seed: the updates of each seed, None where it never was. trained: the updates of the longest
    training.
    """

    by_seed: tuple[int | None, ...]
    trained: int

    @property
    def text(self) -> str:
        """The median and, in brackets, the range over seeds: `130 (120–> 150)`; `> 150` for never.

        A point of the curve holds the mean since the point before, so that the number is that of
        the first point whose mean was high enough.
        """
        last = float("inf")
        found = sorted(last if one is None else one for one in self.by_seed)
        middle, low, high = (self._number(one) for one in (median(found), found[0], found[-1]))
        return middle if low == high else f"{middle} ({low}–{high})"

    def _number(self, value: float) -> str:
        return f"> {self.trained:,}" if value == float("inf") else f"{value:,.0f}"


def convergence(records: Iterable[Record]) -> Convergence | None:
    """The convergence of a row's records, one a seed; None where a record has no curve of it."""
    found, trained = list[int | None](), 0
    for record in records:
        if record.converged is None or record.converged[0] not in record.curve:
            return None
        found.append(reached(record.curve, *record.converged))
        trained = max(trained, record.steps)
    return Convergence(tuple(found), trained) if found else None


def movement(records: Iterable[Record]) -> float | None:
    """The largest change of the score in a second training from weights moved by a millionth.

    None where no record holds one.
    """
    changes = [
        abs(record.moved[record.score_name] - record.score)
        for record in records
        if record.score_name in record.moved
    ]
    return max(changes, default=None)


def hangs_on_rounding(change: float | None, interval: Interval | None, percent: bool) -> bool:
    """Whether a change of the score is larger than its 95 % interval is wide, and than a hundredth.

    Where one seed gives no interval, nothing is said. A hundredth is one of the score's range where
    that is 0 to 1, else of its size.
    """
    half = interval.half_width if interval else None
    if change is None or interval is None or half is None:
        return False
    return change > max(2 * half, NOTABLE * (1 if percent else abs(interval.mean)))


def note(names: Sequence[str]) -> list[str]:
    """The note below a table on rows that hang on rounding; empty where there are none."""
    if not names:
        return []
    one = len(names) == 1
    return [
        f"{', '.join(names)} {'hangs' if one else 'hang'} on rounding: the same seed, with first "
        "weights moved by a millionth, gives a score further away than the 95 % interval is wide. "
        "Read the interval and no single score."
    ]

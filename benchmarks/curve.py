"""Learning curves: what a training reported, at up to 50 points of its course."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

# The most points of a curve, the fewest updates from one to the next, and the most named scalars:
# together they keep a curve below 20 kB of JSON.
POINTS, APART, NAMES = 50, 10, 20
# The most characters of a scalar's name; others have no curve.
NAME_LENGTH = 60
DIGITS = 5
# The columns of the updates and of the scores on held-out examples.
UPDATES, SCORE = "updates", "score"


@lru_cache(maxsize=256)
def points(total: int) -> tuple[int, ...]:
    """The updates at which a training of this length has a point of its curve, the last one too.

    Ten updates apart at first and ever further, as learning is fast at first: 10, 20, 30 … and then
    a constant factor from each to the next.
    """
    grown = (max(APART * k, round(total ** (k / POINTS))) for k in range(1, POINTS + 1))
    return tuple(sorted({min(total, one) for one in grown}))


@dataclass
class Curve:
    """The curve of a training; a point holds the means over the updates since the point before.

    updates: the update of each point. columns: by the name of a scalar, its value at each point,
    None where it was not reported. scorer: a function that scores the method in its present state
    on held-out examples; it is called at points, `every` updates apart or more.
    """

    updates: list[int] = field(default_factory=list)
    columns: dict[str, list[float | None]] = field(default_factory=dict)
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    last: int = 0
    scored: int = 0
    every: int = 0
    scorer: Callable[[], float] | None = None

    def add(self, step: int, of: int, scalars: Mapping[str, float]) -> None:
        """Take in the scalars of the updates since the last call, which was at an earlier update.

        A training that begins again, at an update before the last, begins the curve anew.
        """
        if step < self.last:
            self.updates, self.columns, self.sums, self.last, self.scored = [], {}, {}, 0, 0
        weight = max(step - self.last, 1)
        for told, value in scalars.items():
            # A method's own scalar never passes for a column that the harness makes.
            name = f"{told}_" if told in (UPDATES, SCORE) else told
            if len(name) > NAME_LENGTH:
                continue
            if name in self.sums or len(self.sums.keys() | self.columns.keys()) < NAMES:
                total, count = self.sums.get(name, (0.0, 0))
                self.sums[name] = total + weight * float(value), count + weight
        self.last = step
        before = self.updates[-1] if self.updates else 0
        coming = points(max(of, 1))
        place = bisect_right(coming, before)
        due = coming[place] if place < len(coming) else of
        if step < due or step == before or not self.sums:
            return
        found = {name: total / count for name, (total, count) in self.sums.items()}
        if self.scorer is not None and (step >= self.scored + self.every or step >= of):
            found[SCORE], self.scored = self.scorer(), step
        self.sums = {}
        self._append(step, found)

    def _append(self, step: int, found: dict[str, float]) -> None:
        if (
            len(self.updates) == 2 * POINTS
        ):  # its total was not known and grew: half of them will do
            del self.updates[::2]
            for column in self.columns.values():
                del column[::2]
        self.updates.append(step)
        for name in self.columns.keys() | found.keys():
            column = self.columns.setdefault(name, [None] * (len(self.updates) - 1))
            value = found.get(name, math.nan)
            column.append(float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None)

    def as_dict(self) -> dict[str, list[int | float | None]]:
        """The columns, `updates` first; empty where nothing was reported."""
        return {UPDATES: [*self.updates], **self.columns} if self.updates else {}

    def state(self) -> dict[str, object]:
        """What a checkpoint keeps, as JSON values."""
        return {
            name: getattr(self, name) for name in ("updates", "columns", "sums", "last", "scored")
        }

    def load_state(self, state: Mapping[str, object]) -> None:
        """Take over what `state` gave, in this process or another."""
        for name, value in state.items():
            setattr(self, name, value)


def reached(curve: Mapping[str, list[int | float | None]], name: str, value: float) -> int | None:
    """The update of the first point at which a scalar is at least `value`; None where none is."""
    values = curve.get(name, [])
    pairs = zip(curve.get("updates", []), values, strict=False)
    return next((int(at or 0) for at, one in pairs if one is not None and one >= value), None)

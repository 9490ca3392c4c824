"""Statistics over seeds: intervals, ranks and paired differences.

Pure functions of scores; a score is a fraction unless its task says otherwise. Random resampling
uses a fixed stream, so that the same records give the same table on every machine. `scipy.stats`
has these tests too, but takes seconds to import, too long for a table on a terminal; the tests
compare these few lines with it.

Letters: R rows (methods), n seeds, B resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
_STREAM = 20_210_112
# Scores that differ by less than this are equal: rounding of sums in another order makes as much.
TIE = 1e-12


@dataclass(frozen=True)
class Interval:
    """A mean and the interval around it; low and high are None where there is a single seed."""

    mean: float
    low: float | None
    high: float | None

    @property
    def half_width(self) -> float | None:
        """Half the distance from low to high."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def mean_interval(
    scores: Sequence[float], level: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """Mean of the scores (n,) and its percentile bootstrap interval over seeds.

    With few seeds the interval is optimistic: it cannot reach beyond the lowest and the highest
    score, and at n = 3 its true coverage is nearer 75 % than 95 %.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.size == 0:
        raise ValueError("an interval needs at least one score")
    mean = float(values.mean())
    if values.size == 1:
        return Interval(mean, None, None)
    if np.ptp(values) <= TIE:
        return Interval(mean, mean, mean)
    means = values[_draws(values.size, resamples, np.random.default_rng(_STREAM))].mean(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high))


def _draws(n: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Draw seeds with replacement: (B, n) places among n."""
    return rng.integers(n, size=(resamples, n))


def rank_intervals(
    rows: Sequence[Mapping[int, float]],
    higher_is_better: bool = True,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> list[tuple[int, int]]:
    """The first and the last rank that the seeds allow, for each of R rows (scores by seed).

    Rows with the same seeds are resampled together, because a seed fixes the data that all of them
    saw; rows with other seeds on their own. A row that ties with others holds all of their ranks.
    """
    if not rows:
        return []
    rng = np.random.default_rng(_STREAM)
    draws: dict[tuple[int, ...], np.ndarray] = {}
    means = np.empty((len(rows), resamples))
    for place, row in enumerate(rows):
        seeds = tuple(sorted(row))
        if seeds not in draws:
            draws[seeds] = _draws(len(seeds), resamples, rng)
        scores = np.array([row[seed] for seed in seeds], dtype=np.float64)
        means[place] = scores[draws[seeds]].mean(axis=1)
    if not higher_is_better:
        means = -means
    tail = (1 - level) / 2
    intervals = []
    for place, mean in enumerate(means):
        better = (means > mean + TIE).sum(axis=0)
        as_good = (np.delete(means, place, axis=0) >= mean - TIE).sum(axis=0)
        low = np.quantile(1 + better, tail, method="lower")
        high = np.quantile(1 + as_good, 1 - tail, method="higher")
        intervals.append((int(low), int(high)))
    return intervals


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (k,), in the order given; reject where one is at most alpha.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979): the chance that any
    true null hypothesis is rejected stays below alpha, whatever the dependence between the tests.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(value) for value in adjusted]


@dataclass(frozen=True)
class PairedDifference:
    """Mean of head minus base over n seeds, its t interval, the differences' sd, and the p-value.

    low, high, sd and p are None where fewer than two seeds are paired.
    """

    mean: float
    low: float | None
    high: float | None
    sd: float | None
    p: float | None
    n: int


def paired_difference(
    base: Sequence[float], head: Sequence[float], level: float = 0.95, floor: float = 0.0
) -> PairedDifference:
    """Student's paired t over seeds; base and head: (n,), the same seed at the same place.

    A t interval and not the bootstrap: with three seeds neither a percentile bootstrap nor a
    permutation test can reach p < 0.05 (a sign flip has 2^3 outcomes). Where all differences are
    equal there is no spread to test against. If they are zero, p is 1. If not, `floor` stands in
    for their sd; where that is 0 as well p is 0, since a program gives the same score for the same
    seed and a shift that is equal in all seeds is then the program's.
    """
    first, second = np.asarray(base, dtype=np.float64), np.asarray(head, dtype=np.float64)
    if first.shape != second.shape or first.size == 0:
        raise ValueError(f"paired scores need one shape, not {first.shape} and {second.shape}")
    differences = second - first
    mean, n = float(differences.mean()), int(differences.size)
    if n < 2:
        return PairedDifference(mean, None, None, None, None, n)
    constant = np.ptp(differences) <= TIE
    if constant and abs(mean) <= TIE:
        return PairedDifference(mean, mean, mean, 0.0, 1.0, n)
    sd = floor if constant else float(differences.std(ddof=1))
    if sd == 0:
        return PairedDifference(mean, mean, mean, 0.0, 0.0, n)
    from scipy.special import stdtr, stdtrit

    error = sd / np.sqrt(n)
    p = float(2 * stdtr(n - 1, -abs(mean) / error))
    reach = float(stdtrit(n - 1, (1 + level) / 2) * error)
    return PairedDifference(mean, mean - reach, mean + reach, sd, p, n)


def smallest_effect(sd: float, n: int, alpha: float) -> float:
    """The smallest mean difference over n paired seeds that a two-sided t test finds at alpha."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 1 - alpha / 2) * sd / np.sqrt(n))

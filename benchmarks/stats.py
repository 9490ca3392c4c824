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
from itertools import combinations

import numpy as np

RESAMPLES = 10_000
_STREAM = 20_210_112
# Scores that differ by less than this are equal: rounding of sums in another order makes as much.
TIE = 1e-12
# The sd assumed where all seeds differ by the same amount: that of two scores rounded to whole
# points, sqrt(2 / 12) points. Accuracies count whole examples, so that near the ceiling all seeds
# may differ by the same one or two examples by chance.
ROUNDING = 0.01 * (2 / 12) ** 0.5


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
    alpha: float = 0.05,
    floor: float = 0.0,
) -> list[tuple[int, int]]:
    """The first and the last rank that the seeds allow, for each of R rows (scores by seed).

    All intervals hold together: the chance that any of them misses the true rank is alpha at most.
    Each pair of rows has a paired t test over the seeds of both, because a seed fixes the data that
    both saw; Holm's method corrects over all R (R - 1) / 2 pairs. A row's first rank counts the
    rows that are better by this, its last one those that are worse. floor: as in
    `paired_difference`.
    """
    pairs = list(combinations(range(len(rows)), 2))
    differences = []
    for first, second in pairs:
        shared = sorted(rows[first].keys() & rows[second].keys())
        base, head = ([rows[place][seed] for seed in shared] for place in (first, second))
        enough = len(shared) > 1
        differences.append(paired_difference(base, head, floor=floor) if enough else None)
    corrected = holm([1.0 if one is None or one.p is None else one.p for one in differences])
    better, worse = [0] * len(rows), [0] * len(rows)
    for (first, second), one, p in zip(pairs, differences, corrected, strict=True):
        if one is not None and p <= alpha:
            ahead = second if (one.mean > 0) == higher_is_better else first
            worse[ahead] += 1
            better[first + second - ahead] += 1
    return [(1 + up, len(rows) - down) for up, down in zip(better, worse, strict=True)]


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

"""Verdicts on published figures: whether our results agree with them.

The rule is that of `verdict`, and stands nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.stats import mean_interval
from leaderboard.figures import Difference, Figure, Published

Word = Literal["agrees", "above", "below", "not comparable", "too few seeds", "not run"]
WORDS: tuple[Word, ...] = ("agrees", "above", "below", "not comparable", "too few seeds", "not run")
# The fewest seeds of which an interval says anything.
LEAST_SEEDS = 3


@dataclass(frozen=True)
class Verdict:
    """One of `WORDS`, and the reason where the word alone does not say it."""

    word: Word
    why: str = ""

    @property
    def text(self) -> str:
        """The verdict in a table, such as `not comparable (other budget)`."""
        return f"{self.word} ({self.why})" if self.why else self.word


def verdict(
    figure: Figure,
    scores: Sequence[float],
    planned: int,
    tolerance: float,
    difference: Difference | None = None,
    gap: str = "",
) -> Verdict:
    """The verdict on a published figure, by our scores (one a seed) under its protocol.

    In this order:
    - *not comparable* where data, budget or metric are known to differ (`difference` says which);
    - *not run* where no seed was run with today's code (`gap`: "not run" or "outdated");
    - *too few seeds* with fewer scores than the profile plans, or fewer than `LEAST_SEEDS`;
    - *agrees* where the published figure lies in our 95 % interval, or the whole interval within
      `tolerance` of the figure;
    - else *above* where our interval is higher than the figure, *below* where it is lower,
      whichever is better.

    The published figure is a range: a value alone; a value with a standard deviation, from one
    deviation below it to one above; a lower bound, all from it on; single runs, the interval of
    their mean. It lies in our interval where the two meet.
    """
    if difference is not None:
        return Verdict("not comparable", f"other {difference.other}")
    if gap:
        return Verdict("not run", gap if gap != "not run" else "")
    if len(scores) < max(planned, LEAST_SEEDS):
        return Verdict("too few seeds", f"{len(scores)} of {max(planned, LEAST_SEEDS)}")
    ours = mean_interval(scores)
    assert ours.low is not None
    assert ours.high is not None
    low, high = _published(figure)
    near = low - tolerance <= ours.low and ours.high <= high + tolerance
    if near or (ours.low <= high and low <= ours.high):
        return Verdict("agrees")
    return Verdict("above" if ours.low > high else "below")


def _published(figure: Figure) -> tuple[float, float]:
    """The range in which the published figure lies."""
    if figure.minimum is not None:
        return figure.minimum, float("inf")
    if figure.values is not None:
        known = mean_interval(figure.values)
        return (
            known.mean if known.low is None else known.low,
            known.mean if known.high is None else known.high,
        )
    assert figure.value is not None
    spread = figure.deviation or 0.0
    return figure.value - spread, figure.value + spread


def against(
    known: Published, figure: Figure, profile: str, scores: Sequence[float], planned: int, gap: str
) -> Verdict:
    """The verdict on a figure by the scores of a profile, which may have another budget."""
    difference = known.difference(figure)
    if difference is None and profile != known.profile:
        difference = Difference(other="budget", why=f"that of the profile {profile}")
    return verdict(figure, scores, planned, known.near(figure), difference, gap)


def tally(verdicts: Sequence[Verdict]) -> str:
    """The numbers of verdicts in words: `17 figures agree, 3 below, 41 not run`."""
    counts = {word: sum(one.word == word for one in verdicts) for word in WORDS}
    agree = counts.pop("agrees")
    first = "1 figure agrees" if agree == 1 else f"{agree} figures agree"
    return ", ".join([first, *(f"{count} {word}" for word, count in counts.items() if count)])

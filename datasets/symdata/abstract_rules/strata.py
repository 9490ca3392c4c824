"""The problem space of each task, cut into strata of equal weight that can be drawn from exactly.

A stratum is a rule with a place of the answer, so that equal shares of the strata balance both at
once. Its problems are numbered 0 … space-1 without a gap or a repetition.

Letters: N problems, T images of a problem, n symbols to choose from; A, B, C, D, E symbols.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, perm

import numpy as np

from symdata.abstract_rules.counting import ARRANGEMENTS, ORDERS, ordered, skip, unordered
from symdata.sampling import Draw

SAME, DIFFERENT = 0, 1
ABA, ABB, AAA = 0, 1, 2


@dataclass(frozen=True)
class Stratum:
    """Problems of one rule.

    space: how many there are. label: their class, or None where a problem leaves the class open
    and it is drawn. build: codes (N,), labels (N,), stream → symbols (N, T) in [0, n).
    repeats: whether problems come more than once where that is needed to balance the strata.
    """

    rule: int
    label: int | None
    space: int
    build: Callable[[np.ndarray, np.ndarray, Draw], np.ndarray]
    repeats: bool = False


def same_different(n: int) -> list[Stratum]:
    """Strata of A A (n problems) and A B (n(n-1) problems)."""

    def same(code: np.ndarray, label: np.ndarray, draw: Draw) -> np.ndarray:
        return np.stack([code, code], axis=1)

    def different(code: np.ndarray, label: np.ndarray, draw: Draw) -> np.ndarray:
        return ordered(code, n, 2)

    return [
        Stratum(SAME, 0, n, same, repeats=True),
        Stratum(DIFFERENT, 1, n * (n - 1), different),
    ]


def rmts(n: int) -> list[Stratum]:
    """Strata of A A, B B, C D and A B, C D, E E, and the same with the target pairs exchanged."""

    def stratum(rule: int, label: int) -> Stratum:
        source, same, different = (
            ([0, 0], [1, 1], [2, 3]) if rule == SAME else ([0, 1], [4, 4], [2, 3])
        )
        answer, other = (same, different) if rule == SAME else (different, same)
        columns = source + (answer + other if label == 0 else other + answer)
        k = 1 + max(columns)
        return Stratum(rule, label, perm(n, k), lambda code, _, __: ordered(code, n, k)[:, columns])

    # This order balances rules and labels in every even number of problems.
    return [stratum(SAME, 0), stratum(DIFFERENT, 1), stratum(SAME, 1), stratum(DIFFERENT, 0)]


def distribution_of_three(n: int) -> list[Stratum]:
    """Strata of two permutations of three symbols; the last symbol of the second is asked for.

    A problem is the three symbols and the two permutations. The fourth choice and the order of the
    choices are drawn beside it, and make no other problem.
    """

    def build(code: np.ndarray, label: np.ndarray, draw: Draw) -> np.ndarray:
        code, first = np.divmod(code, 6)
        code, second = np.divmod(code, 6)
        three = unordered(code, n, 3)
        row = np.take_along_axis(three, ORDERS[first], axis=1)
        next_row = np.take_along_axis(three, ORDERS[second], axis=1)
        fourth = skip(draw.below(n - 3, len(code)), three)
        choices = _choices([*next_row.T[::-1], fourth], label, draw.below(6, len(code)))
        return np.concatenate([row, next_row[:, :2], choices], axis=1)

    return [Stratum(0, None, 36 * comb(n, 3), build)]


def identity_rules(n: int) -> list[Stratum]:
    """Strata of A B A, C D: C; A B B, C D: D; A A A, C C: C; choices A, B, C, D in any order.

    In A A A, symbols B and D stand only among the choices, so that exchanging them changes
    nothing: the rule has half as many problems as the others, and repeats them where n is so
    small that all are needed (n < 6 at 10,000 problems).
    """
    patterns = {ABA: ([0, 1, 0, 2, 3], 2), ABB: ([0, 1, 1, 2, 3], 3), AAA: ([0, 0, 0, 2, 2], 2)}

    def stratum(rule: int, label: int) -> Stratum:
        images, answer = patterns[rule]
        others = [k for k in range(4) if k != answer]
        four = perm(n, 2) * comb(n - 2, 2) if rule == AAA else perm(n, 4)

        def build(code: np.ndarray, label: np.ndarray, draw: Draw) -> np.ndarray:
            code, order = np.divmod(code, 6)
            symbols = _distractors_unordered(code, n) if rule == AAA else ordered(code, n, 4)
            choices = _choices([symbols[:, k] for k in (answer, *others)], label, order)
            return np.concatenate([symbols[:, images], choices], axis=1)

        return Stratum(rule, label, 6 * four, build, repeats=rule == AAA)

    # Three rules and four places have no common divisor, so that this goes through all twelve
    # strata, and any number of problems dealt out in this order balances both.
    return [stratum(k % 3, k % 4) for k in range(12)]


def _distractors_unordered(code: np.ndarray, n: int) -> np.ndarray:
    """Symbols A, B, C, D of a code, A and C in order, B and D in none. code: (N,) → (N, 4)."""
    pair, code = np.divmod(code, n * (n - 1))
    a_and_c = ordered(code, n, 2)
    b, d = (skip(rank, a_and_c) for rank in unordered(pair, n - 2, 2).T)
    return np.stack([a_and_c[:, 0], b, a_and_c[:, 1], d], axis=1)


def _choices(four: list[np.ndarray], place: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Choices (N, 4): the first of four symbols (N,) at `place`, the others in `order`."""
    return np.take_along_axis(np.stack(four, axis=1), ARRANGEMENTS[place, order], axis=1)


STRATA = {
    "same_different": same_different,
    "rmts": rmts,
    "distribution_of_three": distribution_of_three,
    "identity_rules": identity_rules,
}

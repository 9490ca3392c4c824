"""The rule of mnist10, for a scene that has been parsed.

One digit of each class, and a set of classes in each quadrant: clockwise from the top left {0, 1},
{2, 3, 4}, {8, 9}, {5, 6, 7}, each diagonal pair of sets in either order; 0 and 8 have the same
position within their quadrants, and so have 1 and 9; no digits overlap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from symdata.digit_rules import (
    QUADRANTS,
    TOLERANCE,
    UNRECOGNISED,
    counts,
    overlaps,
    parsed,
    quadrants,
    unreadable,
)

SETS = ((0, 1), (2, 3, 4), (8, 9), (5, 6, 7))
"""Sets of classes by quadrant, clockwise from the top left, before any exchange."""

TOGETHER = ((0, 8), (1, 9))
"""Classes that have the same position, each within its quadrant."""


def violations(classes: Sequence[int], centres: np.ndarray, size: int) -> tuple[str, ...]:
    """Faults of a scene against the rule, a short phrase each; empty if it obeys.

    classes: K digits, -1 for one that cannot be read. centres: (K, 2), x and y in pixels, best the
    ink's centre of mass. size: the image's side, in pixels. A place may be off by `TOLERANCE`.
    """
    labels, points = parsed(classes, centres)
    where = quadrants(points, size)
    return (
        *counts(len(labels), 10),
        *unreadable(labels, where),
        *_sets(labels, where),
        *_together(labels, points, where, size),
        *overlaps(points, size),
    )


def agreement(names: Sequence[str], centres: np.ndarray, size: int) -> int:
    """The most digits that lie in the quadrants of one order of the sets, one of a class: 0 to 10.

    names: of K digits, as a judge says them; others than digits agree with nothing. centres:
    (K, 2) of their boxes, in pixels. Places within a quadrant do not matter.
    """
    where = quadrants(np.reshape(centres, (-1, 2)), size)
    seen = {(name, int(quadrant)) for name, quadrant in zip(names, where, strict=True)}

    def right(quadrant: int, classes: tuple[int, ...]) -> int:
        return sum((str(label), quadrant) in seen for label in classes)

    return sum(
        max(
            right(one, SETS[one]) + right(other, SETS[other]),
            right(one, SETS[other]) + right(other, SETS[one]),
        )
        for one, other in ((0, 2), (1, 3))
    )


def _sets(labels: np.ndarray, where: np.ndarray) -> Iterator[str]:
    """Faults of each diagonal pair in the order of its sets that leaves fewer digits wrong."""
    found = [Counter(labels[where == q].tolist()) for q in range(4)]
    for one, other in ((0, 2), (1, 3)):
        plain = {one: SETS[one], other: SETS[other]}
        exchanged = {one: SETS[other], other: SETS[one]}
        orders = [[*_differences(found, order)] for order in (plain, exchanged)]
        faults = min(orders, key=lambda order: sum(wrong for wrong, _ in order))
        yield from (reason for wrong, reason in faults if wrong)


def _differences(
    found: list[Counter[int]], expected: Mapping[int, tuple[int, ...]]
) -> Iterator[tuple[int, str]]:
    """Numbers of wrong digits in a quadrant, with the reasons in words.

    A digit that cannot be read may be one that seems to be missing.
    """
    for quadrant, classes in expected.items():
        read = Counter({k: n for k, n in found[quadrant].items() if k != UNRECOGNISED})
        lacking, extra = Counter(classes) - read, read - Counter(classes)
        lacks = max(lacking.total() - found[quadrant][UNRECOGNISED], 0)
        holds = " ".join(str(k) for k in sorted(read.elements())) or "no digit"
        wanted = " ".join(map(str, classes))
        reason = f"the {QUADRANTS[quadrant]} quadrant holds {holds}, not {wanted}"
        yield lacks + extra.total(), reason


def _together(
    labels: np.ndarray, points: np.ndarray, where: np.ndarray, size: int
) -> Iterator[str]:
    """Faults where 0 lies unlike 8, or 1 unlike 9, if each is there once and on that diagonal."""
    within = np.where(points > size / 2, points - size / 2, points)
    for pair in TOGETHER:
        rows = np.flatnonzero(np.isin(labels, pair))
        if sorted(labels[rows]) != list(pair) or sorted(where[rows]) != [0, 2]:
            continue
        off = np.abs(within[rows[0]] - within[rows[1]]).max()
        if off > TOLERANCE * size:
            yield f"the {pair[0]} and the {pair[1]} lie {off:.0f} pixels apart in their quadrants"

"""The rule of mnist4, for a scene that has been parsed.

One digit a quadrant; classes c, c+1, c+2, c+3 clockwise from the top left, c in 0 … 6; places
mirrored about both axes through the image's centre.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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

STARTS = 7


def violations(classes: Sequence[int], centres: np.ndarray, size: int) -> tuple[str, ...]:
    """Faults of a scene against the rule, a short phrase each; empty if it obeys.

    classes: K digits, -1 for one that cannot be read. centres: (K, 2), x and y in pixels, best the
    ink's centre of mass. size: the image's side, in pixels. A place may be off by `TOLERANCE`.
    """
    labels, points = parsed(classes, centres)
    where = quadrants(points, size)
    reasons = [*counts(len(labels), 4), *unreadable(labels, where)]
    held = np.bincount(where, minlength=4)
    if len(labels) == 4:
        reasons += [
            f"the {QUADRANTS[q]} quadrant holds {held[q]} digits, not 1"
            for q in np.flatnonzero(held != 1)
        ]
    # A digit that shares its quadrant may be the one too many, so that nothing is said about it.
    alone = held[where] == 1
    labels, points, where = labels[alone], points[alone], where[alone]
    return (
        *reasons,
        *_order(labels, where),
        *_mirror(points, where, size),
        *overlaps(points, size),
    )


def agreement(names: Sequence[str], centres: np.ndarray, size: int) -> int:
    """The most digits that agree on one start class c, at most one a quadrant: 0 to 4.

    names: of K digits, as a judge says them; others than digits agree with nothing. centres:
    (K, 2) of their boxes, in pixels. Places within a quadrant do not matter.
    """
    where = quadrants(np.reshape(centres, (-1, 2)), size)
    seen = {(name, int(quadrant)) for name, quadrant in zip(names, where, strict=True)}
    return max(sum((str(c + q), q) in seen for q in range(4)) for c in range(STARTS))


def _order(labels: np.ndarray, where: np.ndarray) -> Iterator[str]:
    """Faults against the start class that explains most digits, the top left's before others."""
    read = labels != UNRECOGNISED
    labels, where = labels[read], where[read]
    starts = labels - where
    fit = (starts == np.arange(STARTS)[:, None]).sum(axis=1) + 0.5 * np.isin(
        np.arange(STARTS), starts[where == 0]
    )
    expected = int(fit.argmax()) + where
    for label, right, quadrant in zip(labels, expected, where, strict=True):
        if label != right:
            yield f"the {QUADRANTS[quadrant]} digit is a {label}, not a {right}"


def _mirror(points: np.ndarray, where: np.ndarray, size: int) -> Iterator[str]:
    """Faults against the median of all places, mirrored into the top left quadrant."""
    right, below = np.isin(where, (1, 2)), np.isin(where, (2, 3))
    far = np.stack([right, below], axis=1)
    places = np.where(far, size - points, points)
    if len(places) < 2:
        return
    off = np.abs(places - np.median(places, axis=0)).max(axis=1)
    for way, quadrant in zip(off, where, strict=True):
        if way > TOLERANCE * size:
            yield f"the {QUADRANTS[quadrant]} digit is {way:.0f} pixels off where others mirror it"

"""Parts that the rules of `mnist4` and `mnist10` share, for scenes that have been parsed.

A parsed scene is the classes of its digits, -1 for one that cannot be read, and their centres in
pixels. A centre is best the ink's centre of mass: of both digit sources it lies within a pixel (at
128) of the middle of the digit's cell, where the middle of the ink's box is off by up to 4.5.

Letters: K digits found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

UNRECOGNISED = -1
"""The class of a digit that cannot be read."""

QUADRANTS = ("top-left", "top-right", "bottom-right", "bottom-left")

TOLERANCE = 4.5 / 128
"""Largest offset of a digit from where the rule puts it, along x or y, as a share of the side.

The centres of two digits of correct scenes are within a pixel of 128 each, and digits that the
generator puts in a wrong place are off by at least 6. A digit that is off by 4, or by 2 of 64,
which nobody sees, is not right at the limit.
"""

# Distance below which, along x and y, digits overlap: ink is up to 20 of 128 pixels wide and high.
_OVERLAP = 16 / 128


def quadrants(centres: np.ndarray, size: int) -> np.ndarray:
    """Quadrant in which each centre lies, clockwise from the top left. (K, 2) → (K,) int64."""
    right, below = (2 * centres > size).T.astype(int)
    return np.array([[0, 1], [3, 2]])[below, right]


def parsed(classes: Sequence[int], centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes (K,) int64 and centres (K, 2) float64; `ValueError` where K is not the same."""
    labels = np.asarray(classes, dtype=np.int64).reshape(-1)
    points = np.asarray(centres, dtype=np.float64).reshape(-1, 2)
    if len(labels) != len(points):
        raise ValueError(f"{len(labels)} classes and {len(points)} centres; give one for one.")
    return labels, points


def counts(found: int, expected: int) -> Iterator[str]:
    """Reason where there are too few or too many digits."""
    if found != expected:
        verb = "is 1 digit" if found == 1 else f"are {found} digits"
        yield f"there {verb}, not {expected}"


def unreadable(labels: np.ndarray, where: np.ndarray) -> Iterator[str]:
    """One reason for each digit that cannot be read."""
    for quadrant in where[labels == UNRECOGNISED]:
        yield f"a digit in the {QUADRANTS[quadrant]} quadrant cannot be read"


def overlaps(points: np.ndarray, size: int) -> Iterator[str]:
    """Reason where two digits lie so close that they must overlap, however narrow they are."""
    near = (np.abs(points[:, None] - points) < _OVERLAP * size).all(axis=-1)
    if near.sum() > len(points):
        yield "two digits overlap"

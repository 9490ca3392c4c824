"""What the rules of `mnist4` and `mnist10` have in common when a scene has been parsed.

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

TOLERANCE = 4 / 128
"""How far, of the image's side and along x or y, a digit may be from where the rule puts it.

The centres of two digits of correct scenes are within a pixel of 128 each, and digits that the
generator puts in a wrong place are 6 off at least.
"""

# The ink is up to 20 of 128 pixels wide and high. Closer than this in both, digits overlap.
_OVERLAP = 20 / 128 - TOLERANCE


def quadrants(centres: np.ndarray, size: int) -> np.ndarray:
    """In which quadrant each centre lies, clockwise from the top left. (K, 2) → (K,) int64."""
    right, below = (2 * centres > size).T.astype(int)
    return np.array([[0, 1], [3, 2]])[below, right]


def parsed(classes: Sequence[int], centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K,) int64 and (K, 2) float64; `ValueError` where the two do not belong together."""
    labels = np.asarray(classes, dtype=np.int64).reshape(-1)
    points = np.asarray(centres, dtype=np.float64).reshape(-1, 2)
    if len(labels) != len(points):
        raise ValueError(f"{len(labels)} classes and {len(points)} centres; give one for one.")
    return labels, points


def counts(found: int, expected: int) -> Iterator[str]:
    """Whether there are as many digits as there should be."""
    if found != expected:
        verb = "is 1 digit" if found == 1 else f"are {found} digits"
        yield f"there {verb}, not {expected}"


def unreadable(labels: np.ndarray, where: np.ndarray) -> Iterator[str]:
    """One reason for each digit that cannot be read."""
    for quadrant in where[labels == UNRECOGNISED]:
        yield f"a digit in the {QUADRANTS[quadrant]} quadrant cannot be read"


def overlaps(points: np.ndarray, size: int) -> Iterator[str]:
    """Whether any two digits lie so close that they must overlap, however narrow."""
    near = (np.abs(points[:, None] - points) < _OVERLAP * size).all(axis=-1)
    if near.sum() > len(points):
        yield "two digits overlap"

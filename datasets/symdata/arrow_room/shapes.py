"""The four things of the room: how large they are, and where their outlines lie.

All stand on the floor. A thing's turn is the unit vector (cos, sin) of its rotation about the
vertical; an arrow points along its turn.

Letters: M things, P points.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from symdata.arrow_room import SHAPES, camera

# Radius of sphere and cylinder, half the side of the cube: they look equally large.
SPHERE, CYLINDER, CUBE = 0.7, 0.62, 0.58
# Length of the arrow, width of its head and shaft, length of the head, thickness.
LENGTH, HEAD_WIDTH, SHAFT_WIDTH, HEAD_LENGTH, THICKNESS = 2.0, 1.3, 0.5, 0.9, 0.36

CUBE_CODE, SPHERE_CODE, CYLINDER_CODE, ARROW_CODE = range(len(SHAPES))

HEIGHTS = np.array([CUBE, SPHERE, CYLINDER, THICKNESS / 2])
"""Height of the centre above the floor, by shape."""

REACHES = np.array(
    [
        CUBE * math.sqrt(2),
        SPHERE,
        CYLINDER,
        math.sqrt(LENGTH * LENGTH + SHAFT_WIDTH * SHAFT_WIDTH) / 2,
    ]
)
"""Radius of the circle on the floor that holds the whole thing however it is turned, by shape."""

# Corners along the arrow and to its left, from the tip, anticlockwise seen from above.
ARROW_OUTLINE = np.array(
    [
        (LENGTH / 2, 0),
        (LENGTH / 2 - HEAD_LENGTH, HEAD_WIDTH / 2),
        (LENGTH / 2 - HEAD_LENGTH, SHAFT_WIDTH / 2),
        (-LENGTH / 2, SHAFT_WIDTH / 2),
        (-LENGTH / 2, -SHAFT_WIDTH / 2),
        (LENGTH / 2 - HEAD_LENGTH, -SHAFT_WIDTH / 2),
        (LENGTH / 2 - HEAD_LENGTH, -HEAD_WIDTH / 2),
    ]
)


def _circle() -> np.ndarray:
    """Points (64, 2) of the unit circle, rational, so that no mathematical library matters."""
    quarter = []
    for k in range(16):
        t = Fraction(k, 16)
        below = 1 + t * t
        quarter.append((float((1 - t * t) / below), float(2 * t / below)))
    turns = ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))
    return np.array([(a * x + b * y, c * x + d * y) for a, b, c, d in turns for x, y in quarter])


def _prism(outline: np.ndarray, half: float) -> np.ndarray:
    """Points of an outline (P, 2) at the heights -half and +half, (2P, 3)."""
    low, high = np.full((len(outline), 1), -half), np.full((len(outline), 1), half)
    return np.concatenate([np.hstack([outline, low]), np.hstack([outline, high])])


_SQUARE = np.array([(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)])
_POINTS = {
    CUBE_CODE: _prism(CUBE * _SQUARE, CUBE),
    CYLINDER_CODE: _prism(CYLINDER * _circle(), CYLINDER),
    ARROW_CODE: _prism(ARROW_OUTLINE, THICKNESS / 2),
}


def boxes(shapes: np.ndarray, positions: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Boxes (M, 4) in an image of side 1. shapes: (M,), positions: (M, 3), turns: (M, 2)."""
    found = np.empty((len(shapes), 4))
    for code in range(len(SHAPES)):
        rows = np.flatnonzero(shapes == code)
        centres, turned = positions[rows], turns[rows]
        if code == SPHERE_CODE:
            found[rows] = camera.boxes_of_spheres(centres, SPHERE)
            continue
        x, y, z = _POINTS[code].T
        cosine, sine = turned[:, :1], turned[:, 1:]
        moved = np.stack(
            [cosine * x - sine * y, sine * x + cosine * y, np.broadcast_to(z, (len(rows), len(z)))],
            axis=-1,
        )
        found[rows] = camera.boxes_of_points(centres[:, None] + moved)
    return found

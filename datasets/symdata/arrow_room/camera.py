"""The camera of the room, which never moves, and the maps between world and image.

World: x to the right, y away from the camera, z up, the floor is z = 0; units are about those of
CLEVR, whose objects are 1.4 wide. Image: x to the right, y down, in units of the image's side,
[0, 1] × [0, 1], whatever its size in pixels.

Only operations that IEEE 754 rounds in one way are used, each over a whole array, so that every
machine gets the same numbers.
"""

from __future__ import annotations

import math

import numpy as np

EYE = (0.0, -8.6, 5.4)
TARGET = (0.0, -0.15, 0.35)
# Half the width of what is seen at distance 1.
HALF = 0.355
FIELD_OF_VIEW = 2 * math.degrees(math.atan(HALF))

# The camera looks along y and down: its axes are x, `_UP` and `_AHEAD`.
_DROP, _REACH = TARGET[2] - EYE[2], TARGET[1] - EYE[1]
_LENGTH = math.sqrt(_DROP * _DROP + _REACH * _REACH)
_AHEAD = (_REACH / _LENGTH, _DROP / _LENGTH)
_UP = (-_AHEAD[1], _AHEAD[0])


def seen_from(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of the world (..., 3) in the camera's axes: right, up and ahead, each (...)."""
    y, z = points[..., 1] - EYE[1], points[..., 2] - EYE[2]
    return points[..., 0] - EYE[0], _UP[0] * y + _UP[1] * z, _AHEAD[0] * y + _AHEAD[1] * z


def project(points: np.ndarray) -> np.ndarray:
    """Project points of the world (..., 3) into the image (..., 2)."""
    right, up, ahead = seen_from(points)
    width = 2 * HALF * ahead
    return np.stack([0.5 + right / width, 0.5 - up / width], axis=-1)


def unproject(places: np.ndarray, height: np.ndarray | float) -> np.ndarray:
    """World's x and y (..., 2) of what is seen in the image at these places (..., 2), at height z.

    A place at or above the horizon is taken for one just below it.
    """
    right, up = (places[..., 0] - 0.5) * 2 * HALF, (0.5 - places[..., 1]) * 2 * HALF
    y, z = _AHEAD[0] + _UP[0] * up, _AHEAD[1] + _UP[1] * up
    far = (height - EYE[2]) / np.minimum(z, -0.02)
    return np.stack([EYE[0] + right * far, EYE[1] + y * far], axis=-1)


def distance(points: np.ndarray) -> np.ndarray:
    """Distance of points of the world (..., 3) from the camera, (...)."""
    x, y, z = (points[..., axis] - EYE[axis] for axis in range(3))
    return np.asarray(np.sqrt(x * x + y * y + z * z))


def boxes_of_points(points: np.ndarray) -> np.ndarray:
    """Boxes (..., 4) in the image around things with these corners in the world (..., P, 3)."""
    seen = project(points)
    return np.concatenate([seen.min(axis=-2), seen.max(axis=-2)], axis=-1)


def boxes_of_spheres(centres: np.ndarray, radius: float) -> np.ndarray:
    """Boxes (..., 4) around spheres with these centres (..., 3); a sphere's outline is an ellipse.

    The planes through the eye and the image's vertical (or horizontal) lines that touch the sphere
    have slopes t with |right - t ahead| = radius sqrt(1 + t²).
    """
    right, up, ahead = seen_from(centres)
    bounds = []
    for across in (right, -up):
        square = radius * radius
        root = radius * np.sqrt(across * across + ahead * ahead - square)
        below = ahead * ahead - square
        bounds.append([(across * ahead - root) / below, (across * ahead + root) / below])
    (left, far_right), (top, bottom) = bounds
    box = np.stack([left, top, far_right, bottom], axis=-1)
    return np.asarray(0.5 + box / (2 * HALF))

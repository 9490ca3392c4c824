"""Measures of behaviour research on two tracked mice, for all frames of a recording at once.

The terms, by which a program describes behaviour, are those of Zhan, Sun, Kennedy, Yue and
Chaudhuri, "Unsupervised Learning of Neurosymbolic Encoders" (TMLR 2022); the definitions are ours,
in closed form:

- head: the mean of nose, ears and neck. body: the mean of neck, hips and tail base.
- head–body angle: at the neck, between the directions to the nose and to the tail base; π for a
  stretched mouse.
- social angle: between the direction in which a mouse faces (tail base to neck) and that from its
  body to the other's body; 0 where it faces the other, π where it turns its back.
- speed and acceleration: of the body, or of the nose, from frame to frame (`symdata.trajectories`).
- ellipse: around the seven keypoints, with half-axes a ≥ b of two standard deviations along the
  principal axes of their covariance (divided by 7). Its area is π a b, its axis ratio b / a.
- box overlap: intersection over union of the two mice's upright bounding boxes.

Angles are unsigned, in [0, π]; one between points that coincide is 0, and so are the axis ratio of
a point and the overlap of two boxes without area.

Letters: F frames; the axes of points are frame, mouse, body part, xy.
"""

from __future__ import annotations

import numpy as np

from symdata.calms21.recordings import PARTS
from symdata.trajectories import acceleration, length, speed

NOSE, LEFT_EAR, RIGHT_EAR, NECK, LEFT_HIP, RIGHT_HIP, TAIL = range(len(PARTS))
HEAD = (NOSE, LEFT_EAR, RIGHT_EAR, NECK)
BODY = (NECK, LEFT_HIP, RIGHT_HIP, TAIL)
RESIDENT, INTRUDER = 0, 1

FEATURES = (
    "head_body_angle_resident",
    "head_body_angle_intruder",
    "social_angle_resident",
    "social_angle_intruder",
    "speed_resident",
    "speed_intruder",
    "nose_tail_distance",
    "nose_nose_distance",
    "head_head_distance",
    "body_body_distance",
    "head_body_distance",
    "acceleration_resident",
    "acceleration_intruder",
    "nose_speed_resident",
    "axis_ratio_resident",
    "box_overlap",
    "ellipse_area_resident",
    "ellipse_area_intruder",
)


def features(keypoints: np.ndarray) -> dict[str, np.ndarray]:
    """Every feature in every frame. keypoints: (F, 2, 2, 7), pixels → (F,) float32 each.

    Radians, pixels, pixels a frame, pixels a frame², pixels². Distances with one part of each mouse
    run from the resident's to the intruder's.
    """
    points = np.swapaxes(keypoints, 2, 3).astype(np.float64)
    resident, intruder = points[:, RESIDENT], points[:, INTRUDER]
    head, body = centre(points, HEAD), centre(points, BODY)
    bend, facing = head_body_angle(points), social_angle(points)
    moves = speed(np.swapaxes(body, 0, 1))
    accelerates = acceleration(np.swapaxes(body, 0, 1))
    longer, shorter = half_axes(points)
    area = np.pi * longer * shorter
    values = (
        bend[:, RESIDENT],
        bend[:, INTRUDER],
        facing[:, RESIDENT],
        facing[:, INTRUDER],
        moves[RESIDENT],
        moves[INTRUDER],
        length(intruder[:, TAIL] - resident[:, NOSE]),
        length(intruder[:, NOSE] - resident[:, NOSE]),
        length(head[:, INTRUDER] - head[:, RESIDENT]),
        length(body[:, INTRUDER] - body[:, RESIDENT]),
        length(body[:, INTRUDER] - head[:, RESIDENT]),
        accelerates[RESIDENT],
        accelerates[INTRUDER],
        speed(resident[:, NOSE]),
        _ratio(shorter, longer)[:, RESIDENT],
        box_overlap(resident, intruder),
        area[:, RESIDENT],
        area[:, INTRUDER],
    )
    return {name: value.astype(np.float32) for name, value in zip(FEATURES, values, strict=True)}


def centre(points: np.ndarray, parts: tuple[int, ...]) -> np.ndarray:
    """Mean of some body parts. points: (..., 7, 2) → (..., 2)."""
    return np.asarray(sum(points[..., part, :] for part in parts) / len(parts))


def angle(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Unsigned angle between two vectors, in [0, π]. (..., 2), (..., 2) → (...).

    Computed with the arc tangent, which is exact near 0 and π, where the arc cosine is not.
    """
    cross = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
    dot = one[..., 0] * other[..., 0] + one[..., 1] * other[..., 1]
    return np.asarray(np.arctan2(np.abs(cross), dot))


def head_body_angle(points: np.ndarray) -> np.ndarray:
    """Angle at the neck between nose and tail base. points: (..., 7, 2) → (...)."""
    neck = points[..., NECK, :]
    return angle(points[..., NOSE, :] - neck, points[..., TAIL, :] - neck)


def social_angle(points: np.ndarray) -> np.ndarray:
    """Angle by which each mouse faces away from the other. points: (F, 2, 7, 2) → (F, 2)."""
    body = centre(points, BODY)
    faces = points[..., NECK, :] - points[..., TAIL, :]
    return angle(faces, body[:, ::-1] - body)


def half_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longer and shorter half-axis of the ellipse around a mouse. points: (..., 7, 2) → 2 of (...).

    Two square roots of the eigenvalues of the 2×2 covariance, m ± sqrt(d² + c²) with its mean
    diagonal m, half difference d and off-diagonal c.
    """
    x, y = np.moveaxis(points - centre(points, tuple(range(len(PARTS))))[..., None, :], -1, 0)
    xx, yy, xy = _mean(x * x), _mean(y * y), _mean(x * y)
    middle, half = (xx + yy) / 2, (xx - yy) / 2
    spread = np.sqrt(half * half + xy * xy)
    # Rounding can leave the shorter axis of points on a line just below zero.
    return 2 * np.sqrt(middle + spread), 2 * np.sqrt(np.maximum(middle - spread, 0))


def box_overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union of two upright bounding boxes. (..., 7, 2), (..., 7, 2) → (...)."""
    low, high = one.min(axis=-2), one.max(axis=-2)
    other_low, other_high = other.min(axis=-2), other.max(axis=-2)
    shared = _area(np.maximum(low, other_low), np.minimum(high, other_high))
    return _ratio(shared, _area(low, high) + _area(other_low, other_high) - shared)


def _area(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Area of a box, 0 where it is turned inside out. (..., 2), (..., 2) → (...)."""
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the body parts, added from the first to the last. (..., 7) → (...)."""
    return np.asarray(sum(np.moveaxis(values, -1, 0)) / values.shape[-1])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Share of a part in a whole, 0 where the whole is 0. (...), (...) → (...)."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)

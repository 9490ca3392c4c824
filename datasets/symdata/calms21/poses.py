"""The 18 numbers that describe two mice in a frame.

Keypoints are shifted and scaled by half the frame; then a mouse is its centre (the neck, 2), its
heading (sine and cosine of the direction from neck to tail base, 2) and the first 5 components of
its pose, which is its keypoints seen from the neck and turned so that this direction is +x.

Source: Zhan, Sun, Kennedy, Yue and Chaudhuri, "Unsupervised Learning of Neurosymbolic Encoders"
(TMLR 2022), after Sun et al., "Task Programming" (CVPR 2021). One basis serves both mice.

Letters: F frames, P = 14 numbers of a pose (x and y of 7 keypoints), K = 5 components.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sklearn.decomposition import TruncatedSVD

from symdata.calms21 import DATA
from symdata.calms21.geometry import NECK, TAIL
from symdata.calms21.recordings import MICE, PARTS
from symdata.trajectories import length

_CONSTANTS = DATA.settings("default")
HALF_FRAME = np.array(_CONSTANTS["half_frame"])
"""Half the width and half the height of the picture, pixels."""

COMPONENTS: int = _CONSTANTS["components"]
POSE = 2 * len(PARTS)
NUMBERS = len(MICE) * (4 + COMPONENTS)

# The basis is rounded to these decimals, below which linear algebra differs between machines.
_DECIMALS = 6


def egocentric(keypoints: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre (F, 2, 2), heading (F, 2, 2) and pose (F, 2, P) of each mouse.

    keypoints: (F, 2, 2, 7), pixels. heading: sine and cosine; those of angle 0 where neck and tail
    base coincide. pose: x of the seven keypoints, then y.
    """
    points = (keypoints.astype(np.float64) - HALF_FRAME[:, None]) / HALF_FRAME[:, None]
    neck = points[..., NECK]
    along = points[..., TAIL] - neck
    size = length(along)
    known = size > 0
    cosine = np.divide(along[..., 0], size, out=np.ones_like(size), where=known)
    sine = np.divide(along[..., 1], size, out=np.zeros_like(size), where=known)
    x, y = np.moveaxis(points - neck[..., None], 2, 0)
    c, s = cosine[..., None], sine[..., None]
    pose = np.concatenate([c * x + s * y, c * y - s * x], axis=-1)
    return neck, np.stack([sine, cosine], axis=-1), pose


def basis(recordings: Iterable[np.ndarray]) -> np.ndarray:
    """The first right singular vectors of all poses. recordings: of (F, 2, 2, 7) → (K, P).

    The poses are read once, recording after recording: the triangular factor of what has been seen
    has the singular values and right singular vectors of all of it. Each vector's largest entry is
    positive.
    """
    factor = np.empty((0, POSE))
    for keypoints in recordings:
        _, _, pose = egocentric(keypoints)
        stacked = np.concatenate([factor, pose.reshape(-1, POSE)])
        factor = np.asarray(np.linalg.qr(stacked, mode="r"))
    vectors = TruncatedSVD(COMPONENTS, random_state=0).fit(factor).components_
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    return np.asarray(np.round(np.where(largest < 0, -vectors, vectors), _DECIMALS))


def states(keypoints: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """State of each frame, (F, 18) float32. keypoints: (F, 2, 2, 7), pixels; vectors: (K, P).

    Nine numbers of the resident, then nine of the intruder: centre, heading, components.
    """
    neck, heading, pose = egocentric(keypoints)
    # Terms are added one after the other, so that the sum is the same on every machine.
    components = sum(pose[..., p, None] * vectors[:, p] for p in range(POSE))
    mice = np.concatenate([neck, heading, np.asarray(components)], axis=-1)
    return mice.reshape(len(mice), NUMBERS).astype(np.float32)

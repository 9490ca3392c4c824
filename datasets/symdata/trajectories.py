"""Sets of trajectories in the form that all such data sets share, and the motion of a point.

Letters: N trajectories, T steps and so T+1 frames, D state features, C classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

UNKNOWN = -1
"""The label of a trajectory that nobody has labelled."""


@dataclass(frozen=True)
class Trajectories:
    """Trajectories of one split, with their features and labels.

    states: (N, T+1, D) float32, normalised as the data set's card says; an action is the difference
    of two states. features: name → (N, T+1) float32, numbers that programs can select, in natural
    units (pixels, feet, radians, a frame), computed once for all frames. labels: (N,) int64 into
    `classes`, or UNKNOWN. factors: (N, F) int64, what generated each trajectory, where that is
    known. warnings: lines for whoever reads a score on them.
    """

    states: np.ndarray
    features: dict[str, np.ndarray]
    labels: np.ndarray
    classes: tuple[str, ...]
    factors: np.ndarray | None = None
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


def fingerprint(splits: Mapping[str, Trajectories]) -> str:
    """A hash of all that a learner or a score can see, equal on every machine."""
    digest = hashlib.sha256()
    for split, part in splits.items():
        digest.update(f"{split} {part.classes}".encode())
        arrays = {"states": part.states, **part.features, "labels": part.labels}
        if part.factors is not None:
            arrays["factors"] = part.factors
        for name, array in arrays.items():
            code = "<f4" if array.dtype.kind == "f" else "<i8"
            digest.update(f"{name} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array, dtype=code).data)
    return digest.hexdigest()


def warned(splits: Mapping[str, Trajectories], place: Path) -> dict[str, Trajectories]:
    """The splits; that of the test warns where it holds copies of windows that methods learn from.

    place: the file or the folder that the test windows are from.
    """
    test, made = splits["test"], dict(splits)
    learned = {
        hash(states.tobytes())
        for split in ("train", "validation")
        for states in splits[split].states
    }
    copies = sum(hash(states.tobytes()) in learned for states in test.states)
    if copies:
        line = f"{copies} of {len(test)} test windows of {place} are copies of training windows"
        made["test"] = replace(test, warnings=(line,))
    return made


def length(vectors: np.ndarray) -> np.ndarray:
    """Euclidean norm. vectors: (..., 2) → (...).

    Written out because products, sums and square roots are the same on every machine, and
    `np.hypot` is not.
    """
    x, y = vectors[..., 0], vectors[..., 1]
    return np.asarray(np.sqrt(x * x + y * y))


def speed(points: np.ndarray) -> np.ndarray:
    """Distance from the frame before. points: (..., T+1, 2) → (..., T+1), length units a frame.

    The first frame, which has none before it, repeats the second; alone, it is at rest.
    """
    return _from_the_first_frame_on(length(np.diff(points, axis=-2)), points.shape[-2])


def acceleration(points: np.ndarray) -> np.ndarray:
    """Norm of the change of velocity. points: (..., T+1, 2) → (..., T+1), length units a frame².

    At frame t it is ‖x_t − 2 x_{t−1} + x_{t−2}‖; the first two frames repeat the third, and are
    without acceleration where there is none.
    """
    return _from_the_first_frame_on(length(np.diff(points, n=2, axis=-2)), points.shape[-2])


def _from_the_first_frame_on(values: np.ndarray, frames: int) -> np.ndarray:
    """Values (..., k) of the last frames, with the first of them repeated before: (..., frames)."""
    known = values.shape[-1]
    if known == 0:
        return np.zeros((*values.shape[:-1], frames))
    return np.concatenate([np.repeat(values[..., :1], frames - known, axis=-1), values], axis=-1)

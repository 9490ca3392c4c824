"""Windows of 21 frames over two mice: `read(folder)` reads CalMS21's JSON files.

Training data are the unlabelled videos (`*unlabeled*.json`) where they are there, cut into windows
that do not overlap; otherwise the training file of Task 1, with a window from each frame on. The
test windows are all those of the test file of Task 1. A window's label is that of its centre frame;
-1 in the unlabelled videos. In the configuration "labelled" a further split has all windows of the
training file of Task 1.

The last 52 of 283 parts of every training recording (the share that the paper validates on) are the
validation split: a stretch in one piece, so that no window overlaps one of the training split. The
files are found at any depth below the folder; those with "features" in their names are left out.

Letters: N windows, T+1 = 21 frames of a window, F frames of a recording, D = 18 state features.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from symdata.calms21 import DATA, recordings
from symdata.calms21.geometry import FEATURES, features
from symdata.calms21.poses import basis, states
from symdata.calms21.recordings import Recording
from symdata.errors import DataError
from symdata.root import folder_of, hashes, matching, twice
from symdata.sources import DEFAULT, DataSources
from symdata.trajectories import UNKNOWN, Trajectories, warned

_CONSTANTS = DATA.settings("default")
FRAMES: int = _CONSTANTS["frames"]
CENTRE = FRAMES // 2
STRIDES: dict[str, int] = _CONSTANTS["strides"]
_LABELLED = DATA.needs[0][1]


def load(config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, Trajectories]:
    """The splits of the files that a user has brought."""
    return read(folder_of(DATA.name, DATA.needs, sources), config == "labelled")


def missing(config: str, sources: DataSources = DEFAULT) -> str | None:
    """Line where a test file is also for training, or labels are missing; None if all is well."""
    folder = folder_of(DATA.name, DATA.needs, sources)
    train, test = _paths(folder)
    labelled = _labelled(folder)
    if config == "labelled" and not labelled:
        return (
            f"{folder} holds no {_LABELLED}, whose labels a classifier of behaviour learns; the "
            f"card of {DATA.name} (its README.md) says where to get it."
        )
    return twice([*train, *(path for path in labelled if path not in train)], test)


def read(folder: Path, labelled: bool = False) -> dict[str, Trajectories]:
    """The splits "train", "validation" and "test" of a folder; `DataError` where a file is bad.

    labelled: give the split "labelled" too.
    """
    train, test = _paths(folder)
    unlabeled = "unlabeled" in train[0].name
    learned = _long(train, not unlabeled)
    tested = _long(test, True)
    told = [] if not labelled else _long(_labelled(folder), True) if unlabeled else learned
    names = {one.classes for one in (*learned, *tested, *told) if one.classes}
    if len(names) > 1:
        raise DataError(f"{folder}: the files differ in 'metadata.vocab'; it must be one.")
    (classes,) = names
    vectors = basis(one.keypoints[: _cut(len(one.keypoints))] for one in learned)
    seen = [(_cut(len(one.keypoints)), _frames(one, vectors)) for one in learned]
    stride = STRIDES["unlabeled" if unlabeled else "task1"]
    splits = {
        "train": (stride, [_stretch(columns, 0, cut) for cut, columns in seen]),
        "validation": (stride, [_stretch(columns, cut, None) for cut, columns in seen]),
        "test": (STRIDES["task1"], [_frames(one, vectors) for one in tested]),
    }
    if labelled:
        splits["labelled"] = (STRIDES["task1"], [_frames(one, vectors) for one in told])
    made = {}
    for split, (step, stretches) in splits.items():
        long = [columns for columns in stretches if len(columns["labels"]) >= FRAMES]
        if not long:
            raise DataError(f"{folder}: no recording leaves {FRAMES} frames for the {split} split.")
        made[split] = _windows(long, step, classes)
    return warned(made, test[0] if len(test) == 1 else folder)


def identity(folder: Path) -> dict[str, Any]:
    """Identity of the data, in JSON: a hash of each file that is read."""
    train, test = _paths(folder)
    return {"files": hashes(folder, list(dict.fromkeys([*train, *_labelled(folder), *test])))}


def _labelled(folder: Path) -> list[Path]:
    """The labelled files for training, those of Task 1; none where a user has brought none."""
    return matching(folder, (_LABELLED,))


def _paths(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of the training data and those of the test data."""
    found = []
    for patterns in DATA.needs:
        paths = matching(folder, patterns)
        if not paths:
            raise DataError(
                f"{folder} holds no {' or '.join(patterns)}; the card of {DATA.name} (its "
                "README.md) says where to get them."
            )
        found.append(paths)
    return found[0], found[1]


def _long(paths: list[Path], labelled: bool) -> list[Recording]:
    """The recordings of some files that are long enough for a window."""
    found = [one for path in paths for one in recordings.read(path, labelled)]
    long = [one for one in found if len(one.keypoints) >= FRAMES]
    if not long:
        raise DataError(f"{paths[0]}: no sequence has the {FRAMES} frames of a window.")
    return long


def _cut(count: int) -> int:
    """The frame at which the validation part of a training recording begins."""
    part, whole = _CONSTANTS["validation"]
    return count - round(count * part / whole)


def _frames(recording: Recording, vectors: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of each frame: states (F, D) float32, features (F,) float32, labels (F,)."""
    count = len(recording.keypoints)
    labels = recording.labels
    return {
        "states": states(recording.keypoints, vectors),
        **features(recording.keypoints),
        "labels": np.full(count, UNKNOWN, dtype=np.int64) if labels is None else labels,
    }


def _stretch(columns: dict[str, np.ndarray], first: int, end: int | None) -> dict[str, np.ndarray]:
    """The frames from `first` to before `end`."""
    return {name: array[first:end] for name, array in columns.items()}


def _windows(
    stretches: list[dict[str, np.ndarray]], step: int, classes: tuple[str, ...]
) -> Trajectories:
    """The windows of every stretch, one each `step` frames; each number is copied once."""

    def cut(name: str) -> np.ndarray:
        views = (sliding_window_view(one[name], FRAMES, axis=0)[::step] for one in stretches)
        # NumPy puts the frames of a window last: (n, …, T+1) → (n, T+1, …).
        return np.concatenate([np.moveaxis(view, -1, 1) for view in views])

    labels = cut("labels")[:, CENTRE]
    return Trajectories(
        cut("states"), {name: cut(name) for name in FEATURES}, labels.copy(), classes
    )

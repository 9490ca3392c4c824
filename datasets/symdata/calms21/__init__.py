"""Windows of two mice's movements (CalMS21); read from the official files, which a user downloads.

The arrays are in `windows.py`; here is what `symdata.hub` needs to make a Hugging Face data set of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symdata.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

NAME = "calms21"
VERSION = 1
"""Raised whenever a change of the code changes what the same files give."""

DESCRIPTION = "Two mice, seven keypoints each: what does the resident do to the intruder?"
CONFIGS = ("default",)
TRAIN = ("*unlabeled*.json", "*task1*train*.json")
TEST = ("*task1*test*.json",)
NEEDS: tuple[tuple[str, ...], ...] = (TRAIN, TEST)
UNPUBLISHED = "CalMS21 is CC-BY-NC-SA 4.0 and each user downloads it from its own page"


def settings(config: str) -> dict[str, Any]:
    """How recordings become windows. strides: frames from the start of a window to the next."""
    if config not in CONFIGS:
        raise DataError(f"{NAME} has no configuration '{config}'; there are: {', '.join(CONFIGS)}.")
    return {
        "frames": 21,
        "strides": {"unlabeled": 21, "task1": 1},
        "half_frame": [512.0, 285.0],
        "components": 5,
        "validation": [52, 283],
    }


def features(config: str) -> datasets.Features:
    """The declared columns of a configuration; the classes are those of the test file."""
    from symdata.calms21.geometry import FEATURES
    from symdata.calms21.poses import NUMBERS
    from symdata.calms21.windows import classes
    from symdata.root import folder
    from symdata.trajectory_columns import features

    frames = settings(config)["frames"]
    return features(frames, NUMBERS, FEATURES, classes(folder(NAME)))


def tables(config: str, seed: int) -> dict[str, pa.Table]:
    """The splits "train", "validation" and "test"; the same for every seed."""
    from symdata.calms21.windows import load
    from symdata.root import folder
    from symdata.trajectory_columns import table

    declared = features(config)
    return {split: table(part, declared) for split, part in load(folder(NAME)).items()}

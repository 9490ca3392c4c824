"""Windows of basketball play, seen from the offence or from the defence; read from a user's files.

The arrays are in `windows.py`; here is what `symdata.hub` needs to make a Hugging Face data set of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symdata.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

NAME = "basketball"
VERSION = 1
"""Raised whenever a change of the code changes what the same files give."""

DESCRIPTION = "Five basketball players on a half-court: are they the offence or the defence?"
CONFIGS = ("default",)
NEEDS: tuple[tuple[str, ...], ...] = (("train.npz",), ("test.npz",))
UNPUBLISHED = "the tracking data belong to those from whom you have them, under their terms"


def settings(config: str) -> dict[str, Any]:
    """How windows become examples."""
    if config not in CONFIGS:
        raise DataError(f"{NAME} has no configuration '{config}'; there are: {', '.join(CONFIGS)}.")
    return {
        "frames": 50,
        "every": 2,
        "shift": [25.0, 25.0],
        "scale": [94.0, 50.0],
        "basket": [5.25, 25.0],
        "validation": [31, 208],
    }


def features(config: str) -> datasets.Features:
    """The declared columns of a configuration."""
    from symdata.basketball.windows import CLASSES, FEATURES, KEPT, NUMBERS
    from symdata.trajectory_columns import features

    settings(config)
    return features(KEPT, NUMBERS, FEATURES, CLASSES)


def tables(config: str, seed: int) -> dict[str, pa.Table]:
    """The splits "train", "validation" and "test"; the same for every seed."""
    from symdata.basketball.windows import load
    from symdata.root import folder
    from symdata.trajectory_columns import table

    declared = features(config)
    return {split: table(part, declared) for split, part in load(folder(NAME)).items()}

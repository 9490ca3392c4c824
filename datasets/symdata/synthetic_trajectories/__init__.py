"""Noisy walks in the plane in one of four directions, generated.

The arrays are in `trajectories.py`; here is what `symdata.hub` needs to make a Hugging Face data
set of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symdata.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

NAME = "synthetic_trajectories"
VERSION = 1
"""Raised whenever a change of the code changes any trajectory."""

DESCRIPTION = "Noisy walks in the plane: two binary factors say where a walk ends."
CONFIGS = ("default",)
NEEDS: tuple[tuple[str, ...], ...] = ()
UNPUBLISHED = ""


def settings(config: str) -> dict[str, Any]:
    """The sizes of the splits and the constants of the generator."""
    if config not in CONFIGS:
        raise DataError(f"{NAME} has no configuration '{config}'; there are: {', '.join(CONFIGS)}.")
    return {
        "sizes": {"train": 10_000, "validation": 2_000, "test": 2_000},
        "steps": 25,
        "centre": 10.0,
        "speed": [0.05, 0.4],
        "drift": 0.4,
        "noise": 0.2,
    }


def features(config: str) -> datasets.Features:
    """The declared columns of a configuration."""
    from symdata.synthetic_trajectories.trajectories import CLASSES, FEATURES
    from symdata.trajectory_columns import features

    return features(settings(config)["steps"] + 1, 2, FEATURES, CLASSES, factors=2)


def tables(config: str, seed: int) -> dict[str, pa.Table]:
    """The splits "train", "validation" and "test", with the columns of `features`."""
    from symdata.synthetic_trajectories.trajectories import generate
    from symdata.trajectory_columns import table

    declared = features(config)
    return {split: table(part, declared) for split, part in generate(seed).items()}

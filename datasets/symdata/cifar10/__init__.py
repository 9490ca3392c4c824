"""CIFAR-10, read from the Hugging Face hub or from a copy that a user brings.

The arrays are in `images.py`; here is what `symdata.hub` needs to make a Hugging Face data set of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symdata.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

NAME = "cifar10"
VERSION = 1
"""Raised whenever a change of the code changes what the same copy gives."""

DESCRIPTION = "Small photographs of ten kinds of animals and vehicles (CIFAR-10)."
CONFIGS = ("full", "10k")
NEEDS: tuple[tuple[str, ...], ...] = ()
"""Not named here, as the hub is as good as files: `missing` says what there is."""

UNPUBLISHED = "CIFAR-10 is on the hub already, as uoft-cs/cifar10"
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

_SIZES = {
    "full": {"train": 50_000, "test": 10_000},
    "10k": {"train": 10_000, "test": 2_000},
}


def settings(config: str) -> dict[str, Any]:
    """The size of an image in pixels, and those of the splits."""
    if config not in CONFIGS:
        raise DataError(f"{NAME} has no configuration '{config}'; there are: {', '.join(CONFIGS)}.")
    return {"size": 32, "sizes": dict(_SIZES[config])}


def features(config: str) -> datasets.Features:
    """The declared columns of a configuration."""
    from symdata.labelled_images import features

    settings(config)
    return features(CLASSES)


def missing(config: str) -> str | None:
    """One line on why a configuration cannot be had here, and the way out; None if it may be."""
    from symdata.cifar10.source import missing

    settings(config)
    return missing()


def tables(config: str, seed: int) -> dict[str, pa.Table]:
    """The splits "train" and "test", with the columns of `features`; the same for every seed."""
    from symdata.cifar10.images import load
    from symdata.labelled_images import table

    declared = features(config)
    return {split: table(part, declared) for split, part in load(config, seed).items()}

"""Handwritten digits painted in a colour that hints at the class, anywhere on a grey ground.

The images are made in `images.py`; here is what `symdata.hub` needs to make a Hugging Face data set
of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symdata.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

NAME = "painted_digits"
VERSION = 2
"""Raised whenever a change of the code changes any image."""

DESCRIPTION = "A handwritten digit in a colour of its class or near it, anywhere on grey: which?"
CONFIGS = ("10k", "tiny")
NEEDS: tuple[tuple[str, ...], ...] = ()
UNPUBLISHED = ""
CLASSES = tuple(str(digit) for digit in range(10))

# All divisible by ten, so that the classes are balanced.
_SIZES = {
    "10k": {"train": 10_000, "test": 2_000},
    "tiny": {"train": 300, "test": 100},
}


def settings(config: str) -> dict[str, Any]:
    """Sizes of image and digit cell in pixels, colours, noise, and the sizes of the splits.

    spread: of hues, of which 1536 make the circle; contrast: the least; noise: numbers below it.
    """
    if config not in CONFIGS:
        raise DataError(f"{NAME} has no configuration '{config}'; there are: {', '.join(CONFIGS)}.")
    return {
        "size": 32,
        "cells": [16, 20],
        "spread": 206,
        "contrast": 40,
        "noise": 100,
        "sizes": dict(_SIZES[config]),
    }


def features(config: str) -> datasets.Features:
    """The declared columns of a configuration."""
    from symdata.labelled_images import features

    settings(config)
    return features(CLASSES)


def missing(config: str) -> str | None:
    """None: whatever a configuration needs comes with scikit-learn."""
    settings(config)
    return None


def tables(config: str, seed: int) -> dict[str, pa.Table]:
    """The splits "train" and "test", with the columns of `features`."""
    from symdata.labelled_images import table
    from symdata.painted_digits.images import load

    declared = features(config)
    return {split: table(part, declared) for split, part in load(config, seed).items()}

"""Four handwritten digits, one a quadrant, that count up clockwise at mirrored places.

The images are made in `scenes.py`, their rule is in `rule.py`; here is what `symdata.hub` needs to
make a Hugging Face data set of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symdata import digit_configs

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

NAME = "mnist4"
VERSION = 1
"""Raised whenever a change of the code changes any image."""

DESCRIPTION = "Four handwritten digits, one a quadrant, that count up clockwise at mirrored places."
CONFIGS = digit_configs.CONFIGS
NEEDS: tuple[tuple[str, ...], ...] = ()
UNPUBLISHED = ""


def settings(config: str) -> dict[str, Any]:
    """The digit source, the sizes of image and digit, and those of the splits."""
    return digit_configs.settings(NAME, config)


def features(config: str) -> datasets.Features:
    """The declared columns of a configuration."""
    from symdata.scene_columns import digits

    settings(config)
    return digits(4)


def missing(config: str) -> str | None:
    """One line on why a configuration cannot be had here, and the way out; None if it can."""
    from symdata.mnist4.scenes import missing

    return missing(config)


def tables(config: str, seed: int) -> dict[str, pa.Table]:
    """The splits "train", "validation" and "test", with the columns of `features`."""
    from symdata.mnist4.scenes import generate
    from symdata.scene_columns import table

    declared = features(config)
    return {split: table(part, declared) for split, part in generate(config, seed).items()}

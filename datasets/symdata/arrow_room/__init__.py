"""A rendered room: an arrow in front of three objects points at the one that is unlike the others.

The images are made in `scenes.py`, their rule is in `rule.py`; here is what `symdata.hub` needs to
make a Hugging Face data set of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symdata.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

NAME = "arrow_room"
VERSION = 1
"""Raised whenever a change of the code changes any image."""

DESCRIPTION = "A rendered room in which an arrow points at the one object of a shape of its own."
CONFIGS = ("rendered_128", "rendered_64")
NEEDS: tuple[tuple[str, ...], ...] = ()
UNPUBLISHED = ""

SHAPES = ("cube", "sphere", "cylinder", "arrow")
MATERIALS = ("rubber", "metal")
COLOURS = ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")

# The one variant of Mitsuba that works on every machine, so that all users get the same pixels.
RENDERER = "scalar_rgb"

# Size of the images, sizes of the splits, and samples a pixel: a larger pixel shows less noise.
_CONFIGS = {
    "rendered_128": (128, (60_000, 6_000, 6_000), 16),
    "rendered_64": (64, (3_000, 500, 500), 36),
}


def settings(config: str) -> dict[str, Any]:
    """The size in pixels, the sizes of the splits, what renders, and with how many samples."""
    if config not in _CONFIGS:
        raise DataError(f"{NAME} has no configuration '{config}'; there are: {', '.join(CONFIGS)}.")
    size, counts, samples = _CONFIGS[config]
    return {
        "size": size,
        "sizes": dict(zip(("train", "validation", "test"), counts, strict=True)),
        "renderer": f"mitsuba {RENDERER}",
        "samples_per_pixel": samples,
    }


def features(config: str) -> datasets.Features:
    """The declared columns of a configuration."""
    from symdata.arrow_room.columns import features

    settings(config)
    return features()


def missing(config: str) -> str | None:
    """One line on why a configuration cannot be had here, and the way out; None if it can."""
    from symdata.arrow_room.scenes import missing

    return missing(config)


def tables(config: str, seed: int) -> dict[str, pa.Table]:
    """The splits "train", "validation" and "test", with the columns of `features`."""
    from symdata.arrow_room.columns import table
    from symdata.arrow_room.scenes import generate

    return {split: table(part) for split, part in generate(config, seed).items()}

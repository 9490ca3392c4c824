"""The scenes of mnist4: `load(config)` draws the three splits.

The digit at the top left has a class c, uniform in 0 … 6, and lies anywhere in its quadrant, whole,
all positions equally likely; clockwise follow c+1, c+2 and c+3, in cells whose places are mirrored
about the image's vertical and horizontal axes.

Source: Jiang and Ahn, "Generative Neurosymbolic Machines" (NeurIPS 2020), MNIST-4. The digits are
unscaled at 128 pixels; at 64 and 32 everything is smaller alike, digits by area means.

Letters: N scenes, four digits in each.
"""

from __future__ import annotations

import numpy as np

from symdata import digit_breaks, digit_scenes, digits
from symdata.digit_scenes import Layout, Stream, cell_of
from symdata.mnist4 import DATA
from symdata.mnist4.rule import STARTS
from symdata.scenes import Scenes
from symdata.sources import DEFAULT, DataSources


def load(config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, Scenes]:
    """The splits "train", "validation" and "test"; no handwritten digit is in two of them."""
    return digit_scenes.generate(DATA, config, seed, sources, arrange)


def shuffled(config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT) -> Scenes:
    """Four test digits of any classes, anywhere without an overlap: no rule at all."""
    return digit_scenes.shuffled(DATA, config, count, seed, sources)


def broken(
    config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT
) -> dict[str, Scenes]:
    """Images of test digits with exactly one rule broken, `count` of each kind, by kind."""
    wrong_position = digit_breaks.moved_within
    return digit_breaks.broken(DATA, config, count, seed, sources, arrange, wrong_position)


def missing(config: str, sources: DataSources = DEFAULT) -> str | None:
    """Line on why the configuration cannot be had here and what to do; None if it may be."""
    return digits.missing(DATA.settings(config)["digits"], sources)


def arrange(count: int, size: int, draw: Stream) -> Layout:
    """Draw N scenes that obey the rule."""
    far = size - cell_of(size)
    side = size // 2 - cell_of(size) + 1
    first = draw("starts").below(STARTS, count)
    x, y = draw("corners").below(side, 2 * count).reshape(2, count)
    corners = np.stack([x, y, far - x, y, far - x, far - y, x, far - y], axis=1)
    quadrants = np.broadcast_to(np.arange(4), (count, 4))
    return Layout(first[:, None] + np.arange(4), corners.reshape(count, 4, 2), quadrants)

"""The scenes of mnist10: `load(config)` draws the three splits.

One digit of each class. Clockwise from the top left the quadrants hold {0, 1}, {2, 3, 4}, {8, 9}
and {5, 6, 7}; the sets of each diagonal pair of quadrants are exchanged with probability 1/2, pair
by pair. The digits of {0, 1} and {8, 9} have the same positions within their quadrants, 0 as 8 and
1 as 9. Digits do not overlap.

Source: Jiang and Ahn, "Generative Neurosymbolic Machines" (NeurIPS 2020), MNIST-10. What the
description leaves open is read so: "first of" a set is the smaller class; "share" means the same
offset, not a mirrored one; it is the digits' cells (28 of 128 pixels) that do not overlap; all
arrangements of a quadrant without an overlap are equally likely. The digits are unscaled at 128
pixels; at 64 and 32 everything is smaller alike, digits by area means.

Letters: N scenes, ten digits in each, S positions along one side of a quadrant.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from symdata import digit_breaks, digit_scenes, digits
from symdata.digit_scenes import Layout, Stream, apart, cell_of, grid, origins
from symdata.mnist10 import DATA
from symdata.mnist10.rule import SETS
from symdata.sampling import Draw
from symdata.scenes import Scenes
from symdata.sources import DEFAULT, DataSources


def load(config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, Scenes]:
    """The splits "train", "validation" and "test"; no handwritten digit is in two of them."""
    return digit_scenes.generate(DATA, config, seed, sources, arrange)


def shuffled(config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT) -> Scenes:
    """Ten test digits of any classes, anywhere without an overlap: no rule at all."""
    return digit_scenes.shuffled(DATA, config, count, seed, sources)


def broken(
    config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT
) -> dict[str, Scenes]:
    """Images of test digits with exactly one rule broken, `count` of each kind, by kind."""
    return digit_breaks.broken(DATA, config, count, seed, sources, arrange, wrong_position)


def missing(config: str, sources: DataSources = DEFAULT) -> str | None:
    """Line on why the configuration cannot be had here and what to do; None if it may be."""
    return digits.missing(DATA.settings(config)["digits"], sources)


def arrange(count: int, size: int, draw: Stream) -> Layout:
    """Draw N scenes that obey the rule."""
    pairs = _pairs(size)
    two = pairs[draw("pairs").below(len(pairs), count)]
    right, left = (_triples(count, pairs, size, draw(side)) for side in ("right", "left"))
    swaps = draw("swaps").below(2, 2 * count).reshape(2, count)
    quadrants = np.repeat(np.arange(4), [len(one) for one in SETS])
    classes = [
        # Quadrants 0 and 2 are one diagonal pair, 1 and 3 the other.
        np.where(swaps[k % 2][:, None] == 1, SETS[(k + 2) % 4], SETS[k])
        for k in range(4)
    ]
    return Layout(
        np.concatenate(classes, axis=1),
        np.concatenate([two, right, two, left], axis=1) + origins(size)[quadrants],
        np.broadcast_to(quadrants, (count, len(quadrants))),
    )


def wrong_position(layout: Layout, size: int, draw: Stream) -> tuple[Layout, np.ndarray]:
    """Move a digit of the quadrants that share positions within its own, or any digit to another.

    A coin decides which of the two.
    """
    within, fits_within = digit_breaks.moved_within(layout, size, draw, (0, 2))
    across, fits_across = digit_breaks.moved_across(layout, size, draw)
    coin = draw("coins").below(2, len(layout)) == 1
    corners = np.where(coin[:, None, None], across.corners, within.corners)
    quadrants = np.where(coin[:, None], across.quadrants, within.quadrants)
    fits = np.where(coin, fits_across, fits_within)
    return Layout(layout.classes, corners, quadrants), fits


@cache
def _pairs(size: int) -> np.ndarray:
    """All positions in a quadrant of two digits that do not overlap, (P, 2, 2)."""
    places = grid(size)
    one, other = np.nonzero(apart(places[:, None], places, cell_of(size)))
    return np.stack([places[one], places[other]], axis=1)


def _triples(count: int, pairs: np.ndarray, size: int, draw: Draw) -> np.ndarray:
    """Draw places (N, 3, 2) of three digits in a quadrant without an overlap, all equally likely.

    A pair and a third are drawn anew together until the third overlaps neither.
    """
    places, cell = grid(size), cell_of(size)
    kept = np.empty((0, 3, 2), dtype=np.int64)
    while len(kept) < count:
        # About one draw in 40 fits.
        tries = 45 * (count - len(kept)) + 100
        two = pairs[draw.below(len(pairs), tries)]
        third = places[draw.below(len(places), tries)][:, None]
        fits = apart(two, third, cell).all(axis=1)
        kept = np.concatenate([kept, np.concatenate([two[fits], third[fits]], axis=1)])
    return kept[:count]

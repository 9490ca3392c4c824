"""Scenes of digits with exactly one rule broken, by kind of break, to test judges with.

A break takes scenes that obey the rule and changes one thing, so that all else holds; where a scene
has no room for it, the scene is left out.

Letters: N scenes, K digits in each, P places in an image (all positions in all quadrants).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from symdata.descriptor import DataSet
from symdata.digit_scenes import (
    CLASSES,
    Arrange,
    Layout,
    Stream,
    apart,
    cell_of,
    grid,
    origins,
    painted,
    stream,
)
from symdata.digits import CELL, load
from symdata.scenes import Scenes
from symdata.sources import DataSources

Break = Callable[[Layout, int, Stream], tuple[Layout, np.ndarray]]
"""Function (scenes, size in pixels, stream) → broken scenes, and (N,) which of them had room."""

FAR = 6
"""Least offset of a digit in the wrong position, along x or y, in pixels of an image of 128."""

_BATCH = 256


def broken(
    data: DataSet,
    config: str,
    count: int,
    seed: int,
    sources: DataSources,
    arrange: Arrange,
    wrong_position: Break,
) -> dict[str, Scenes]:
    """Images of test digits with one rule broken, `count` of each kind, by kind."""
    chosen = data.settings(config)
    digits, size = load(chosen["digits"], sources), chosen["size"]
    breaks = {
        "wrong_class": wrong_class,
        "wrong_order": wrong_order,
        "wrong_position": wrong_position,
        "missing_digit": missing_digit,
        "added_digit": added_digit,
        "smeared": _unchanged,
    }
    kinds = {}
    for kind, break_ in breaks.items():
        draw = stream(data, config, kind, seed)
        layout = _until(count, size, arrange, break_, draw)
        spoilt = None
        if kind == "smeared":
            spoilt = (draw("victims").below(layout.classes.shape[1], count), smeared)
        kinds[kind] = painted(layout, digits, "test", size, draw, spoilt)
    return kinds


def _until(count: int, size: int, arrange: Arrange, break_: Break, draw: Stream) -> Layout:
    """Draw batches of scenes and break them until there are N."""
    parts: list[Layout] = []
    while sum(map(len, parts)) < count or not parts:
        batch = partial(draw, len(parts))
        layout, fits = break_(arrange(_BATCH, size, batch), size, batch)
        parts.append(layout.take(np.flatnonzero(fits)))
    whole = Layout(
        np.concatenate([part.classes for part in parts]),
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.quadrants for part in parts]),
    )
    return whole.take(np.arange(count)).in_order()


def wrong_class(layout: Layout, size: int, draw: Stream) -> tuple[Layout, np.ndarray]:
    """Give one digit of each scene any other class."""
    victims, rows = _victims(layout, draw), np.arange(len(layout))
    classes = layout.classes.copy()
    classes[rows, victims] += 1 + draw("classes of victims").below(CLASSES - 1, len(layout))
    return replace(layout, classes=classes % CLASSES), _all(layout)


def wrong_order(layout: Layout, size: int, draw: Stream) -> tuple[Layout, np.ndarray]:
    """Exchange two digits of different quadrants."""
    one, rows = _victims(layout, draw), np.arange(len(layout))
    elsewhere = layout.quadrants != layout.quadrants[rows, one][:, None]
    other = _any(elsewhere, draw, "partners")
    classes = layout.classes.copy()
    classes[rows, one], classes[rows, other] = classes[rows, other], classes[rows, one]
    return replace(layout, classes=classes), _all(layout)


def missing_digit(layout: Layout, size: int, draw: Stream) -> tuple[Layout, np.ndarray]:
    """Take one digit away."""
    count, per_scene = layout.classes.shape
    kept = np.arange(per_scene) != _victims(layout, draw)[:, None]
    return (
        Layout(
            layout.classes[kept].reshape(count, -1),
            layout.corners[kept].reshape(count, -1, 2),
            layout.quadrants[kept].reshape(count, -1),
        ),
        _all(layout),
    )


def added_digit(layout: Layout, size: int, draw: Stream) -> tuple[Layout, np.ndarray]:
    """Add a digit of any class where it overlaps none and lies in one quadrant."""
    free = _free(layout, np.ones(layout.classes.shape, dtype=bool), size)
    place = _any(free, draw, "places")
    corners, quadrants = _places(size)
    classes = draw("classes of victims").below(CLASSES, len(layout))
    more = Layout(
        np.concatenate([layout.classes, classes[:, None]], axis=1),
        np.concatenate([layout.corners, corners[place][:, None]], axis=1),
        np.concatenate([layout.quadrants, quadrants[place][:, None]], axis=1),
    )
    return more, np.asarray(free.any(axis=1))


def moved_within(
    layout: Layout, size: int, draw: Stream, quadrants: tuple[int, ...] = (0, 1, 2, 3)
) -> tuple[Layout, np.ndarray]:
    """Move one digit of these quadrants within its own, by at least `FAR`."""
    victims = _any(np.isin(layout.quadrants, quadrants), draw, "victims")
    rows = np.arange(len(layout))
    places, their_quadrants = _places(size)
    way = np.abs(places - layout.corners[rows, victims][:, None]).max(axis=-1)
    mine = their_quadrants == layout.quadrants[rows, victims][:, None]
    return _moved(layout, victims, mine & (way * 128 >= FAR * size), size, draw)


def moved_across(layout: Layout, size: int, draw: Stream) -> tuple[Layout, np.ndarray]:
    """Move one digit to another quadrant."""
    victims, rows = _victims(layout, draw), np.arange(len(layout))
    _, their_quadrants = _places(size)
    others = their_quadrants != layout.quadrants[rows, victims][:, None]
    return _moved(layout, victims, others, size, draw)


def smeared(images: np.ndarray) -> np.ndarray:
    """Rub digits sideways until strokes and holes are gone, and fade them at the cell's edge.

    images: (N, 28, 28) → (N, 28, 28) uint8, as bright as before at the brightest point. Means over
    15 and 7 pixels sideways, and twice over 9 upwards; integers, so that all machines agree.
    """
    distance = np.abs(np.subtract.outer(np.arange(CELL), np.arange(CELL)))
    three, four, seven = ((distance <= reach).astype(np.int64) for reach in (3, 4, 7))
    edge = np.minimum(np.arange(CELL), np.arange(CELL)[::-1]).clip(max=8)
    smear = (four @ four @ images.astype(np.int64) @ seven @ three) * edge * edge[:, None]
    peak = images.max(axis=(1, 2), keepdims=True).astype(np.int64)
    return np.asarray(smear * peak // smear.max(axis=(1, 2), keepdims=True), dtype=np.uint8)


def _unchanged(layout: Layout, size: int, draw: Stream) -> tuple[Layout, np.ndarray]:
    return layout, _all(layout)


def _moved(
    layout: Layout, victims: np.ndarray, allowed: np.ndarray, size: int, draw: Stream
) -> tuple[Layout, np.ndarray]:
    """Move the victims to any allowed place where they overlap none. allowed: (N, P)."""
    rows = np.arange(len(layout))
    others = np.arange(layout.classes.shape[1]) != victims[:, None]
    free = allowed & _free(layout, others, size)
    place = _any(free, draw, "places")
    places, their_quadrants = _places(size)
    corners, quadrants = layout.corners.copy(), layout.quadrants.copy()
    corners[rows, victims] = places[place]
    quadrants[rows, victims] = their_quadrants[place]
    return Layout(layout.classes, corners, quadrants), free.any(axis=1)


def _places(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners (P, 2) and quadrants (P,) of all places."""
    within = grid(size)
    corners = (origins(size)[:, None] + within).reshape(-1, 2)
    return corners, np.repeat(np.arange(4), len(within))


def _free(layout: Layout, counts: np.ndarray, size: int) -> np.ndarray:
    """Places that overlap none of the digits that count. counts: (N, K) bool → (N, P) bool.

    A cell lies in one quadrant, so that only digits of a place's own quadrant can be in its way.
    """
    places, rows = grid(size), np.arange(len(layout))
    within = layout.corners - origins(size)[layout.quadrants]
    free = np.ones((len(layout), 4, len(places)), dtype=bool)
    for k in range(counts.shape[1]):
        clear = apart(places, within[:, k, None], cell_of(size)) | ~counts[:, k, None]
        free[rows, layout.quadrants[:, k]] &= clear
    return free.reshape(len(layout), -1)


def _any(allowed: np.ndarray, draw: Stream, purpose: str) -> np.ndarray:
    """Draw one of those allowed, all equally likely; 0 where none is. (N, X) bool → (N,) int64."""
    keys = draw(purpose).raw(allowed.size).reshape(allowed.shape)
    return np.where(allowed, keys, np.uint64(0)).argmax(axis=1)


def _victims(layout: Layout, draw: Stream) -> np.ndarray:
    """Draw a digit of each scene to be changed, (N,)."""
    return draw("victims").below(layout.classes.shape[1], len(layout))


def _all(layout: Layout) -> np.ndarray:
    return np.ones(len(layout), dtype=bool)

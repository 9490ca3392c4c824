"""Rooms with no rule, and rooms with exactly one rule broken. Nothing is rendered here.

Letters: N rooms, K things in each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from symdata.arrow_room import camera
from symdata.arrow_room.rooms import (
    FARTHER,
    Rooms,
    Stream,
    clear,
    furnish,
    nearest,
    obeying,
    odd_one_out,
)
from symdata.arrow_room.shapes import ARROW_CODE


def shuffled(count: int, draw: Stream) -> Rooms:
    """An arrow and three objects, each of any shape and material, anywhere, pointing anywhere."""
    objects = draw("shapes").below(3, 3 * count).reshape(count, 3)
    shapes = np.hstack([objects, np.full((count, 1), ARROW_CODE)])
    rooms = furnish(shapes, draw, _anything, target=False)
    materials = draw("each_material").below(2, shapes.size).reshape(shapes.shape)
    return replace(rooms, materials=materials)


def wrong_pointing(count: int, draw: Stream) -> Rooms:
    """Rooms whose arrow points at one of the two alike objects, or, every other one, at nothing."""
    shapes = odd_one_out(count, draw)
    astray = furnish(shapes[::2], lambda name: draw(f"{name}_astray"), _past_all, target=False)
    rotated = shapes[1::2][:, [1, 2, 0, 3]]  # the arrow points at the first thing
    other = furnish(rotated, lambda name: draw(f"{name}_other"), nearest)
    found = {name: np.empty((count, *array.shape[1:]), array.dtype) for name, array in _all(astray)}
    for name, array in found.items():
        array[::2], array[1::2] = vars(astray)[name], vars(other)[name]
    return Rooms(**found)


def two_odd_shapes(count: int, draw: Stream) -> Rooms:
    """A cube, a sphere and a cylinder; the arrow points at any of them."""
    first = draw("shapes").below(3, count)
    shapes = np.stack([first, (first + 1) % 3, (first + 2) % 3], axis=1)
    return furnish(np.hstack([shapes, np.full((count, 1), ARROW_CODE)]), draw, nearest)


def no_odd_shape(count: int, draw: Stream) -> Rooms:
    """Three objects of one shape, and the arrow."""
    shape = draw("shapes").below(3, count)[:, None]
    shapes = np.hstack([np.repeat(shape, 3, axis=1), np.full((count, 1), ARROW_CODE)])
    return furnish(shapes, draw, nearest)


def mixed_material(count: int, draw: Stream) -> Rooms:
    """Four things, one of which is of the other material."""
    rooms = obeying(count, draw)
    materials = rooms.materials.copy()
    materials[np.arange(count), draw("which").below(4, count)] ^= 1
    return replace(rooms, materials=materials)


def not_closest(count: int, draw: Stream) -> Rooms:
    """Rooms where something is nearer to the camera than the arrow."""
    return furnish(odd_one_out(count, draw), draw, _not_nearest)


def arrow_missing(count: int, draw: Stream) -> Rooms:
    """Three objects without an arrow."""
    return obeying(count, draw).without(3)


def object_missing(count: int, draw: Stream) -> Rooms:
    """Rooms without one of the two alike objects."""
    return obeying(count, draw).without(2)


def object_added(count: int, draw: Stream) -> Rooms:
    """Rooms with a third object like the two alike ones."""
    return furnish(odd_one_out(count, draw)[:, [0, 1, 1, 2, 3]], draw, nearest)


BREAKS: dict[str, Callable[[int, Stream], Rooms]] = {
    one.__name__: one
    for one in (
        wrong_pointing,
        two_odd_shapes,
        no_odd_shape,
        mixed_material,
        not_closest,
        arrow_missing,
        object_missing,
        object_added,
    )
}
"""Functions (N, stream) → N rooms with one rule broken, by kind of break."""


def _all(rooms: Rooms) -> list[tuple[str, np.ndarray]]:
    return list(vars(rooms).items())


def _anything(rooms: Rooms, away: np.ndarray) -> np.ndarray:
    return np.ones(len(rooms), dtype=bool)


def _past_all(rooms: Rooms, away: np.ndarray) -> np.ndarray:
    """Whether the arrow is the nearest, and points past everything, (N,) bool."""
    return nearest(rooms, away) & clear(rooms, away, 0)


def _not_nearest(rooms: Rooms, away: np.ndarray) -> np.ndarray:
    far = camera.distance(rooms.positions)
    beaten = (far[:, -1:] - far[:, :-1] > FARTHER).any(axis=1)
    return np.asarray(beaten) & clear(rooms, away, 1)

"""Rooms as they are drawn at random, before anything is rendered: what is in them, and where.

Places are drawn anew until a room is as it should be: nothing overlaps in the world, everything is
mostly inside the image, nothing hides much of another thing, and what the rule asks holds. Three
objects come first and the arrow last; of a room that obeys the rule, the first is the odd one out.

Source of the rule: Jiang and Ahn, "Generative Neurosymbolic Machines" (NeurIPS 2020), Arrow Room.
Sizes, margins and the camera are ours.

Letters: N rooms, K things in each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from symdata.arrow_room import COLOURS, camera
from symdata.arrow_room.shapes import ARROW_CODE, HEIGHTS, REACHES, boxes
from symdata.sampling import Draw

Stream = Callable[[str], Draw]
"""The rest of a stream's name → the stream."""

Test = Callable[["Rooms", np.ndarray], np.ndarray]
"""Rooms and the directions from each object to the arrow → which rooms are good, (N,) bool."""

# Centres lie within this of the middle of the room, along x and along y.
HALF_ROOM = 3.1
# Between the circles around two things.
GAP = 0.15
# The arrow is nearer to the camera than anything else by this, or, where it must not be, farther.
NEARER, FARTHER = 0.3, 0.6
# Tangents: how far off the arrow may point (2°, less what float32 may lose), and how far from its
# line everything else must lie (25°).
AIM, CLEAR = 0.0348, 0.4663
# Shares of a thing's box: what must lie in the image, and what a nearer box may cover.
INSIDE, ARROW_INSIDE, COVERED = 0.7, 0.9, 0.35


@dataclass(frozen=True)
class Rooms:
    """N rooms. shapes, colours, materials: (N, K) int64; places: (N, K, 2) on the floor; turns:
    (N, K, 2) unit vectors, along which an arrow points; noise: (N,) int64, seeds of the renderer.
    """

    shapes: np.ndarray
    colours: np.ndarray
    materials: np.ndarray
    places: np.ndarray
    turns: np.ndarray
    noise: np.ndarray

    def __len__(self) -> int:
        return len(self.shapes)

    def take(self, rows: np.ndarray | slice) -> Rooms:
        """Some of the rooms."""
        return Rooms(**{name: array[rows] for name, array in vars(self).items()})

    def without(self, thing: int) -> Rooms:
        """The rooms without their thing at this index."""
        kept = {name: np.delete(array, thing, 1) for name, array in self._things().items()}
        return replace(self, **kept)

    def _things(self) -> dict[str, np.ndarray]:
        return {name: array for name, array in vars(self).items() if name != "noise"}

    @property
    def positions(self) -> np.ndarray:
        """(N, K, 3), the centres in the world."""
        return np.concatenate([self.places, HEIGHTS[self.shapes][..., None]], axis=-1)

    @property
    def boxes(self) -> np.ndarray:
        """(N, K, 4), around each thing's outline, in units of the image's side."""
        flat = (self.shapes.ravel(), self.positions.reshape(-1, 3), self.turns.reshape(-1, 2))
        return boxes(*flat).reshape(*self.shapes.shape, 4)


def odd_one_out(count: int, draw: Stream) -> np.ndarray:
    """(N, 4) shapes: the odd one, two alike, and the arrow; all six choices equally likely."""
    odd, other = draw("shapes").below(3, count), draw("others").below(2, count)
    alike = (odd + 1 + other) % 3
    return np.stack([odd, alike, alike, np.full(count, ARROW_CODE)], axis=1)


def obeying(count: int, draw: Stream) -> Rooms:
    """N rooms that obey the rule."""
    return furnish(odd_one_out(count, draw), draw, nearest)


def furnish(shapes: np.ndarray, draw: Stream, good: Test, target: bool = True) -> Rooms:
    """Rooms with things of these shapes (N, K), the arrow last, pointing at the first thing.

    good: what must hold of a room beside what holds of all. target: False lets the arrow point
    anywhere instead.
    """
    count, things = shapes.shape
    noise = draw("noise").below(1 << 31, count)
    colours = draw("colours").below(len(COLOURS), shapes.size).reshape(shapes.shape)
    materials = np.repeat(draw("materials").below(2, count)[:, None], things, axis=1)
    places, turns = np.zeros((count, things, 2)), np.zeros((count, things, 2))
    rooms = Rooms(shapes, colours, materials, places, turns, noise)
    places_, turns_, aims = draw("places"), draw("turns"), draw("aims")
    open_ = np.arange(count)
    while len(open_):
        tried = open_
        if len(open_) < 1 << 12:  # several at once of each, of which the first that is good is kept
            tried = np.tile(open_, min(64, (1 << 12) // len(open_)))
        places_tried = HALF_ROOM * (2 * uniform(places_, len(tried) * things * 2) - 1)
        trial = replace(rooms.take(tried), places=places_tried.reshape(-1, things, 2))
        turned = directions(turns_, len(tried) * things).reshape(-1, things, 2)
        off = AIM * (2 * uniform(aims, len(tried)) - 1)
        away = trial.places - trial.places[:, -1:]  # from the arrow to each thing
        if target:
            turned[:, -1] = _unit(_tilted(away[:, 0], off))
        trial = replace(trial, turns=turned)
        fits = np.flatnonzero(_apart(trial) & good(trial, away))
        fits = fits[_visible(trial.take(fits))]
        kept, first = np.unique(tried[fits], return_index=True)
        places[kept], turns[kept] = trial.places[fits[first]], turned[fits[first]]
        open_ = np.setdiff1d(open_, kept)
    return rooms


def nearest(rooms: Rooms, away: np.ndarray) -> np.ndarray:
    """The arrow is the nearest to the camera, and points past all things but the first."""
    far = camera.distance(rooms.positions)
    return np.asarray((far[:, :-1] - far[:, -1:] > NEARER).all(axis=1)) & clear(rooms, away, 1)


def clear(rooms: Rooms, away: np.ndarray, first: int) -> np.ndarray:
    """Whether the things from this one on, but for the arrow, lie well off the arrow's line."""
    aim = rooms.turns[:, -1:]
    rest = away[:, first:-1]
    across = aim[..., 0] * rest[..., 1] - aim[..., 1] * rest[..., 0]
    along = aim[..., 0] * rest[..., 0] + aim[..., 1] * rest[..., 1]
    return np.asarray((np.abs(across) > CLEAR * along).all(axis=1))


def uniform(draw: Draw, count: int) -> np.ndarray:
    """(N,) float64, uniform in [0, 1), on a grid of 2^-53."""
    return (draw.raw(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def directions(draw: Draw, count: int) -> np.ndarray:
    """(N, 2) unit vectors, all directions equally likely."""
    return _unit(draw.normal(2 * count).reshape(-1, 2))


def _unit(vectors: np.ndarray) -> np.ndarray:
    x, y = vectors[..., 0], vectors[..., 1]
    return vectors / np.sqrt(x * x + y * y)[..., None]


def _tilted(vectors: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    """vectors: (N, 2), each turned to the left by the angle of its tangent (N,), and scaled."""
    x, y = vectors[:, 0], vectors[:, 1]
    return np.stack([x - tangents * y, y + tangents * x], axis=1)


def _apart(rooms: Rooms) -> np.ndarray:
    """(N,) bool: whether the circles that hold two things are apart, for all pairs."""
    reach = REACHES[rooms.shapes]
    good = np.ones(len(rooms), dtype=bool)
    for one, other in _pairs(rooms.shapes.shape[1]):
        x, y = (rooms.places[:, one] - rooms.places[:, other]).T
        needed = reach[:, one] + reach[:, other] + GAP
        good &= x * x + y * y > needed * needed
    return good


def _visible(rooms: Rooms) -> np.ndarray:
    """(N,) bool: whether every thing is mostly in the image, and not hidden by one before it."""
    found = rooms.boxes
    whole = _area(found)
    inside = _area(np.clip(found, 0, 1))
    needed = np.where(rooms.shapes == ARROW_CODE, ARROW_INSIDE, INSIDE)
    good = np.asarray((inside > needed * whole).all(axis=1))
    far = camera.distance(rooms.positions)
    for one, other in _pairs(rooms.shapes.shape[1]):
        low = np.maximum(found[:, one, :2], found[:, other, :2])
        high = np.minimum(found[:, one, 2:], found[:, other, 2:])
        common = _area(np.concatenate([low, np.maximum(low, high)], axis=1))
        behind = np.where(far[:, one] > far[:, other], whole[:, one], whole[:, other])
        good &= common < COVERED * behind
    return good


def _area(found: np.ndarray) -> np.ndarray:
    return (found[..., 2] - found[..., 0]) * (found[..., 3] - found[..., 1])


def _pairs(things: int) -> list[tuple[int, int]]:
    return [(one, other) for one in range(things) for other in range(one)]

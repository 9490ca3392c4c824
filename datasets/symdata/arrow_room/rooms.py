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
"""Function from a purpose to its stream of random numbers."""

Condition = Callable[["Rooms", np.ndarray], np.ndarray]
"""Function (rooms, vectors from the arrow to each thing) → which rooms are good, (N,) bool."""

# Largest distance of centres from the middle of the room, along x and along y.
HALF_ROOM = 3.1
# Least gap between the circles around two things.
GAP = 0.15
# Least margin by which the arrow is nearer to the camera than the rest, or, if it must be, farther.
NEARER, FARTHER = 0.3, 0.6
# Tangents of the most that the arrow may point off (2°, less what float32 may lose), and of the
# least angle between its line and everything else (25°).
AIM, CLEAR = 0.0348, 0.4663
# Shares of a box: least inside the image (objects, arrow), most covered by a nearer box.
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
        """Rooms at these rows."""
        return Rooms(**{name: array[rows] for name, array in vars(self).items()})

    def without(self, thing: int) -> Rooms:
        """The rooms without their thing at this index."""
        kept = {name: np.delete(array, thing, 1) for name, array in self._things().items()}
        return replace(self, **kept)

    def _things(self) -> dict[str, np.ndarray]:
        return {name: array for name, array in vars(self).items() if name != "noise"}

    @property
    def positions(self) -> np.ndarray:
        """Centres in the world, (N, K, 3)."""
        return np.concatenate([self.places, HEIGHTS[self.shapes][..., None]], axis=-1)

    @property
    def boxes(self) -> np.ndarray:
        """Boxes around the things' outlines, (N, K, 4), in units of the image's side."""
        flat = (self.shapes.ravel(), self.positions.reshape(-1, 3), self.turns.reshape(-1, 2))
        return boxes(*flat).reshape(*self.shapes.shape, 4)


def odd_one_out(count: int, draw: Stream) -> np.ndarray:
    """Draw shapes (N, 4): the odd one, two alike, and the arrow; all six choices equally likely."""
    odd, other = draw("shapes").below(3, count), draw("others").below(2, count)
    alike = (odd + 1 + other) % 3
    return np.stack([odd, alike, alike, np.full(count, ARROW_CODE)], axis=1)


def obeying(count: int, draw: Stream) -> Rooms:
    """Draw N rooms that obey the rule."""
    return furnish(odd_one_out(count, draw), draw, nearest)


def furnish(shapes: np.ndarray, draw: Stream, good: Condition, target: bool = True) -> Rooms:
    """Draw rooms with things of these shapes (N, K), the arrow last, pointing at the first thing.

    good: a condition on rooms beside those that all must meet. target: False lets the arrow point
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
        if len(open_) < 1 << 12:  # several trials of each at once: the first good one is kept
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
    """Whether the arrow is nearest to the camera and points past all but the first, (N,) bool."""
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
    """Draw (N,) float64, uniform in [0, 1), on a grid of 2^-53."""
    return (draw.raw(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def directions(draw: Draw, count: int) -> np.ndarray:
    """Draw unit vectors (N, 2), all directions equally likely."""
    return _unit(draw.normal(2 * count).reshape(-1, 2))


def _unit(vectors: np.ndarray) -> np.ndarray:
    x, y = vectors[..., 0], vectors[..., 1]
    return vectors / np.sqrt(x * x + y * y)[..., None]


def _tilted(vectors: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    """Turn vectors (N, 2) to the left by the angles of these tangents (N,); lengths change."""
    x, y = vectors[:, 0], vectors[:, 1]
    return np.stack([x - tangents * y, y + tangents * x], axis=1)


def _apart(rooms: Rooms) -> np.ndarray:
    """Whether the circles that hold two things are apart, for all pairs of a room, (N,) bool."""
    reach = REACHES[rooms.shapes]
    good = np.ones(len(rooms), dtype=bool)
    for one, other in _pairs(rooms.shapes.shape[1]):
        x, y = (rooms.places[:, one] - rooms.places[:, other]).T
        needed = reach[:, one] + reach[:, other] + GAP
        good &= x * x + y * y > needed * needed
    return good


def _visible(rooms: Rooms) -> np.ndarray:
    """Whether all things are mostly in the image and not hidden by nearer ones, (N,) bool."""
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

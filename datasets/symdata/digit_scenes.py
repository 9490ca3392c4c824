"""Digits placed in the four quadrants of a black image, for `mnist4` and `mnist10`.

A data set says which classes go where (`Arrange`); here are the geometry, the painting, and scenes
without a rule.

Letters: N scenes, K digits in each, S possible positions of a digit along one side of its quadrant.
Positions are whole pixels, (x, y), x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import index

import numpy as np

from symdata.descriptor import DataSet
from symdata.digit_rules import UNRECOGNISED
from symdata.digits import Digits, load, shrunk
from symdata.errors import DataError
from symdata.sampling import Draw
from symdata.scenes import Scenes
from symdata.sources import DataSources

CLASSES = 10
_TRIES = 300


@dataclass(frozen=True)
class Layout:
    """Classes and places of the digits of N scenes.

    classes: (N, K) int64. corners: (N, K, 2) int64, top left of the digits' cells. quadrants:
    (N, K) int64, 0 top left, 1 top right, 2 bottom right, 3 bottom left.
    """

    classes: np.ndarray
    corners: np.ndarray
    quadrants: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)

    def take(self, rows: np.ndarray) -> Layout:
        """Layout of the scenes at these rows."""
        return Layout(self.classes[rows], self.corners[rows], self.quadrants[rows])

    def in_order(self) -> Layout:
        """Layout with the digits of each scene sorted by quadrant, and otherwise as they were."""
        order = np.argsort(self.quadrants, axis=1, kind="stable")
        return Layout(
            np.take_along_axis(self.classes, order, axis=1),
            np.take_along_axis(self.corners, order[..., None], axis=1),
            np.take_along_axis(self.quadrants, order, axis=1),
        )


Stream = Callable[..., Draw]
"""Function from a purpose to its stream of random numbers."""

Arrange = Callable[[int, int, Stream], Layout]
"""Function (N, size in pixels, stream) → layout of N scenes that obey a data set's rule."""


def cell_of(size: int) -> int:
    """The side of a digit's cell in pixels: 28 of 128."""
    return size * 28 // 128


def origins(size: int) -> np.ndarray:
    """Top left corners of the quadrants, (4, 2)."""
    return np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (size // 2)


def grid(size: int) -> np.ndarray:
    """Offsets in a quadrant at which a digit's cell can begin, (S², 2), row by row."""
    side = np.arange(size // 2 - cell_of(size) + 1)
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def apart(one: np.ndarray, other: np.ndarray, cell: int) -> np.ndarray:
    """Whether two cells share no pixel. (..., 2), (..., 2) → (...)."""
    # Axis by axis, which is faster than reducing one of length two.
    beside, below = (np.abs(one[..., k] - other[..., k]) >= cell for k in (0, 1))
    return np.asarray(beside | below)


def stream(data: DataSet, config: str, part: str, seed: int) -> Stream:
    """Random streams of a part of a data set, by purpose; `DataError` for a negative seed."""
    seed = index(seed)
    if seed < 0:
        raise DataError(f"a seed is an integer from 0 on, not {seed}.")
    return partial(Draw, data.name, data.version, config, part, seed=seed)


def generate(
    data: DataSet, config: str, seed: int, sources: DataSources, arrange: Arrange
) -> dict[str, Scenes]:
    """The splits "train", "validation" and "test", each with handwritten digits of its own."""
    chosen = data.settings(config)
    digits = load(chosen["digits"], sources)
    splits = {}
    for split, count in chosen["sizes"].items():
        draw = stream(data, config, split, seed)
        layout = arrange(count, chosen["size"], draw)
        splits[split] = painted(layout, digits, split, chosen["size"], draw)
    return splits


def shuffled(data: DataSet, config: str, count: int, seed: int, sources: DataSources) -> Scenes:
    """Scenes with the right number of test digits, of any classes, anywhere without an overlap."""
    chosen, per_scene = data.settings(config), data.objects
    draw = stream(data, config, "shuffled", seed)
    classes = draw("classes").below(CLASSES, count * per_scene).reshape(count, per_scene)
    corners = _scattered(count, per_scene, chosen["size"], draw("corners"))
    right, below = np.moveaxis(2 * corners + cell_of(chosen["size"]) > chosen["size"], -1, 0)
    quadrants = np.array([[0, 1], [3, 2]])[below.astype(int), right.astype(int)]
    layout = Layout(classes, corners, quadrants).in_order()
    return painted(layout, load(chosen["digits"], sources), "test", chosen["size"], draw)


def painted(
    layout: Layout,
    digits: Digits,
    split: str,
    size: int,
    draw: Stream,
    spoilt: tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]] | None = None,
) -> Scenes:
    """Images with a digit of the split in each cell, and their graph.

    spoilt: (N,) which digit of each scene is made unreadable, and the function of (N, 28, 28)
    images that does it.
    """
    cell, (count, per_scene) = cell_of(size), layout.classes.shape
    images, labels = digits.part(split)
    which = _chosen(layout.classes, labels, draw("digits"))
    small, classes = shrunk(images, cell), layout.classes
    if spoilt is not None:
        victims, spoil = spoilt
        rows = np.arange(count)
        # Spoilt digits are rows after those of the whole ones.
        small = np.concatenate([small, shrunk(spoil(images[which[rows, victims]]), cell)])
        which[rows, victims] = len(images) + rows
        classes = classes.copy()
        classes[rows, victims] = UNRECOGNISED
    canvas = np.zeros((count, size, size, 1), dtype=np.uint8)
    # Strip i is the row of `cell` pixels that begins at pixel i of all images, one after the other.
    strips = np.lib.stride_tricks.sliding_window_view(canvas.reshape(-1), cell, writeable=True)
    first = np.arange(count)[:, None] * size**2 + size * np.arange(cell)
    for k in range(per_scene):
        x, y = layout.corners[:, k, 0], layout.corners[:, k, 1]
        strips[first + (y * size + x)[:, None]] = small[which[:, k]]
    corners = layout.corners.astype(np.float32)
    graph = {
        "classes": classes,
        "boxes": np.concatenate([corners, corners + np.float32(cell)], axis=-1),
        "quadrants": layout.quadrants,
    }
    return Scenes(canvas, graph)


def _chosen(classes: np.ndarray, labels: np.ndarray, draw: Draw) -> np.ndarray:
    """Draw any digit of each class: rows (N, K) int64 of digits. classes: (N, K), labels: (M,)."""
    which = np.empty(classes.shape, dtype=np.int64)
    for label in range(CLASSES):
        here, rows = classes == label, np.flatnonzero(labels == label)
        which[here] = rows[draw.below(len(rows), int(here.sum()))]
    return which


def _scattered(count: int, per_scene: int, size: int, draw: Draw) -> np.ndarray:
    """Draw corners (N, K, 2), one digit after the other, wherever it overlaps none.

    Ten digits may leave no room for the last; such a scene is begun anew.
    """
    cell = cell_of(size)
    side = size - cell + 1
    corners = np.zeros((count, per_scene, 2), dtype=np.int64)
    done, tries = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    while len(open_ := np.flatnonzero(done < per_scene)):
        place = np.stack(np.divmod(draw.below(side**2, len(open_)), side)[::-1], axis=-1)
        placed = np.arange(per_scene) < done[open_, None]
        fits = (apart(place[:, None], corners[open_], cell) | ~placed).all(axis=1)
        corners[open_[fits], done[open_[fits]]] = place[fits]
        done[open_] += fits
        tries[open_] = np.where(fits, 0, tries[open_] + 1)
        stuck = open_[tries[open_] > _TRIES]
        done[stuck], tries[stuck] = 0, 0
    return corners

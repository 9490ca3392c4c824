"""The images of painted_digits: `load(config)` draws both splits.

One of scikit-learn's handwritten digits, in one colour, of random size and at a random place, on a
grey ground with coarse noise. As in pictures of real things, colour hints at the class and shape
says it: the hues of a class lie about one of its own, so widely that they reach into those beside
it. Saturation, brightness, size, place and ground say nothing: they make pixels of equal digits
unlike, and are what augmentation teaches a learner to ignore.

All arithmetic is in integers, and all draws are from `symdata.sampling`. Handwriting of the test
split is in no training image.

Letters: N images of S×S pixels, M handwritten digits, C the side of a digit's cell in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symdata.digit_scenes import Stream, stream
from symdata.digits import CELL
from symdata.digits import load as handwritten
from symdata.labelled_images import LabelledImages
from symdata.painted_digits import DATA
from symdata.sources import DEFAULT, DataSources

# Splits of the handwriting that each split shows.
_WRITTEN = {"train": ("train", "validation"), "test": ("test",)}
# A pixel with this much ink of 255 must not lie on the image's outermost row or column.
_INK = 64
# Weights of red, green and blue in brightness, in thousandths (ITU-R BT.601).
_BRIGHTNESS = np.array([299, 587, 114])
# Hues in the circle; the least and the most value of an ink, its chroma in parts of 256 of this
# value, and the grey of a ground.
HUES = 1536
_VALUES, _CHROMAS, _GREYS = (140, 255), (128, 256), (20, 235)
# Images painted at a time, so that they stay in the processor's cache.
_AT_ONCE = 250


def load(config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, LabelledImages]:
    """The splits "train" and "test", with as many images of each class; a function of the seed."""
    chosen = DATA.settings(config)
    digits = handwritten("sklearn")
    splits = {}
    for split, count in chosen["sizes"].items():
        draw = stream(DATA, config, split, seed)
        parts = [digits.part(part) for part in _WRITTEN[split]]
        images, classes = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        labels = (np.arange(count) % len(DATA.classes))[draw("order").permutation(count)]
        which = _written(labels, classes, draw)
        masks = _placed(images, which, chosen["size"], chosen["cells"], draw)
        splits[split] = LabelledImages(_painted(masks, labels, chosen, draw), labels)
    return splits


def _written(labels: np.ndarray, classes: np.ndarray, draw: Stream) -> np.ndarray:
    """Draw handwriting of each class. labels: (N,), classes: (M,) → (N,) int64 rows of classes."""
    which, numbers = np.empty_like(labels), draw("digits")
    for label in range(len(DATA.classes)):
        here, rows = np.flatnonzero(labels == label), np.flatnonzero(classes == label)
        which[here] = rows[numbers.below(len(rows), len(here))]
    return which


def _placed(
    images: np.ndarray, which: np.ndarray, size: int, cells: list[int], draw: Stream
) -> np.ndarray:
    """Ink in each pixel: (M, 28, 28), (N,) rows of these → (N, S, S) uint8.

    All sizes of the cell from cells[0] to cells[1] are equally likely, and so are all places at
    which the ink lies within the image, one pixel from its border.
    """
    count = len(which)
    first, last = cells
    sides = first + draw("sizes").below(last - first + 1, count)
    lots = draw("places").raw(2 * count).reshape(2, count)
    # The cell's own border may lie outside, where it is cut off.
    wide = size + 2 * CELL
    masks = np.zeros((count, size, size), dtype=np.uint8)
    for side in range(first, last + 1):
        rows = np.flatnonzero(sides == side)
        digits = resized(images[which[rows]], side)
        canvas = np.zeros((len(rows), wide, wide), dtype=np.uint8)
        corners = []
        for axis, lot in zip((2, 1), lots[:, rows], strict=True):
            low, high = _extent(digits, axis)
            free = (size - 1 - (high - low)).astype(np.uint64)
            # Lots are drawn from 2^64 numbers, so that the bias of remainders is negligible.
            corners.append(1 - low + (lot % free).astype(np.int64))
        y, x = ((CELL + corner)[:, None] + np.arange(side) for corner in corners)
        canvas[np.arange(len(rows))[:, None, None], y[:, :, None], x[:, None, :]] = digits
        masks[rows] = canvas[:, CELL:-CELL, CELL:-CELL]
    return masks


def _extent(digits: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """First row or column with ink, and the one past the last. (N, C, C) → (N,), (N,).

    axis: the axis that is left out: 2 gives rows, 1 gives columns.
    """
    inked = np.asarray((digits >= _INK).any(axis=axis))
    return inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """Resize to rounded area means, over pixels that may be cut. (M, 28, 28) → (M, C, C) uint8."""
    # In units of 1/C of a pixel: old pixel j covers C j … C (j+1), new pixel i covers 28 i … .
    new, old = CELL * np.arange(side)[:, None], side * np.arange(CELL)
    weights = np.clip(np.minimum(new + CELL, old + side) - np.maximum(new, old), 0, None)
    sums = weights @ images.astype(np.int64) @ weights.T
    whole = CELL**2
    return ((2 * sums + whole) // (2 * whole)).astype(np.uint8)


def _painted(
    masks: np.ndarray, labels: np.ndarray, chosen: dict[str, Any], draw: Stream
) -> np.ndarray:
    """Images of ink in one colour on grey, with noise. (N, S, S), (N,) → (N, S, S, 3) uint8."""
    count, size, _ = masks.shape
    inks, greys = _colours(labels, chosen["spread"], chosen["contrast"], draw)
    noise, most = draw("noise"), chosen["noise"]
    images = np.empty((count, size, size, 3), dtype=np.uint8)
    for part in _parts(count):
        mask, ink = masks[part, :, :, None].astype(np.int32), inks[part, None, None]
        picture = (greys[part, None, None, None] * (255 - mask) + ink * mask + 127) // 255
        octets = noise.raw(2 * picture.size // 8).astype("<u8").view(np.uint8)
        more, less = octets.reshape(2, *picture.shape).astype(np.int32) * most >> 8
        images[part] = np.clip(picture + more - less, 0, 255)
    return images


def _colours(
    labels: np.ndarray, spread: int, contrast: int, draw: Stream
) -> tuple[np.ndarray, np.ndarray]:
    """Inks (N, 3) and grey grounds (N,), int32, that differ by the contrast in brightness.

    The hue is that of the class and a difference of two numbers below `spread`, of 1536 hues in the
    circle. Inks and grounds are drawn until they differ enough.
    """
    numbers, count = draw("colours"), len(labels)
    inks, greys = np.zeros((count, 3), dtype=np.int32), np.zeros(count, dtype=np.int32)
    open_ = np.arange(count)
    while len(open_):
        some = len(open_)
        away = numbers.below(spread, some) - numbers.below(spread, some)
        hue = (labels[open_] * HUES // len(DATA.classes) + away) % HUES
        value = _VALUES[0] + numbers.below(_VALUES[1] - _VALUES[0] + 1, some)
        chroma = value * (_CHROMAS[0] + numbers.below(_CHROMAS[1] - _CHROMAS[0] + 1, some)) // 256
        grey = _GREYS[0] + numbers.below(_GREYS[1] - _GREYS[0] + 1, some)
        ink = coloured(hue, chroma, value)
        fits = np.abs(ink @ _BRIGHTNESS - 1000 * grey) >= 1000 * contrast
        inks[open_[fits]], greys[open_[fits]] = ink[fits], grey[fits]
        open_ = open_[~fits]
    return inks, greys


def coloured(hue: np.ndarray, chroma: np.ndarray, value: np.ndarray) -> np.ndarray:
    """RGB (N, 3) int32 of hue, of 1536 from red on, chroma and value, 0 to 255 (N,).

    Each channel is `value` less a share of the chroma, by how far the hue is from the channel's.
    """
    sixth = HUES // 6
    places = (hue[:, None] + sixth * np.array([5, 3, 1])) % HUES
    shares = np.clip(np.minimum(places, 4 * sixth - places), 0, sixth)
    return (value[:, None] - chroma[:, None] * shares // sixth).astype(np.int32)


def _parts(count: int) -> Iterator[slice]:
    return (slice(k, min(k + _AT_ONCE, count)) for k in range(0, count, _AT_ONCE))

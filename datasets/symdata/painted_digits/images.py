"""The images of painted_digits: `load(config)` draws both splits.

One of scikit-learn's handwritten digits, in one colour, of random size and at a random place, on a
gradient between two colours with fine noise; every second image or so is inverted, so that ink may
be brighter or darker than the ground. Colour, polarity, size and place say nothing of the class:
they make pixels of equal digits unlike, and are what augmentation teaches a learner to ignore.

All arithmetic is in integers, and all draws are from `symdata.sampling`. Handwriting of the test
split is in no training image.

Letters: N images of S×S pixels, M handwritten digits, C the side of a digit's cell in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symdata.digit_scenes import Stream, stream
from symdata.digits import CELL
from symdata.digits import load as handwritten
from symdata.labelled_images import LabelledImages
from symdata.painted_digits import CLASSES as CLASSES
from symdata.painted_digits import NAME, VERSION, settings
from symdata.painted_digits import missing as missing

# Whose handwriting a split shows.
_WRITTEN = {"train": ("train", "validation"), "test": ("test",)}
# A pixel with this much ink of 255 must not lie on the image's outermost row or column.
_INK = 64
# Weights of red, green and blue in brightness, in thousandths (ITU-R BT.601).
_BRIGHTNESS = np.array([299, 587, 114])
# Images painted at a time, so that they stay in the processor's cache.
_AT_ONCE = 250


def load(config: str, seed: int = 0) -> dict[str, LabelledImages]:
    """The splits "train" and "test", with as many images of each class; a function of the seed."""
    chosen = settings(config)
    digits = handwritten("sklearn")
    splits = {}
    for split, count in chosen["sizes"].items():
        draw = stream(NAME, VERSION, config, split, seed)
        parts = [digits.part(part) for part in _WRITTEN[split]]
        images, classes = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        labels = (np.arange(count) % len(CLASSES))[draw("order").permutation(count)]
        which = _written(labels, classes, draw)
        masks = _placed(images, which, chosen["size"], chosen["cells"], draw)
        splits[split] = LabelledImages(_painted(masks, chosen["contrast"], draw), labels)
    return splits


def _written(labels: np.ndarray, classes: np.ndarray, draw: Stream) -> np.ndarray:
    """Any handwriting of each class. labels: (N,), classes: (M,) → (N,) int64 rows of classes."""
    which, numbers = np.empty_like(labels), draw("digits")
    for label in range(len(CLASSES)):
        here, rows = np.flatnonzero(labels == label), np.flatnonzero(classes == label)
        which[here] = rows[numbers.below(len(rows), len(here))]
    return which


def _placed(
    images: np.ndarray, which: np.ndarray, size: int, cells: list[int], draw: Stream
) -> np.ndarray:
    """How much ink is where: (M, 28, 28), (N,) rows of these → (N, S, S) uint8.

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
            # Of 2^64 numbers, so that the remainders' bias is nothing.
            corners.append(1 - low + (lot % free).astype(np.int64))
        y, x = ((CELL + corner)[:, None] + np.arange(side) for corner in corners)
        canvas[np.arange(len(rows))[:, None, None], y[:, :, None], x[:, None, :]] = digits
        masks[rows] = canvas[:, CELL:-CELL, CELL:-CELL]
    return masks


def _extent(digits: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Where ink begins and ends once summed over an axis. (N, C, C) → (N,), (N,) past the last."""
    inked = np.asarray((digits >= _INK).any(axis=axis))
    return inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """Area means over pixels that may be cut, rounded. (M, 28, 28) → (M, C, C) uint8."""
    # In units of 1/C of a pixel: old pixel j covers C j … C (j+1), new pixel i covers 28 i … .
    new, old = CELL * np.arange(side)[:, None], side * np.arange(CELL)
    weights = np.clip(np.minimum(new + CELL, old + side) - np.maximum(new, old), 0, None)
    sums = weights @ images.astype(np.int64) @ weights.T
    whole = CELL**2
    return ((2 * sums + whole) // (2 * whole)).astype(np.uint8)


def _painted(masks: np.ndarray, contrast: int, draw: Stream) -> np.ndarray:
    """Ink of one colour over a gradient of two, with noise. (N, S, S) → (N, S, S, 3) uint8."""
    count, size, _ = masks.shape
    start, end, ink = np.moveaxis(_colours(count, contrast, draw), 1, 0)[:, :, None, None]
    slopes = _slopes(count, size, draw)[..., None]
    noise, inverted = draw("noise"), draw("polarity").below(2, count) == 1
    images = np.empty((count, size, size, 3), dtype=np.uint8)
    for part in _parts(count):
        slope, mask = slopes[part], masks[part, :, :, None].astype(np.int32)
        ground = (start[part] * (256 - slope) + end[part] * slope + 128) >> 8
        picture = (ground * (255 - mask) + ink[part] * mask + 127) // 255
        octets = noise.raw(picture.size // 8).astype("<u8").view(np.uint8).reshape(picture.shape)
        # The difference of two numbers from 0 to 15: standard deviation 6.5.
        picture += (octets & 15).astype(np.int32) - (octets >> 4)
        images[part] = np.clip(picture, 0, 255)
    images[inverted] = 255 - images[inverted]
    return images


def _colours(count: int, contrast: int, draw: Stream) -> np.ndarray:
    """(N, 3, 3) int32: both ends of the ground, and an ink brighter than either by the contrast.

    Three colours are drawn until they are such.
    """
    numbers = draw("colours")
    kept = np.empty((0, 3, 3), dtype=np.int32)
    while len(kept) < count:
        drawn = numbers.below(256, 9 * 8 * (count - len(kept)) + 900).reshape(-1, 3, 3)
        bright = drawn @ _BRIGHTNESS
        fits = bright[:, 2] - bright[:, :2].max(axis=1) >= 1000 * contrast
        kept = np.concatenate([kept, drawn[fits].astype(np.int32)])
    return kept[:count]


def _slopes(count: int, size: int, draw: Stream) -> np.ndarray:
    """(N, S, S) int32: from 0 to 256 across the image, in any of many directions."""
    # Steps along x and y from -8 to 8, but not none along both.
    pick = draw("slopes").below(17 * 17 - 1, count)
    across, down = np.divmod(pick + (pick >= 17 * 17 // 2), 17)
    grid = np.arange(size)
    height = (across - 8)[:, None, None] * grid + (down - 8)[:, None, None] * grid[:, None]
    height -= height.min(axis=(1, 2), keepdims=True)
    return (256 * height // height.max(axis=(1, 2), keepdims=True)).astype(np.int32)


def _parts(count: int) -> Iterator[slice]:
    return (slice(k, min(k + _AT_ONCE, count)) for k in range(0, count, _AT_ONCE))

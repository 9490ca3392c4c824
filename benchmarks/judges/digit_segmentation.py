"""Segmentation of an image into digits: connected ink, fragments joined, touching digits parted.

All lengths are for an image of 128 pixels and scale with the image. The ink of a digit is up to 20
pixels wide and high, and two digits of a correct scene have their centres 28 apart in x or in y:
ink that fits into one digit's space is taken as one object, and larger ink as several.

Letters: N images, S their side in pixels, M objects, P pixels of ink, W the side of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from benchmarks.judges.digit_network import FULL, reach

# Ink is a pixel brighter than this share of the image's brightest pixel, which must have at least
# DARK of 255. Digits drawn by models are blurred, and have grey around them.
INK, DARK = 0.25, 50
# Fragments no further apart than GAP are one digit if together they are no longer than WHOLE.
GAP, WHOLE = 5.0, 23.0
# Ink longer than TOUCHING is parted between its bright cores, pixels above a level of CORES, or
# where there are no two cores, at its thinnest place.
TOUCHING = 26.0
CORES = (0.45, 0.6, 0.75, 0.9)
# Ink that adds up to fewer white pixels than this is dirt, and no object at all.
SPECK = 6.0
# The most fragments of an image that are considered for joining, the largest first.
MOST = 64

_EIGHT = np.zeros((3, 3, 3), dtype=bool)
_EIGHT[1] = True


@dataclass(frozen=True)
class Objects:
    """The objects found in all images, in the order of the images.

    image: (M,) the number of each object's image. boxes: (M, 4) x0, y0, x1, y1 of its ink. centres:
    (M, 2) its centre of mass, x and y in pixels. windows: (M, W, W) uint8 around that centre, 0
    outside of the object; the image's brightest pixel is 255.
    """

    image: np.ndarray
    boxes: np.ndarray
    centres: np.ndarray
    windows: np.ndarray


def objects(images: np.ndarray) -> Objects:
    """Find the objects in images (N, S, S) uint8."""
    peak = images.max(axis=(1, 2), keepdims=True).astype(np.float32)
    bright = np.where(peak >= DARK, images / np.maximum(peak, 1), 0).astype(np.float32)
    labels, count = ndimage.label(bright > INK, structure=_EIGHT)
    if count:
        labels = _joined(labels, count, bright)
        labels, count = _parted(labels, bright)
        labels = _without_specks(labels, count, bright)
    return _cut(labels, bright)


def _ink(labels: np.ndarray, bright: np.ndarray) -> tuple[np.ndarray, ...]:
    """Label from 0, image, y, x and brightness, (P,) each, of every pixel of ink."""
    image, y, x = np.nonzero(labels)
    return labels[image, y, x] - 1, image, y, x, bright[image, y, x]


def _boxes(labels: np.ndarray) -> np.ndarray:
    """Boxes (M, 4), x0, y0, x1, y1, of the labels 1 … M, all of which must be present."""
    found = ndimage.find_objects(labels) if labels.any() else []
    return np.array([(x.start, y.start, x.stop, y.stop) for _, y, x in found]).reshape(-1, 4)


def _masses(labels: np.ndarray, count: int, bright: np.ndarray) -> np.ndarray:
    """The ink (M,) of each label, in white pixels of an image of 128 pixels."""
    scale = FULL / labels.shape[1]
    return np.bincount(labels.ravel(), bright.ravel(), count + 1)[1:] * scale**2


def _renumbered(labels: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, int]:
    """Change the labels 1 … M to new (M,), -1 for none, numbered without a gap; and their count."""
    kept, numbers = np.unique(new[new >= 0], return_inverse=True)
    table = np.zeros(len(new) + 1, dtype=labels.dtype)
    table[1:][new >= 0] = numbers + 1
    return table[labels], len(kept)


def _joined(labels: np.ndarray, count: int, bright: np.ndarray) -> np.ndarray:
    """Join fragments, the nearest first, as long as the whole is no longer than a digit."""
    scale = FULL / labels.shape[1]
    boxes, masses = _boxes(labels) * scale, _masses(labels, count, bright)
    image = np.array([found[0].start for found in ndimage.find_objects(labels)])
    new = np.arange(count)
    for one in np.unique(image):
        mine = np.flatnonzero(image == one)
        if len(mine) > 1:
            # An image full of dirt has thousands of pieces: only the largest are considered.
            mine = mine[np.argsort(-masses[mine], kind="stable")[:MOST]]
            new[mine] = mine[_groups(boxes[mine])]
    return _renumbered(labels, new)[0]


def _groups(boxes: np.ndarray) -> np.ndarray:
    """Group near boxes (K, 4); gives each (K,) the number of one member of its group."""
    group, boxes = np.arange(len(boxes)), boxes.copy()
    gaps = np.maximum(boxes[:, None, :2] - boxes[:, 2:], boxes[:, :2] - boxes[:, None, 2:])
    gap = np.maximum(gaps, 0).max(axis=-1)
    one, other = np.nonzero(np.triu(gap <= GAP, 1))
    for i, j in sorted(zip(one, other, strict=True), key=lambda pair: gap[pair]):
        a, b = group[i], group[j]
        low, high = np.minimum(boxes[a, :2], boxes[b, :2]), np.maximum(boxes[a, 2:], boxes[b, 2:])
        if a != b and (high - low).max() <= WHOLE:
            group[group == b] = a
            boxes[a] = [*low, *high]
    return group


def _parted(labels: np.ndarray, bright: np.ndarray) -> tuple[np.ndarray, int]:
    """Part labels longer than a digit into several; returns the labels and their number."""
    scale = FULL / labels.shape[1]
    found = ndimage.find_objects(labels)
    count = len(found)
    for label, where in enumerate(found, start=1):
        if max(part.stop - part.start for part in where[1:]) * scale <= TOUCHING:
            continue
        _, y, x = where
        place = (where[0].start, y, x)
        mask = labels[place] == label
        parts = _parts(mask, bright[place], scale)
        labels[place][mask] = np.where(parts[mask] > 1, count + parts[mask] - 1, label)
        count += parts.max() - 1
    return labels, count


def _parts(mask: np.ndarray, bright: np.ndarray, scale: float) -> np.ndarray:
    """Number the pixels of mask (h, w) from 1 on, by the digit to which each may belong."""
    for level in CORES:
        cores, count = ndimage.label(mask & (bright > level), structure=_EIGHT[1])
        ink = ndimage.sum_labels(bright, cores, np.arange(1, count + 1)) * scale**2
        large = np.flatnonzero(np.atleast_1d(ink) >= 3 * SPECK) + 1
        if len(large) > 1:
            cores = np.searchsorted(large, cores) * np.isin(cores, large) + np.isin(cores, large)
            nearest = ndimage.distance_transform_edt(
                cores == 0, return_distances=False, return_indices=True
            )
            return np.where(mask, cores[tuple(nearest)], 0)
    # Without two cores: cut across the longer side where the least ink is, near the middle.
    along = int(mask.shape[1] >= mask.shape[0])
    profile = (mask * bright).sum(axis=1 - along)
    third = len(profile) // 3
    cut = third + int(profile[third : len(profile) - third].argmin())
    side = np.arange(len(profile)) > cut
    return np.where(mask, 1 + (side if along else side[:, None]), 0)


def _without_specks(labels: np.ndarray, count: int, bright: np.ndarray) -> np.ndarray:
    masses = _masses(labels, count, bright)
    return _renumbered(labels, np.where(masses >= SPECK, np.arange(count), -1))[0]


def _cut(labels: np.ndarray, bright: np.ndarray) -> Objects:
    """Cut out the objects of the labels 1 … M, sorted by image."""
    count, size = int(labels.max(initial=0)), labels.shape[1]
    label, image, y, x, ink = _ink(labels, bright)
    mass = np.bincount(label, ink, count)
    x_mean = np.bincount(label, ink * x, count) / mass
    y_mean = np.bincount(label, ink * y, count) / mass
    of_image = np.zeros(count, dtype=np.int64)
    of_image[label] = image
    half = reach(size)
    corner_x, corner_y = np.rint(x_mean + 0.5).astype(int), np.rint(y_mean + 0.5).astype(int)
    spread = ((0, 0), (half, half), (half, half))
    padded, around = np.pad(bright, spread), np.pad(_grown(labels), spread)
    place = np.arange(2 * half)
    rows = (of_image[:, None, None], (corner_y[:, None] + place)[:, :, None],
            (corner_x[:, None] + place)[:, None])  # fmt: skip
    mine = around[rows] == np.arange(1, count + 1)[:, None, None]
    windows = np.rint(255 * padded[rows] * mine).astype(np.uint8)
    order = np.argsort(of_image, kind="stable")
    centres = np.stack([x_mean, y_mean], axis=1) + 0.5
    return Objects(of_image[order], _boxes(labels)[order], centres[order], windows[order])


def _grown(labels: np.ndarray) -> np.ndarray:
    """Extend each label to the pixels around it that belong to no other."""
    wider = ndimage.grey_dilation(labels, footprint=_EIGHT)
    return np.where(labels > 0, labels, wider)

"""The images of CIFAR-10: `load(config)` gives both splits, the same from every copy.

The copy is compared with what CIFAR-10 is known to be, image by image and whatever their order. The
images of a split then stand in one order, by a hash of each, so that every copy gives the same
arrays; "10k" has the first of each class.

Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).

Letters: N images, R numbers of an image: 32·32·3 pixels, then its class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from operator import index
from pathlib import Path

import numpy as np

from symdata import cache as kept
from symdata.cifar10 import DATA, source
from symdata.errors import DataError
from symdata.labelled_images import LabelledImages
from symdata.sources import DEFAULT, DataSources

SPLITS = {"train": 50_000, "test": 10_000}
SHAPE = (32, 32, 3)

# SHA-256 of all rows, in the order that they are put into, train before test.
_CIFAR10 = "7102b5e7ffd80cb9f32170cae8d97e3998a988123a60609bdb1c5eb89e4088b4"

_PIECE = 5_000


def load(config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, LabelledImages]:
    """The splits "train" and "test", the same for every seed; `DataError` if not to be had."""
    sizes = DATA.settings(config)["sizes"]
    index(seed)
    location = source.location(sources)
    whole = _whole(location, source.state(location), sources.cache)
    return {split: _of_each_class(whole[split], sizes[split]) for split in SPLITS}


def missing(config: str, sources: DataSources = DEFAULT) -> str | None:
    """Line on why it cannot be had here and what to do; None if it may be."""
    return source.missing(sources)


def _of_each_class(part: LabelledImages, count: int) -> LabelledImages:
    """The first images of each class, as many of every one, in the order in which they stand."""
    if count == len(part):
        return part
    each = count // len(DATA.classes)
    first = [np.flatnonzero(part.labels == label)[:each] for label in range(len(DATA.classes))]
    rows = np.sort(np.concatenate(first))
    return LabelledImages(part.images[rows], part.labels[rows])


@cache
def _whole(location: str, state: str, folder: Path) -> dict[str, LabelledImages]:
    """All images at a location in this state, kept in the cache, as decoding takes a while."""
    count = sum(SPLITS.values())

    def make(open_: Sequence[slice]) -> Iterable[tuple[slice, np.ndarray]]:
        parts = source.read(location)
        rows = ordered(parts) if _fit(parts) else np.empty(0, dtype=np.uint8)
        _compare(rows, location)
        return ((part, rows[part]) for part in open_)

    description = {"data": DATA.name, "version": DATA.version, "place": location, "state": state}
    shape = (count, int(np.prod(SHAPE)) + 1)
    rows = kept.keep(folder, DATA.name, description, shape, "uint8", _PIECE, make)
    _compare(rows, location)
    splits, end = {}, 0
    for split, size in SPLITS.items():
        part, end = rows[end : end + size], end + size
        images = np.ascontiguousarray(part[:, :-1]).reshape(-1, *SHAPE)
        splits[split] = LabelledImages(images, part[:, -1].astype(np.int64))
    return splits


def ordered(parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Rows (N, R) uint8 of images and labels of all splits, each split in the order of hashes."""
    rows = []
    for split in SPLITS:
        images, labels = parts[split]
        # A label that is no class becomes 255, which is no class either once it is an octet.
        octets = np.where((labels >= 0) & (labels < len(DATA.classes)), labels, 255).astype(
            np.uint8
        )
        numbers = [images.reshape(len(images), -1), octets[:, None]]
        part = np.ascontiguousarray(np.concatenate(numbers, axis=1))
        names = [hashlib.sha256(row.data).digest() for row in part]
        rows.append(part[sorted(range(len(names)), key=names.__getitem__)])
    return np.concatenate(rows)


def _fit(parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether images and labels of all splits have the shapes of CIFAR-10's."""
    return all(
        images.shape == (SPLITS[split], *SHAPE) and labels.shape == (SPLITS[split],)
        for split, (images, labels) in parts.items()
    )


def _compare(rows: np.ndarray, location: str) -> None:
    if digest(rows) != _CIFAR10:
        raise DataError(
            f"what {location} holds is not CIFAR-10, whose pixels and labels are known: "
            f"{source.way_out(location)}."
        )


def digest(rows: np.ndarray) -> str:
    """SHA-256 of the numbers of all rows. (N, R) uint8."""
    return hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()

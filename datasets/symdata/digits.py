"""Handwritten digits: scikit-learn's, which need no network, or MNIST.

    load("sklearn")     1,797 digits, 8×8, enlarged
    load("mnist", DataSources(digits="mnist"))      70,000 digits

`DataSources.digits` says where they are from, and on the command line `--digits` does: "mnist" for
the Hugging Face hub, or a folder with a copy, in a layout that `datasets.load_dataset` takes or as
IDX files, .npz or CSV (`symdata.mnist_files`); "sklearn" for scikit-learn's digits. Both sources
give white digits on black, about 20 of 28 pixels high, with the centre of mass in the middle to
half a pixel (MNIST's half a pixel further right and down).

Letters: M digits.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from symdata import mnist_files
from symdata.errors import DataError
from symdata.loading import first_line, out_of_reach, read_pictures
from symdata.sampling import Draw
from symdata.sources import DEFAULT, DataSources

HUB = "ylecun/mnist"
CELL = 28
SPLITS = ("train", "validation", "test")

# SHA-256 of pixels and labels, train before test.
_SKLEARN = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
_MNIST = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"

# Shares of each class of scikit-learn's digits, in percent; rows at which splits of MNIST end.
_VALIDATION_SHARE, _TEST_SHARE = 15, 15
_MNIST_ENDS = (50_000, 60_000)

_INSTEAD = f"give --digits FOLDER (a copy of {HUB}), or leave --digits out for scikit-learn's"


@dataclass(frozen=True)
class Digits:
    """Handwritten digits with their classes and splits.

    images: (M, 28, 28) uint8, white on black. labels: (M,) int64, 0 … 9. splits: name → (m,) int64,
    the rows of the digits of a split; each digit is in one split only.
    """

    images: np.ndarray
    labels: np.ndarray
    splits: dict[str, np.ndarray]

    def part(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """The images and the labels of a split."""
        rows = self.splits[split]
        return self.images[rows], self.labels[rows]


def load(source: str, sources: DataSources = DEFAULT) -> Digits:
    """All digits of "sklearn" or "mnist"; `DataError` if they cannot be had here."""
    if source == "sklearn":
        return _sklearn()
    if source != "mnist":
        raise DataError(f"no digits '{source}'; there are: sklearn, mnist.")
    line = missing(source, sources)
    if line is not None:
        raise DataError(line)
    return _mnist(sources.digits)


def missing(source: str, sources: DataSources = DEFAULT) -> str | None:
    """Line on why these digits cannot be had from these sources; None if they may be."""
    chosen = sources.digits
    if source == "mnist" and chosen == "sklearn":
        return (
            "these scenes need MNIST: give --digits mnist (Hugging Face hub) or --digits FOLDER "
            f"(a copy of {HUB}), or set SYMBENCH_DIGITS; without it there are "
            "scikit-learn's digits."
        )
    if source == "sklearn" and chosen != "sklearn":
        return (
            f"scikit-learn's digits are left out: --digits {chosen} (or SYMBENCH_DIGITS) chose "
            "MNIST; leave it out for them."
        )
    return None


def shrunk(images: np.ndarray, cell: int) -> np.ndarray:
    """Shrink images to rounded area means. (M, 28, 28) → (M, cell, cell) uint8; cell divides 28."""
    step = CELL // cell
    blocks = images.reshape(len(images), cell, step, cell, step)
    sums = blocks.sum(axis=(2, 4), dtype=np.int64)
    return ((2 * sums + step * step) // (2 * step * step)).astype(np.uint8)


@cache
def _sklearn() -> Digits:
    """The digits of `sklearn.datasets.load_digits`, 15 % of each class for validation and test."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    small, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.int64)
    if _hash((small, labels)) != _SKLEARN:
        raise DataError("load_digits of this scikit-learn gives other digits; install another.")
    rows: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    draw = Draw("digits", "sklearn", seed=0)
    for label in range(10):
        mine = np.flatnonzero(labels == label)
        mine = mine[draw.permutation(len(mine))]
        ends = np.array([_VALIDATION_SHARE, _VALIDATION_SHARE + _TEST_SHARE]) * len(mine) // 100
        validation, test, train = np.split(mine, ends)
        for split, part in zip(SPLITS, (train, validation, test), strict=True):
            rows[split].append(part)
    splits = {split: np.sort(np.concatenate(parts)) for split, parts in rows.items()}
    return Digits(centred(enlarged(small)), labels, splits)


def enlarged(small: np.ndarray) -> np.ndarray:
    """Enlarge digits by 5/2, amid a black cell, with cubic convolution (Keys, 1981, a = -1/2).

    small: (M, 8, 8), values 0 … 16 → (M, 28, 28) uint8. All in integers; 8 pixels become 20.
    """
    # Pixel j lies at (4 (j - 4) - 3) / 10 source pixels; the weights are in 1/2000.
    weights = np.zeros((CELL, 8), dtype=np.int64)
    for j in range(CELL):
        first, tenth = divmod(4 * (j - 4) - 3, 10)
        square, cube = tenth**2, tenth**3
        taps = (
            -100 * tenth + 20 * square - cube,
            2000 - 50 * square + 3 * cube,
            100 * tenth + 40 * square - 3 * cube,
            -10 * square + cube,
        )
        for k, tap in enumerate(taps, start=first - 1):
            if 0 <= k < 8:
                weights[j, k] = tap
    sums = weights @ small.astype(np.int64) @ weights.T
    whole = 16 * 2000 * 2000
    return np.clip((2 * 255 * sums + whole) // (2 * whole), 0, 255).astype(np.uint8)


def centred(images: np.ndarray) -> np.ndarray:
    """Shift by whole pixels until the centre of mass is in the middle, as MNIST's. (M, 28, 28).

    Shifts are at most 4, so that the 20×20 pixels that hold the ink stay in the cell.
    """
    ink = images.astype(np.int64)
    mass = ink.sum(axis=(1, 2))
    grid = np.arange(CELL)
    shifts = []
    for axis in (2, 1):
        moment = (ink.sum(axis=axis) * (2 * grid - CELL + 1)).sum(axis=1)  # half pixels
        shifts.append(np.clip((moment + mass) // (2 * mass), -4, 4))
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4)))
    rows, columns = (grid + 4 + shift[:, None] for shift in shifts)
    return padded[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]


@cache
def _mnist(place: str) -> Digits:
    """MNIST; the last 10,000 of its training digits are the validation split."""
    path = HUB if place == "mnist" else place
    why = out_of_reach(HUB) if path == HUB else None
    if why is not None:
        raise DataError(
            f"MNIST cannot be loaded from {HUB} ({why}): try with a network, or with "
            f"HF_HUB_OFFLINE=1 if it was loaded here before, {_INSTEAD}."
        )
    try:
        loaded = None if path == HUB else mnist_files.read(Path(path))
        if loaded is None:
            read = read_pictures(path, "image", "label", "L")
            loaded = (*read["train"], *read["test"])
    except DataError:
        raise
    except Exception as error:
        advice = "try with a network" if path == HUB else f"copy {HUB} there anew"
        raise DataError(
            f"MNIST cannot be loaded from {path} ({first_line(error)}): {advice}, {_INSTEAD}."
        ) from None
    if _hash(loaded) != _MNIST:
        raise DataError(
            f"what {path} holds is not MNIST, whose pixels and labels are known: copy {HUB} there "
            f"anew, {_INSTEAD}."
        )
    images = np.concatenate([loaded[0], loaded[2]])
    labels = np.concatenate([loaded[1], loaded[3]])
    parts = np.split(np.arange(len(labels)), _MNIST_ENDS)
    return Digits(images, labels, dict(zip(SPLITS, parts, strict=True)))


def _hash(arrays: tuple[np.ndarray, ...]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        # Values are clipped, so that no label passes for another.
        digest.update(np.ascontiguousarray(array.clip(0, 255), dtype=np.uint8).data)
    return digest.hexdigest()

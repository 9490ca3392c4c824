"""MNIST as files that people have it in: IDX, also gzipped; the .npz of Keras; CSV.

    read(folder)     images and labels of both splits; None where the folder holds none of these

Files are found at any depth, by their usual names. What they hold is compared with MNIST elsewhere.

Letters: N images.
"""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from symdata.errors import DataError
from symdata.file_faults import first_fault
from symdata.root import matching

Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Images (N, 28, 28) and labels (N,) for training, then those of the test."""

_IDX = tuple(
    (f"{split}-{kind}?idx{axes}-ubyte", f"{split}-{kind}?idx{axes}-ubyte.gz")
    for split in ("train", "t10k")
    for kind, axes in (("images", 3), ("labels", 1))
)
_CSV = (("mnist_train.csv", "mnist_train.csv.gz"), ("mnist_test.csv", "mnist_test.csv.gz"))
_NPZ = (("*mnist*.npz",),)
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_SIDE = 28


def read(folder: Path) -> Parts | None:
    """The images and labels that the files of a folder hold, checked for their shapes alone."""
    for names, reader in ((_IDX, _from_idx), (_NPZ, _from_npz), (_CSV, _from_csv)):
        found = [matching(folder, alternatives) for alternatives in names]
        paths = [some[0] for some in found if some]
        if len(paths) < len(names):
            if paths:
                lacking = next(one for one, some in zip(names, found, strict=True) if not some)
                raise DataError(
                    f"{folder} holds {paths[0].name}, but no {lacking[0].replace('?', '-')}."
                )
            continue
        if (line := first_fault(paths)) is not None:
            raise DataError(line)
        images, labels, test_images, test_labels = reader(paths)
        return *_pictures(images, labels, paths[0]), *_pictures(test_images, test_labels, paths[-1])
    return None


def _pictures(images: np.ndarray, labels: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images, which may be flat, as (N, 28, 28), and their labels (N,)."""
    if labels.ndim != 1 or images.size != len(labels) * _SIDE**2:
        raise _bad(path, f"images {images.shape} and labels {labels.shape} do not fit MNIST")
    return images.reshape(-1, _SIDE, _SIDE), labels


def _from_idx(paths: list[Path]) -> Parts:
    images, labels, test_images, test_labels = map(_idx, paths)
    return images, labels, test_images, test_labels


def _idx(path: Path) -> np.ndarray:
    """The array of an IDX file of octets: 0, 0, 8, the number of axes, their sizes, the numbers."""
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise _bad(path, error) from None
    axes = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    first = 4 + 4 * axes
    sizes = [int.from_bytes(content[k : k + 4], "big") for k in range(4, first, 4)]
    if axes == 0 or len(content) != first + math.prod(sizes):
        raise _bad(path, "it is no whole IDX file of octets")
    return np.frombuffer(content, np.uint8, offset=first).reshape(sizes)


def _from_npz(paths: list[Path]) -> Parts:
    (path,) = paths
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels, test_images, test_labels = (file[name] for name in _ARRAYS)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _bad(path, error) from None
    except KeyError:
        raise _bad(path, f"it has not the arrays {', '.join(_ARRAYS)}") from None
    return images, labels, test_images, test_labels


def _from_csv(paths: list[Path]) -> Parts:
    (images, labels), (test_images, test_labels) = map(_csv, paths)
    return images, labels, test_images, test_labels


def _csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of a CSV file: in each line the label, then the pixels, row by row."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        with pa.input_stream(path) as file:  # which unpacks what its name says is packed
            titled = not file.read(8).removeprefix(b"\xef\xbb\xbf")[:1].isdigit()
        options = csv.ReadOptions(autogenerate_column_names=True, skip_rows=int(titled))
        table = csv.read_csv(path, read_options=options)
    except (OSError, pa.ArrowInvalid) as error:
        raise _bad(path, error) from None
    columns = [column.to_numpy() for column in table.columns]
    if len(columns) != 1 + _SIDE**2 or any(one.dtype.kind not in "iu" for one in columns):
        raise _bad(path, f"its lines must be a label and {_SIDE**2} pixels, whole numbers")
    return np.stack(columns[1:], axis=1), columns[0]


def _bad(path: Path, reason: object) -> DataError:
    line = (str(reason).strip().splitlines() or [type(reason).__name__])[0].rstrip(".")
    return DataError(f"{path} cannot be read ({line}): get the file again.")

"""Arrays that take long to make, kept as HDF5 under a folder of the user, and made piece by piece.

    rows = keep(sources.cache, "arrow_room/test", description, shape, "uint8", 64, make)

A file is found by what determines its content, not by when it was made. While it is being made,
each finished piece lies beside it in a file of its own, which appears whole or not at all; after an
interruption, even a crash, the next call goes on from these. In the end they are joined into one
chunked HDF5 file, which also appears whole or not at all. If two processes ask for one file, one
makes it and the other waits. HDF5 and zip keep checksums, so that damage is seen.

Letters: N rows.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from symdata.errors import DataError

Make = Callable[[Sequence[slice]], Iterable[tuple[slice, np.ndarray]]]
"""Function from the slices still to be made to pairs of a slice and its rows, in any order."""


def file_for(folder: Path, name: str, description: Mapping[str, Any]) -> Path:
    """Path of the file in which rows with this description (JSON) are kept."""
    text = json.dumps(description, sort_keys=True)
    return folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.h5"


def kept(folder: Path, name: str, description: Mapping[str, Any], shape: tuple[int, ...]) -> bool:
    """Whether a file with rows of this shape is there; the rows themselves are not read."""
    import h5py

    try:
        with h5py.File(file_for(folder, name, description), "r") as file:
            return bool(file["rows"].shape == shape)
    except (OSError, KeyError):
        return False


def keep(
    folder: Path,
    name: str,
    description: Mapping[str, Any],
    shape: tuple[int, ...],
    dtype: str,
    piece: int,
    make: Make,
    made_by: Callable[[], str] = str,
) -> np.ndarray:
    """Rows of this shape (N, ...), read from their file or made now, `piece` rows at a time.

    made_by: names the program that makes rows; called only when some have to be made. A finished
    file is used whichever program made it, but pieces of two programs never share a file.
    """
    path = file_for(folder, name, description)
    found = _read(path, shape, dtype)
    if found is not None:
        return found
    with writable(path), alone(path, path.name):
        found = _read(path, shape, dtype)  # the process waited for may have made it
        if found is None:
            found = _made(path, description, shape, dtype, piece, make, made_by())
    return found


def _made(
    path: Path,
    description: Mapping[str, Any],
    shape: tuple[int, ...],
    dtype: str,
    piece: int,
    make: Make,
    maker: str,
) -> np.ndarray:
    """Make the rows, except for pieces that the same maker left, and write them to the file."""
    parts = path.with_suffix(".parts")
    slices = [slice(k, min(k + piece, shape[0])) for k in range(0, shape[0], piece)]
    rows = np.empty(shape, dtype=dtype)
    open_ = []
    for rows_of in slices:
        part = _read_part(_part(parts, rows_of), rows[rows_of], maker)
        if part is None:
            open_.append(rows_of)
        else:
            rows[rows_of] = part
    made: Iterator[tuple[slice, np.ndarray]] = iter(make(open_) if open_ else ())
    for rows_of, values in made:
        rows[rows_of] = values
        _write_part(_part(parts, rows_of), rows[rows_of], maker)
    _write(path, rows, piece, description, maker)
    shutil.rmtree(parts, ignore_errors=True)
    return rows


def _part(parts: Path, rows: slice) -> Path:
    return parts / f"{rows.start:07d}-{rows.stop:07d}.npz"


def _read(path: Path, shape: tuple[int, ...], dtype: str) -> np.ndarray | None:
    """Rows of a finished file; None where there is none or it is damaged."""
    import h5py

    if not path.exists():
        return None
    try:
        with h5py.File(path, "r") as file:
            rows = file["rows"]
            if rows.shape == shape and rows.dtype == dtype:
                return np.asarray(rows[:])  # HDF5 compares each chunk with its checksum
    except (OSError, KeyError):
        pass
    print(f"{path} is damaged: what it held is made anew.", file=sys.stderr)
    path.unlink(missing_ok=True)
    return None


def _write(
    path: Path, rows: np.ndarray, piece: int, description: Mapping[str, Any], maker: str
) -> None:
    import h5py

    with _renamed(path) as partial, h5py.File(partial, "w") as file:
        chunks = (min(piece, len(rows)), *rows.shape[1:])
        file.create_dataset("rows", data=rows, chunks=chunks, fletcher32=True)
        file.attrs["description"] = json.dumps(description, sort_keys=True)
        file.attrs["made_by"] = maker


def _read_part(path: Path, like: np.ndarray, maker: str) -> np.ndarray | None:
    """Rows of a piece by the same maker; None where it is missing, damaged or another's."""
    try:
        with np.load(path) as stored:
            rows, by = stored["rows"], str(stored["made_by"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    fits = by == maker and rows.shape == like.shape and rows.dtype == like.dtype
    return np.asarray(rows) if fits else None


def _write_part(path: Path, rows: np.ndarray, maker: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _renamed(path) as partial, partial.open("wb") as file:
        np.savez(file, rows=rows, made_by=np.str_(maker))


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes `path` when the block ends without an error."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Make the folder of a file; an `OSError` in the block becomes one line on what to do."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataError(
            f"cannot write to {path.parent} ({error.strerror or error}): make room there, or give "
            "another cache folder, in $SYMBENCH_CACHE or, in a program, in DataSources."
        ) from None


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Lock by which one process at a time makes the file at `path`; others say that they wait."""
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"Waiting for another process that makes {what}.", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()

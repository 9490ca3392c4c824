"""Data sets that are not generated but read from files that a user brings.

    DataSources(root=F)     F/basketball/train.npz …, one folder a data set

On the command line, F is what `--data-root` says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from symdata.errors import DataError
from symdata.file_faults import first_fault
from symdata.sources import DataSources

Needs = Sequence[Sequence[str]]
"""The files that a data set is read from, as patterns, each with its alternatives."""

_HASHES: dict[tuple[str, int, int], str] = {}


def folder_of(name: str, needs: Needs, sources: DataSources) -> Path:
    """The folder of a data set; `DataError` where it or one of the needed files is missing."""
    line = missing_files(name, needs, sources)
    if line is not None:
        raise DataError(line)
    assert sources.root is not None
    return sources.root / name


def missing_files(name: str, needs: Needs, sources: DataSources) -> str | None:
    """Line on what is missing, where it was looked for and what to do; None if all is there.

    Looks at names and first bytes: a file may still turn out to be damaged when it is read.
    A generated data set needs no files, so that nothing can be missing.
    """
    if not needs:
        return None
    wanted = " and ".join(" or ".join(alternatives) for alternatives in needs)
    advice = f"the card of {name} (its README.md) says where to get them"
    if sources.root is None:
        return (
            f"{name} is read from files: give --data-root (or set SYMBENCH_DATA; in a program, "
            f"DataSources(root=F)), a folder F such that F/{name} holds {wanted}; {advice}."
        )
    place = sources.root / name
    if not place.is_dir():
        return (
            f"no folder {place}: make it with {wanted} in it, or let --data-root or SYMBENCH_DATA "
            f"name another root; {advice}."
        )
    for alternatives in needs:
        found = matching(place, alternatives)
        if not found:
            other = matching(place, [f"{pattern.rpartition('.')[0]}.*" for pattern in alternatives])
            but = f" but {other[0].name}, which is of another format" if other else ""
            return f"{place} holds no {' or '.join(alternatives)}{but}; {advice}."
        if (line := first_fault(found)) is not None:
            return line
    return None


def matching(place: Path, patterns: Sequence[str]) -> list[Path]:
    """The files of the first pattern that has any, at any depth, sorted by path.

    At any depth, so that an archive may be unpacked as it is. Precomputed features that official
    archives carry beside the data (`*features*`) do not count, and nothing hidden does.
    """
    for pattern in patterns:
        found = [
            path
            for path in place.rglob(pattern)
            if "features" not in path.name
            and not any(part.startswith(".") for part in path.relative_to(place).parts)
        ]
        if found:
            return sorted(found)
    return []


def hashes(place: Path, paths: Sequence[Path]) -> dict[str, str]:
    """Path below `place` → SHA-256 of the file; a file that has not changed is read only once."""
    return {path.relative_to(place).as_posix(): _sha256(path) for path in paths}


def twice(one: Sequence[Path], other: Sequence[Path]) -> str | None:
    """Line on a file of the test data that is also one of the training data; None if none is.

    one: files of the training data; other: those of the test data.
    """
    known = {_sha256(path): path for path in one}
    for path in other:
        if path.stat().st_size and (same := known.get(_sha256(path))) is not None:
            return f"{path} is the same as {same}: a test needs data that nobody has trained on."
    return None


def _sha256(path: Path) -> str:
    try:
        state = path.stat()
        key = (str(path.resolve()), state.st_size, state.st_mtime_ns)
        if key not in _HASHES:
            with path.open("rb") as file:
                _HASHES[key] = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    return _HASHES[key]

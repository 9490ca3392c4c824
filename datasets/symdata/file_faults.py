"""Files that are not what their names say, told by their first bytes: pointers, pages, texts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

BINARY = (".npz", ".npy", ".parquet", ".gz")
_BYTES = 256
_POINTERS = (
    (
        (b"version https://git-lfs", b"version https://hawser"),
        "is a pointer of Git LFS and not the file itself: run `git lfs pull` in its repository",
    ),
    (
        (b"/annex/objects/", b"../.git/annex", b".git/annex"),
        "is a pointer of git-annex and not the file itself: run `git annex get` in its repository",
    ),
    (
        (b"<!doctype html", b"<html"),
        "is a web page and not the file itself: download it anew, by the link to the raw file",
    ),
)


def fault(path: Path) -> str | None:
    """Phrase on what a file is instead of data, to follow its name; None where it may be data."""
    try:
        with path.open("rb") as file:
            first = file.read(_BYTES)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    for beginnings, phrase in _POINTERS:
        if first.lstrip().lower().startswith(beginnings):
            return phrase
    if path.suffix in BINARY and first.startswith((b"\xef\xbb\xbf", b"\xef\xbf\xbd")):
        return "begins as a text does: a program has read and saved it as one; get the file again"
    return None


def first_fault(paths: Iterable[Path]) -> str | None:
    """Line on the first file with a fault; None where there is none."""
    for path in paths:
        if (found := fault(path)) is not None:
            return f"{path} {found}."
    return None

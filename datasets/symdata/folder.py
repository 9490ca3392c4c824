"""Folders that appear whole or not at all, and the manifest that marks a build of symdata."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from symdata.errors import DataError

MANIFEST = "symdata.json"
SCHEMA = "symdata.build/1"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a built folder; `DataError` where there is none that can be read."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{folder} has no {MANIFEST}: it was not built by symdata.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): build the folder anew.") from None
    if not _whole(manifest):
        raise DataError(f"{path} does not follow {SCHEMA}: build the folder anew.")
    return manifest


def _whole(manifest: Any) -> bool:
    """Whether a manifest has every part that a reader relies on."""
    try:
        splits = [s for entry in manifest["configs"].values() for s in entry["splits"].values()]
        return (
            manifest["schema"] == SCHEMA
            and {"dataset", "version", "seed"} <= manifest.keys()
            and all("settings" in entry for entry in manifest["configs"].values())
            and all({"file", "rows", "sha256"} <= split.keys() for split in splits)
        )
    except (KeyError, TypeError, AttributeError):
        return False


@contextmanager
def replacing(folder: str | Path) -> Iterator[Path]:
    """Fresh folder beside `folder`, which takes its place when the block ends without an error.

    An earlier build is replaced; a folder with anything else in it is refused.
    """
    target = Path(folder).resolve()
    _refuse_foreign(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.parent / f".{target.name}.partial-{secrets.token_hex(4)}"
        partial.mkdir()
    except OSError as error:
        raise DataError(f"cannot write to {target.parent}: {error.strerror}.") from None
    try:
        yield partial
        _swap(partial, target)
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _swap(partial: Path, target: Path) -> None:
    """Rename the finished folder into place; the earlier build goes only after that."""
    if not target.exists():
        partial.rename(target)
        return
    earlier = target.with_name(f".{target.name}.earlier-{secrets.token_hex(4)}")
    target.rename(earlier)
    try:
        partial.rename(target)
    except OSError:
        earlier.rename(target)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _refuse_foreign(target: Path) -> None:
    """Raise if replacing the folder would lose anything but what an earlier build wrote."""
    advice = "choose a folder that is new, empty or an earlier build"
    if not target.exists():
        return
    if not target.is_dir():
        raise DataError(f"{target} is a file; {advice}.")
    try:
        present = {p.relative_to(target).as_posix() for p in target.rglob("*") if not p.is_dir()}
    except OSError as error:
        raise DataError(f"cannot read {target}: {error.strerror}.") from None
    if not present and not any(target.iterdir()):
        return
    try:
        configs = read_manifest(target)["configs"].values()
        ours = {split["file"] for entry in configs for split in entry["splits"].values()}
    except DataError:
        raise DataError(f"{target} is not empty and no build of symdata; {advice}.") from None
    foreign = sorted(present - ours - {MANIFEST, "README.md"})
    if foreign:
        raise DataError(f"{target} holds '{foreign[0]}', which no build wrote; {advice}.")

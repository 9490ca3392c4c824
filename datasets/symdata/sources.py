"""Places of data: one object that every loader, task and run is handed.

    here = DataSources(root=Path("raw"), digits="mnist")
    symdata.dataset("calms21").load("default", sources=here)

Nothing below reads environment variables of ours, so that one process can have two of these at
once. The command line makes its own from its options and the variables that it documents.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


def default_cache() -> Path:
    """The folder `symbench` where this system keeps what can be made again."""
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"]) / "symbench"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "symbench"
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore relative paths.
    return (Path(base) if Path(base).is_absolute() else _home() / ".cache") / "symbench"


def _home() -> Path:
    """The user's own folder; that for temporary files where the system knows of no user."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir())


@dataclass(frozen=True)
class DataSources:
    """Places on this machine; by default the user brings no files.

    root: a folder in which each data set that is read from files has a folder of its name; None:
    there is none. digits: the handwriting of which scenes are made: "sklearn" for scikit-learn's
    digits, "mnist" for MNIST from the Hugging Face hub, or a folder with a copy of it. cifar10:
    "hub", or a folder with a copy; None: the folder `cifar10` of the root. cache: a folder
    for what is large or slow to make, such as rendered images and trained teachers.
    """

    root: Path | None = None
    digits: str = "sklearn"
    cifar10: str | None = None
    cache: Path = field(default_factory=default_cache)


DEFAULT = DataSources()
"""Sources of a user who brings no files: scikit-learn's digits, and the user's cache folder."""

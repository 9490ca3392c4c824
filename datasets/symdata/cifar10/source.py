"""Location from which CIFAR-10 is read: the Hugging Face hub, or a folder with a copy.

`DataSources.cifar10` says which, and on the command line `--cifar10`: "hub" for `uoft-cs/cifar10`,
or a folder that `datasets.load_dataset` takes. If that is None, the folder `cifar10` below
the root of the data that users bring is taken if it is there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from symdata.errors import DataError
from symdata.loading import first_line, out_of_reach, read_pictures
from symdata.sources import DEFAULT, DataSources

HUB = "uoft-cs/cifar10"
FOLDER = "cifar10"
COLUMNS = ("img", "label")

_COPY = f"--cifar10 FOLDER (a copy of {HUB})"
_ADVICE = f"give {_COPY} or --cifar10 hub, or set SYMBENCH_CIFAR10"


def missing(sources: DataSources = DEFAULT) -> str | None:
    """Line on why CIFAR-10 cannot be had from these sources; None if it may be."""
    given = sources.cifar10
    if given == "hub" or (given and Path(given).is_dir()):
        return None
    if given:
        return f"no folder {given}, which is to hold CIFAR-10: {_ADVICE}."
    if _beside(sources) is None:
        return (
            f"CIFAR-10 is read from where you say: {_ADVICE}, or lay the copy into the folder "
            f"{FOLDER} of --data-root; without it there is painted_digits."
        )
    return None


def location(sources: DataSources = DEFAULT) -> str:
    """Name on the hub or folder to read from; `DataError` where there is none."""
    line = missing(sources)
    if line is not None:
        raise DataError(line)
    given = sources.cifar10
    if given == "hub":
        return HUB
    return str(Path(given).resolve()) if given else str(_beside(sources))


def _beside(sources: DataSources) -> Path | None:
    """The folder of CIFAR-10 among the data that a user brings, if there is one."""
    if sources.root is None:
        return None
    folder = sources.root.resolve() / FOLDER
    return folder if folder.is_dir() else None


def state(location: str) -> str:
    """Hash of names, sizes and times of the files at a location; empty for the hub.

    Images that were read once are read again only where this has changed.
    """
    if location == HUB:
        return ""
    folder, digest = Path(location), hashlib.sha256()
    try:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            facts = path.stat()
            name = path.relative_to(folder).as_posix()
            digest.update(f"{name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read ({error.strerror or error}): {_ADVICE}."
        ) from None
    return digest.hexdigest()


def read(location: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images (N, 32, 32, 3) uint8 and labels (N,) of "train" and "test", as they stand there."""
    why = out_of_reach(HUB) if location == HUB else None
    if why is not None:
        raise DataError(
            f"CIFAR-10 cannot be loaded from {HUB} ({why}): {way_out(HUB)}, or set "
            f"HF_HUB_OFFLINE=1 if it was loaded here before."
        )
    try:
        return read_pictures(location, *COLUMNS, "RGB")
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"CIFAR-10 cannot be loaded from {location} ({first_line(error)}): {way_out(location)}."
        ) from None


def way_out(location: str) -> str:
    """Advice where a location has no CIFAR-10."""
    if location == HUB:
        return f"try with a network, or give {_COPY}"
    return f"copy {HUB} there anew, or give --cifar10 hub"

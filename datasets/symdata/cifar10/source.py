"""Where CIFAR-10 is read from: the Hugging Face hub, or a folder with a copy.

SYMBENCH_CIFAR10 says which; it is set by the user, or by the command line's `--cifar10`: "hub" for
`uoft-cs/cifar10`, or a folder that `datasets.load_dataset` takes. Where it is unset, the folder
`cifar10` below the root of the data that users bring (`symdata.root`) is taken if it is there.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from symdata import root
from symdata.errors import DataError
from symdata.loading import first_line, out_of_reach, pictures

VARIABLE = "SYMBENCH_CIFAR10"
HUB = "uoft-cs/cifar10"
FOLDER = "cifar10"
COLUMNS = ("img", "label")

_COPY = f"--cifar10 FOLDER (a copy of {HUB})"
_ADVICE = f"give {_COPY} or --cifar10 hub, or set {VARIABLE}"


def missing() -> str | None:
    """One line on why CIFAR-10 is not to be had as things are set; None if it may be."""
    given = os.environ.get(VARIABLE)
    if given == "hub" or (given and Path(given).is_dir()):
        return None
    if given:
        return f"no folder {given}, where {VARIABLE} has CIFAR-10: {_ADVICE}."
    if _beside() is None:
        return (
            f"CIFAR-10 is read from where you say: {_ADVICE}, or lay the copy into the folder "
            f"{FOLDER} of --data-root; without it there is painted_digits."
        )
    return None


def place() -> str:
    """The hub's name or a folder; `DataError` where there is none."""
    line = missing()
    if line is not None:
        raise DataError(line)
    given = os.environ.get(VARIABLE)
    if given == "hub":
        return HUB
    return str(Path(given).resolve()) if given else str(_beside())


def _beside() -> Path | None:
    """The folder of CIFAR-10 among the data that a user brings, if there is one."""
    given = os.environ.get(root.VARIABLE)
    folder = Path(given or "").resolve() / FOLDER
    return folder if given and folder.is_dir() else None


def state() -> str:
    """A hash that changes when the files of the place do, by name, size and time; of the hub none.

    What was read once is read again only where this has changed.
    """
    where = place()
    if where == HUB:
        return ""
    folder, digest = Path(where), hashlib.sha256()
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


def read(where: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images (N, 32, 32, 3) uint8 and labels (N,) of "train" and "test", as they stand there."""
    why = out_of_reach(HUB) if where == HUB else None
    if why is not None:
        raise DataError(
            f"CIFAR-10 cannot be loaded from {HUB} ({why}): {way_out(HUB)}, or set "
            f"HF_HUB_OFFLINE=1 if it was loaded here before."
        )
    try:
        return pictures(where, *COLUMNS, "RGB")
    except Exception as error:
        raise DataError(
            f"CIFAR-10 cannot be loaded from {where} ({first_line(error)}): {way_out(where)}."
        ) from None


def way_out(where: str) -> str:
    """What to do where a place has no CIFAR-10."""
    if where == HUB:
        return f"try with a network, or give {_COPY}"
    return f"copy {HUB} there anew, or give --cifar10 hub"

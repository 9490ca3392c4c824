"""Files of judges' weights: float16 arrays in a compressed .npz, with version and provenance.

A file also holds `version` and `made_by`, a JSON text that states the training script's seed,
steps and data, and a hash of the code and data from which the weights came.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.errors import SymbenchError

LARGEST = 1_000_000


def weights_file(name: str) -> Path:
    """The file of the weights of this name."""
    return Path(str(resources.files("benchmarks.judges"))) / "weights" / f"{name}.npz"


def write(
    path: Path, weights: Mapping[str, np.ndarray], version: int, made_by: Mapping[str, Any]
) -> None:
    """Store the weights, rounded to float16; raises where the file has 1 MB or more."""
    rounded = {name: np.asarray(array, dtype=np.float16) for name, array in weights.items()}
    story = json.dumps(dict(made_by), sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"version": np.int64(version), "made_by": np.str_(story), **rounded}
    np.savez_compressed(path, **arrays)
    if path.stat().st_size >= LARGEST:
        raise SymbenchError(f"{path} has {path.stat().st_size} bytes; {LARGEST} are allowed.")


def content(name: str) -> bytes:
    """The bytes of the file of this name."""
    try:
        return weights_file(name).read_bytes()
    except OSError as error:
        raise SymbenchError(
            f"{weights_file(name)} cannot be read ({error}); {_way_out(name)}."
        ) from error


def read(name: str, version: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The weights of this name in float32, and the record of what made them."""
    path, file = weights_file(name), io.BytesIO(content(name))
    try:
        with np.load(file) as stored:
            arrays = {key: stored[key] for key in stored.files}
        found, story = int(arrays.pop("version")), json.loads(str(arrays.pop("made_by")))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise SymbenchError(f"{path} is damaged ({error}); {_way_out(name)}.") from error
    if found != version:
        raise SymbenchError(f"{path} is of version {found}, not {version}; {_way_out(name)}.")
    return {key: array.astype(np.float32) for key, array in arrays.items()}, story


def _way_out(name: str) -> str:
    return f"make it with `python -m benchmarks.judges.train_{name}`, or install symbench anew"


def digest(*parts: bytes | np.ndarray) -> str:
    """A SHA-256 of the parts in order, each after its length, an array after its type and shape."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            state.update(f"{part.dtype.str}{part.shape}".encode())
            part = np.ascontiguousarray(part).tobytes()
        state.update(str(len(part)).encode() + b"\0" + part)
    return state.hexdigest()

"""Reading of published pictures with `datasets.load_dataset`, from the hub or a folder."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from symdata.errors import DataError
from symdata.file_faults import BINARY, first_fault

# Seconds without an answer after which the hub counts as out of reach.
TIMEOUT = 10.0


def out_of_reach(hub: str) -> str | None:
    """Reason why the hub does not answer for a data set, in a few words; None if it does.

    Asked before loading, which would try for half a minute and print warnings. Where
    HF_HUB_OFFLINE is set, loading uses the copy in the cache, and the hub is not asked.
    """
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return None
    try:
        HfApi().repo_info(hub, repo_type="dataset", timeout=TIMEOUT)
    except Exception as error:
        return first_line(error)
    return None


def read_pictures(
    path: str, image: str, label: str, mode: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images, decoded to a mode of PIL, and labels (N,) int64 of the splits "train" and "test".

    path: the name of a data set of the hub, or a folder. image, label: names of the columns.
    `ValueError` where a split or a column is missing, `DataError` for a file that is no data.
    """
    import datasets

    if Path(path).is_dir() and (line := first_fault(_files(Path(path)))) is not None:
        raise DataError(line)
    with _cache() as folder:
        loaded: Any = datasets.load_dataset(path, cache_dir=folder)
        return _decoded(loaded, image, label, mode)


def _files(folder: Path) -> Iterator[Path]:
    """The files of a folder that may hold data: a card or a script may begin as it likes."""
    return (path for path in sorted(folder.rglob("*")) if path.suffix in BINARY and path.is_file())


@contextmanager
def _cache() -> Iterator[str | None]:
    """The folder for what `datasets` unpacks: its own (None), or for once where it cannot write."""
    import datasets

    place = Path(datasets.config.HF_DATASETS_CACHE)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError:
        with tempfile.TemporaryDirectory(prefix="symdata-") as folder:
            yield folder
    else:
        yield None


def _decoded(
    loaded: Any, image: str, label: str, mode: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """See `read_pictures`."""
    from PIL import Image

    parts = {}
    for split in ("train", "test"):
        if split not in loaded:
            raise ValueError(f"it has no split '{split}'")
        table = loaded[split].data.table
        if not {image, label} <= set(table.column_names):
            raise ValueError(f"it has no columns '{image}' and '{label}'")
        files = table[image].combine_chunks().field("bytes").to_pylist()
        images = [np.asarray(Image.open(io.BytesIO(file)).convert(mode)) for file in files]
        parts[split] = np.stack(images), table[label].to_numpy().astype(np.int64)
    return parts


def first_line(error: BaseException) -> str:
    """Class of an error and the first line of its message."""
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0].rstrip('.')}"

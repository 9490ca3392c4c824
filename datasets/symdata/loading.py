"""Reading of published pictures with `datasets.load_dataset`, from the hub or a folder."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

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

    image, label: names of the columns. `ValueError` where a split or a column is missing.
    """
    import datasets
    from PIL import Image

    loaded: Any = datasets.load_dataset(path)
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

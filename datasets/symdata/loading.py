"""What reading published pictures with `datasets.load_dataset` needs, from the hub or a folder."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

# Seconds before the hub counts as out of reach.
TIMEOUT = 10.0


def out_of_reach(hub: str) -> str | None:
    """Why the hub does not answer for a data set, in a few words; None if it does.

    Asked first, as loading tries for half a minute and is loud. Where HF_HUB_OFFLINE is set,
    loading does not try, and a copy in the cache is good enough.
    """
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return None
    try:
        HfApi().repo_info(hub, repo_type="dataset", timeout=TIMEOUT)
    except Exception as error:
        return first_line(error)
    return None


def pictures(
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
    """The kind of an error and the first line of what it says."""
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0].rstrip('.')}"

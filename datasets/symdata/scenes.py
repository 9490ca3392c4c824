"""Sets of scenes: images, each with the graph of what is in it.

Letters: N scenes, H = W pixels, C channels (1 grey, 3 RGB).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scenes:
    """Images and scene graphs of one split.

    images: (N, H, W, C) uint8. graph: name → (N, ...), what is in each image; a learner is not
    meant to see it.
    """

    images: np.ndarray
    graph: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.images)


def fingerprint(splits: Mapping[str, Scenes]) -> str:
    """A hash of all images and graphs, equal on every machine."""
    digest = hashlib.sha256()
    for split, part in splits.items():
        digest.update(split.encode())
        for name, array in {"images": part.images, **part.graph}.items():
            kind = {"u": "u1", "f": "<f4"}.get(array.dtype.kind, "<i8")
            digest.update(f"{name} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array, dtype=kind).data)
    return digest.hexdigest()

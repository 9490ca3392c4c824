"""Sets of colour pictures with a class each, in memory and as columns of a Hugging Face data set.

Letters: N images, H = W pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

    from symdata.descriptor import DataSet


@dataclass(frozen=True)
class LabelledImages:
    """Images and classes of one split.

    images: (N, H, W, 3) uint8, RGB. labels: (N,) int64; a learner is not meant to see them.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def fingerprint(splits: Mapping[str, LabelledImages]) -> str:
    """A hash of all images and labels, equal on every machine."""
    digest = hashlib.sha256()
    for split, part in splits.items():
        digest.update(f"{split} {part.images.shape}".encode())
        digest.update(np.ascontiguousarray(part.images, dtype="u1").data)
        digest.update(np.ascontiguousarray(part.labels, dtype="<i8").data)
    return digest.hexdigest()


def features(data: DataSet, config: str, part: LabelledImages) -> Features:
    """Columns of the data set: `image`, the picture, and `label`, its class."""
    from datasets import ClassLabel, Features, Image

    return Features(image=Image(), label=ClassLabel(names=list(data.classes)))


def table(part: LabelledImages, declared: Features) -> pa.Table:
    """Table of N rows with the columns of `declared`."""
    import pyarrow as pa

    from symdata.scene_columns import png_column

    columns = {"image": png_column(part.images), "label": pa.array(part.labels)}
    return pa.table(columns).cast(declared.arrow_schema)

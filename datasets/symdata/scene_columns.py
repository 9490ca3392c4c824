"""Scenes as columns of a Hugging Face data set.

Letters: N scenes, C channels, K objects in each scene.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Features, Image, List, Value

from symdata.descriptor import DataSet
from symdata.png import encode
from symdata.scenes import Scenes
from symdata.trajectory_columns import column

QUADRANTS = ["top_left", "top_right", "bottom_right", "bottom_left"]


def features(data: DataSet, config: str, part: Scenes) -> Features:
    """Columns: the image; for each digit its class, its cell (x0, y0, x1, y1) and its quadrant."""
    per_scene = data.objects
    return Features(
        image=Image(),
        classes=List(ClassLabel(num_classes=10), length=per_scene),
        boxes=List(List(Value("float32"), length=4), length=per_scene),
        quadrants=List(ClassLabel(names=QUADRANTS), length=per_scene),
    )


def table(part: Scenes, declared: Features) -> pa.Table:
    """Table of N rows with the columns of `declared`: the image, then the graph."""
    columns = {"image": png_column(part.images)}
    columns |= {name: column(array) for name, array in part.graph.items()}
    return pa.table(columns).cast(declared.arrow_schema)


def png_column(images: np.ndarray) -> pa.Array:
    """Column of N PNG files, as `datasets.Image` stores them. images: (N, H, W, C) uint8."""
    plain = images[..., 0] if images.shape[-1] == 1 else images
    files = pa.array([encode(image) for image in plain], pa.binary())
    return pa.StructArray.from_arrays([files, pa.nulls(len(files), pa.string())], ["bytes", "path"])

"""Trajectories as columns of a Hugging Face data set.

Letters: N trajectories, T steps and so T+1 frames, D state features.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Features, List, Value

from symdata.descriptor import DataSet
from symdata.trajectories import Trajectories


def features(data: DataSet, config: str, part: Trajectories) -> Features:
    """Columns: states, T+1 frames of D numbers; one a feature; label, the class, -1 if unknown.

    factors, where they are known: what generated a trajectory.
    """
    _, frames, size = part.states.shape
    columns = {
        "states": List(List(Value("float32"), length=size), length=frames),
        **{name: List(Value("float32"), length=frames) for name in part.features},
        "label": ClassLabel(names=list(part.classes)),
    }
    if part.factors is not None:
        columns["factors"] = List(Value("int64"), length=part.factors.shape[1])
    return Features(columns)


def table(part: Trajectories, declared: Features) -> pa.Table:
    """Table of N rows with the columns of `declared`."""
    arrays = {"states": part.states, **part.features, "label": part.labels}
    if part.factors is not None:
        arrays["factors"] = part.factors
    columns = {name: column(array) for name, array in arrays.items()}
    return pa.table(columns).cast(declared.arrow_schema)


def column(array: np.ndarray) -> pa.Array:
    """Column with one entry a row; the other axes of the array become lists of fixed size."""
    values = pa.array(np.ascontiguousarray(array).reshape(-1))
    for size in array.shape[:0:-1]:
        values = pa.FixedSizeListArray.from_arrays(values, size)
    return values

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
    """states: T+1 frames of D numbers; one column a feature; label: the class, -1 if unknown.

    factors: what generated a trajectory, where that is known.
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
    """N rows with the columns of `declared`."""
    arrays = {"states": part.states, **part.features, "label": part.labels}
    if part.factors is not None:
        arrays["factors"] = part.factors
    columns = {name: column(array) for name, array in arrays.items()}
    return pa.table(columns).cast(declared.arrow_schema)


def column(array: np.ndarray) -> pa.Array:
    """One entry a row; what is left of the axes becomes lists of fixed size."""
    values = pa.array(np.ascontiguousarray(array).reshape(-1))
    for size in array.shape[:0:-1]:
        values = pa.FixedSizeListArray.from_arrays(values, size)
    return values

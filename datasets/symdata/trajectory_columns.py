"""Trajectories as columns of a Hugging Face data set.

Letters: N trajectories, T steps and so T+1 frames, D state features.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Features, List, Value

from symdata.trajectories import Trajectories


def features(
    frames: int, size: int, names: Iterable[str], classes: Sequence[str], factors: int = 0
) -> Features:
    """states: T+1 frames of D numbers; one column a feature; label: the class, -1 if unknown.

    factors: what generated a trajectory, where that is known (their number is not 0).
    """
    columns = {
        "states": List(List(Value("float32"), length=size), length=frames),
        **{name: List(Value("float32"), length=frames) for name in names},
        "label": ClassLabel(names=list(classes)),
    }
    if factors:
        columns["factors"] = List(Value("int64"), length=factors)
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

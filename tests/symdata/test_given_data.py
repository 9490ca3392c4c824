"""Data that a user has brought: run where SYMBENCH_DATA names a folder of it, skipped elsewhere."""

import os
from pathlib import Path

import numpy as np
import pytest

import symdata
from symdata.trajectories import UNKNOWN


@pytest.mark.parametrize("name", ["basketball", "calms21"])
def test_it_loads_and_is_in_range(name):
    given, source = os.environ.get("SYMBENCH_DATA"), symdata.dataset(name)
    here = symdata.DataSources(root=Path(given) if given else None)
    line = source.missing("default", here)
    if line is not None:
        pytest.skip(line)
    splits = source.load("default", sources=here)
    assert list(splits) == ["train", "validation", "test"]
    for part in splits.values():
        assert len(part) == len(part.states) > 0
        assert np.isfinite(part.states).all()
        assert set(np.unique(part.labels)) <= {UNKNOWN, *range(len(part.classes))}
        for feature, values in part.features.items():
            assert values.shape == part.states.shape[:2], feature
            assert np.isfinite(values).all(), feature
            if "speed" in feature or "distance" in feature or "area" in feature:
                assert values.min() >= 0, feature
            if "angle" in feature:
                assert np.array_equal(values, np.clip(values, 0, np.float32(np.pi))), feature
    assert set(np.unique(splits["test"].labels)) == set(range(len(splits["test"].classes)))
    assert source.identity(here)["files"]

"""Data that a user has brought: run where SYMBENCH_DATA names a folder of it, skipped elsewhere."""

from importlib import import_module

import numpy as np
import pytest

from symdata import root
from symdata.trajectories import UNKNOWN


@pytest.mark.parametrize("name", ["basketball", "calms21"])
def test_it_loads_and_is_in_range(name):
    line = root.missing(name)
    if line is not None:
        pytest.skip(line)
    windows = import_module(f"symdata.{name}.windows")
    folder = root.folder(name)
    splits = windows.load(folder)
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
    assert windows.identity(folder)["files"]

"""The law of the synthetic walks, checked on what was drawn."""

import subprocess
import sys
import time
from functools import lru_cache

import datasets
import numpy as np
import pytest
from scipy import stats

from symdata import __path__ as package
from symdata import hub
from symdata.errors import DataError
from symdata.synthetic_trajectories.trajectories import DATA, FEATURES, features, generate
from symdata.trajectories import fingerprint

# A change here is a new VERSION: published figures belong to the old one.
PINNED = "1c293459a621fd32fc15170b3971d987dbdc62f51e52c6f706a2de5a83cc15c8"

drawn = lru_cache(maxsize=8)(generate)


def test_the_content_is_pinned():
    assert fingerprint(drawn(0)) == PINNED
    assert fingerprint(generate(0)) == PINNED
    assert fingerprint(drawn(1)) != PINNED


def test_sizes_shapes_and_types():
    splits = drawn(0)
    assert {split: len(part) for split, part in splits.items()} == {
        "train": 10_000,
        "validation": 2_000,
        "test": 2_000,
    }
    for part in splits.values():
        assert part.states.shape == (len(part), 26, 2)
        assert part.states.dtype == np.float32
        assert (part.labels.dtype, part.factors.dtype) == (np.int64, np.int64)
        assert tuple(part.features) == FEATURES
        assert part.classes == DATA.classes
        for values in part.features.values():
            assert (values.shape, values.dtype) == ((len(part), 26), np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_a_walk_ends_where_its_label_says(seed):
    for part in drawn(seed).values():
        assert np.array_equal(part.states[:, -1] > 10, part.factors == 1)
        assert np.array_equal(part.labels, 2 * part.factors[:, 0] + part.factors[:, 1])
        assert np.abs(part.factors.mean(axis=0) - 0.5).max() < 5 * 0.5 / len(part) ** 0.5
        assert set(part.labels.tolist()) == {0, 1, 2, 3}
    names = dict(enumerate(DATA.classes))
    assert names[1] == "low_x_high_y"
    assert names[2] == "high_x_low_y"


def test_walks_begin_near_ten():
    """Redrawing favours, by little, a start on the side where the walk will end."""
    for factor in (0, 1):
        train = drawn(0)["train"]
        first = train.states[train.factors[:, 0] == factor, 0, 0]
        assert abs(first.mean() - 10) < 0.1
        assert abs(first.std() - 1) < 0.05


def test_velocities_and_noise_follow_the_law():
    """Steps less their mean are the noise; their mean is velocity, drift and noise / 5."""
    train = drawn(3)["train"]
    steps = np.diff(train.states.astype(float), axis=1)
    mean = steps.mean(axis=1, keepdims=True)
    noise = ((steps - mean) * (25 / 24) ** 0.5 / 0.2).ravel()
    assert abs(noise.std() - 1) < 0.01
    assert stats.kstest(noise[::7], "norm").pvalue > 0.001
    velocity = mean[:, 0] - 0.4 * (2 * train.factors - 1)
    # The disc of radius 0.4, nearly uniform: mean square 0.08, of which 0.0016 a side is noise.
    square = (velocity**2).sum(axis=1)
    assert abs(square.mean() - 2 * 0.2**2 / 25 - 0.08) < 0.005
    assert np.sqrt(square).max() < 0.4 + 5 * 0.04


def test_noise_is_new_in_each_step_and_axis():
    steps = np.diff(drawn(0)["train"].states.astype(float), axis=1)
    noise = steps - steps.mean(axis=1, keepdims=True)
    for one, other in (
        (noise[:, 1:], noise[:, :-1]),
        (noise[..., 0], noise[..., 1]),
        (noise[1:], noise[:-1]),
    ):
        # Taking out a mean of 25 leaves a correlation of -1/24 between two steps.
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05


def test_splits_and_seeds_share_no_walk():
    starts = [part.states[:, 0] for seed in (0, 1) for part in drawn(seed).values()]
    whole = np.concatenate(starts)
    assert len(np.unique(whole, axis=0)) == len(whole)


def test_features_of_a_walk_made_by_hand():
    walk = np.array([[[0, 0], [3, 4], [3, 4], [8, 16]]], dtype=np.float32)
    found = features(walk)
    assert found["x"].tolist() == [[0, 3, 3, 8]]
    assert found["y"].tolist() == [[0, 4, 4, 16]]
    assert found["speed"].tolist() == [[5, 5, 0, 13]]
    assert found["acceleration"].tolist() == [[5, 5, 5, 13]]


def test_another_process_draws_the_same_and_needs_little():
    code = (
        "import sys; from symdata.synthetic_trajectories.trajectories import generate;"
        "from symdata.trajectories import fingerprint; print(fingerprint(generate(0)));"
        "print([m for m in ('torch', 'datasets', 'pyarrow', 'scipy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": package[0].removesuffix("symdata"), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split("\n")[:2] == [PINNED, "[]"]


def test_a_draw_takes_less_than_a_second():
    generate(0)
    start = time.process_time()
    generate(1)
    assert time.process_time() - start < 1


def test_a_seed_that_is_none_is_refused_in_one_line():
    with pytest.raises(DataError, match=r"seed.*not -1"):
        generate(-1)


def test_it_is_built_opened_and_verified(tmp_path):
    folder = hub.build("synthetic_trajectories", tmp_path / "data", seed=4)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    part = drawn(4)["test"]
    row = loaded["test"][17]
    assert row["states"] == part.states[17].tolist()
    assert row["acceleration"] == part.features["acceleration"][17].tolist()
    assert row["factors"] == part.factors[17].tolist()
    assert loaded["test"].features["label"].names == list(DATA.classes)
    assert np.array_equal(
        loaded["train"].with_format("numpy")["label"][:], drawn(4)["train"].labels
    )
    assert hub.verify(folder) == {"folder": [], "default": []}
    card = (folder / "README.md").read_text()
    assert "zhan2022unsupervised" in card

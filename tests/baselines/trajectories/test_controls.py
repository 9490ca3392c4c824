from __future__ import annotations

import numpy as np
import pytest

from baselines.trajectories.controls import KMeansRaw, Random, RandomSettings
from benchmarks.protocol import Examples, NoSettings, SymbenchError
from tests.baselines.small_trajectories import examples, moving, run


def drawn(states, seed=0, clusters=4):
    control = Random(RandomSettings(clusters))
    control.fit(examples(states), run(seed))
    return control.evaluate(examples(states), run(seed))["clusters"]


def test_random_clusters_are_uniform_and_depend_on_seed_and_content():
    states, _ = moving(3000)
    clusters = drawn(states)
    counts = np.bincount(clusters)
    assert len(counts) == 4
    # Chi-squared with 3 degrees of freedom exceeds 16.3 once in a thousand draws.
    assert ((counts - 750) ** 2 / 750).sum() < 16.3
    assert (drawn(states) == clusters).all()
    assert np.mean(drawn(states, seed=1) == clusters) == pytest.approx(0.25, abs=0.05)
    order = np.random.default_rng(0).permutation(3000)
    assert (drawn(states[order]) == clusters[order]).all()
    assert (drawn(states[:7]) == clusters[:7]).all()
    assert (drawn(states[:7], clusters=1) == 0).all()


def test_random_needs_a_cluster():
    with pytest.raises(SymbenchError, match="clusters is 0"):
        RandomSettings(0)


def test_raw_states_are_standardised_over_the_training_split():
    states = np.array([[[0, 1], [2, 1]], [[4, 1], [2, 1]], [[99, 9], [99, 9]]], np.float32)
    control = KMeansRaw(NoSettings())
    with pytest.raises(SymbenchError, match="KMeansRaw has not learned yet"):
        control.evaluate(examples(states), run())
    control.fit(examples(states, np.array([False, False, True])), run())
    embeddings = control.evaluate(Examples({"states": states}), run())["embeddings"]
    # Of 0, 2, 4, 2 the mean is 2 and the deviation √2; the second feature never changes.
    expected = [[-(2**0.5), 0, 0, 0], [2**0.5, 0, 0, 0], [97 / 2**0.5, 8, 97 / 2**0.5, 8]]
    np.testing.assert_allclose(embeddings, expected, rtol=1e-6)
    assert embeddings.dtype == np.float32
    with pytest.raises(SymbenchError, match=r"has shape \(2, 1\) here; KMeansRaw"):
        control.evaluate(Examples({"states": states[..., :1]}), run())

"""The purity that few clusters can reach, and which methods give few."""

import numpy as np
import pytest

from benchmarks import registry
from benchmarks.protocol import Examples
from benchmarks.suites.trajectory_entries import most_clusters


def clusters_task():
    tasks = registry.suite("trajectories").tasks
    return next(task for task in tasks if task.id == "synthetic/clusters")


def test_the_best_purity_of_few_clusters_is_that_of_the_most_frequent_classes():
    # Ten examples of four classes: 4, 3, 2 and 1 of them.
    labels = np.array([2] * 4 + [0] * 3 + [3] * 2 + [1])
    clusters = np.where(labels == 2, 0, 1)
    scores = clusters_task().evaluate({"clusters": clusters}, Examples({"labels": labels}))
    assert scores["best_purity_2"] == pytest.approx(0.7)
    assert scores["best_purity_3"] == pytest.approx(0.9)
    assert "best_purity_4" not in scores
    assert scores["purity"] == pytest.approx(0.7)  # these two clusters reach it


def test_a_method_is_bound_by_its_programs_codes_or_bit():
    assert most_clusters("neurosymbolic_1", {"programs": 1}) == 2
    assert most_clusters("neurosymbolic_1[programs=3]", {"programs": 3}) == 8
    assert most_clusters("joint_tvae", {}) == 2
    assert most_clusters("vq_tvae", {"codes": 3}) == 3
    assert most_clusters("tvae", {}) is None
    reach, scores = clusters_task().reach, {"best_purity_2": 0.52, "best_purity_3": 0.77}
    assert reach("neurosymbolic_1", {"programs": 1}, scores) == ("2 clusters", 0.52)
    assert reach("neurosymbolic_2", {"programs": 2}, scores) is None
    assert reach("tvae", {}, scores) is None
    assert reach("joint_tvae", {}, {}) is None  # a record of before there was such a score

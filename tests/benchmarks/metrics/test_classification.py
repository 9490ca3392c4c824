"""Accuracy by hand."""

import numpy as np
import pytest

from benchmarks.metrics.classification import accuracy


def test_accuracy_counts_the_largest_logit():
    logits = np.array([[2.0, 1.0], [0.0, 1.0], [3.0, -1.0], [0.0, 5.0]])
    assert accuracy(logits, np.array([0, 1, 1, 1])) == 0.75


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [1, 2, 3, 3], [0, 1, 2, 3]])
def test_a_constant_answer_scores_chance_whatever_the_labels(labels):
    assert accuracy(np.zeros((4, 4)), np.array(labels)) == 0.25


def test_a_tie_between_two_counts_half():
    assert accuracy(np.array([[1.0, 1.0, 0.0]]), np.array([1])) == 0.5
    assert accuracy(np.array([[1.0, 1.0, 0.0]]), np.array([2])) == 0.0

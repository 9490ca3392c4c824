"""Votes of neighbours counted by hand, and chance for what says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics import neighbours
from benchmarks.metrics.neighbours import knn, top

KS = (10, 20, 100, 200)


def directions(*degrees):
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def test_votes_by_hand():
    train, labels = directions(10, -20, 30, 90), np.array([0, 1, 1, 2])
    votes = knn(3 * train, labels, 7 * directions(0), ks=(1, 2, 3), classes=4)
    nearest, second, third = (np.exp(np.cos(np.deg2rad(angle)) / 0.07) for angle in (10, 20, 30))
    np.testing.assert_allclose(votes[1], [[nearest, 0, 0, 0]], rtol=1e-5)
    np.testing.assert_allclose(votes[2], [[nearest, second, 0, 0]], rtol=1e-5)
    np.testing.assert_allclose(votes[3], [[nearest, second + third, 0, 0]], rtol=1e-5)


def test_two_far_neighbours_outvote_a_near_one_only_at_a_high_temperature():
    train, labels = directions(10, -20, 30), np.array([0, 1, 1])
    one, other = (
        knn(train, labels, directions(0), ks=(3,), classes=2, temperature=temperature)[3].argmax()
        for temperature in (0.01, 1.0)
    )
    assert (one, other) == (0, 1)


def test_more_neighbours_than_there_are_are_all_there_are():
    train, labels = directions(0, 10, 100), np.array([0, 1, 0])
    votes = knn(train, labels, directions(5, 50), ks=(3, 200), classes=2)
    np.testing.assert_array_equal(votes[3], votes[200])


def test_chunks_change_nothing(monkeypatch):
    generator = np.random.default_rng(0)
    train, test = generator.normal(size=(50, 5)), generator.normal(size=(23, 5))
    labels = generator.integers(0, 3, 50)
    whole = knn(train, labels, test, KS, 3)
    monkeypatch.setattr(neighbours, "CHUNK", 200)
    for k, votes in knn(train, labels, test, KS, 3).items():
        np.testing.assert_allclose(votes, whole[k], rtol=1e-4)


def test_the_same_as_scikit_learn_says():
    from sklearn.neighbors import KNeighborsClassifier

    generator = np.random.default_rng(1)
    train, test = generator.normal(size=(300, 8)), generator.normal(size=(100, 8))
    labels = generator.integers(0, 4, 300)
    reference = KNeighborsClassifier(
        20, metric="cosine", weights=lambda distances: np.exp((1 - distances) / 0.07)
    ).fit(train, labels)
    votes = knn(train, labels, test.astype(np.float16), (20,), 4)[20]
    shares = votes / votes.sum(1, keepdims=True)
    np.testing.assert_allclose(shares, reference.predict_proba(test.astype(np.float16)), rtol=1e-3)


def test_clusters_are_told_and_noise_is_not():
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 10, 1500)
    noise = generator.normal(size=(1500, 20))
    clusters = noise + 20 * np.eye(20)[labels]
    for features, least, most in ((clusters, 0.999, 1), (noise, 0.05, 0.16)):
        votes = knn(features[:1000], labels[:1000], features[1000:], KS, 10)
        assert all(least <= top(found, labels[1000:], 1) <= most for found in votes.values())


def test_top_by_hand():
    scores = np.array([[3.0, 2, 1, 0], [0, 1, 2, 3], [1, 3, 2, 0]])
    labels = np.array([0, 2, 3])
    assert [top(scores, labels, count) for count in (1, 2, 3, 4)] == pytest.approx(
        [1 / 3, 2 / 3, 2 / 3, 1]
    )


def test_equal_scores_count_for_what_guessing_gets():
    labels = np.array([0, 1, 2, 3])
    assert top(np.zeros((4, 4)), labels, 1) == pytest.approx(1 / 4)
    assert top(np.full((4, 4), np.nan), labels, 3) == pytest.approx(3 / 4)
    # Second place is shared by two: half of the time the label is within the best two.
    assert top(np.array([[5.0, 1, 1, 0]]), np.array([2]), 2) == pytest.approx(1 / 2)
    # A fault that must not score: no number for the label, and numbers for the rest.
    assert top(np.array([[np.nan, 1, 1, 0]]), np.array([0]), 3) == 0


def test_one_vote_and_zero_features_score_chance_for_the_classes_without_a_vote():
    votes = knn(np.zeros((8, 3)), np.arange(8), np.zeros((8, 3)), ks=(8,), classes=8)[8]
    np.testing.assert_allclose(votes, 1)

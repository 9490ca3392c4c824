"""The linear probe reads what is linear, from arrays and from sparse one-hot columns."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from benchmarks.metrics import linear_probe
from benchmarks.metrics.linear_probe import probe
from benchmarks.metrics.neighbours import top

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 4, 1200)
NOISE = GENERATOR.normal(size=(1200, 6))


def score(features, count=1, classes=4):
    said = probe(features[:800], LABELS[:800], features[800:], classes)
    assert said.shape == (400, classes)
    return top(said, LABELS[800:], count)


def test_classes_on_a_line_are_told_and_noise_is_not():
    told = NOISE.copy()
    told[:, 2:] += 9 * np.eye(4)[LABELS]
    assert score(told) > 0.99
    assert score(NOISE) == pytest.approx(0.25, abs=0.06)
    assert score(NOISE, 2) == pytest.approx(0.5, abs=0.08)


def test_what_no_line_divides_is_not_read():
    signs = 2.0 * GENERATOR.integers(0, 2, (800, 2)) - 1
    either = (signs.prod(1) > 0).astype(int)
    said = probe(signs[:400], either[:400], signs[400:], 2)
    assert top(said, either[400:], 1) == pytest.approx(0.5, abs=0.07)


def test_the_unit_of_a_feature_changes_nothing():
    told = NOISE.copy()
    told[:, 0] += 3 * LABELS
    scaled = 1000.0 * told - 500
    expected = probe(told[:800], LABELS[:800], told[800:], 4)
    found = probe(scaled[:800], LABELS[:800], scaled[800:], 4)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_sparse_columns_are_read_as_they_are():
    symbols = (LABELS + 4 * GENERATOR.integers(0, 2, 1200)) % 8
    columns = np.eye(8, dtype=np.float32)[symbols]
    assert score(csr_matrix(columns)) == 1.0
    # A symbol that occurred once must not outweigh the others, as standardising would have it do.
    rows = np.zeros((1200, 2), np.float32)
    rows[:, 0] = LABELS == 0
    rows[5, 1] = 1
    said = probe(
        csr_matrix(rows[:800]), (LABELS[:800] == 0).astype(int), csr_matrix([[1.0, 1.0]]), 2
    )
    assert said[0, 1] > said[0, 0]


def test_probabilities_sum_to_one_over_the_classes_that_were_seen():
    said = probe(NOISE[:800], LABELS[:800], NOISE[800:], 6)
    assert (said[:, 4:] == -np.inf).all()
    np.testing.assert_allclose(np.exp(said).sum(1), 1, rtol=1e-6)


def test_one_class_alone_is_always_said():
    said = probe(NOISE[:10], np.full(10, 2), NOISE[10:13], 4)
    assert (said.argmax(1) == 2).all()


def test_too_few_iterations_are_not_complained_about(monkeypatch):
    monkeypatch.setattr(linear_probe, "ITERATIONS", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(probe(NOISE, LABELS, NOISE, 4)).all()

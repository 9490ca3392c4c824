"""Probes read what is there, and nothing where nothing is."""

import numpy as np
import pytest

from benchmarks.metrics import probes

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 2, 2000)


def test_a_linear_factor_is_read_and_noise_is_not():
    noise = GENERATOR.normal(size=(2000, 3))
    told = noise.copy()
    told[:, 1] += 8 * LABELS
    assert probes.linear_probe(told, LABELS) > 0.99
    assert probes.linear_probe(noise, LABELS) == pytest.approx(0.5, abs=0.05)


def test_a_collapsed_latent_tells_by_its_means_and_not_by_its_samples():
    means = 1e-4 * (LABELS[:, None] - 0.5)
    assert probes.linear_probe(means, LABELS) == 1.0
    drawn = probes.sample(means, np.ones_like(means))
    assert probes.linear_probe(drawn, LABELS) == pytest.approx(0.5, abs=0.05)
    assert probes.sample(means, None) is means


def test_a_latent_in_use_tells_by_its_samples_as_well():
    means = 2.0 * LABELS[:, None] - 1
    drawn = probes.sample(means, np.full_like(means, 0.1, dtype=float))
    assert probes.linear_probe(drawn, LABELS) == 1.0


def test_average_precision_of_a_perfect_and_of_a_useless_representation():
    half = len(LABELS) // 2
    perfect = np.eye(2)[LABELS]
    parts = LABELS[:half], LABELS[half:]
    assert probes.average_precision(
        perfect[:half], parts[0], perfect[half:], parts[1]
    ) == pytest.approx(1.0)
    useless = np.ones((len(LABELS), 1))
    found = probes.average_precision(useless[:half], parts[0], useless[half:], parts[1])
    assert found == pytest.approx(0.5, abs=0.05)


def test_one_class_alone_in_the_labels_ranks_nothing():
    test = np.array([0, 1, 1, 1])
    found = probes.average_precision(np.eye(4)[:2], np.array([0, 0]), np.eye(4), test)
    assert found == pytest.approx((1 / 4 + 3 / 4) / 2)


def test_fractions_are_nested_and_hold_every_class():
    labels = np.repeat([0, 1, 2], [700, 290, 10])
    rows = probes.label_fractions(labels, (0.01, 0.1, 1.0))
    assert set(rows[0.01]) < set(rows[0.1]) < set(rows[1.0])
    assert [len(np.unique(labels[chosen])) for chosen in rows.values()] == [3, 3, 3]
    assert np.bincount(labels[rows[0.1]]).tolist() == [70, 29, 1]
    assert np.array_equal(rows[1.0], np.arange(1000))

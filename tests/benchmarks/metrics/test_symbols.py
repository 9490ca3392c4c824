"""Measures of symbols where their values are known beforehand."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.metrics.symbols import (
    agreement,
    bag,
    dead,
    effective_rank,
    entropy_rate,
    information_by_position,
    mutual_information,
    one_hot,
    perplexity,
    pooled_perplexity,
)

GENERATOR = np.random.default_rng(0)


def test_perplexity_of_uniform_use_is_the_vocabulary_and_of_one_symbol_is_one():
    uniform = np.stack([np.arange(12), np.arange(12)[::-1]], 1)
    assert perplexity(uniform) == pytest.approx(12)
    assert pooled_perplexity(uniform) == pytest.approx(12)
    assert perplexity(np.full((9, 3), 4)) == pooled_perplexity(np.full((9, 3), 4)) == 1


def test_a_position_that_always_says_the_same_is_seen_by_the_first_and_not_by_the_pooled():
    symbols = np.tile([5, 2, 7, 0], (10, 1))
    assert perplexity(symbols) == 1
    assert pooled_perplexity(symbols) == pytest.approx(4)


def test_perplexity_by_hand():
    symbols = np.array([[0], [0], [0], [1]])
    assert perplexity(symbols) == pytest.approx(exp(-0.75 * log(0.75) - 0.25 * log(0.25)))


@settings(max_examples=30, deadline=None)
@given(arrays(np.int64, (7, 3), elements=st.integers(0, 4)))
def test_perplexity_lies_between_one_and_the_symbols_in_use(symbols):
    used = round((1 - dead(symbols, 5)) * 5)
    assert 1 <= perplexity(symbols) <= used + 1e-9
    assert 1 <= pooled_perplexity(symbols) <= used + 1e-9


def test_dead_symbols_are_those_that_no_position_uses():
    symbols = np.array([[0, 3], [0, 3], [1, 0]])
    assert dead(symbols, 4) == pytest.approx(1 / 4)
    assert dead(symbols, 12) == pytest.approx(9 / 12)


def test_a_copy_of_the_labels_has_all_their_information_and_noise_has_none():
    labels = np.repeat([0, 1, 2, 3], [50, 100, 150, 700])
    names = np.array([7, 3, 9, 1])[labels]
    merged = labels // 2
    noise = GENERATOR.integers(0, 256, 1000)
    own = np.arange(1000)
    found = information_by_position(np.stack([names, merged, noise, own, own * 0], 1), labels)
    shares = np.array([50, 100, 150, 700]) / 1000
    halves = np.array([150, 850]) / 1000
    assert found[0] == pytest.approx(-(shares * np.log(shares)).sum())
    # The adjustment for chance is a few thousandths where few symbols meet many examples.
    assert found[1] == pytest.approx(-(halves * np.log(halves)).sum(), abs=0.005)
    np.testing.assert_allclose(found[2:], 0, atol=0.06)
    both = mutual_information(np.stack([names, own * 0], 1), labels)
    assert both == pytest.approx(found[0] / 2)


def test_what_is_unadjusted_would_find_information_in_noise():
    from sklearn.metrics import mutual_info_score

    labels, noise = GENERATOR.integers(0, 10, 2000), GENERATOR.integers(0, 256, 2000)
    assert mutual_info_score(labels, noise) > 0.4
    assert abs(mutual_information(noise[:, None], labels)) < 0.05


def test_labels_all_alike_leave_nothing_to_be_known():
    assert mutual_information(np.array([[0], [1], [1]]), np.zeros(3, int)) == 0


def test_the_entropy_rate_of_a_cycle_is_none_and_of_noise_that_of_its_symbols():
    cycle = (GENERATOR.integers(0, 6, (200, 1)) + np.arange(8)) % 6
    assert entropy_rate(cycle) == pytest.approx(0, abs=1e-12)
    assert perplexity(cycle) > 5
    noise = GENERATOR.integers(0, 4, (4000, 8))
    assert entropy_rate(noise) == pytest.approx(log(4), abs=0.002)


def test_the_entropy_rate_by_hand():
    # After a 0 come 0, 1, 1, 1; after a 1 comes 0, twice.
    symbols = np.array([[0, 0, 1, 0], [0, 1, 0, 1]])
    after_zero = -0.25 * log(0.25) - 0.75 * log(0.75)
    assert entropy_rate(symbols) == pytest.approx(4 / 6 * after_zero)
    assert entropy_rate(symbols[:, :1]) == 0


def test_agreement_is_the_share_of_equal_places():
    one, other = np.array([[1, 2], [3, 4]]), np.array([[1, 9], [4, 3]])
    assert agreement(one, other) == 1 / 4
    assert agreement(one, one) == 1


def test_one_hot_and_bag_by_hand():
    symbols = np.array([[2, 0, 2], [1, 1, 1]])
    places, counts = one_hot(symbols, 3), bag(symbols, 3)
    expected = [[0, 0, 1, 1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0, 0, 1, 0]]
    assert places.toarray().tolist() == expected
    assert counts.toarray().tolist() == [[1, 0, 2], [0, 3, 0]]
    assert (places.nnz, counts.nnz) == (6, 3)
    # A cut of the rows, as a probe takes it.
    assert places[1:].toarray().tolist() == expected[1:]


@pytest.mark.parametrize("measure", [one_hot, bag, dead])
@pytest.mark.parametrize("wrong", [3, -1])
def test_symbols_outside_of_the_vocabulary_are_refused(measure, wrong):
    with pytest.raises(ValueError, match=r"with a vocabulary of 3 they must be 0 to 2\.$"):
        measure(np.array([[0, wrong]]), 3)


def test_the_effective_rank_of_a_cloud_is_its_dimension_and_of_a_line_is_one():
    cloud = GENERATOR.normal(size=(4000, 12))
    assert effective_rank(cloud) == pytest.approx(12, rel=0.01)
    line = GENERATOR.normal(size=(500, 1)) * np.arange(1, 13)
    assert effective_rank(line) == pytest.approx(1, abs=1e-4)
    assert effective_rank(np.eye(5)[:3]) == pytest.approx(3)  # fewer examples than dimensions
    assert effective_rank(np.zeros((10, 4))) == 0


def test_a_collapse_to_a_point_is_seen_though_noise_is_left():
    collapsed = np.ones(12) + 1e-6 * GENERATOR.normal(size=(4000, 12))
    assert effective_rank(collapsed) < 1.01


def test_the_effective_rank_by_hand():
    stretched = np.diag([3.0, 1.0])
    assert effective_rank(stretched) == pytest.approx(exp(-0.75 * log(0.75) - 0.25 * log(0.25)))

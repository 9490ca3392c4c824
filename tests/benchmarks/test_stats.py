"""The statistics against hand-computed cases, against scipy.stats, and against simulated truth."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from benchmarks.stats import (
    ROUNDING,
    holm,
    mean_interval,
    paired_difference,
    rank_intervals,
    smallest_effect,
)

scores = st.lists(st.floats(0, 1), min_size=2, max_size=10)


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_interval_of_one_seed_has_no_ends():
    assert mean_interval([0.7]) == mean_interval([0.7], level=0.5)
    one = mean_interval([0.7])
    assert (one.mean, one.low, one.high, one.half_width) == (0.7, None, None, None)


def test_interval_of_equal_scores_has_no_width():
    one = mean_interval([0.1 + 0.2, 0.3, 0.3])
    assert one.low == one.high == one.mean == pytest.approx(0.3)


def test_interval_of_no_scores_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])


def test_three_seeds_reach_from_lowest_to_highest():
    # All three draws are the lowest score with probability 1/27 > 2.5 %.
    one = mean_interval([0.5, 0.6, 0.9])
    assert (one.low, one.high) == pytest.approx((0.5, 0.9))
    assert one.half_width == pytest.approx(0.2)


def test_interval_agrees_with_scipy():
    values = np.random.default_rng(0).normal(0.8, 0.1, size=10)
    one = mean_interval(list(values))
    theirs = reference.bootstrap((values,), np.mean, method="percentile").confidence_interval
    assert (one.low, one.high) == pytest.approx(tuple(theirs), abs=0.005)


@given(scores)
def test_interval_holds_its_mean_and_stays_in_range(values):
    one = mean_interval(values, resamples=500)
    edge = 1e-9
    assert min(values) - edge <= one.low <= one.high <= max(values) + edge
    assert one == mean_interval(values, resamples=500)


def by_seed(values):
    return dict(enumerate(values))


def test_clear_order_gives_single_ranks():
    rows = [by_seed(row) for row in ([0.5, 0.51, 0.5], [0.9, 0.9, 0.91], [0.1, 0.1, 0.11])]
    assert rank_intervals(rows) == [(2, 2), (1, 1), (3, 3)]
    assert rank_intervals(rows, higher_is_better=False) == [(2, 2), (3, 3), (1, 1)]


def test_ties_share_their_ranks():
    rows = [by_seed(row) for row in ([1.0] * 3, [1.0] * 3, [0.5] * 3)]
    assert rank_intervals(rows) == [(1, 2), (1, 2), (3, 3)]
    # Equal in all seeds but for one example in a hundred: rounding, and no rank of its own.
    rows = [by_seed([1.0] * 3), by_seed([0.99] * 3)]
    assert rank_intervals(rows) == [(1, 1), (2, 2)]
    assert rank_intervals(rows, floor=ROUNDING) == [(1, 2), (1, 2)]


def test_ranks_are_paired_over_seeds():
    # The seeds differ a lot, the methods by the same amount in each: paired, there is no doubt.
    first, second = [0.2, 0.5, 0.9], [0.21, 0.51, 0.91]
    assert rank_intervals([by_seed(first), by_seed(second)]) == [(2, 2), (1, 1)]
    other = {10 + seed: score for seed, score in enumerate(second)}
    assert rank_intervals([by_seed(first), other]) == [(1, 2), (1, 2)]


def test_overlapping_rows_hold_a_range():
    rows = [by_seed([0.5, 0.9, 0.7]), by_seed([0.8, 0.6, 0.7]), by_seed([0.0, 0.0, 0.0])]
    # p is 0.007 for the last two rows, times 3; 0.026 for the first and the last, times 2.
    assert rank_intervals(rows) == [(1, 3), (1, 2), (2, 3)]
    assert rank_intervals([rows[0], rows[2]]) == [(1, 1), (2, 2)]


def test_rank_intervals_hold_together_in_95_of_100_draws():
    # Ten equal methods: all share rank 1 to 10. One interval at a time would miss in most draws.
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(200):
        rows = [by_seed(row) for row in rng.normal(size=(10, 3))]
        missed += any(interval != (1, 10) for interval in rank_intervals(rows))
    assert missed <= 16  # 5 % of 200, and two standard errors


def test_ranks_of_one_row_and_of_none():
    assert rank_intervals([by_seed([0.5])]) == [(1, 1)]
    assert rank_intervals([]) == []


def test_holm_by_hand():
    # Sorted: 0.005·4, 0.01·3, 0.03·2, 0.04·1 → 0.02, 0.03, 0.06, then not below 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_raw_and_bonferroni(p):
    adjusted = np.array(holm(p))
    assert np.all(adjusted >= np.array(p))
    assert np.all(adjusted <= np.minimum(np.array(p) * len(p), 1) + 1e-12)


def test_paired_difference_by_hand():
    # Differences 1, 2, 3: mean 2, sd 1, error 1/√3, and t(0.975; 2) = 4.302653.
    one = paired_difference([1.0, 1.0, 1.0], [2.0, 3.0, 4.0])
    assert (one.mean, one.sd, one.n) == (2.0, 1.0, 3)
    assert one.low == pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-6)
    assert one.high == pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-6)
    assert one.p == pytest.approx(0.0741799, abs=1e-6)


def test_paired_difference_agrees_with_scipy():
    base, head = np.random.default_rng(0).normal(size=(2, 7))
    one, theirs = paired_difference(base, head), reference.ttest_rel(head, base)
    assert one.p == pytest.approx(theirs.pvalue)
    assert (one.low, one.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_differences_without_variance():
    same = paired_difference([0.5, 0.7], [0.5, 0.7])
    assert (same.p, same.mean, same.low, same.high) == (1.0, 0.0, 0.0, 0.0)
    shifted = paired_difference([0.3, 0.1 + 0.2, 0.7], [0.2, 0.2, 0.6])
    assert shifted.p == 0.0
    assert shifted.mean == pytest.approx(-0.1)


def test_a_floor_stands_in_for_a_spread_of_zero_only():
    # Mean 2, sd 1: the same test as that of the differences 1, 2, 3.
    floored = paired_difference([0.0] * 3, [2.0] * 3, floor=1.0)
    assert floored.p == pytest.approx(0.0741799, abs=1e-6)
    assert paired_difference([0.0] * 3, [0.0] * 3, floor=1.0).p == 1.0
    spread = ([0.0] * 3, [0.01, 0.02, 0.03])
    assert paired_difference(*spread, floor=1.0) == paired_difference(*spread)


def test_one_pair_says_nothing():
    one = paired_difference([0.5], [0.9])
    assert (one.mean, one.p, one.low, one.sd) == (pytest.approx(0.4), None, None, None)


def test_unequal_lengths_are_an_error():
    with pytest.raises(ValueError, match="one shape"):
        paired_difference([0.5], [0.9, 0.8])


def test_smallest_effect_is_where_the_test_turns():
    base, noise = np.zeros(5), np.array([-0.02, 0.01, 0.0, 0.03, -0.02])
    sd = float(noise.std(ddof=1))
    edge = smallest_effect(sd, 5, alpha=0.01)
    assert paired_difference(base, noise + edge * 1.001).p < 0.01
    assert paired_difference(base, noise + edge * 0.999).p > 0.01

from collections import Counter
from itertools import combinations, permutations
from math import comb, perm

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from symdata.abstract_rules.counting import ARRANGEMENTS, ordered, skip, unordered
from symdata.sampling import Draw, _log

PINNED_RAW = [9174959633634508595, 7524349917048683304, 14420060664177241649]
PINNED_PERMUTATION = [6, 1, 0, 7, 4, 3, 2, 5]
PINNED_NORMAL = ["-0x1.ce68270466fcfp-7", "-0x1.96e6e9748d255p-1", "0x1.83c76f9f137cbp+0"]


def test_the_stream_is_pinned():
    assert Draw("pinned", 1, seed=7).raw(3).tolist() == PINNED_RAW
    assert Draw("pinned", 1, seed=7).permutation(8).tolist() == PINNED_PERMUTATION
    assert [z.hex() for z in Draw("pinned", 1, seed=7).normal(3).tolist()] == PINNED_NORMAL


def test_streams_with_other_names_or_seeds_are_other_streams():
    names = [("a", "bc"), ("ab", "c"), ("abc",), ("a", "b", "c"), (1, "abc"), (2, "abc")]
    drawn = {tuple(Draw(*name, seed=s).raw(4).tolist()) for name in names for s in (0, 1, 2**32)}
    assert len(drawn) == 3 * len(names)


@given(st.integers(1, 2**64 - 1), st.integers(0, 50), st.integers(0, 2**32))
def test_below_stays_below(bound, count, seed):
    drawn = Draw(seed=seed).below(min(bound, 2**63), count)
    assert drawn.shape == (count,)
    assert ((drawn >= 0) & (drawn < bound)).all()


def test_below_rejects_what_would_bias_it():
    """2^64 is 8/3 of this bound: a bare modulus would fall into the first third 3/8 of the time."""
    drawn = Draw("bias", seed=0).below(3 << 61, 30_000)
    assert abs((drawn < 1 << 61).mean() - 1 / 3) < 0.01


@given(st.integers(1, 10**10), st.floats(0, 1), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_distinct_draws_without_replacement(space, share, seed):
    count = int(share * min(space, 40_000))
    drawn = Draw(seed=seed).distinct(space, count)
    assert len(np.unique(drawn)) == len(drawn) == count
    assert count == 0 or (drawn.min() >= 0 and drawn.max() < space)


def test_distinct_in_a_space_with_many_collisions():
    drawn = Draw("collisions", seed=0).distinct(70_001, 35_000)
    assert len(np.unique(drawn)) == 35_000
    assert abs(drawn[:1000].mean() / 35_000 - 1) < 0.1
    with pytest.raises(ValueError, match="asked of 4"):
        Draw(seed=0).distinct(4, 5)


def test_distinct_gives_every_ordered_sample_equally_often():
    counts = Counter(tuple(Draw(seed=s).distinct(3, 2).tolist()) for s in range(3000))
    assert set(counts) == set(permutations(range(3), 2))
    assert max(abs(n - 500) for n in counts.values()) < 100


@pytest.mark.parametrize(("n", "k"), [(5, 1), (5, 2), (6, 4), (5, 5)])
def test_codes_and_permutations_are_one_to_one(n, k):
    drawn = ordered(np.arange(perm(n, k)), n, k)
    assert sorted(map(tuple, drawn.tolist())) == sorted(permutations(range(n), k))


@pytest.mark.parametrize(("n", "k"), [(3, 3), (7, 3), (6, 2)])
def test_codes_and_combinations_are_one_to_one(n, k):
    drawn = unordered(np.arange(comb(n, k)), n, k)
    assert sorted(tuple(sorted(row)) for row in drawn.tolist()) == list(combinations(range(n), k))


def test_skip_leaves_out_what_is_taken():
    taken = np.array([[4, 0, 1]] * 4)
    assert skip(np.arange(4), taken).tolist() == [2, 3, 5, 6]


def test_arrangements_put_the_answer_where_they_say():
    for place in range(4):
        assert (ARRANGEMENTS[place][:, place] == 0).all()
        assert len({tuple(row) for row in ARRANGEMENTS[place]}) == 6
        assert (np.sort(ARRANGEMENTS[place], axis=1) == np.arange(4)).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1001])
def test_normal_gives_as_many_as_asked(count):
    assert Draw("normal", seed=1).normal(count).shape == (count,)


def test_normal_numbers_are_normal_and_independent():
    """At 400,000 draws a law with a variance of 1.01 or uniform noise of 1 % would be refused."""
    drawn = Draw("normal", seed=0).normal(400_000)
    assert stats.kstest(drawn, "norm").pvalue > 0.001
    assert stats.kstest(1.01 * drawn, "norm").pvalue < 0.001
    assert abs(drawn.var() - 1) < 5 * (2 / 400_000) ** 0.5
    assert 4 < np.abs(drawn).max() < 7
    # Both numbers of a pair come from one point of the disc, and their squares from one radius.
    u, v = drawn[:100_000], drawn[100_000:200_000]
    for one, other in ((u, v), (u**2, v**2), (drawn[:-1:2], drawn[1::2])):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.015
    pairs = Draw("normal", seed=2).normal(2)
    assert len(set(pairs.tolist())) == 2


def test_the_own_logarithm_is_the_logarithm():
    near_one = 1 - np.logspace(-15, -1, 200)
    s = np.concatenate([np.logspace(-32, 0, 5000), near_one, 2.0 ** -np.arange(60)])
    exact = np.log(s.astype(np.longdouble))
    assert (np.abs(_log(s) - exact) <= 4e-16 * np.abs(exact)).all()

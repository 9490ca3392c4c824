"""The rule of mnist10, and the law by which its scenes are drawn."""

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from symdata.digit_scenes import cell_of, stream
from symdata.mnist10 import DATA
from symdata.mnist10.rule import SETS, violations
from symdata.mnist10.scenes import _pairs, _triples, arrange, broken, load
from symdata.sampling import Draw
from symdata.scenes import fingerprint

# A change here is a new VERSION: published figures belong to the old one.
PINNED = "b84376a97f09c9d62e9008b964f94d9d12eac13b4f08ef78045df7e6bfef4b98"

CLASSES = [0, 1, 2, 3, 4, 8, 9, 5, 6, 7]
# Two digits at the same places top left and bottom right, three elsewhere; 128 pixels.
CENTRES = np.array(
    [
        *([20, 20], [50, 50]),
        *([80, 20], [110, 20], [80, 50]),
        *([84, 84], [114, 114]),
        *([20, 80], [50, 80], [50, 110]),
    ]
)

HOLDS = r"the \S+ quadrant holds [\d ]+, not [\d ]+"
APART = r"the \d and the \d lie \d+ pixels apart in their quadrants"
PHRASES = {
    "wrong_class": HOLDS,
    "wrong_order": rf"{HOLDS}\n{HOLDS}",
    "wrong_position": rf"{APART}|{HOLDS}\n{HOLDS}",
    "missing_digit": rf"there are 9 digits, not 10\n{HOLDS}",
    "added_digit": rf"there are 11 digits, not 10\n{HOLDS}",
    "smeared": r"a digit in the \S+ quadrant cannot be read",
}


def judged(scenes):
    """What the rule says of the graph, one phrase a line."""
    boxes, size = scenes.graph["boxes"], scenes.images.shape[1]
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    pairs = zip(scenes.graph["classes"], centres, strict=True)
    return ["\n".join(violations(classes, points, size)) for classes, points in pairs]


def test_the_content_is_pinned():
    assert fingerprint(load("sklearn_32")) == PINNED


@given(st.sampled_from([32, 64, 128]), st.integers(0, 2**40))
@settings(max_examples=30, deadline=None)
def test_every_scene_obeys(size, seed):
    layout = arrange(20, size, stream(DATA, "any", "part", seed))
    cell, half = cell_of(size), size // 2
    assert np.array_equal(np.sort(layout.classes, axis=1), np.tile(np.arange(10), (20, 1)))
    assert np.array_equal(layout.quadrants, np.tile([0, 0, 1, 1, 1, 2, 2, 3, 3, 3], (20, 1)))
    for classes, corners, quadrants in zip(
        layout.classes, layout.corners, layout.quadrants, strict=True
    ):
        held = [tuple(classes[quadrants == q]) for q in range(4)]
        assert {held[0], held[2]} == {SETS[0], SETS[2]}
        assert {held[1], held[3]} == {SETS[1], SETS[3]}
        place = {k: tuple(corner % half) for k, corner in zip(classes, corners, strict=True)}
        assert place[0] == place[8]
        assert place[1] == place[9]
        for one in range(10):
            for other in range(one):
                assert np.abs(corners[one] - corners[other]).max() >= cell
        assert violations(classes, corners + cell / 2, size) == ()
    within = layout.corners % half
    assert within.max() <= half - cell


def test_half_of_each_diagonal_is_exchanged_independently():
    layout = arrange(4000, 32, stream(DATA, "law", "part", 0))
    exchanged = np.stack([layout.classes[:, 0] == 8, layout.classes[:, 2] == 5])
    four = np.bincount(2 * exchanged[0] + exchanged[1], minlength=4)
    assert stats.chisquare(four).pvalue > 1e-3


def test_pairs_and_triples_are_all_there_and_equally_likely():
    """A small quadrant: 32 pixels, so that its 100 positions can be counted."""
    side, cell = 10, cell_of(32)
    places = list(product(range(side), repeat=2))

    def fit(one, other):
        return max(abs(one[0] - other[0]), abs(one[1] - other[1])) >= cell

    pairs = {(one, other) for one in places for other in places if fit(one, other)}
    found = _pairs(32)
    assert len(found) == len(pairs)
    assert {tuple(map(tuple, pair)) for pair in found.tolist()} == pairs
    thirds = {
        pair: sum(fit(pair[0], one) and fit(pair[1], one) for one in places) for pair in pairs
    }
    count = 20_000
    drawn = _triples(count, found, 32, Draw("triples", seed=0))
    for triple in drawn[:200].tolist():
        one, other, third = map(tuple, triple)
        assert fit(one, other)
        assert fit(one, third)
        assert fit(other, third)
    # All triples are equally likely: a first digit is as frequent as it has second and third ones.
    weights = np.zeros((side, side))
    for (one, _), ways in thirds.items():
        weights[one] += ways
    expected = weights / weights.sum() * count
    for k in range(3):
        seen = np.zeros((side, side))
        np.add.at(seen, tuple(drawn[:, k].T), 1)
        assert (seen[expected == 0] == 0).all()
        enough = expected > 0
        assert stats.chisquare(seen[enough], expected[enough]).pvalue > 1e-3


@pytest.mark.parametrize("config", ["sklearn_32", "sklearn_64", "sklearn_128"])
def test_each_break_is_found_as_what_it_is(config):
    for kind, scenes in broken(config, 200).items():
        for lines in judged(scenes):
            assert re.fullmatch(PHRASES[kind], lines), (kind, lines)


def test_a_wrong_position_is_one_of_two_kinds():
    lines = judged(broken("sklearn_64", 200)["wrong_position"])
    within = sum("apart" in line for line in lines)
    assert 60 < within < 140
    for pair in ("the 0 and the 8", "the 1 and the 9"):
        assert sum(pair in line for line in lines) > 20


def test_the_rule_by_hand():
    assert violations(CLASSES, CENTRES, 128) == ()
    assert violations([8, 9, 2, 3, 4, 0, 1, 5, 6, 7], CENTRES, 128) == ()
    assert violations([8, 9, 5, 6, 7, 0, 1, 2, 3, 4], CENTRES / 2, 64) == ()
    assert violations(CLASSES[::-1], CENTRES[::-1], 128) == ()
    assert violations([], np.empty((0, 2)), 128)[0] == "there are 0 digits, not 10"


def test_exchanging_one_neighbour_for_another_is_no_diagonal():
    reasons = violations([2, 3, 0, 1, 4, 8, 9, 5, 6, 7], CENTRES, 128)
    assert reasons == (
        "the top-left quadrant holds 2 3, not 0 1",
        "the top-right quadrant holds 0 1 4, not 2 3 4",
    )


def test_the_partners_are_zero_with_eight_and_one_with_nine():
    """9 at the place of 0 and 8 at that of 1: the right sets at exchanged places."""
    reasons = violations([0, 1, 2, 3, 4, 9, 8, 5, 6, 7], CENTRES, 128)
    assert reasons == (
        "the 0 and the 8 lie 30 pixels apart in their quadrants",
        "the 1 and the 9 lie 30 pixels apart in their quadrants",
    )


def test_an_unread_digit_is_not_missed_as_well():
    classes = [0, -1, *CLASSES[2:]]
    assert violations(classes, CENTRES, 128) == ("a digit in the top-left quadrant cannot be read",)
    assert violations([5, -1, *CLASSES[2:]], CENTRES, 128)[1:] == (
        "the top-left quadrant holds 5, not 0 1",
    )


@pytest.mark.parametrize("digit", [0, 1, 5, 6])
@pytest.mark.parametrize("size", [64, 128])
def test_the_tolerance_is_four_and_a_half_pixels_of_128(digit, size):
    for way, obeys in ((4.4, True), (4.6, False)):
        centres = CENTRES * size / 128
        centres[digit, 0] -= way * size / 128
        assert (violations(CLASSES, centres, size) == ()) is obeys


def test_free_digits_may_lie_anywhere_but_on_each_other():
    centres = CENTRES.copy()
    centres[2] = [72, 30]
    assert violations(CLASSES, centres, 128) == ()
    centres[2] = centres[3] + [5, 5]
    assert violations(CLASSES, centres, 128) == ("two digits overlap",)

"""The rule of mnist4, and the law by which its scenes are drawn."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from symdata.digit_rules import TOLERANCE
from symdata.digit_scenes import stream
from symdata.mnist4 import DATA
from symdata.mnist4.rule import violations
from symdata.mnist4.scenes import arrange, broken, load
from symdata.scenes import fingerprint

# A change here is a new VERSION: published figures belong to the old one.
PINNED = "2d3095ba7782b4bea2d9411815eaaa9003a1ee3695108b144cc5a4c49b450a4d"

# Top left at (20, 30), and so clockwise, in an image of 128 pixels.
CENTRES = np.array([[20, 30], [108, 30], [108, 98], [20, 98]])

PHRASES = {
    "wrong_class": r"the \S+ digit is a \d, not a \d",
    "wrong_order": r"the \S+ digit is a \d, not a \d\nthe \S+ digit is a \d, not a \d",
    "wrong_position": r"the \S+ digit is \d+ pixels off where others mirror it",
    "missing_digit": r"there are 3 digits, not 4",
    "added_digit": r"there are 5 digits, not 4",
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
    cell = size * 28 // 128
    assert np.array_equal(layout.classes, layout.classes[:, :1] + np.arange(4))
    assert layout.classes.min() >= 0
    assert layout.classes.max() <= 9
    assert np.array_equal(layout.quadrants, np.tile(np.arange(4), (20, 1)))
    first, right, across, below = np.moveaxis(layout.corners, 1, 0)
    far = size - cell
    assert np.array_equal(right, np.stack([far - first[:, 0], first[:, 1]], axis=1))
    assert np.array_equal(across, far - first)
    assert np.array_equal(below, np.stack([first[:, 0], far - first[:, 1]], axis=1))
    assert first.min() >= 0
    assert first.max() <= size // 2 - cell
    for classes, corners in zip(layout.classes, layout.corners, strict=True):
        assert violations(classes, corners + cell / 2, size) == ()


def test_start_classes_and_positions_are_uniform():
    layout = arrange(14_000, 128, stream(DATA, "law", "part", 0))
    assert stats.chisquare(np.bincount(layout.classes[:, 0], minlength=7)).pvalue > 1e-3
    for axis in (0, 1):
        counts = np.bincount(layout.corners[:, 0, axis], minlength=37)
        assert len(counts) == 37
        assert stats.chisquare(counts).pvalue > 1e-3
    corner = layout.corners[:, 0]
    together = np.corrcoef([layout.classes[:, 0], corner[:, 0], corner[:, 1]])
    assert np.abs(together - np.eye(3)).max() < 0.05


@pytest.mark.parametrize("config", ["sklearn_32", "sklearn_64", "sklearn_128"])
def test_each_break_is_found_as_what_it_is(config):
    for kind, scenes in broken(config, 200).items():
        for lines in judged(scenes):
            assert re.fullmatch(PHRASES[kind], lines), (kind, lines)


def test_breaks_come_in_all_places():
    kinds = broken("sklearn_32", 200)
    for kind in ("wrong_class", "wrong_position", "smeared"):
        text = "\n".join(judged(kinds[kind]))
        for place in ("top-left", "top-right", "bottom-right", "bottom-left"):
            assert text.count(place) > 20, (kind, place)
    missing = kinds["missing_digit"].graph["quadrants"].sum(axis=1)
    assert np.bincount(missing).tolist()[3:] == [sum(missing == k) for k in (3, 4, 5, 6)]
    assert all(sum(missing == k) > 20 for k in (3, 4, 5, 6))


def test_the_rule_by_hand():
    assert violations([2, 3, 4, 5], CENTRES, 128) == ()
    assert violations([4, 2, 3, 5], CENTRES[[2, 0, 1, 3]], 128) == ()
    assert violations([6, 7, 8, 9], CENTRES / 2, 64) == ()
    assert violations([3, 5, 5, 6], CENTRES, 128) == ("the top-right digit is a 5, not a 4",)
    assert violations([7, 3, 4, 5], CENTRES, 128) == ("the top-left digit is a 7, not a 2",)
    assert violations([2, 3, -1, 5], CENTRES, 128) == (
        "a digit in the bottom-right quadrant cannot be read",
    )
    assert violations([2, 3, 4], CENTRES[:3], 128) == ("there are 3 digits, not 4",)
    assert violations([8], CENTRES[:1], 128)[0] == "there is 1 digit, not 4"
    assert violations([], np.empty((0, 2)), 128) == ("there are 0 digits, not 4",)


def test_counting_the_other_way_round_is_no_order():
    assert len(violations([5, 4, 3, 2], CENTRES, 128)) == 3


def test_two_digits_in_a_quadrant_are_named():
    centres = np.array([[20, 30], [50, 50], [108, 98], [20, 98]])
    reasons = violations([2, 3, 4, 5], centres, 128)
    assert "the top-left quadrant holds 2 digits, not 1" in reasons
    assert "the top-right quadrant holds 0 digits, not 1" in reasons


def test_classes_that_count_past_nine_are_refused():
    reasons = violations([7, 8, 9, 0], CENTRES, 128)
    assert reasons
    assert violations([7, 8, 9], CENTRES[:3], 128)[1:] != ()


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("quadrant", range(4))
def test_the_tolerance_is_four_and_a_half_pixels_of_128(size, quadrant):
    scale = size / 128
    for way, obeys in ((4.4, True), (4.6, False)):
        centres = CENTRES * scale
        centres[quadrant, 1] += way * scale
        assert (violations([2, 3, 4, 5], centres, size) == ()) is obeys
    assert TOLERANCE * 128 == 4.5


def test_two_digits_at_one_place_overlap():
    centres = np.array([[62, 62], [66, 62], [66, 66], [62, 66]])
    assert violations([2, 3, 4, 5], centres, 128) == ("two digits overlap",)


def test_a_class_without_a_centre_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="3 classes and 4 centres"):
        violations([1, 2, 3], CENTRES, 128)

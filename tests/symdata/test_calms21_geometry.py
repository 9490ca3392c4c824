"""The features of two mice that were placed by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdata.calms21.geometry import (
    FEATURES,
    HEAD,
    NOSE,
    TAIL,
    angle,
    box_overlap,
    centre,
    features,
    half_axes,
)
from tests.symdata.mice import STRETCHED, frames, mouse, recording

PI = np.pi


def values(*pairs):
    found = features(frames(*pairs))
    assert tuple(found) == FEATURES
    assert all((v.shape, v.dtype) == ((len(pairs),), np.float32) for v in found.values())
    return {name: value.tolist() for name, value in found.items()}


def bent(at):
    """STRETCHED with its nose elsewhere."""
    return [at, *STRETCHED[1:]]


def test_angles_between_vectors():
    ones = np.array([[1, 0], [1, 0], [2, 0], [0, 3], [1, 0], [0, 0]])
    others = np.array([[5, 0], [0, -2], [-1, 0], [1, 1], [1, 3**0.5], [1, 1]])
    expected = [0, PI / 2, PI, PI / 4, PI / 3, 0]
    assert angle(ones, others) == pytest.approx(expected)
    assert angle(others, ones) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("nose", "expected"), [((12, 0), PI), ((0, 12), PI / 2), ((0, -5), PI / 2), ((-3, 3), PI / 4)]
)
@pytest.mark.parametrize("turns", [0, 1, 3])
def test_the_head_body_angle_is_at_the_neck(nose, expected, turns):
    found = values((mouse((40, 50), turns, bent(nose)), mouse((200, 50))))
    assert found["head_body_angle_resident"] == pytest.approx([expected])
    assert found["head_body_angle_intruder"] == pytest.approx([PI])


def test_a_mouse_that_faces_the_other_has_social_angle_zero():
    found = values(
        # The resident looks along +x at the intruder, which looks the same way, away from it.
        (mouse((0, 0)), mouse((100, 0))),
        # Now the intruder looks back, and then along y.
        (mouse((0, 0)), mouse((100, 0), turns=2)),
        # Bodies stay at (-6, 0) and (94, 0).
        (mouse((0, 0)), mouse((94, 6), turns=1)),
    )
    assert found["social_angle_resident"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert found["social_angle_intruder"] == pytest.approx([PI, 0, PI / 2], abs=1e-6)


def test_distances_of_threes_and_fours():
    (x, y) = (30, 40)
    found = values((mouse(), mouse((x, y))))
    for name in ("nose_nose_distance", "head_head_distance", "body_body_distance"):
        assert found[name] == pytest.approx([50]), name
    # From the nose (12, 0) to the tail base (22, 40); from the head (7, 0) to the body (24, 40).
    assert found["nose_tail_distance"] == pytest.approx([(10**2 + 40**2) ** 0.5])
    assert found["head_body_distance"] == pytest.approx([(17**2 + 40**2) ** 0.5])
    swapped = values((mouse((x, y)), mouse()))
    # Now from (42, 40) to (-8, 0), and from (37, 40) to (-6, 0).
    assert swapped["nose_tail_distance"] == pytest.approx([(50**2 + 40**2) ** 0.5])
    assert swapped["head_body_distance"] == pytest.approx([(43**2 + 40**2) ** 0.5])


def test_head_and_body_are_means():
    points = mouse().T
    assert centre(points, HEAD).tolist() == [7, 0]
    assert points[NOSE].tolist() == [12, 0]
    assert points[TAIL].tolist() == [-8, 0]


def test_speed_and_acceleration_are_of_the_body_and_the_nose_speed_of_the_nose():
    rest = mouse((100, 100))
    found = values(
        (mouse((0, 0)), rest),
        (mouse((3, 4)), rest),
        (mouse((3, 4)), rest),
        # Only the nose moves, by (5, 12).
        (mouse((3, 4), points=bent((17, 12))), rest),
    )
    assert found["speed_resident"] == pytest.approx([5, 5, 0, 0])
    assert found["acceleration_resident"] == pytest.approx([5, 5, 5, 0])
    assert found["nose_speed_resident"] == pytest.approx([5, 5, 0, 13])
    assert found["speed_intruder"] == [0] * 4
    assert found["acceleration_intruder"] == [0] * 4
    swapped = values((rest, mouse((0, 0))), (rest, mouse((6, 8))), (rest, mouse((6, 8))))
    assert swapped["speed_intruder"] == pytest.approx([10, 10, 0])
    assert swapped["acceleration_intruder"] == pytest.approx([10, 10, 10])
    assert swapped["nose_speed_resident"] == [0] * 3


def test_the_ellipse_has_half_axes_of_two_standard_deviations():
    """Variances of 32 along x and 2 along y, uncorrelated."""
    cross = [(4 * 7**0.5, 0), (-4 * 7**0.5, 0), (0, 7**0.5), (0, -(7**0.5)), *[(0, 0)] * 3]
    for turns in range(4):
        found = values((mouse((90, 20), turns, cross), mouse((300, 300))))
        a, b = 2 * 32**0.5, 2 * 2**0.5
        assert found["axis_ratio_resident"] == pytest.approx([1 / 4])
        assert found["ellipse_area_resident"] == pytest.approx([PI * a * b])
    swapped = values((mouse(), mouse((90, 20), 0, cross)))
    assert swapped["ellipse_area_intruder"] == pytest.approx([32 * PI])


def test_the_ellipse_is_that_of_linear_algebra():
    points = np.swapaxes(recording(50), 2, 3).astype(float)
    longer, shorter = half_axes(points)
    for frame in range(50):
        for k in range(2):
            covariance = np.cov(points[frame, k].T, bias=True)
            low, high = np.linalg.eigvalsh(covariance)
            assert longer[frame, k] == pytest.approx(2 * high**0.5)
            assert shorter[frame, k] == pytest.approx(2 * low**0.5)


def test_degenerate_mice_give_numbers():
    point, line = [(5, 5)] * 7, [(k, 2 * k) for k in range(7)]
    found = values((mouse(points=point), mouse(points=point)), (mouse(points=line),) * 2)
    assert all(np.isfinite(value).all() for value in found.values())
    assert found["axis_ratio_resident"] == pytest.approx([0, 0], abs=1e-6)
    assert found["ellipse_area_resident"] == pytest.approx([0, 0], abs=1e-4)
    assert found["head_body_angle_resident"][0] == found["social_angle_resident"][0] == 0
    assert found["box_overlap"] == [0, 1]


def box(low, high):
    """Seven points whose bounding box this is."""
    inside = (np.array(low) + high) / 2
    return np.array([low, high, *[inside] * 5], dtype=float)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (box((0, 0), (4, 2)), box((0, 0), (4, 2)), 1),
        (box((0, 0), (4, 2)), box((2, 0), (6, 2)), 4 / 12),
        (box((0, 0), (4, 4)), box((1, 1), (3, 3)), 4 / 16),
        (box((0, 0), (1, 1)), box((5, 5), (6, 6)), 0),
        # Apart on one axis only, and touching.
        (box((0, 0), (4, 1)), box((0, 3), (4, 4)), 0),
        (box((0, 0), (1, 1)), box((1, 0), (2, 1)), 0),
        (box((1, 1), (1, 1)), box((1, 1), (1, 1)), 0),
    ],
)
def test_box_overlap(one, other, expected):
    assert box_overlap(one, other) == pytest.approx(expected)
    assert box_overlap(other, one) == pytest.approx(expected)
    assert values((one.T, other.T))["box_overlap"] == pytest.approx([expected])


SQUARED = ("ellipse_area_resident", "ellipse_area_intruder")
SCALELESS = tuple(n for n in FEATURES if "angle" in n or n in ("axis_ratio_resident",))


@given(st.integers(0, 2**32), st.floats(0, 2 * PI), st.floats(0.5, 2), st.floats(-99, 99))
@settings(max_examples=25, deadline=None)
def test_no_feature_but_the_boxes_knows_place_or_direction(seed, turn, scale, shift):
    keypoints = recording(5, seed).astype(float)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = np.einsum("ij,fmjk->fmik", matrix, keypoints) + shift
    one, other = features(keypoints), features(moved)
    for name in FEATURES:
        power = 0 if name in SCALELESS else 2 if name in SQUARED else 1
        if name != "box_overlap":
            assert other[name] == pytest.approx(one[name] * scale**power, rel=1e-4, abs=1e-4), name

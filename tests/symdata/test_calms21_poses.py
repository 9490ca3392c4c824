"""The 18 numbers of a frame."""

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD

from symdata.calms21.poses import HALF_FRAME, basis, egocentric, states
from tests.symdata.mice import STRETCHED, frames, mouse, recording


def test_centre_and_heading_of_mice_placed_by_hand():
    neck, heading, _ = egocentric(frames((mouse((512, 285)), mouse((1024, 570)))))
    assert neck[0].tolist() == [[0, 0], [1, 1]]
    # From the neck to the tail base is -x: angle π.
    assert heading[0] == pytest.approx(np.array([[0, -1], [0, -1]]), abs=1e-12)
    # In units of half a frame, 512 pixels along x are as much as 285 along y.
    slanted = [(0, 0)] * 6 + [(3 * 512, 4 * 285)]
    _, heading, _ = egocentric(frames((mouse((9, 9), points=slanted), mouse())))
    assert heading[0, 0] == pytest.approx([4 / 5, 3 / 5])


def test_the_pose_is_seen_from_the_neck_with_the_tail_base_on_the_x_axis():
    scaled = np.array(STRETCHED) * HALF_FRAME
    keypoints = frames(*((mouse(at, 0, scaled), mouse()) for at in ((7, 9), (300, 4))))
    _, _, pose = egocentric(keypoints)
    x, y = pose[..., :7], pose[..., 7:]
    # The mouse looks along +x, its tail base lies along -x: it is turned by half a turn.
    assert x[:, 0] == pytest.approx(np.array([[-12, -8, -8, 0, 8, 8, 8]] * 2), abs=1e-4)
    assert y[:, 0] == pytest.approx(np.array([[0, -3, 3, 0, -4, 4, 0]] * 2), abs=1e-4)


def test_the_pose_does_not_know_place_or_direction():
    keypoints = recording(30)
    scaled = (keypoints - HALF_FRAME[:, None]) / HALF_FRAME[:, None]
    turn = 1.1
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    turned = np.einsum("ij,fmjk->fmik", matrix, scaled) + 0.3
    pixels = turned * HALF_FRAME[:, None] + HALF_FRAME[:, None]
    assert egocentric(pixels)[2] == pytest.approx(egocentric(keypoints)[2], abs=1e-6)


def test_a_mouse_without_extent_has_a_heading():
    _, heading, pose = egocentric(frames((mouse(points=[(5, 5)] * 7), mouse())))
    assert heading[0, 0].tolist() == [0, 1]
    assert (pose[0, 0] == 0).all()


def test_the_basis_is_that_of_all_poses_at_once():
    recordings = [recording(50, 1), recording(400, 2), recording(31, 3)]
    vectors = basis(recordings)
    poses = np.concatenate([egocentric(one)[2].reshape(-1, 14) for one in recordings])
    expected = TruncatedSVD(5, random_state=3).fit(poses).components_
    assert vectors.shape == (5, 14)
    assert np.abs((vectors * expected).sum(axis=1)) == pytest.approx([1] * 5, abs=1e-5)
    assert (vectors[np.arange(5), np.abs(vectors).argmax(axis=1)] > 0).all()
    assert np.array_equal(vectors, np.round(vectors, 6))
    assert np.array_equal(vectors, basis(recordings))
    assert np.array_equal(vectors, basis(recordings[::-1]))


def test_states_hold_the_resident_first_and_then_the_intruder():
    keypoints = recording(40)
    vectors = basis([keypoints])
    found = states(keypoints, vectors)
    assert (found.shape, found.dtype) == ((40, 18), np.float32)
    neck, heading, pose = egocentric(keypoints)
    for k in range(2):
        mine = found[:, 9 * k : 9 * k + 9]
        assert mine[:, :2] == pytest.approx(neck[:, k], abs=1e-6)
        assert mine[:, 2:4] == pytest.approx(heading[:, k], abs=1e-6)
        assert mine[:, 4:] == pytest.approx(pose[:, k] @ vectors.T, abs=1e-6)
    swapped = states(keypoints[:, ::-1], vectors)
    assert np.array_equal(swapped, np.concatenate([found[:, 9:], found[:, :9]], axis=1))

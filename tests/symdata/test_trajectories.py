"""What all sets of trajectories share: motion, the fingerprint, the columns."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

import symdata
from symdata.content import digest
from symdata.trajectories import Trajectories, acceleration, fingerprint, length, speed
from symdata.trajectory_columns import features, table

# Steps of (3, 4) and (0, 0), then of (5, 12).
WALK = np.array([[0, 0], [3, 4], [3, 4], [8, 16]], dtype=float)


def small():
    states = np.arange(2 * 3 * 2, dtype=np.float32).reshape(2, 3, 2)
    named = {"speed": states[..., 0] / 2, "x": states[..., 1]}
    return Trajectories(states, named, np.array([1, -1]), ("a", "b"), np.array([[0, 1], [1, 0]]))


def test_speed_is_the_length_of_a_step_and_the_first_repeats():
    assert speed(WALK).tolist() == [5, 5, 0, 13]
    assert speed(np.stack([WALK, 2 * WALK]))[1].tolist() == [10, 10, 0, 26]
    assert length(np.array([[-3.0, 4.0], [0.0, 0.0]])).tolist() == [5, 0]


def test_acceleration_is_the_length_of_the_change_of_step():
    # Changes of (-3, -4) and (5, 12).
    assert acceleration(WALK).tolist() == [5, 5, 5, 13]
    steady = np.arange(5.0)[:, None] * [2, 3]
    assert acceleration(steady).tolist() == [0] * 5


def test_too_few_frames_for_a_difference_are_at_rest():
    assert speed(WALK[:1]).tolist() == acceleration(WALK[:1]).tolist() == [0]
    assert acceleration(WALK[:2]).tolist() == [0, 0]
    assert speed(WALK[:2]).tolist() == [5, 5]
    assert speed(np.zeros((3, 1, 2))).shape == (3, 1)


def test_the_fingerprint_sees_every_array_and_name():
    part = small()
    seen = {fingerprint({"train": part}), fingerprint({"test": part})}
    for name in ("states", "labels", "factors"):
        changed = getattr(part, name).copy()
        changed.flat[1] += 1
        seen.add(fingerprint({"train": replace(part, **{name: changed})}))
    seen.add(fingerprint({"train": replace(part, classes=("a", "c"))}))
    seen.add(fingerprint({"train": replace(part, factors=None)}))
    for named in (
        {"speed": part.features["x"], "x": part.features["speed"]},
        {"v": part.features["speed"], "x": part.features["x"]},
        {"speed": part.features["speed"]},
    ):
        seen.add(fingerprint({"train": replace(part, features=named)}))
    assert len(seen) == 10
    assert len(part) == 2


def test_the_fingerprint_does_not_see_the_layout():
    part = small()
    sliced = replace(part, states=np.repeat(part.states, 2, axis=0)[::2])
    assert fingerprint({"train": part}) == fingerprint({"train": sliced})


def test_columns_hold_every_number_in_its_place():
    part = small()
    declared = features(symdata.dataset("synthetic_trajectories"), "default", part)
    made = table(part, declared)
    assert made.schema == declared.arrow_schema
    assert made["states"].to_pylist() == part.states.tolist()
    assert made["speed"].to_pylist() == part.features["speed"].tolist()
    assert made["label"].to_pylist() == [1, -1]
    assert made["factors"].to_pylist() == [[0, 1], [1, 0]]
    assert made["states"].type == pa.list_(pa.list_(pa.float32(), 2), 3)
    other = replace(part, states=part.states + 1)
    assert digest(made) != digest(table(other, declared))
    bare = replace(part, factors=None)
    assert "factors" not in features(symdata.dataset("basketball"), "default", bare)

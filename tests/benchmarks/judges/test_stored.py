"""Weights of judges: stored, read, and refused where they are not what is wanted."""

import numpy as np
import pytest

from benchmarks import judges
from benchmarks.errors import SymbenchError
from benchmarks.judges import digits, stored
from symdata.errors import DataError

WEIGHTS = {"layer": np.array([0.1, 1e-3, -70.0], dtype=np.float32)}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "weights_file", lambda name: tmp_path / f"{name}.npz")
    return tmp_path / "digits.npz"


def test_weights_come_back_in_half_precision_with_their_story(place):
    stored.write(place, WEIGHTS, 3, {"seed": 1, "steps": 20})
    arrays, story = stored.read("digits", 3)
    assert arrays["layer"].dtype == np.float32
    assert arrays["layer"] == pytest.approx(WEIGHTS["layer"], rel=1e-3)
    assert story == {"seed": 1, "steps": 20}


def test_another_version_no_file_and_a_damaged_one_are_told_in_a_line(place):
    with pytest.raises(SymbenchError, match=r"cannot be read.*judges\.train_digits"):
        stored.read(digits.NAME, digits.VERSION)
    stored.write(place, WEIGHTS, 3, {})
    with pytest.raises(SymbenchError, match="is of version 3, not 4"):
        stored.read("digits", 4)
    whole = place.read_bytes()
    for damaged in (b"", whole[:100], whole[: len(whole) // 2]):
        place.write_bytes(damaged)
        with pytest.raises(SymbenchError, match="is damaged") as caught:
            stored.read("digits", 3)
        assert "\n" not in str(caught.value)


def test_weights_stay_small(place, monkeypatch):
    monkeypatch.setattr(stored, "LARGEST", 1000)
    with pytest.raises(SymbenchError, match="1000 are allowed"):
        stored.write(place, {"layer": np.random.default_rng(0).normal(size=2000)}, 1, {})


def test_the_module_that_judges_a_data_set():
    assert judges.module("mnist4") == judges.module("mnist10") == "benchmarks.judges.digits"
    assert judges.module("arrow_room") == "benchmarks.judges.arrow_room"
    with pytest.raises(DataError, match="no dataset 'mnist5'"):
        judges.module("mnist5")
    with pytest.raises(SymbenchError, match="no judge; there are judges for: mnist4, mnist10"):
        judges.module("painted_digits")


def test_a_digest_tells_parts_and_types_apart():
    assert stored.digest(b"ab", b"c") != stored.digest(b"a", b"bc")
    assert stored.digest(np.zeros(2, "u1")) != stored.digest(np.zeros(1, "<u2"))


def test_the_committed_weights_are_small_and_say_what_made_them():
    arrays, story = stored.read(digits.NAME, digits.VERSION)
    assert stored.weights_file("digits").stat().st_size < stored.LARGEST
    assert sum(array.size for array in arrays.values()) > 100_000
    assert {"seed", "steps", "data", "code_sha256", "data_sha256"} <= set(story)

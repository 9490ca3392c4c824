"""Files that users bring and that are not the right ones: a line that names file and fault."""

import numpy as np
import pytest

import symdata
from symdata import DataSources
from symdata.basketball import windows as court
from symdata.calms21 import windows as cage
from symdata.errors import DataError
from symdata.file_faults import fault
from tests.symdata import mice

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 9912422\n"


def play(count, seed=0):
    """Windows of play in feet on the left half-court."""
    draw = np.random.default_rng(seed)
    return draw.uniform(0, 1, (count, 50, 22)).astype(np.float32) * np.tile([47, 50], 11)


def basketball(root, **files):
    place = root / "basketball"
    place.mkdir(exist_ok=True)
    for name, data in files.items():
        np.savez(place / f"{name}.npz", data=data)
    return place


def calms21(root, train, test):
    for split, sequence in (("train", train), ("test", test)):
        path = root / "calms21" / f"calms21_task1_{split}.json"
        mice.write(path, **{f"mouse_{split}": sequence})
    return path.parent


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (POINTER, "run `git lfs pull`"),
        (b"/annex/objects/MD5E-s9912422--f68b.npz\n", "run `git annex get`"),
        (b"\n<!DOCTYPE html><html><body>Not found", "is a web page"),
        (b"<HTML>", "is a web page"),
        (b"\xef\xbb\xbfPK\x03\x04", "begins as a text does"),
    ],
)
def test_a_file_that_is_no_data_is_known_before_it_is_read(tmp_path, content, says):
    place = basketball(tmp_path, train=play(3), test=play(2, 1))
    path = place / "test.npz"
    path.write_bytes(content)
    here = DataSources(root=tmp_path)
    for line in (symdata.dataset("basketball").missing("default", here), f"{path} {fault(path)}."):
        assert line.startswith(f"{path} ")
        assert says in line
        assert "\n" not in line
    with pytest.raises(DataError, match=rf"{path} "):
        court.read(place)


def test_what_may_be_data_has_no_fault(tmp_path):
    place = basketball(tmp_path, train=play(2))
    text = tmp_path / "text.json"
    text.write_bytes(b"\xef\xbb\xbf{}")
    assert fault(place / "train.npz") is None
    assert fault(text) is None, "a text may begin with a mark of byte order"
    assert fault(tmp_path / "none").startswith("cannot be read: ")


def test_another_format_is_named(tmp_path):
    place = basketball(tmp_path, train=play(2))
    np.save(place / "test.npy", play(2))
    line = symdata.dataset("basketball").missing("default", DataSources(root=tmp_path))
    assert "holds no test.npz but test.npy, which is of another format; " in line


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_in_any_encoding_is_read(tmp_path, mark):
    place = calms21(
        tmp_path, mice.sequence(mice.recording(130)), mice.sequence(mice.recording(60, 1))
    )
    before = cage.read(place)["train"].states
    path = place / "calms21_task1_train.json"
    path.write_bytes(path.read_text().encode(mark))
    assert np.array_equal(cage.read(place)["train"].states, before)


def test_a_pointer_of_json_says_so(tmp_path):
    place = calms21(
        tmp_path, mice.sequence(mice.recording(130)), mice.sequence(mice.recording(60, 1))
    )
    path = place / "calms21_task1_test.json"
    path.write_bytes(POINTER)
    with pytest.raises(DataError, match=rf"^{path} is a pointer of Git LFS .*git lfs pull"):
        cage.read(place)


def test_one_file_for_training_and_test_is_refused_before_it_is_read(tmp_path):
    basketball(tmp_path, train=play(9), test=play(9))
    recording = mice.sequence(mice.recording(130))
    place = calms21(tmp_path, recording, recording)
    same = (place / "calms21_task1_train.json").read_bytes()
    (place / "calms21_task1_test.json").write_bytes(same)
    for name, train, test in (
        ("basketball", "train.npz", "test.npz"),
        ("calms21", "calms21_task1_train.json", "calms21_task1_test.json"),
    ):
        source, here = symdata.dataset(name), DataSources(root=tmp_path)
        assert source.missing("default", here) == (
            f"{tmp_path / name / test} is the same as {tmp_path / name / train}: a test needs data "
            "that nobody has trained on."
        )


def test_test_windows_that_are_copies_are_counted_in_a_warning(tmp_path):
    train = play(30)
    place = basketball(tmp_path, train=train, test=np.concatenate([play(5, 1), train[:4]]))
    path = place / "test.npz"
    warning = f"8 of 18 test windows of {path} are copies of training windows"
    assert court.read(place)["test"].warnings == (warning,)
    clean = basketball(tmp_path, train=train, test=play(5, 1))
    assert court.read(clean)["test"].warnings == ()

    known = mice.recording(130)
    learned, new = mice.sequence(known), mice.recording(60, 1)
    place = calms21(tmp_path, learned, mice.sequence(np.concatenate([new, known[:40]])))
    # 80 windows of 21 frames, of which 20 lie within the 40 frames that were copied.
    path = place / "calms21_task1_test.json"
    warning = f"20 of 80 test windows of {path} are copies of training windows"
    assert cage.read(place)["test"].warnings == (warning,)
    place = calms21(tmp_path, learned, mice.sequence(new))
    assert cage.read(place)["test"].warnings == ()


def mirrored(data, count):
    """The first windows on the right half of the court."""
    turned = data.copy()
    turned[:count, :, 0::2] = 94 - turned[:count, :, 0::2]
    turned[:count, :, 1::2] = 50 - turned[:count, :, 1::2]
    return turned


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (play(20) * 0.3048, "x from .* to 14.*, y from .* to 15.*: it seems to be in metres"),
        (play(20) * 30.48, "y from .* to 15.*: it seems to be in another unit"),
        (play(20) / np.tile([94, 50], 11), "it seems to be divided by the size of the court"),
        (play(20) / 94, "it seems to be divided by the size of the court"),
        ((play(20) - 25) / np.tile([94, 50], 11), "divided by the size of the court"),
        (play(20) - np.tile([47, 25], 11), "or to have another origin than a corner of the court"),
        (mirrored(play(20), 20), "20 of 20 windows, first window 0, are on the right half: turn"),
        (mirrored(play(20), 3)[::-1], "3 of 20 windows, first window 17, are on the right half"),
    ],
)
def test_positions_that_are_not_feet_on_the_left_half_are_refused(tmp_path, data, says):
    place = basketball(tmp_path, train=play(20), test=data)
    with pytest.raises(DataError, match=rf"test\.npz: 'data' must be in feet .*{says}") as caught:
        court.read(place)
    assert "\n" not in str(caught.value)


def test_a_few_players_outside_the_lines_are_no_fault(tmp_path):
    data = play(20)
    data[0, :5, 2] = 77.0
    data[1, :5, 3] = -4.0
    assert len(court.read(basketball(tmp_path, train=data, test=play(3, 1)))["train"]) > 0


def test_keypoints_that_are_no_pixels_are_refused(tmp_path):
    small = mice.sequence(mice.recording(130) / 1024)
    place = calms21(tmp_path, small, mice.sequence(mice.recording(60, 1)))
    with pytest.raises(DataError, match=r"'keypoints' reaches 0.*; it must be in pixels"):
        cage.read(place)

"""Windows of play: what becomes of a file, and what is said of a bad one."""

import datasets
import numpy as np
import pytest

from symdata import DataSources, hub, publishing
from symdata.basketball.windows import FEATURES, features, identity, read
from symdata.errors import DataError
from symdata.trajectories import fingerprint


def windows(count, seed=0):
    return np.random.default_rng(seed).uniform(0, 47, (count, 50, 22)).astype(np.float32)


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        np.savez(folder / f"{name}.npz", data=data)
    return folder


def test_a_window_becomes_offence_and_defence_in_standard_units(tmp_path):
    train, test = windows(5), windows(3, 1)
    splits = read(write(tmp_path, train=train, test=test, val=windows(2, 2)))
    assert {split: len(part) for split, part in splits.items()} == {
        "train": 10,
        "validation": 4,
        "test": 6,
    }
    part = splits["test"]
    assert part.states.shape == (6, 25, 10)
    assert part.states.dtype == np.float32
    assert part.classes == ("offence", "defence")
    assert part.labels.tolist() == [0, 1] * 3
    assert part.factors is None
    for example, window, team, frame, player in [
        (0, 0, 0, 0, 0),
        (3, 1, 1, 24, 4),
        (4, 2, 0, 7, 2),
    ]:
        x, y = test[window, 2 * frame, 2 + 10 * team + 2 * player :][:2].astype(float)
        expected = [(x - 25) / 94, (y - 25) / 50]
        assert np.allclose(part.states[example, frame, 2 * player :][:2], expected, atol=1e-7)


def test_features_of_players_placed_by_hand():
    """Player k stands 3, 4 times k from the basket; the first one moves (6, 8) between frames."""
    k = np.arange(5)
    first = np.stack([5.25 + 3 * k, 25 + 4 * k], axis=-1)
    second = first.copy()
    second[0] += [6, 8]
    found = features(np.stack([first, second])[None].astype(np.float32))
    assert tuple(found) == FEATURES
    assert all((v.shape, v.dtype) == ((1, 2), np.float32) for v in found.values())

    def value(name):
        return found[name][0].tolist()

    assert value("distance_to_basket_average") == [10, 12]
    assert value("distance_to_basket_max") == [20, 20]
    assert value("distance_to_basket_min") == [0, 5]
    assert value("speed_average") == [2, 2]
    assert value("speed_max") == [10, 10]
    assert value("speed_min") == [0, 0]
    assert value("x_average") == pytest.approx([11.25, 12.45])
    assert value("x_max") == [17.25, 17.25]
    assert value("x_min") == [5.25, 8.25]
    assert value("y_average") == pytest.approx([33, 34.6])
    assert value("y_max") == [41, 41]
    assert value("y_min") == [25, 29]


def test_the_features_of_a_split_are_those_of_its_states(tmp_path):
    part = read(write(tmp_path, train=windows(3), test=windows(3, 1)))["test"]
    feet = part.states.reshape(6, 25, 5, 2) * [94, 50] + 25
    again = features(feet)
    for name, values in part.features.items():
        assert np.allclose(values, again[name], atol=1e-4), name


def test_validation_is_a_fixed_share_of_whole_windows(tmp_path):
    train = windows(208)
    folder = write(tmp_path, train=train, test=windows(2))
    one, two = read(folder), read(folder)
    assert fingerprint(one) == fingerprint(two)
    assert (len(one["train"]), len(one["validation"])) == (2 * 177, 2 * 31)
    assert one["validation"].labels.tolist() == [0, 1] * 31

    test = np.concatenate([train, windows(1, 9)])
    whole = read(write(tmp_path / "other", train=train, test=test))["test"].states[:416]
    place = {states.tobytes(): k for k, states in enumerate(whole)}
    held = [place[states.tobytes()] for states in one["validation"].states]
    learned = [place[states.tobytes()] for states in one["train"].states]
    assert sorted(held + learned) == list(range(416))
    assert held == sorted(held)
    assert [k // 2 for k in held[0::2]] == [k // 2 for k in held[1::2]]
    # Drawn, and not cut from an end.
    assert 0.3 < np.mean(held) / 416 < 0.7


def test_two_folders_are_never_taken_for_each_other(tmp_path):
    one = write(tmp_path / "one", train=windows(3), test=windows(2))
    two = write(tmp_path / "two", train=windows(3), test=windows(2, 1))
    first, second = identity(one), identity(two)
    assert first["files"]["train.npz"] == second["files"]["train.npz"]
    assert first["files"]["test.npz"] != second["files"]["test.npz"]
    write(one, val=windows(1))
    assert set(identity(one)["files"]) == {"train.npz", "test.npz", "val.npz"}


def spoil(value):
    data = windows(4)
    data[2, 7, 3] = value
    return data


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (spoil(np.nan), "'data' is not finite in 1 of 4 windows, first in window 2"),
        (spoil(np.inf), "first in window 2"),
        (windows(4)[:, :49], r"'data' is \(4, 49, 22\)"),
        (windows(4)[0], r"'data' is \(50, 22\)"),
        (windows(4)[..., :20], r"'data' is \(4, 50, 20\)"),
        (windows(4)[:0], "holds no windows"),
        (windows(4).astype(str), "type <U"),
        (np.float32(3), r"'data' is \(\)"),
    ],
)
def test_bad_numbers_are_one_line_that_names_file_and_field(tmp_path, data, says):
    write(tmp_path, train=data, test=windows(2))
    with pytest.raises(DataError, match=rf"train\.npz.*{says}") as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-3000])


def flipped(path):
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 255
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (truncated, "cannot be read"),
        (flipped, "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_text("no array"), "cannot be read"),
        (lambda path: np.savez(path, other=windows(1)), "no .npz file with an array 'data'"),
        (lambda path: np.save(path.open("wb"), windows(1)), "no .npz file with an array 'data'"),
        (lambda path: np.savez(path, data=np.array([None])), "cannot be read"),
        (lambda path: path.unlink(), "no file .*train.npz and test.npz"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, change, says):
    write(tmp_path, train=windows(4), test=windows(4))
    change(tmp_path / "test.npz")
    with pytest.raises(DataError, match=rf"{says}") as caught:
        read(tmp_path)
    assert "test.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_it_is_built_opened_and_verified_and_not_published(tmp_path):
    here = DataSources(root=tmp_path)
    place = write(tmp_path / "basketball", train=windows(9), test=windows(4))
    folder = hub.build("basketball", tmp_path / "built", sources=here)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    part = read(place)["test"]
    assert loaded["test"][5]["states"] == part.states[5].tolist()
    assert loaded["test"][5]["speed_min"] == part.features["speed_min"][5].tolist()
    assert loaded["test"].features["label"].names == ["offence", "defence"]
    assert hub.verify(folder, sources=here) == {"folder": [], "default": []}
    write(place, test=windows(4, 9))
    (line,) = hub.verify(folder, sources=here)["default"]
    assert "column 'states' differs" in line
    with pytest.raises(DataError, match=r"not published, because .*`build`"):
        publishing.publish("basketball", "me/basketball", token="hf_none")

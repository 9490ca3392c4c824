"""Where data sets that are read from files are looked for."""

import numpy as np
import pytest

from symdata import root
from symdata.errors import DataError


def touched(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMBENCH_DATA", str(tmp_path))
    return tmp_path


def says(name, *parts):
    line = root.missing(name)
    assert "\n" not in line
    for part in (*parts, name, "README.md"):
        assert str(part) in line, part
    with pytest.raises(DataError) as caught:
        root.folder(name)
    assert str(caught.value) == line


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_root(monkeypatch, value):
    monkeypatch.delenv("SYMBENCH_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("SYMBENCH_DATA", value)
    says("basketball", "set SYMBENCH_DATA", "--data-root", "train.npz and test.npz")
    says("calms21", "*unlabeled*.json or *task1*train*.json and *task1*test*.json")


def test_a_folder_that_is_not_there_or_not_full(place):
    says("basketball", f"no folder {place / 'basketball'}", "--data-root")
    touched(place / "basketball", "train.npz")
    says("basketball", f"{place / 'basketball'} holds no test.npz")
    touched(place / "basketball", "test.npz")
    assert root.missing("basketball") is None
    assert root.folder("basketball") == place / "basketball"


def test_any_of_the_alternatives_will_do_at_any_depth(place):
    folder = place / "calms21"
    touched(folder, "task1/calms21_task1_test.json", "taskprog_features_task1_train.json")
    says("calms21", "holds no *unlabeled*.json or *task1*train*.json")
    touched(folder, ".download-x/calms21_task1_train.json")
    says("calms21", "holds no *unlabeled*.json or *task1*train*.json")
    touched(folder, "task1/calms21_task1_train.json")
    assert root.missing("calms21") is None
    touched(folder, "videos/calms21_unlabeled_videos_part1.json")
    assert root.missing("calms21") is None
    found = root.matching(folder, ("*unlabeled*.json", "*task1*train*.json"))
    assert [path.name for path in found] == ["calms21_unlabeled_videos_part1.json"]


def test_a_generated_data_set_misses_nothing_and_an_unknown_one_is_refused(monkeypatch):
    monkeypatch.delenv("SYMBENCH_DATA", raising=False)
    assert root.missing("synthetic_trajectories") is None
    with pytest.raises(DataError, match="no dataset 'tennis'"):
        root.missing("tennis")


def test_a_file_is_hashed_once_until_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "sub" / "file"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert root.hashes(tmp_path, [path]) == {"sub/file": known}
    with monkeypatch.context() as broken:
        broken.setattr(root.hashlib, "file_digest", None)
        assert root.hashes(tmp_path, [path]) == {"sub/file": known}
    path.write_bytes(np.random.default_rng(0).bytes(10))
    assert root.hashes(tmp_path, [path]) != {"sub/file": known}
    path.unlink()
    with pytest.raises(DataError, match="file cannot be read: No such file"):
        root.hashes(tmp_path, [path])

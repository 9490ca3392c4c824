"""Where data sets that are read from files are looked for."""

import numpy as np
import pytest

import symdata
from symdata import DataSources, root
from symdata.errors import DataError


def touched(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def says(name, sources, *parts):
    source = symdata.dataset(name)
    line = source.missing("default", sources)
    assert "\n" not in line
    for part in (*parts, name, "README.md"):
        assert str(part) in line, part
    with pytest.raises(DataError) as caught:
        source.load("default", sources=sources)
    assert str(caught.value) == line
    assert source.identity(sources) == {"name": name, "version": source.version}


def test_without_a_root():
    nothing = DataSources()
    says("basketball", nothing, "SYMBENCH_DATA", "--data-root", "train.npz and test.npz")
    says("calms21", nothing, "*unlabeled*.json or *task1*train*.json and *task1*test*.json")


def test_a_folder_that_is_not_there_or_not_full(tmp_path):
    here, place = DataSources(root=tmp_path), tmp_path / "basketball"
    says("basketball", here, f"no folder {place}", "--data-root")
    touched(place, "train.npz")
    says("basketball", here, f"{place} holds no test.npz")
    touched(place, "test.npz")
    source = symdata.dataset("basketball")
    assert source.missing("default", here) is None
    assert root.folder_of("basketball", source.needs, here) == place


def test_any_of_the_alternatives_will_do_at_any_depth(tmp_path):
    here, folder = DataSources(root=tmp_path), tmp_path / "calms21"
    source = symdata.dataset("calms21")
    touched(folder, "task1/calms21_task1_test.json", "taskprog_features_task1_train.json")
    says("calms21", here, "holds no *unlabeled*.json or *task1*train*.json")
    touched(folder, ".download-x/calms21_task1_train.json")
    says("calms21", here, "holds no *unlabeled*.json or *task1*train*.json")
    touched(folder, "task1/calms21_task1_train.json")
    assert source.missing("default", here) is None
    touched(folder, "videos/calms21_unlabeled_videos_part1.json")
    assert source.missing("default", here) is None
    found = root.matching(folder, ("*unlabeled*.json", "*task1*train*.json"))
    assert [path.name for path in found] == ["calms21_unlabeled_videos_part1.json"]


def test_a_generated_data_set_misses_nothing():
    assert symdata.dataset("synthetic_trajectories").missing("default") is None


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

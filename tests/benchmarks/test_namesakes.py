"""Folders of a user's that bear the names of our packages are named, before anything is trained."""

import subprocess
import sys

import pytest

from benchmarks import registry
from benchmarks.cli import main
from benchmarks.protocol import SymbenchError

NAMES = ("methods", "baselines", "leaderboard", "datasets")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder at the head of the path, as PYTHONPATH puts it; no package is loaded yet."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def plant(place):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("WIDTH = 3\n")


def ended(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return caught.value.code


@pytest.mark.parametrize("file", ["{}/__init__.py", "{}.py"])
@pytest.mark.parametrize("name", NAMES)
def test_a_package_in_the_way_is_one_line(name, file, here, capsys):
    plant(here / file.format(name))
    assert ended("run", "--suite", "abstract_rules", "--out", "results") == 2
    place = here / file.format(name).removesuffix("/__init__.py")
    whose = "Hugging Face's" if name == "datasets" else "symbench's"
    assert capsys.readouterr().err == (
        f"error: {place} lies in the way of {whose} package '{name}'; "
        f"rename it, or take {here} out of PYTHONPATH.\n"
    )
    assert not (here / "results").exists()


def test_files_of_the_working_folder_hide_no_package(tmp_path):
    for name in ("rich", "typer", "symdata", "random", *NAMES):
        plant(tmp_path / name / "__init__.py")
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "list", "suites"],
        **{"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 100},
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "abstract_rules" in ran.stdout


def test_folders_that_are_no_packages_are_in_nobodys_way(here):
    for name in ("benchmarks", *NAMES):
        plant(here / name / "notes.py")
    assert ended("list", "suites") == 0


@pytest.mark.parametrize("name", ["methods", "datasets"])
def test_a_method_that_misses_its_own_folder_is_told_why(name, here, monkeypatch):
    plant(here / name / "layers.py")
    plant(here / "mine.py")
    (here / "mine.py").write_text(f"from {name}.layers import WIDTH\n")
    with pytest.raises(
        SymbenchError, match=rf"package '{name}' comes before {here}/{name}; rename"
    ):
        registry.load_class("mine.py:Mine")
    with pytest.raises(
        SymbenchError, match=rf"package '{name}' comes before {here}/{name}; rename"
    ):
        registry.load_class(f"{name}.layers:Mine")


def test_a_module_of_the_working_folder_is_found_and_hides_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    plant(tmp_path / "methods" / "__init__.py")
    (tmp_path / "lies_here.py").write_text(
        "from benchmarks.protocol import NoSettings\n"
        "class Mine:\n    Settings = NoSettings\n    fit = evaluate = None\n"
    )
    assert ended("list", "settings", "lies_here:Mine", "--suite", "abstract_rules") == 0
    assert "Mine on same_different/m95" in capsys.readouterr().out

"""Help and lists come at once, with examples, and without torch."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import registry, session, workers
from benchmarks.cli import main
from benchmarks.cli_options import (
    CACHE_VARIABLE,
    CIFAR10_VARIABLE,
    DATA_VARIABLE,
    DIGITS_VARIABLE,
)
from symdata import DataSources, hub

ROOT = Path(__file__).resolve().parents[2]
VERBS = [
    ("run",),
    ("list",),
    ("leaderboard",),
    ("compare",),
    ("check",),
    ("show",),
    ("data", "download"),
    ("data", "build"),
    ("data", "publish"),
    ("data", "verify"),
]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help_with_an_example_that_names_it(symbench, verb):
    shown = symbench(*verb, "--help")
    assert shown.returncode == 0
    example = shown.stdout.partition("Example")[2]
    assert f"python -m benchmarks {' '.join(verb)}" in example


def test_run_takes_the_flags_of_the_documents(symbench):
    commands = (ROOT / "docs" / "commands.md").read_text()
    flags = re.search(r"train and score; `(.+?)`", commands).group(1).split()
    shown = symbench("run", "--help").stdout
    assert len(flags) == 19
    for flag in flags:
        assert flag in shown


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("list",)], ids=" ".join)
def test_help_and_list_come_at_once_as_they_import_nothing_heavy(arguments):
    script = f"""
import sys
import typer
from benchmarks.cli import main
try:
    main({list(arguments)!r})
except SystemExit:
    heavy = "torch numpy scipy sklearn pandas pyarrow datasets matplotlib h5py PIL asyncio"
    if tuple(map(int, typer.__version__.split(".")[:2])) >= (0, 22):
        heavy += " rich"  # which older releases of typer load for every help
    assert not set(heavy.split()) & set(sys.modules), set(heavy.split()) & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_list_names_everything_that_can_be_asked_for(symbench):
    shown = symbench("list").stdout
    suite = registry.suite("abstract_rules")
    for group in (suite.tasks, suite.entries, suite.profiles):
        for item in group:
            assert getattr(item, "id", item.name) in shown
    assert "datasets:\n  abstract_rules" in shown
    assert symbench("list", "profiles").stdout.startswith("profiles:\n  smoke")


def test_build_verify_and_a_changed_file(symbench, tmp_path):
    folder = tmp_path / "built"
    arguments = ("data", "build", "abstract_rules", "--config", "same_different_m98")
    built = symbench(*arguments, "--to", folder, "--seed", 3)
    assert built.returncode == 0, built.stderr
    assert symbench("data", "verify", folder).returncode == 0
    parquet = next(folder.rglob("*.parquet"))
    parquet.write_bytes(parquet.read_bytes()[:-100])
    broken = symbench("data", "verify", folder)
    assert broken.returncode == 1
    assert "same_different_m98" in broken.stdout
    assert "Traceback" not in broken.stderr


def test_publishing_without_a_token_is_one_line(symbench, tmp_path):
    home = {"HF_HOME": str(tmp_path), "HF_TOKEN": "", "HF_HUB_OFFLINE": "0"}
    result = symbench("data", "publish", "abstract_rules", "--repo", "me/rules", env=home)
    assert result.returncode == 2
    assert result.stderr.startswith("error: publishing needs a token")
    assert result.stderr.count("\n") == 1


READERS = [
    ("run",),
    ("check", "esbn"),
    ("show", "0123"),
    ("data", "build", "abstract_rules"),
    ("data", "verify", "data"),
    ("data", "publish", "abstract_rules", "--repo", "me/rules"),
]


WRONG = [
    ("--data-root", "no folder --data-root '{0}'; give one that holds the datasets."),
    (
        "--digits",
        "--digits '{0}' is not known; there are: sklearn, mnist, or a folder that holds MNIST.",
    ),
    (
        "--cifar10",
        "--cifar10 '{0}' is not known; there are: hub, or a folder that holds CIFAR-10.",
    ),
]


@pytest.mark.parametrize("verb", READERS, ids=" ".join)
@pytest.mark.parametrize(("option", "line"), WRONG)
def test_a_place_that_is_not_there_is_one_line(verb, option, line, tmp_path, capsys):
    nowhere = tmp_path / "nowhere"
    with pytest.raises(SystemExit) as ended:
        main([*verb, option, str(nowhere)])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {line.format(nowhere)}\n"


@pytest.fixture
def told(monkeypatch, tmp_path):
    """What `run` and the verbs that read data are told of where data lie, by these arguments."""
    monkeypatch.chdir(tmp_path)
    for variable in (DATA_VARIABLE, DIGITS_VARIABLE, CIFAR10_VARIABLE, CACHE_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    for name in ("mine", "theirs"):
        Path(name).mkdir()
    seen = []
    monkeypatch.setattr(
        session, "run", lambda filters, options, table: seen.append(options.sources) or 0
    )
    monkeypatch.setattr(workers, "call", lambda *given, threads: seen.append(given[-1]) or [])
    monkeypatch.setattr(hub, "build", lambda *given: seen.append(given[-1]))
    monkeypatch.setattr(hub, "verify", lambda *given: seen.append(given[-1]) or {})

    def tell(*options):
        for verb in (("run",), ("check", "esbn"), READERS[3], READERS[4]):
            with pytest.raises(SystemExit) as ended:
                main([*verb, *options])
            assert ended.value.code == 0, verb
        first, *others = seen
        assert len(others) == 3
        assert all(other == first for other in others)
        seen.clear()
        return first

    return tell


def test_where_data_lie_is_read_from_options_and_else_from_the_environment(
    told, tmp_path, monkeypatch
):
    assert told() == DataSources()
    options = ("--data-root", "mine", "--digits", "mnist", "--cifar10", "mine")
    given = told(*options)
    mine = str(tmp_path / "mine")
    assert given == DataSources(root=tmp_path / "mine", digits="mnist", cifar10=mine)
    for variable, value in (
        (DATA_VARIABLE, "theirs"),
        (DIGITS_VARIABLE, "theirs"),
        (CIFAR10_VARIABLE, "hub"),
        (CACHE_VARIABLE, "~/kept"),
    ):
        monkeypatch.setenv(variable, value)
    kept = Path.home() / "kept"
    assert told() == DataSources(Path.cwd() / "theirs", "theirs", "hub", kept)
    assert told(*options) == replace(given, cache=kept)
    # A variable that is empty says nothing.
    for variable in (DATA_VARIABLE, DIGITS_VARIABLE, CIFAR10_VARIABLE, CACHE_VARIABLE):
        monkeypatch.setenv(variable, "")
    assert told() == DataSources()


def test_at_once_reaches_the_run(monkeypatch, tmp_path, capsys):
    seen = []
    monkeypatch.setattr(session, "run", lambda filters, options, table: seen.append(options) or 0)
    for arguments in ([], ["--at-once", "3"], ["--at-once", "0"]):
        with pytest.raises(SystemExit) as ended:
            main(["run", "--out", str(tmp_path), *arguments])
    assert [options.at_once for options in seen] == [None, 3]
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "'--at-once'" in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("dataset", "why"),
    [
        ("abstract_rules", "it is generated here."),
        ("basketball", "its files are not ours to fetch; its card (README.md) says where"),
        ("cifar10", "its files are not ours to fetch; its card (README.md) says where"),
        ("calms", "no dataset 'calms'; there are: abstract_rules"),
    ],
)
def test_what_cannot_be_downloaded_is_one_line(dataset, why, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["data", "download", dataset])
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert why in shown
    assert shown.count("\n") == 1


def test_a_download_says_how_to_run_on_it(tmp_path, capsys, monkeypatch):
    asked = []
    module = SimpleNamespace(
        download=lambda folder, unlabeled: asked.append((folder, unlabeled)),
        __spec__=SimpleNamespace(),
    )
    monkeypatch.setitem(sys.modules, "symdata.calms21.download", module)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    for arguments in ([], ["--to", str(tmp_path / "other"), "--unlabeled"]):
        with pytest.raises(SystemExit) as ended:
            main(["data", "download", "calms21", *arguments])
        assert ended.value.code == 0
    assert asked == [(tmp_path / "calms21", False), (tmp_path / "other", True)]
    assert f"--task calms21 --data-root {tmp_path}\n" in capsys.readouterr().out

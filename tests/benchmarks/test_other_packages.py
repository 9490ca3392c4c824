"""What packages from outside the repository add: data sets, suites, judges, and methods."""

import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import symdata
from benchmarks import identity, judges, plan, registry, sources
from benchmarks.protocol import SymbenchError
from symdata import registration
from symdata.errors import DataError

CARD = """
---
pretty_name: Fish
license: mit
---
# Fish
"""

FISH = """
from symdata import DataSet

DATA = DataSet(
    name="fish",
    version=3,
    description="Fish that swim to the left or to the right.",
    package="pond",
    arrays="pond.swims",
    columns="symdata.trajectory_columns",
    configs={"default": {"sizes": {"train": 40, "validation": 10, "test": 30}}},
    classes=("left", "right"),
    chance=0.5,
    clusters=2,
    factors=("side",),
)
"""

SWIMS = """
import numpy as np
from pond import DATA
from symdata.sampling import Draw
from symdata.trajectories import Trajectories

def load(config, seed, sources):
    parts = {}
    for split, count in DATA.settings(config)["sizes"].items():
        sides = np.arange(count) % 2
        steps = 0.1 * Draw("fish", split, seed=seed).normal(count * 12).reshape(count, 6, 2)
        steps[..., 0] += 2 * sides[:, None] - 1
        states = steps.cumsum(axis=1).astype(np.float32)
        features = {"x": states[..., 0]}
        parts[split] = Trajectories(states, features, sides, DATA.classes, sides[:, None])
    return parts
"""

POND_SUITE = """
from benchmarks.protocol import Budget, Entry, Profile, Suite
from benchmarks.suites.trajectories import Clusters

TASKS = (Clusters("fish"),)
LAST = Entry("last", "pond.last:Last", summary="where a fish is seen last")

SUITE = Suite(
    "pond", "Clusters of fish", "nobody", TASKS, (LAST,),
    tuple(
        Profile(name, ("fish/clusters",), ("last",), 1, {"fish/clusters": Budget(steps=1)})
        for name in ("smoke", "quick", "paper")
    ),
    ("fish",),
)
"""

LAST = """
from dataclasses import dataclass
import numpy as np

@dataclass(frozen=True)
class Nothing:
    pass

class Last:
    Settings = Nothing
    deterministic = True

    def __init__(self, settings):
        pass

    def fit(self, train, run):
        pass

    def evaluate(self, inputs, run):
        return {"clusters": (np.asarray(inputs["states"])[:, -1, 0] > 0).astype(int)}
"""

COINS = """
from dataclasses import dataclass
import numpy as np
from benchmarks.protocol import (
    Budget, Entry, Examples, OutputError, Profile, Score, Suite, Task, TaskData
)

@dataclass(frozen=True)
class Coins(Task):
    name: str = "coins"
    regime: str = "fair"
    version = 1
    needs = ("clusters",)
    score = Score("agreement", 0.5)

    def dataset(self, sources):
        return {"name": "coins", "version": 1}

    def load(self, seed, sources):
        # What is brought and what is kept lies where the command line says.
        print("root", sources.root, "cache", sources.cache)
        states = np.random.Generator(np.random.Philox(seed)).normal(size=(20, 3, 2))
        columns = {"states": states.astype(np.float32)}
        labels = {"labels": (states[:, -1, 0] > 0).astype(np.int64)}
        return TaskData(Examples(columns), Examples(columns), Examples(labels), f"draw {seed}")

    def check(self, outputs, count):
        if outputs["clusters"].shape != (count,):
            raise OutputError("one cluster an example, please.")

    def evaluate(self, outputs, targets, device="cpu"):
        return {"agreement": float((outputs["clusters"] == targets["labels"]).mean())}

BUDGET = {"coins/fair": Budget(steps=1)}
SUITE = Suite(
    "mint", "Coins", "nobody", (Coins(),), (Entry("last", "mint.last:Last"),),
    tuple(
        Profile(name, ("coins/fair",), ("last",), 2, BUDGET) for name in ("smoke", "quick", "paper")
    ),
)
"""


def write(folder, package, entry_points, **modules):
    """An installed distribution: a package, and what it registers; the folder, to be on a path."""
    place = folder / package
    place.mkdir(parents=True)
    for name, code in {"__init__": "", **modules}.items():
        (place / f"{name}.py").write_text(code)
    (place / "README.md").write_text(CARD.lstrip())
    about = folder / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(textwrap.dedent(entry_points))
    return folder


@pytest.fixture
def command(symbench, tmp_path):
    """Run the command line where the distributions of this test are installed."""
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))

    def run(*arguments, fails=False, **env):
        done = symbench(*arguments, env={"PYTHONPATH": path, **env})
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_a_data_set_and_a_suite_that_has_tasks_on_it(command, tmp_path):
    points = """
    [symbench.datasets]
    fish = pond:DATA
    [symbench.suites]
    pond = pond.suite:SUITE
    """
    write(tmp_path, "pond", points, __init__=FISH, swims=SWIMS, suite=POND_SUITE, last=LAST)
    listed = command("list")
    assert "fish                    Fish that swim to the left or to the right. (default)" in listed
    assert "fish/clusters" in listed
    assert "pond; purity, chance 50 %" in listed
    built = tmp_path / "built"
    command("data", "build", "fish", "--to", built)
    assert "are what the generator makes" in command("data", "verify", built)
    assert "last: 9 of 9 rules kept." in command("check", "last", "--suite", "pond")
    out = ("--suite", "pond", "--profile", "smoke", "--out", tmp_path / "out")
    assert "to run   last fish/clusters seed 0" in command("run", *out, "--dry-run")
    ran = command("run", *out, "--jobs", "0", "--device", "cpu")
    (record,) = (tmp_path / "out").rglob("seed0-*.json")
    shown = command("show", record)
    assert "purity" in shown
    assert "100.0 %   chance 50.0 %" in shown
    assert "data      name fish, version 3" in shown
    assert "clusters.png" in shown
    assert "last" in ran


def test_a_suite(command, tmp_path):
    write(tmp_path, "mint", "[symbench.suites]\nmint = mint.coins:SUITE", coins=COINS, last=LAST)
    assert "mint; agreement, chance 50 %" in command("list", "tasks")
    assert "mint; 2 cells" in command("list", "profiles")
    assert "ok    inputs are not mutated" in command("check", "last")
    out = ("--suite", "mint", "--profile", "smoke", "--out", tmp_path / "out")
    assert "2 cells: 0 done, 0 failed, 2 to run" in command("run", *out, "--dry-run")
    # Worker processes are told where data lie as well.
    places = {"SYMBENCH_DATA": str(tmp_path / "raw"), "SYMBENCH_CACHE": str(tmp_path / "kept")}
    ran = command("run", *out, "--jobs", "1", "--device", "cpu", **places)
    assert f"root {tmp_path / 'raw'} cache {tmp_path / 'kept'}" in ran
    assert len(list((tmp_path / "out").rglob("seed*.json"))) == 2
    assert "2 cells have run before" in command("run", *out, **places)


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Install a distribution for this process alone."""

    def forget():
        for known in (registration.installed, symdata.dataset, registry.suite):
            known.cache_clear()

    def install(package, entry_points, **modules):
        monkeypatch.syspath_prepend(write(tmp_path / package, package, entry_points, **modules))
        forget()

    yield install
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pond", "pool")]:
        del sys.modules[name]
    monkeypatch.undo()
    forget()


JUDGE = """
from benchmarks.judges import Verdict

def load(data):
    return lambda images: [Verdict(bool(image.any()), "", ()) for image in images]
"""

SCENES = """
from symdata import DataSet

DATA = DataSet("ponds", 1, "Ponds.", "pond", "pond.scenes", "pond.scenes", {}, judge="full")
"""


def test_a_judge(installed):
    points = "[symbench.datasets]\nponds = pond:DATA\n[symbench.judges]\nfull = pond.judge:load"
    installed("pond", points, __init__=SCENES, judge=JUDGE)
    judge = judges.load("ponds")
    images = np.zeros((2, 32, 32, 1), np.uint8)
    images[1] = 1
    assert [verdict.obeys for verdict in judge(images)] == [False, True]
    before = identity.of_module(judges.module("ponds"))
    module = Path(sys.modules["pond.judge"].__file__)
    module.write_text(JUDGE.replace("any", "all"))
    sources.source_hash.cache_clear()
    assert identity.of_module(judges.module("ponds")) != before


@pytest.mark.parametrize(
    ("entry_points", "ask", "names"),
    [
        ("[symbench.datasets]\nmnist4 = pond:DATA", symdata.names, "symdata.mnist4:DATA"),
        (
            "[symbench.suites]\nscenes = pond.suite:SUITE",
            registry.suites,
            "benchmarks.suites.scenes:SUITE",
        ),
        (
            "[symbench.judges]\ndigits = pond.judge:load",
            lambda: judges.load("mnist4"),
            "benchmarks.judges.digits:load",
        ),
        (
            "[symbench.methods]\nesbn = pond.last:Last",
            lambda: plan.cells(plan.Filters(suites=("abstract_rules",))),
            "methods.esbn:ESBN",
        ),
    ],
    ids=["data set", "suite", "judge", "method"],
)
def test_a_name_that_is_ours_is_refused_in_a_line_that_names_both(
    installed, entry_points, ask, names
):
    installed("pond", entry_points)
    group, point = entry_points.splitlines()
    name, value = point.split(" = ")
    with pytest.raises(DataError) as caught:
        ask()
    assert str(caught.value) == (
        f"the name '{name}' in {group[1:-1]} is taken twice, by symbench ({names}) and by pond "
        f"({value}): rename it in pond, or uninstall that."
    )


def test_two_packages_with_one_name_are_refused(installed):
    for package in ("pond", "pool"):
        installed(package, f"[symbench.datasets]\nfish = {package}:DATA", __init__=FISH)
    with pytest.raises(DataError, match=r"'fish' .* by (pond|pool) \(.*by (pond|pool) \("):
        symdata.names()


def test_what_cannot_be_imported_or_is_something_else_is_one_line(installed):
    points = """
    [symbench.datasets]
    fish = pond:DATA
    carp = pond:CARP
    eel = pond.eels:DATA
    pike = pond:DATA
    [symbench.suites]
    pond = pond:DATA
    """
    installed("pond", points, __init__=FISH + "CARP = 3\n")
    assert symdata.dataset("fish").version == 3
    for name, line in (
        ("carp", "dataset 'carp' is to be a DataSet, and pond:CARP is of class int."),
        ("eel", "dataset 'eel' cannot be imported from pond.eels:DATA .No module named"),
        ("pike", "dataset 'pike' calls itself 'fish': the names must be one."),
    ):
        with pytest.raises(DataError, match=line):
            symdata.dataset(name)
    with pytest.raises((DataError, SymbenchError), match="suite 'pond' is to be a Suite"):
        registry.suite("pond")

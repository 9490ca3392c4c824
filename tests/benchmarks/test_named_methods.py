"""Methods given as paths: their names, files beside them, packages around them, named files."""

import os
import sys
from dataclasses import replace
from enum import Enum
from pathlib import Path

import pytest

from benchmarks import cli, identity, plan, registry, resolution, runner, sources
from benchmarks.plan import Filters
from benchmarks.protocol import Entry, SymbenchError
from benchmarks.records import content_hash

MINE = """
from dataclasses import dataclass, field
from pathlib import Path
{line}
TABLE = "table.csv"
@dataclass(frozen=True)
class Base:
    table: str = {default}
    rate: float = 0.5
@dataclass(frozen=True)
class Own(Base):
    word: str = "adam"
class Mine:
    Settings = Own
    def __init__(self, settings): ...
    def fit(self, train, run): ...
    def evaluate(self, inputs, run): ...
class esbn(Mine): ...
"""


def write(folder, name, line="", default='"x"'):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(MINE.format(line=line, default=default))
    return path


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for known in (sources.source_hash, sources.named_by_default, sources._parsed):
        known.cache_clear()
    return tmp_path


def names(*methods):
    return [one.name for one in registry.entries(registry.suite("abstract_rules"), methods)]


def test_classes_of_one_name_are_told_apart_by_file_and_then_by_folder(here):
    for name in ("a.py", "b.py", "x/m.py", "y/m.py"):
        write(here, name)
    assert names("a.py:Mine") == ["Mine"]
    assert names("a.py:Mine", "b.py:Mine") == ["a.Mine", "b.Mine"]
    assert names("b.py:Mine", "x/m.py:Mine", "y/m.py:Mine") == ["b.Mine", "x.m.Mine", "y.m.Mine"]
    assert names("a.py:esbn", "esbn") == ["esbn", "a.esbn"], "an entry keeps its name"


def test_a_path_can_be_given_a_name(here):
    for name in ("a.py", "b.py", "rate=3.py"):
        write(here, name)
    assert names("one=a.py:Mine", "b.py:Mine") == ["one", "Mine"]
    assert names("b.py:Mine", "Mine=a.py:Mine") == ["b.Mine", "Mine"]
    assert names("rate=3.py:Mine", "c=rate=3.py:Mine") == ["Mine", "c"]
    (entry,) = registry.entries(registry.suite("abstract_rules"), ["esbn=methods.esbn:ESBN"])
    assert entry.family, "the entry of the suite, not only its class"
    for pattern, line in (
        ("esbn=a.py:Mine", "two methods are called 'esbn'; give one a name: --method other=a.py:M"),
        ("a b=a.py:Mine", "'a b' is no name for a.py:Mine; take letters, digits and . _ + -"),
        ("a[b]=a.py:Mine", "is no name for a.py:Mine"),
        ("=a.py:Mine", "'' is no name for a.py:Mine"),
        ("one=none.py:Mine", "no file 'none.py'"),
    ):
        with pytest.raises(SymbenchError) as caught:
            names(pattern)
        assert line in str(caught.value)


def test_a_name_makes_a_cell_of_its_own(here):
    write(here, "a.py")
    given = [Filters(("abstract_rules",), ("rmts",), (one,), [0], "smoke")
             for one in ("a.py:Mine", "one=a.py:Mine")]  # fmt: skip
    (plain,), (named,) = map(plan.cells, given)
    assert (plain.method, named.method) == ("Mine", "one")
    assert plain.key != named.key
    assert plain.entry.path == named.entry.path == "a.py:Mine"


@pytest.mark.parametrize("inits", [(), ("pack",), ("pack", "pack/inner")])
def test_a_file_that_imports_from_the_package_around_it_says_how_to_name_it(here, inits):
    inner = here / "pack" / "inner"
    inner.mkdir(parents=True)
    for folder in inits:
        (here / folder / "__init__.py").write_text("")
    write(here, "pack/inner/mine.py", "from .nets import WIDTH")
    (inner / "nets.py").write_text("WIDTH = 1\n")
    with pytest.raises(SymbenchError) as caught:
        names("pack/inner/mine.py:Mine")
    module = "pack.inner.mine" if inits else "inner.mine"
    start = "" if inits else f", and start in {here / 'pack'}"
    assert str(caught.value) == (
        f"pack/inner/mine.py imports from the package around it: write {module}:Mine{start}."
    )
    # So named, it is imported, and what it imports belongs to its key.
    if inits:
        sys.path.append(str(here))
        assert names("pack.inner.mine:Mine") == ["Mine"]
        before = identity.of_method("pack.inner.mine:Mine")
        (inner / "nets.py").write_text("WIDTH = 2\n")
        sources.source_hash.cache_clear()
        assert identity.of_method("pack.inner.mine:Mine") != before
        for name in [name for name in sys.modules if name.partition(".")[0] == "pack"]:
            del sys.modules[name]


def test_modules_of_the_working_folder_are_found_by_the_script_too(here, monkeypatch):
    others = [place for place in sys.path if place not in ("", os.getcwd())]  # noqa: PTH109
    monkeypatch.setattr(sys, "path", list(others))
    with pytest.raises(SystemExit):
        cli.main(["list", "suites"])
    assert sys.path == [*others, str(here)]


@pytest.mark.parametrize(
    "default",
    ['"table.csv"', 'Path("table.csv")', "TABLE", 'field(default="table.csv")'],
)
def test_a_file_that_is_the_default_of_a_setting_counts(here, default):
    write(here, "a.py", default=default)
    table = here / "table.csv"
    seen = []
    for text in ("1", "2", None):
        table.write_text(text) if text else table.unlink()
        seen.append(identity.files_of(Entry("m", "a.py:Mine")))
    assert [list(one) for one in seen] == [["table"], ["table"], []]
    assert seen[0] != seen[1]
    # Another value takes the place of the default.
    assert identity.files_of(Entry("m", "a.py:Mine", {"table": "x"})) == {}


def test_the_record_names_the_file_of_a_default_and_is_outdated_by_its_edit(here):
    write(here, "a.py", default='Path("table.csv")')
    (here / "table.csv").write_text("1")
    filters = Filters(("abstract_rules",), ("rmts",), ("a.py:Mine",), [0], "smoke")
    (cell,) = plan.cells(filters)
    settings = {"table": "table.csv"}
    record = runner.describe(cell, "cpu", 1, 1.0, scores={"accuracy": 0.5}, settings=settings)
    suite = registry.suite("abstract_rules")
    assert identity.outdated(record, suite) == ""
    (here / "table.csv").write_text("2")
    assert identity.outdated(record, suite) == "file of table changed"
    (again,) = plan.cells(filters)
    assert again.key != cell.key


class Kind(Enum):
    A = "a"


def test_settings_of_odd_types_have_a_key_and_a_name():
    entry = Entry("m", "baselines.lstm:LSTMClassifier")
    odd = {"where": Path("x.csv"), "kind": Kind.A, "words": {"b", "a"}, "type": int}
    assert content_hash(odd) == content_hash(
        {"where": "x.csv", "kind": repr(Kind.A), "words": ["a", "b"], "type": "<class 'int'>"}
    )
    assert [resolution.written(odd[name]) for name in ("where", "kind")] == ["x.csv", "a"]
    assert identity.files_of(replace(entry, settings={"where": Path(__file__)})).keys() == {"where"}


def test_a_setting_that_some_methods_lack_names_those_that_have_it(here):
    write(here, "a.py")
    entries = [Entry("chance", "baselines.abstract_rules.controls:Chance"), Entry("m", "a.py:Mine")]
    with pytest.raises(SymbenchError) as caught:
        resolution.variants(entries, ["rate=1"])
    assert str(caught.value) == (
        "chance has no setting 'rate'; choose methods that have it with --method: m."
    )


def test_the_origin_of_what_set_gives_is_set(here):
    write(here, "a.py")
    suite = registry.suite("abstract_rules")
    (made,) = resolution.variants([Entry("m", "a.py:Mine", {"word": "sgd"})], ["rate=1"])
    origins = {
        name: layer.origin
        for layer in resolution.layers(plan.profile_of(suite, "smoke"), made, suite.tasks[0])
        for name in layer.settings
    }
    assert origins == {"word": "entry m[rate=1.0]", "rate": "--set"}

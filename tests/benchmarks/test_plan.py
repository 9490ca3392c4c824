"""Names and filters select cells; keys change when, and only when, the result would."""

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from benchmarks import plan, registry, sources
from benchmarks.plan import Filters
from benchmarks.protocol import SymbenchError
from benchmarks.records import Store
from symdata import registration

ROOT = Path(__file__).resolve().parents[2]


def test_quick_is_the_hardest_regimes_under_one_step_budget():
    cells = plan.cells(Filters(suites=("abstract_rules",)))
    assert {(cell.task, cell.regime) for cell in cells} == {
        ("same_different", "m95"),
        ("same_different", "m98"),
        ("rmts", "m95"),
        ("distribution_of_three", "m95"),
        ("identity_rules", "m95"),
    }
    assert len({cell.budget for cell in cells}) == 1
    assert cells[0].budget.steps


def test_paper_has_the_published_epochs_and_ten_seeds():
    cells = plan.cells(Filters(profile="paper", methods=("esbn",)))
    assert len(cells) == 17 * 10
    epochs = {(cell.task, cell.regime): cell.budget.epochs for cell in cells}
    assert epochs["rmts", "m95"] == 200
    assert epochs["distribution_of_three", "m95"] == 150
    assert epochs["identity_rules", "m95"] == 50
    assert epochs["same_different", "m85"] == 50
    assert epochs["same_different", "m98"] == 100
    assert {cell.budget.batch_size for cell in cells} == {32}


def test_seeds_come_first_so_that_an_early_stop_leaves_whole_rows():
    seeds = [cell.seed for cell in plan.cells(Filters(seeds=[0, 1, 2]))]
    assert seeds == sorted(seeds)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", [0, 1, 2]),
        ("0,3,7", [0, 3, 7]),
        ("4-6", [4, 5, 6]),
        ("5,", [5]),
        ("7-7", [7]),
        ("1,1-2", [1, 2]),
    ],
)
def test_seeds_are_a_count_a_list_or_a_range(text, seeds):
    assert plan.seeds_from(text) == seeds


@pytest.mark.parametrize("text", ["", "x", "3-", "0", "-1", "5-3", "1.5", "5-3,2", ","])
def test_seeds_that_make_no_sense_are_one_line(text):
    with pytest.raises(
        SymbenchError,
        match=r"write 5 .the first five., 0,3,7 or 10-19; the seed 7 alone is 7-7, or --seed 7",
    ):
        plan.seeds_from(text)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (Filters(suites=("abstract_rule",)), "no suite 'abstract_rule'; did you mean abstract_r"),
        (Filters(tasks=("same_diferent",)), "no task 'same_diferent'; did you mean same_differ"),
        (Filters(tasks=("rmts/m94",)), "no task 'rmts/m94'; did you mean rmts/m95"),
        (Filters(tasks=("zzz*",)), "there are: "),
        (Filters(methods=("ebsn",)), "no method 'ebsn'; did you mean esbn"),
        (Filters(methods=("no.such.module:X",)), "there is no module"),
        (Filters(methods=("no_such_file.py:X",)), "no file 'no_such_file.py'"),
        (Filters(methods=("baselines.abstract_rules.controls:Oracel",)), "did you mean Oracle"),
        (Filters(profile="papre"), "no profile 'papre'; did you mean paper"),
    ],
)
def test_unknown_names_bring_the_nearest(filters, message):
    with pytest.raises(SymbenchError) as caught:
        plan.cells(filters)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_the_protocol_is_one_line(fake):
    with pytest.raises(SymbenchError, match="is no method: it has no fit, evaluate"):
        plan.cells(Filters(methods=(fake("NotAMethod"),)))


def test_two_methods_of_one_name_are_refused(fake):
    line = "two methods are called '{}'; give one a name: --method other=.*fake_methods.py:Honest"
    for given, name in ((fake("Honest"), "Honest"), (f"a={fake('Honest')}", "a")):
        with pytest.raises(SymbenchError, match=line.format(name)):
            plan.cells(Filters(methods=(given, given)))


def test_an_installed_package_can_register_a_method(monkeypatch, fake):
    point = EntryPoint("theirs", fake("Honest"), registry.METHOD_POINTS)
    for module in (registry, registration):
        monkeypatch.setattr(module, "points", lambda group: [point])
    filters = Filters(("abstract_rules",), methods=("theirs",), profile="smoke")
    (cell, *_) = plan.cells(filters)
    assert cell.entry.path == fake("Honest")


def test_keys_tell_cells_apart():
    cells = plan.cells(Filters(methods=("*",), seeds=[0, 1]))
    assert len({cell.key for cell in cells}) == len(cells)
    quick, smoke = (
        plan.cells(Filters(methods=("esbn",), profile=p))[0] for p in ("quick", "smoke")
    )
    assert quick.variant != smoke.variant


def write_method(folder, body, name="method.py"):
    path = folder / name
    path.write_text(
        "class M:\n"
        "    Settings = object\n"
        "    def fit(self, train, run): pass\n"
        f"    def evaluate(self, inputs, run): {body}\n"
    )
    return f"{path}:M"


def test_the_source_counts_and_comments_do_not(tmp_path):
    sources.source_hash.cache_clear()
    first = sources.source_hash(write_method(tmp_path, "return 1", "a.py"))
    second = sources.source_hash(write_method(tmp_path, "return 2", "b.py"))
    commented = sources.source_hash(write_method(tmp_path, "return 1  # one", "c.py"))
    assert first != second
    assert first == commented


def test_the_source_of_what_a_method_imports_counts(tmp_path, monkeypatch):
    package = tmp_path / "theirs_for_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "layer.py").write_text("WIDTH = 1\n")
    (package / "net.py").write_text("from .layer import WIDTH\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    sources.source_hash.cache_clear()
    before = sources.source_hash("theirs_for_test.net:Net")
    (package / "layer.py").write_text("WIDTH = 2\n")
    sources.source_hash.cache_clear()
    assert sources.source_hash("theirs_for_test.net:Net") != before


def test_finished_cells_are_not_planned_again_and_failed_ones_only_on_request(tmp_path, fake):
    from benchmarks import runner

    store = Store(tmp_path)
    selected = plan.cells(Filters(methods=("chance",), tasks=("rmts",), seeds=[0, 1, 2]))
    good = runner.describe(selected[0], "cpu", 1, 1.0, scores={"accuracy": 0.5})
    error = {"type": "X", "message": "x", "traceback": "x"}
    bad = runner.describe(selected[1], "cpu", 1, 1.0, error=error)
    store.save(good)
    store.save(bad)
    state = plan.plan(selected, store)
    assert (state.done, state.failed, state.waiting) == ([good], [bad], [selected[2]])
    assert plan.plan(selected, store, retry_failed=True).waiting == selected[1:]
    changed = [replace(cell, variant="0" * 16) for cell in selected]
    assert plan.plan(changed, store).waiting == changed


def test_the_source_hash_covers_what_the_baselines_share_and_imports_no_torch():
    script = """
import sys
from benchmarks import plan, registry, sources
plan.cells(plan.Filters())
assert "torch" not in sys.modules
walked = sources.sources("methods.esbn:ESBN")
shared = {"methods.esbn", "baselines.abstract_rules.encoders", "benchmarks.training"}
assert shared <= set(walked), walked
assert "benchmarks.protocol" not in walked
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_the_source_hash_covers_the_loop_and_what_that_shares(tmp_path):
    path = tmp_path / "scenes_method.py"
    for line in (
        "from benchmarks.training import train",
        "import benchmarks.training as loop",
        "from benchmarks import training",
    ):
        path.write_text(f"{line}\nclass M: pass\n")
        walked = sources.sources(f"{path}:M")
        assert set(walked) == {"", "benchmarks.optimisation", "benchmarks.training"}


def test_a_file_beside_a_methods_own_is_imported_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "layers_for_test.py").write_text("WIDTH = 3\n")
    path = tmp_path / "mine_for_test.py"
    path.write_text("from layers_for_test import WIDTH\n")
    write_method(tmp_path, "return WIDTH", "other.py")
    path.write_text("from layers_for_test import WIDTH\n" + (tmp_path / "other.py").read_text())
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = registry.load_class(f"{path}:M")
    assert found().evaluate(None, None) == 3

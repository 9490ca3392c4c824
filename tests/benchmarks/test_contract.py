"""Alternatives, entries for some tasks, settings of a profile, data that are missing, flags."""

import json

import numpy as np
import pytest

from benchmarks import conformance, plan, runner, session
from benchmarks.plan import Filters
from benchmarks.protocol import Budget, Entry, OutputError, Profile, Suite, SymbenchError
from benchmarks.records import Record, Store


def cells(**filters):
    return plan.cells(Filters(suites=("planted",), **filters))


def run(folder, **filters):
    options = session.Options(folder, "cpu", jobs=0)
    code = session.run(Filters(suites=("planted",), **filters), options)
    return code, {(one.method, one.task, one.seed): one for one in Store(folder).load()[0]}


def test_either_of_two_outputs_is_enough_and_neither_is_one_line(planted):
    task = planted.TASKS[0]
    for given in ({"clusters": np.zeros(3, int)}, {"embeddings": np.zeros((3, 2))}):
        assert runner.checked_outputs(task, given, 3).keys() == given.keys()
    expected = (
        "evaluate gave none of 'clusters', 'embeddings', of which plane/clusters needs one; "
        "it gave bits."
    )
    with pytest.raises(OutputError) as caught:
        runner.checked_outputs(task, {"bits": np.zeros(3)}, 3)
    assert str(caught.value) == expected
    with pytest.raises(OutputError, match="with: clusters or embeddings"):
        runner.checked_outputs(task, np.zeros(3), 3)


def test_an_entry_runs_on_its_tasks_alone(planted):
    pairs = {(cell.method, cell.task) for cell in cells()}
    assert ("embeds", "plane") in pairs
    assert {task for method, task in pairs if method == "embeds"} == {"plane"}
    assert {task for method, task in pairs if method == "side"} == {
        "plane",
        "basketball",
        "calms21",
    }


def test_filters_that_leave_no_cell_are_one_line(planted):
    with pytest.raises(SymbenchError) as caught:
        cells(methods=("embeds",), tasks=("basketball",))
    assert str(caught.value) == (
        "no cell is selected: embeds does not run on basketball/clusters; "
        "it runs on plane/clusters."
    )


def test_names_of_one_suite_select_nothing_of_another(planted):
    assert {cell.suite for cell in plan.cells(Filters(methods=("side",)))} == {"planted"}
    assert {cell.suite for cell in plan.cells(Filters(tasks=("rmts",)))} == {"abstract_rules"}
    with pytest.raises(SymbenchError, match="tasks and the methods are of different suites"):
        plan.cells(Filters(tasks=("rmts",), methods=("side",)))
    with pytest.raises(SymbenchError, match="no method 'sidd'; did you mean side"):
        plan.cells(Filters(methods=("sidd",)))


def test_a_method_of_no_suite_must_be_told_its_suite(planted, fake):
    with pytest.raises(SymbenchError, match="for which it is meant: --suite abstract_rules or"):
        plan.cells(Filters(methods=(fake("Honest"),)))
    assert plan.cells(Filters(suites=("abstract_rules",), methods=(fake("Honest"),)))


def test_settings_of_a_profile_lie_under_those_of_the_entry_and_count(planted):
    by = {(cell.method, cell.task): cell for cell in cells(seeds=[0])}
    assert dict(by["side", "plane"].entry.settings) == {"threshold": 0.5, "scale": 2.0}
    assert dict(by["side_far", "plane"].entry.settings) == {"threshold": 100.0, "scale": 2.0}
    assert dict(by["side", "basketball"].entry.settings) == {}
    under = planted.SUITE.profiles[1].changes["side"]["plane"]
    before = by["side", "plane"].variant
    under["scale"] = 3.0
    after = {(cell.method, cell.task): cell for cell in cells(seeds=[0])}
    assert after["side", "plane"].variant != before
    assert after["side", "basketball"].variant == by["side", "basketball"].variant


@pytest.mark.parametrize(
    ("given", "stranger"),
    [
        ({"changes": {"side": {"plain": {}}}}, "plain"),
        ({"changes": {"sid": {"*": {}}}}, "sid"),
        ({"own_budgets": {"sid": {"*": Budget(steps=1)}}}, "sid"),
        ({"budgets": {"*": Budget(steps=1), "plain": Budget(steps=2)}}, "plain"),
        ({"tasks": ("plane/clusters",)}, "no budget for plane/clusters"),
    ],
)
def test_a_profile_that_names_what_its_suite_lacks_is_refused(planted, given, stranger):
    fine = {"name": "quick", "tasks": (), "methods": (), "seeds": 1, "budgets": {}}
    Suite("s", "", "", planted.TASKS, planted.ENTRIES, (Profile(**fine),))
    with pytest.raises(ValueError, match=stranger):
        Suite("s", "", "", planted.TASKS, planted.ENTRIES, (Profile(**(fine | given)),))


def test_an_entry_with_settings_for_no_data_set_is_refused(planted):
    wrong = Entry("mine", "a:B", by_data={"plain": {}})
    with pytest.raises(ValueError, match=r"mine has settings for .*plain"):
        Suite("s", "", "", planted.TASKS, (wrong,), ())


def test_a_task_without_its_data_is_skipped_with_a_line(planted, tmp_path, capsys):
    planted.MISSING["basketball"] = "no folder data/basketball."
    code, records = run(tmp_path, methods=("side",), seeds=[0])
    assert code == 0
    assert {task for _, task, _ in records} == {"plane", "calms21"}
    assert "skipped  basketball/clusters: no folder data/basketball.\n" in capsys.readouterr().out
    filters = Filters(suites=("planted",), tasks=("b*", "plane"), methods=("side",))
    session.preview(filters, session.Options(tmp_path))
    shown = capsys.readouterr().out
    assert "skipped  basketball/clusters" in shown
    assert "4 cells" not in shown
    # A method that does not run there is not told of it.
    session.preview(Filters(suites=("planted",), methods=("embeds",)), session.Options(tmp_path))
    assert "skipped" not in capsys.readouterr().out


@pytest.mark.parametrize("named", ["basketball", "basketball/clusters"])
def test_a_task_that_was_named_or_the_last_one_is_an_error(planted, named):
    planted.MISSING["basketball"] = "no folder data/basketball."
    with pytest.raises(SymbenchError) as caught:
        cells(tasks=(named, "plane"))
    assert str(caught.value) == "basketball/clusters cannot run here: no folder data/basketball."
    with pytest.raises(SymbenchError, match="no task is left: basketball/clusters cannot run"):
        cells(tasks=("bask*",))


def test_conformance_takes_the_profile_settings_and_leaves_missing_data_out(planted):
    planted.MISSING["calms21"] = "no folder."
    findings = conformance.check("side_far")
    assert all(finding.ok for finding in findings)
    (skipped,) = [finding for finding in findings if finding.skipped]
    assert "calms21" in skipped.rule
    assert skipped.detail == "no folder."
    assert not any("basketball" in finding.rule for finding in conformance.check("embeds"))
    under = planted.SUITE.profiles[0].changes["side"]["plane"]
    under["treshold"] = 1.0
    broken = [finding for finding in conformance.check("side") if not finding.ok]
    assert broken
    assert all("treshold" in finding.detail for finding in broken)


def test_conformance_needs_one_task_at_least(planted):
    planted.MISSING["plane"] = "no plane."
    with pytest.raises(SymbenchError, match=r"embeds cannot be checked here: no plane\."):
        conformance.check("embeds")


def test_integers_differ_by_their_share_and_not_by_their_distance():
    one, other = np.zeros(1000, int), np.zeros(1000, int)
    other[:9] = 5
    assert conformance._difference({"clusters": one}, {"clusters": other}) == ""
    other[:20] = 1
    assert "2 % of the places" in conformance._difference({"clusters": one}, {"clusters": other})
    assert "only once" in conformance._difference({"clusters": one}, {})


def test_a_record_holds_what_was_learned_and_its_warnings(planted, tmp_path, capsys):
    _, records = run(tmp_path, tasks=("plane",), seeds=[0])
    near, far = records["side", "plane", 0], records["side_far", "plane", 0]
    assert near.explanation == {"programs": [{"text": "x > t", "words": "above 0.5"}]}
    assert near.settings == {"threshold": 0.5, "scale": 2.0}
    assert records["embeds", "plane", 0].explanation == {}
    assert near.flags == []
    assert far.flags == ["largest cluster holds 100 % of the examples"]
    assert near.chance is None
    assert [(one.name, one.percent, one.higher_is_better) for one in near.also] == [
        ("nmi", False, True),
        ("largest_cluster", True, False),
    ]
    shown = capsys.readouterr().out
    assert "note    side_far plane/clusters seed 0: largest cluster holds 100 %" in shown
    assert "note    side plane/clusters seed 0: no picture 'broken': RuntimeError: out of" in shown


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("Unspeakable", "the method's explanation has no form in JSON: Object of type ndarray"),
        ("Infinite", "the method's explanation has no form in JSON: Out of range float"),
        ("Silent", "of which plane/clusters needs one"),
    ],
)
def test_what_cannot_be_kept_is_a_failed_record(planted, tmp_path, method, message):
    path = f"{planted.__file__}:{method}"
    code, records = run(tmp_path, methods=(path,), tasks=("plane",), seeds=[0])
    assert code == 1
    (record,) = records.values()
    assert record.error.type == "OutputError"
    assert message in record.error.message


def test_records_of_before_are_still_records(planted, tmp_path):
    run(tmp_path, methods=("side",), tasks=("plane",), seeds=[0])
    (path,) = tmp_path.rglob("*.json")
    old = json.loads(path.read_text())
    for name in ("also", "flags", "explanation"):
        del old[name]
    assert Record.model_validate(old).also == []


def test_listing_says_chance_where_theory_knows_it_and_counts_the_cells(planted):
    from benchmarks import listing

    assert "planted; purity\n" in listing.render("tasks")
    assert "chance 50 %" in listing.render("tasks")
    # Two entries on three tasks and one on one, two seeds.
    assert "planted; 14 cells" in listing.render("profiles")


def test_an_entry_without_globs_runs_everywhere():
    assert Entry("a", "b:C").runs_on("any/thing")


def test_draws_are_kept_while_they_fit_and_never_those_of_other_data(planted, monkeypatch):
    task, other = planted.TASKS[:2]
    monkeypatch.setattr(runner, "_DRAWS", {})
    first = runner._load(task, 0)
    assert runner._load(task, 0) is first
    assert runner._load(task, 1) is not first
    size = runner._size(first)
    assert size == 30 * (4 + 4 + 8)
    monkeypatch.setattr(runner, "KEPT_BYTES", 2 * size)
    runner._load(other, 0)
    assert [(key[0], key[-1]) for key in runner._DRAWS] == [(task, 1), (other, 0)]
    assert runner._load(task, 0) is not first
    before = runner._load(task, 0)
    changed = {"name": "plane", "sha256": "1"}
    monkeypatch.setattr(type(task), "dataset", lambda self, sources: changed)
    assert runner._load(task, 0) is not before

"""The table after a run, and every later one: records of today's code, whichever came last."""

import re
from dataclasses import asdict
from datetime import timedelta

import pytest

from benchmarks import identity, plan, registry, runner, session, sources
from benchmarks.plan import Filters
from benchmarks.records import Store
from leaderboard.comparison import compare
from leaderboard.report import report
from leaderboard.tables import build_tables
from leaderboard.throughput import throughput

RULES = registry.suite("abstract_rules")
MINE = """
import numpy as np
from benchmarks.protocol import NoSettings
from answer_for_test import ANSWER
class Mine:
    Settings = NoSettings
    def __init__(self, settings): ...
    def fit(self, train, run): ...
    def evaluate(self, inputs, run): ...
"""


def outdated(record):
    return identity.outdated(record, RULES)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Plan the cell of a method whose answer lies in a second file, at a version of that."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine.py").write_text(MINE)

    def at(version, *also):
        (tmp_path / "answer_for_test.py").write_text(f"ANSWER = {version}\n")
        sources.source_hash.cache_clear()
        paths = (f"{tmp_path}/mine.py:Mine", *also)
        return plan.cells(Filters(("abstract_rules",), ("rmts",), paths, [0], "smoke"))

    return at


def record(cell, score, hours=0, **changes):
    made = runner.describe(cell, "cpu", 1, 1.0, scores={"accuracy": score}, fit_seconds=1.0,
                           steps=round(100 * score))  # fmt: skip
    moment = made.created + timedelta(hours=hours)
    return made.model_copy(update={"created": moment, **changes})


def means(records):
    return [row.interval.mean for table in build_tables(records, (), outdated)
            for row in table.rows if row.method == "Mine"]  # fmt: skip


@pytest.mark.parametrize("hours", [-50, 0, 50])
def test_back_at_the_first_version_its_record_is_shown_whatever_the_clock_said(
    mine, tmp_path, capsys, hours
):
    store = Store(tmp_path / "out")
    (first,), (second,) = mine(1), mine(2)
    assert first.key != second.key
    records = [record(first, 0.25), record(second, 0.75, hours)]
    for one in records:
        store.save(one)
    seen = []
    for version, score in ((1, 0.25), (2, 0.75), (1, 0.25)):
        filters = Filters(("abstract_rules",), ("rmts",), (mine(version)[0].entry.path,), [0],
                          "smoke")  # fmt: skip
        session.run(filters, session.Options(store.root), lambda shown, _: seen.append(shown) or "")
        assert "All 1 cells have run before" in capsys.readouterr().out
        assert [one.score for one in seen[-1]] == [score]
        assert means(records) == [score]
        (change,) = compare(records, records[:1], outdated=outdated).changes
        assert (change.base, change.head) == (score, 0.25)
        assert f" {100 * score:.0f} " in re.sub(r"\.\d", "", throughput(records, outdated=outdated))


def test_what_no_variant_of_today_made_is_shown_by_its_age_and_marked(mine):
    (first,), (second,) = mine(1), mine(2)
    mine(3)
    records = [record(first, 0.25), record(second, 0.75, 1)]
    assert means(records) == [0.75]
    found = compare(records[:1], records, outdated=outdated)
    (change,) = found.changes
    assert (change.base, change.head) == (0.25, 0.75)
    assert found.outdated == (
        "Outdated in base: Mine (method's sources changed).",
        "Outdated in head: Mine (method's sources changed).",
    )
    assert "Outdated in head: Mine (method's sources changed)." in report(found)


def test_the_table_of_a_run_leaves_out_other_data_and_keeps_other_methods(mine):
    cell, chance = mine(1, "chance")
    asked, beside = record(cell, 0.25), record(chance, 0.5)
    elsewhere = {**asked.dataset, "files": {"a.csv": "0123"}}
    others = [
        record(cell, 0.75, 5, dataset=elsewhere, variant="other data", key="1"),
        record(chance, 0.75, 5, dataset=elsewhere, variant="other data", key="2"),
        record(cell, 0.75, 5, variant="older", key="3"),
        record(chance, 0.5, profile="quick", variant="quick", key="4"),
    ]
    stays = record(chance, 0.5, task="identity_rules", variant="another task", key="5")
    twin = record(cell, 0.5, variant="in another file", path="b.py:Mine", key="6")
    state = plan.Plan([], [asked], [])
    shown = [asked, beside, stays, twin]
    assert session._asked_for([*shown, *others], state) == shown
    # A cell that has not run yet has no record of another variant in its row either.
    assert session._asked_for([others[2], beside], plan.Plan([cell], [], [])) == [beside]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"budget": {"steps": 7}}, "budget changed"),
        ({"settings": {"learning_rate": 0.1, "encoder": "mlp"}}, ""),
    ],
)
def test_rows_that_options_made_are_outdated_by_their_profile_too(mine, changes, why):
    (foreign,) = mine(1)
    ours = plan.cells(
        Filters(("abstract_rules",), ("rmts",), ("esbn",), [0], "smoke", ("learning_rate=0.1",))
    )[0]
    for cell in (foreign, ours):
        settings = dict(cell.entry.settings)
        made = record(cell, 0.5, settings=settings, budget=asdict(cell.budget))
        assert outdated(made) == ""
        assert outdated(made.model_copy(update=changes)) == why


def test_a_setting_that_an_entry_gives_otherwise_today_is_told_beside_what_was_set(monkeypatch):
    (entry,) = (one for one in RULES.entries if one.name == "esbn")
    filters = Filters(("abstract_rules",), ("rmts",), ("esbn",), [0], "smoke", ("encoder=mlp",))
    (cell,) = plan.cells(filters)
    made = record(cell, 0.5, settings={"encoder": "mlp", "learning_rate": 0.5})
    assert outdated(made) == ""
    monkeypatch.setitem(entry.settings, "learning_rate", 0.25)
    monkeypatch.setitem(entry.settings, "encoder", "conv")
    assert outdated(made) == "setting learning_rate 0.5, today's is 0.25"

"""What may stand in one table, and what each row of it says."""

import pytest

from benchmarks.protocol import SymbenchError
from leaderboard.figures import FOLDER, Figure, Published, published_figures
from leaderboard.selection import natural
from leaderboard.tables import build_tables


def only(records):
    (table,) = build_tables(records)
    return table


def test_no_records_is_one_line_of_advice():
    with pytest.raises(SymbenchError, match="benchmarks run"):
        build_tables([])


def test_rows_are_ranked_by_mean(cell):
    table = only(cell("lstm", [0.5, 0.6, 0.5]) + cell("esbn", [1.0, 0.9, 1.0], kind="method"))
    assert [(row.method, row.rank) for row in table.rows[:2]] == [
        ("esbn", (1, 1)),
        ("lstm", (2, 2)),
    ]


def test_lower_scores_rank_first_where_lower_is_better(cell):
    lower = {"higher_is_better": False, "percent": False, "score_name": "nll"}
    table = only(cell("a", [3.0, 3.1, 3.2], **lower) + cell("b", [1.0, 1.1, 1.2], **lower))
    assert table.rows[0].method == "b"
    assert table.rows[0].rank == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"profile": "paper"},
        {"task_version": 2},
        {"dataset": {"name": "abstract_rules", "version": 2}},
        {"protocol_version": 2},
        {"regime": "m98"},
        {"suite": "another"},
    ],
)
def test_what_differs_never_shares_a_table(cell, change):
    tables = build_tables(cell("lstm", [0.5] * 3) + cell("lstm", [0.9] * 3, **change))
    assert sorted(table.row("lstm").interval.mean for table in tables) == pytest.approx([0.5, 0.9])
    assert all(len(table.row("lstm").scores) == 3 for table in tables)


def test_the_newest_version_comes_first_and_the_older_is_marked(cell):
    # Version 2 is the newer one even where somebody ran version 1 again later.
    old, new = cell("lstm", [0.5] * 3), cell("lstm", [0.9] * 3, task_version=2, age=5)
    tables = build_tables(old + new)
    assert [(table.group.task_version, table.superseded) for table in tables] == [
        (2, False),
        (1, True),
    ]


def test_the_newest_variant_stands_and_the_rest_is_counted(cell):
    old = cell("lstm", [0.9] * 3, source_hash="old", age=5)
    table = only(old + cell("lstm", [0.5] * 3))
    assert table.row("lstm").interval.mean == 0.5
    assert table.notes == ("Left out: 3 records of older code or settings (lstm).",)


def test_a_variant_is_never_completed_with_seeds_of_another(cell):
    old = cell("lstm", [0.9] * 3, source_hash="old", age=5)
    row = only(old + cell("lstm", [0.5])).row("lstm")
    assert row.scores == {0: 0.5}
    assert row.rank is None


def test_of_two_records_of_a_seed_the_newest_done_one_counts(cell, record):
    records = cell("lstm", [0.5] * 3, age=2)
    records += [record(0.7, seed=0, age=1), record(None, seed=0, age=0)]
    table = only(records)
    assert table.row("lstm").scores == {0: 0.7, 1: 0.5, 2: 0.5}
    assert table.failures == ()


def test_incomplete_rows_are_not_ranked(cell):
    table = only(
        cell("lstm", [0.9] * 7, profile_seeds=10) + cell("ntm", [0.5] * 10, profile_seeds=10)
    )
    assert [row.method for row in table.rows[:2]] == ["ntm", "lstm"]
    assert table.row("lstm").rank is None
    assert table.row("ntm").rank == (1, 1)


def test_a_row_of_one_seed_is_not_ranked_even_where_one_is_planned(cell):
    table = only(cell("lstm", [0.9], profile_seeds=1) + cell("ntm", [0.5], profile_seeds=1))
    assert [(row.method, row.rank) for row in table.rows[:2]] == [("lstm", None), ("ntm", None)]
    more = cell("lstm", [0.9, 0.91], profile_seeds=1) + cell("ntm", [0.5], profile_seeds=1)
    assert [row.rank for row in only(more).rows[:2]] == [(1, 1), None]


def test_ranks_of_a_table_hold_together(cell):
    # A pair alone: p = 0.026. With two more rows it is one of six, and 0.026 · 6 is above 0.05.
    pair = cell("a", [0.5, 0.9, 0.7]) + cell("b", [0.0] * 3)
    assert [only(pair).row(name).rank for name in "ab"] == [(1, 1), (2, 2)]
    more = pair + cell("c", [0.2, 0.4, 0.9]) + cell("d", [0.9, 0.1, 0.3])
    assert [only(more).row(name).rank for name in "abcd"] == [(1, 4)] * 4


def test_a_method_that_cannot_reach_the_ceiling_has_one_of_its_own(cell):
    def reach(record):
        return ("2 clusters", record.scores["best"]) if record.method == "bit" else None

    records = cell("bit", [0.5, 0.52, 0.51]) + cell("free", [0.9] * 3)
    for record, best in zip(records, (0.51, 0.53, 0.52), strict=False):
        record.scores["best"] = best
    (table,) = build_tables(records, reach=reach)
    assert table.row("ceiling of 2 clusters").interval.mean == pytest.approx(0.52)
    assert table.row("ceiling (theory)").interval.mean == 1.0
    assert table.notes == ("No more than 2 clusters: bit.",)
    assert only(records).row("ceiling of 2 clusters") is None


def test_more_seeds_than_planned_are_ranked(cell):
    row = only(cell("lstm", [0.9] * 5)).row("lstm")
    assert len(row.scores) == 5
    assert row.rank == (1, 1)


def test_failures_leave_a_gap_and_a_reason(cell):
    table = only(cell("lstm", [0.9, None, 0.8]) + cell("ntm", [None] * 3))
    assert table.row("lstm").scores == {0: 0.9, 2: 0.8}
    assert table.row("ntm").interval is None
    assert table.failures == (
        "lstm failed (seed 1): DivergedError: the loss is nan",
        "ntm failed (seeds 0, 1, 2): DivergedError: the loss is nan",
    )


def test_controls_are_unranked_and_theory_stands_in_for_them(cell):
    table = only(cell("lstm", [0.9] * 3) + cell("chance", [0.49, 0.5, 0.51], kind="control"))
    assert [(row.method, row.kind) for row in table.rows] == [
        ("lstm", "baseline"),
        ("ceiling (theory)", "theory"),
        ("chance", "control"),
    ]
    assert all(row.rank is None for row in table.rows[1:])


def test_theory_gives_chance_and_ceiling_where_no_control_ran(cell):
    table = only(cell("lstm", [0.9] * 3, chance=0.25))
    assert table.row("chance (theory)").interval.mean == 0.25
    assert table.row("ceiling (theory)").interval.mean == 1.0


def test_rows_of_another_budget_than_most_are_named(cell):
    usual = {"steps": None, "epochs": 2, "batch_size": 32, "evaluate_on": None}
    own = {"steps": 5000, "epochs": None, "batch_size": 64, "evaluate_on": 100}
    rows = cell("lstm", [0.9] * 3, budget=usual) + cell("ntm", [0.9] * 3, budget=own)
    rows += cell("mnm", [0.9] * 3, budget=usual)
    assert only(rows).notes == (
        "Budgets differ. ntm: 5,000 updates of 64, 100 scored; all others: 2 epochs of 32.",
    )
    rows += cell("chance", [0.5] * 3, kind="control", budget=own)
    assert len(only(rows).notes) == 1
    assert not only(cell("lstm", [0.9] * 3, budget=usual)).notes


def test_tasks_follow_the_order_given(cell):
    records = cell("lstm", [0.9], task="rmts") + cell("lstm", [0.9], task="identity_rules")
    assert [one.group.task for one in build_tables(records)] == ["identity_rules", "rmts"]
    assert [one.group.task for one in build_tables(records, ["rmts"])] == ["rmts", "identity_rules"]


def test_numbers_in_names_sort_as_numbers():
    assert sorted(["m50", "m5", "m100", "m0"], key=natural) == ["m0", "m5", "m50", "m100"]


def test_published_figures_stand_beside_their_method(cell):
    table = only(cell("esbn", [1.0] * 3) + cell("predinet", [0.8] * 3))
    assert [one.kind for one in table.row("esbn").figures] == ["claim", "reference"]
    assert table.row("predinet").figures[0].number == pytest.approx(0.85)
    assert table.figures_from == "paper"


def test_every_figure_file_is_valid_and_complete():
    for path in FOLDER.glob("*.json"):
        assert published_figures(path.stem) is not None
    figures = published_figures("abstract_rules").figures
    claims = {(one.task, one.regime) for one in figures if one.kind == "claim"}
    assert len(claims) == 17
    assert all(one.minimum == 0.95 for one in figures if one.kind == "claim")
    references = [one for one in figures if one.kind == "reference"]
    runs = [one.values for one in references if one.values]
    assert (len(references), len(runs)) == (15, 14)
    assert all(len(values) == 3 and min(values) >= 0.5 for values in runs)


def test_a_figure_is_one_number():
    with pytest.raises(ValueError, match="exactly one"):
        Figure(task="t", regime="r", method="m", kind="claim", source="s")
    one = Figure(task="t", regime="r", method="m", kind="claim", source="s", value=0.5)
    with pytest.raises(ValueError, match="not listed"):
        Published(suite="s", profile="paper", sources={}, figures=(one,))


def test_a_broken_figure_file_is_one_line(tmp_path):
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(SymbenchError, match=r"broken.json: suite: Field required\."):
        published_figures("broken", tmp_path)

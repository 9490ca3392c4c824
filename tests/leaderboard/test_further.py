"""Further scores, warnings, data from files, and chance that no theory gives."""

import csv
import io
import re

import pytest

from benchmarks.errors import SymbenchError
from benchmarks.records import Further
from leaderboard.figures import published_figures
from leaderboard.render import render
from leaderboard.summary import summary
from leaderboard.tables import build_tables

ALSO = [
    Further(name="nmi_arithmetic", percent=False, higher_is_better=True),
    Further(name="largest_cluster", percent=True, higher_is_better=False),
]
WHERE = {
    "suite": "trajectories",
    "task": "calms21",
    "regime": "clusters",
    "score_name": "purity",
    "chance": None,
    "profile": "paper",
    "dataset": {
        "name": "calms21",
        "version": 1,
        "files": {f"deep/{name}.json": name[-1] * 64 for name in ("train_a", "test_b", "more_c")},
    },
    "evaluated": 262144,
    "also": ALSO,
}


@pytest.fixture
def board(cell):
    records = []
    for method, kind, purity, nmi, largest in (
        ("neurosymbolic_1", "method", [0.7, 0.71, 0.72], [0.4, 0.5, 0.6], 0.5),
        ("tvae", "baseline", [0.6, 0.6, 0.6], [0.1, 0.1, 0.1], 1.0),
        ("random", "control", [0.59, 0.6, 0.61], [0.0, 0.0, 0.0], 0.25),
    ):
        made = cell(method, purity, kind=kind, **WHERE)
        for record, value in zip(made, nmi, strict=True):
            record.scores |= {"nmi_arithmetic": value, "largest_cluster": largest}
        records += made
    for seed in (3, 5):
        records[seed].flags = ["largest cluster holds 100 % of the examples"]
    return records


def rows(text):
    lines = [line for line in text.split("\n") if line.startswith("|")]
    return [[part.strip() for part in line.split("|")[1:-1]] for line in lines]


def test_further_scores_have_columns_with_their_published_figures(board):
    header, _, first, second, *_ = rows(render(build_tables(board), "markdown"))
    assert header == [
        *("rank", "method", "purity, %", "95 % interval", "n", "published", "verdict", "kind"),
        *("nmi arithmetic", "published", "verdict", "largest cluster, % (lower is better)"),
    ]
    assert first[1:3] == ["neurosymbolic_1", "71.0"]
    # ± half the bootstrap interval, which three seeds span from the lowest to the highest.
    assert first[5:] == ["70.6", "agrees", "method", "0.500 ± 0.100", "0.423", "agrees", "50.0"]
    assert second[5:] == ["59.8", "agrees", "baseline", "0.100", "0.089", "agrees", "100.0"]


def test_further_scores_do_not_rank_and_stay_out_of_the_summary(board):
    table, *_ = build_tables(board)
    assert [row.rank for row in table.rows] == [(1, 1), (2, 2), None, None]
    text = summary([table])
    assert "nmi arithmetic" not in text
    assert re.search(r"published: tvae +59\.8 agrees", text)
    assert re.search(r"published: neurosymbolic_1 +70\.6", text)


def test_csv_has_a_row_for_each_further_score(board):
    found = list(csv.DictReader(io.StringIO(render(build_tables(board), "csv"))))
    mine = {row["score"]: row for row in found if row["method"] == "neurosymbolic_1"}
    assert set(mine) == {"purity", "nmi_arithmetic", "largest_cluster"}
    assert float(mine["nmi_arithmetic"]["mean"]) == pytest.approx(0.5)
    assert (mine["nmi_arithmetic"]["published"], mine["nmi_arithmetic"]["rank_low"]) == (
        "0.423",
        "",
    )
    assert mine["largest_cluster"]["published"] == ""


def test_a_measured_chance_needs_no_theory(board, cell):
    (table,) = build_tables(board)
    assert [row.method for row in table.rows] == [
        "neurosymbolic_1",
        "tvae",
        "ceiling (theory)",
        "random",
    ]
    assert "theory" in render([table])
    assert build_tables(cell("tvae", [0.5], **WHERE))[0].row("chance (theory)") is None
    known = WHERE | {"chance": 0.5}
    assert build_tables(cell("tvae", [0.5], **known))[0].row("chance (theory)")
    measured = cell("random", [0.5], kind="control", **known)
    assert build_tables(measured)[0].row("chance (theory)") is None


def test_a_warning_names_its_seeds_once(board):
    text = render(build_tables(board), "terminal", 200)
    assert "tvae (seeds 0, 2): largest cluster holds 100 % of the examples\n" in text
    assert text.count("largest cluster holds") == 1


def test_data_from_files_are_named_and_so_are_those_of_the_figures(board, cell):
    text = render(build_tables(board), "terminal", 200)
    assert (
        "data: calms21 version 1, 262,144 test examples, "
        "SHA-256 train_a.json aaaaaaaa, test_b.json bbbbbbbb, more_c.json cccccccc\n"
    ) in text
    assert "Published figures are on the 262k test windows that the paper made of CalMS21." in text
    assert "medians of 3 runs" in text
    generated = render(build_tables(cell("esbn", [1.0] * 3)))
    assert "data:" not in generated
    assert "Published figures are on" not in generated


def test_a_score_that_some_records_lack_leaves_a_gap(board, cell):
    younger = cell("vq_tvae", [0.6], **(WHERE | {"also": []}))
    table = next(iter(build_tables(board + younger)))
    assert next(iter(build_tables(younger + board))).also == table.also
    assert len(table.also) == 2
    (line,) = [line for line in rows(render([table], "markdown")) if line[1] == "vq_tvae"]
    assert line[8] == "–"


def test_the_published_tables_are_whole():
    figures = published_figures("trajectories").figures
    assert len(figures) == 3 * (16 + 12)
    assert {figure.score for figure in figures} == {None, "nmi_arithmetic", "rand_index"}
    assert len({(one.task, one.method, one.score) for one in figures}) == len(figures)
    assert all(0 <= figure.value <= 1 for figure in figures)
    best = max(
        (one for one in figures if one.task == "calms21" and one.score is None),
        key=lambda one: one.value,
    )
    assert (best.method, best.value) == ("neurosymbolic_3", 0.756)


def test_a_score_that_is_not_shown_has_a_column_on_request(board):
    hidden = Further(name="nmi_other", percent=False, higher_is_better=True, shown=False)
    for record in board:
        record.also = [*record.also, hidden]
        record.scores["nmi_other"] = record.scores["nmi_arithmetic"] / 2
    for columns, seen in (((), False), (("nmi_*",), True), (("nmi_other",), True)):
        tables = build_tables(board, columns=columns)
        assert ("nmi other" in rows(render(tables, "markdown"))[0]) == seen
        assert ("nmi_other" in render(tables, "csv")) == seen
    assert tables[0].row("neurosymbolic_1").also["nmi_other"].mean == pytest.approx(0.25)
    message = "no further score 'nmu'; known: nmi_arithmetic, largest_cluster"
    with pytest.raises(SymbenchError, match=message):
        build_tables(board, columns=("nmu",))

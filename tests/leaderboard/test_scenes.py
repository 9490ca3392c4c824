"""Tables of scores that are shares, counts and nats at once, beside published ones."""

import csv
import io
from pathlib import Path

import pytest

from benchmarks.records import Further, read_record
from benchmarks.suites.scenes import D_STEPS_CAP
from leaderboard.comparison import compare
from leaderboard.figures import Figure, published_figures
from leaderboard.render import render
from leaderboard.report import report
from leaderboard.summary import summary
from leaderboard.tables import build_tables
from leaderboard.wording import decimals, figure, number, signed

WHERE = {
    "suite": "scenes",
    "task": "mnist4",
    "regime": "mnist_128",
    "score_name": "s_acc",
    "chance": None,
    "profile": "paper",
    "dataset": {"name": "mnist4", "version": 1, "config": "mnist_128"},
    "also": [
        Further(name=name, percent=False, higher_is_better=True)
        for name in ("d_steps", "ll", "elbo")
    ],
}
MADE = (
    ("gnm", "method", [0.96, 0.98, 1.0], [3900, 4000, 4101], 10950.4, 10921.6),
    ("vae", "baseline", [0.0, 0.0, 0.0], [160, 160, 160], -1250.5, -21250.5),
    ("real", "control", [0.99, 0.99, 0.99], [20000, 20000, 20000], None, None),
    ("shuffled", "control", [0.0, 0.01, 0.02], [800, 801, 900], None, None),
)


@pytest.fixture
def board(cell):
    records = []
    for method, kind, s_acc, d_steps, ll, elbo in MADE:
        made = cell(method, s_acc, kind=kind, **WHERE)
        for record, steps in zip(made, d_steps, strict=True):
            given = {} if ll is None else {"ll": ll, "elbo": elbo + record.seed}
            record.scores |= {"d_steps": steps, **given}
        records += made
    return records


def rows(text):
    lines = [line for line in text.split("\n") if line.startswith("|")]
    return [[part.strip() for part in line.split("|")[1:-1]] for line in lines]


def test_shares_steps_and_nats_stand_in_one_table_with_what_is_published(board):
    header, _, *found = rows(render(build_tables(board), "markdown"))
    assert header == [
        *("rank", "method", "s_acc, %", "95 % interval", "n", "published", "verdict", "kind"),
        *("d steps", "published", "verdict", "ll, nats", "published", "verdict", "elbo, nats"),
    ]
    assert [" ".join(line) for line in found] == [
        "1 gnm 98.0 [96.0, 100.0] 3 98.4 agrees method 4,000 ± 100 3,920 not comparable "
        "(other metric) 10,950 10,964 below 10,923 ± 1",
        "2 vae 0.0 [0.0, 0.0] 3 0.0 agrees baseline 160 319 not comparable (other metric) "
        "−1,250 10,895 below −21,250 ± 1",
        "– real 99.0 [99.0, 99.0] 3   control 20,000   –   –",
        "– shuffled 1.0 [0.0, 2.0] 3   control 834 ± 50   –   –",
    ]


def test_controls_stand_in_for_theory(board, cell):
    (table,) = build_tables(board)
    assert [row.method for row in table.rows] == ["gnm", "vae", "real", "shuffled"]
    (bare,) = build_tables(cell("gnm", [1.0] * 3, **WHERE, ceiling=1.0))
    assert [row.method for row in bare.rows] == ["gnm", "ceiling (theory)"]


def test_the_terminal_says_the_same_and_the_summary_the_share_alone(board):
    text = render(build_tables(board), "terminal", 200)
    (line,) = [line for line in text.split("\n") if " gnm " in line]
    assert " ".join(line.split()) in (
        "1 gnm 98.0 [96.0, 100.0] 3 98.4 agrees method 4,000 ± 100 3,920 "
        "not comparable (other metric) 10,950 10,964 below 10,923 ± 1"
    )
    assert "S-Acc was judged by hand" in text
    for said in (text, summary(build_tables(board))):
        assert not any(wrong in said for wrong in ("e+", ".000", "e-0"))
    assert "10,9" not in summary(build_tables(board))


@pytest.mark.parametrize(("lucky", "said"), [(0.0, "0.0 ± 0.0"), (0.004, "0.1 ± 0.2")])
def test_the_summary_shows_further_scores_where_the_share_tells_nobody_apart(cell, lucky, said):
    records = []
    for method, kind, ll in (("gnm", "method", 2460.0), ("vae", "baseline", 2431.0)):
        first = lucky if method == "gnm" else 0.0  # one sample of 250, in one seed
        made = cell(method, [first, 0.0, 0.0], kind=kind, **WHERE)
        for record in made:
            record.scores |= {"d_steps": 80.0, "ll": ll}
        records += made
    judged = WHERE | {"task": "mnist4_judge", "score_name": "worst_kind", "also": []}
    records += cell("judge", [0.99] * 3, kind="method", **judged)
    records += cell("real", [1.0] * 3, kind="control", **judged)
    drawn, judges = summary(build_tables(records), form="markdown").split("| judge ")
    header, _, *found = rows(drawn)[:4]
    scores = ("s_acc", "d_steps", "ll", "elbo")
    assert header == ["method", *(f"mnist4 mnist_128 {score}" for score in scores)]
    assert found == [
        ["gnm", said, "80 ± 0", "2,460 ± 0", "–"],
        ["vae", "0.0 ± 0.0", "80 ± 0", "2,431 ± 0", "–"],
    ]
    # The judge's task has no method in common with the other, and so a matrix of its own.
    assert "gnm" not in judges
    assert "99.0" in judges
    assert "they rank nobody" in judges
    assert "rank:" not in judges


def test_there_is_no_mean_or_rank_where_all_tie_in_every_task(cell):
    records = []
    for task, scores in (("mnist4", (0.0, 0.0)), ("mnist10", (0.0, 0.0))):
        for method, score in zip(("gnm", "vae"), scores, strict=True):
            records += cell(method, [score] * 3, kind="method", **WHERE | {"task": task})
    said = summary(build_tables(records), form="markdown")
    assert rows(said)[0][0] == "method"
    assert not any(name in rows(said)[0] for name in ("mean", "rank"))
    assert "rank:" not in said
    records += cell("gnm", [1.0] * 3, kind="method", **WHERE | {"task": "mnist5"})
    records += cell("vae", [0.5] * 3, kind="method", **WHERE | {"task": "mnist5"})
    said = summary(build_tables(records), form="markdown")
    assert rows(said)[0][:3] == ["method", "mean", "rank"]
    assert "rank:" in said


def test_csv_keeps_the_numbers_as_they_are(board):
    found = list(csv.DictReader(io.StringIO(render(build_tables(board), "csv"))))
    mine = {row["score"]: row for row in found if row["method"] == "gnm"}
    assert set(mine) == {"s_acc", "d_steps", "ll", "elbo"}
    assert (mine["ll"]["mean"], mine["ll"]["published"]) == ("10950.4", "10964.0")
    assert not [row for row in found if row["method"] == "real" and row["score"] == "ll"]


def test_a_score_in_the_thousands_may_rank_and_be_compared(cell):
    nats = {"suite": "another", "score_name": "ll", "percent": False, "chance": None}
    old = cell("a", [10900.0, 10901.0, 10902.0], **nats, ceiling=11313.0)
    new = cell("a", [12000.0, 12001.5, 12002.0], **nats, source_hash="new")
    tables = build_tables(old)
    assert "[10,900, 10,902]" in render(tables)
    assert "ll, nats" in render(tables)
    said = summary(tables)
    assert "10,901 ±   1" in said
    assert "11,313" in said
    line = next(one for one in rows(report(compare(old, new), "markdown")) if "a" in one)
    assert line[3:6] == ["10,901", "12,001", "+1,100"]
    assert line[6].startswith("[+1,09")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([0.5, 0.25], ["0.500", "0.250"]),
        ([1, 0.0], ["1.000", "0.000"]),
        ([20, 32], ["20", "32"]),  # of steps; "20.000" would be read as twenty thousand
        ([20, 32.5], ["20.000", "32.500"]),
        ([160, 80], ["160", "80"]),
        ([650.25, -3], ["650.2", "−3.0"]),
        ([11099.0, 160.5, 0.4], ["11,099", "160", "0"]),
        ([1234567.0], ["1,234,567"]),
        ([float("nan"), 2000.0], ["nan", "2,000"]),
        ([], []),
    ],
)
def test_a_column_has_one_number_of_decimals(column, expected):
    digits = decimals(column)
    assert [number(value, False, digits) for value in column] == expected


def test_shares_and_signs_are_as_ever():
    assert [number(value, True) for value in (0.984, 1.0, -0.002)] == ["98.4", "100.0", "−0.2"]
    assert [signed(value, True) for value in (0.02, -0.02, 0.0004, -0.0)] == [
        *("+2.0", "−2.0", "0.0", "0.0"),
    ]
    assert [signed(value, False, 0) for value in (1234.4, -1234.4, 0.4)] == [
        *("+1,234", "−1,234", "0"),
    ]


def test_runs_and_bounds_in_the_thousands_are_written_out():
    where = {"task": "t", "regime": "r", "method": "m", "kind": "reference", "source": "s"}
    runs = Figure(**where, values=(10900.4, 11099.6))
    assert figure(runs, False, 0) == "11,000 (10,900–11,100)"
    assert figure(Figure(**where, minimum=33809), False, 0) == "≥ 33,809"
    assert figure(Figure(**where, minimum=0.95), True) == "≥ 95"


def test_the_published_tables_are_whole():
    figures = published_figures("scenes").figures
    assert len(figures) == (8 + 8 + 5) * 3
    assert {one.score for one in figures} == {None, "d_steps", "ll"}
    assert len({(one.task, one.method, one.score) for one in figures}) == len(figures)
    # The most nats that any model with this noise can have, at 128 x 128.
    most = {"arrow_room": 33939, "mnist10": 11313, "mnist4": 11313}
    for one in figures:
        if one.score is None:
            assert 0 <= one.value <= 1
        elif one.score == "ll":
            assert 0.8 * most[one.task] < one.value < most[one.task]
        else:
            assert 100 < one.value < 12000
    best = [one for one in figures if one.score is None and one.method == "gnm"]
    assert [one.value for one in best] == [0.984, 0.824, 0.976]
    assert max(one.value for one in figures if one.score is None) == 0.984


def test_in_the_results_real_scenes_pass_shuffled_ones_do_not_and_no_judge_fails():
    results = Path(__file__).parents[2] / "leaderboard/results/scenes"
    records = [read_record(path) for path in sorted(results.rglob("*.json"))]
    seen = {"real": 0, "shuffled": 0, "judge": 0}
    for record in records:
        assert not isinstance(record, str), record
        if record.method not in seen:
            continue
        seen[record.method] += 1
        cap = D_STEPS_CAP[int(record.regime.rpartition("_")[2])]
        scores, where = record.scores, f"{record.task}/{record.regime} {record.method}"
        if record.method == "judge":
            assert scores["worst_kind"] >= 0.98, where
        elif record.method == "real":
            assert scores["d_steps"] == cap, where
            assert scores["s_acc"] >= 0.98, where
        else:
            assert scores["d_steps"] < cap, where
            assert scores["s_acc"] <= 0.01, where
    assert min(seen.values()) >= 2

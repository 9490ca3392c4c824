"""Tables as text: every form says the same, and other programs can read it."""

import csv
import io
import re

import pytest

from benchmarks.protocol import SymbenchError
from leaderboard.render import CSV_COLUMNS, render
from leaderboard.summary import summary
from leaderboard.tables import build_tables
from leaderboard.throughput import throughput

TASKS = [("same_different", regime) for regime in ("m0", "m50", "m85", "m95", "m98")]
TASKS += [("distribution_of_three", regime) for regime in ("m0", "m50", "m85", "m95")]


@pytest.fixture
def board(cell):
    """Eight methods, two controls and nine tasks; one failure and one method with a bar."""
    records = []
    for task, regime in TASKS:
        where = {"task": task, "regime": regime}
        records += cell("esbn", [1.0, 0.99, 1.0], kind="method", **where)
        for place in range(7):
            records += cell(f"baseline_{place}", [0.6 + place / 50, 0.5, 0.55], **where)
        records += cell("a|b", [0.5, None, 0.52], **where)
        records += cell("chance", [0.5] * 3, kind="control", **where)
    return records


def markdown_tables(text):
    """The tables of a Markdown text, each a list of rows of cells."""
    found, rows = [], []
    for line in [*text.split("\n"), ""]:
        if line.startswith("|"):
            assert line.endswith("|")
            rows.append([part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            found.append(rows)
            rows = []
    return found


def assert_valid(text):
    tables = markdown_tables(text)
    assert tables
    for header, rule, *body in tables:
        assert all(re.fullmatch(r":?-+:?", part) for part in rule)
        assert {len(row) for row in body} == {len(header)}


def test_markdown_is_valid(board):
    tables = build_tables(board)
    for text in (render(tables, "markdown"), summary(tables, form="markdown")):
        assert_valid(text)
        assert r"a\|b" in text
    assert_valid(throughput(board, "markdown"))


def test_a_row_says_mean_interval_seeds_and_published(cell):
    text = render(build_tables(cell("predinet", [0.97, 0.9, 0.68])), "markdown")
    (_, _, row, *_), *_ = markdown_tables(text)
    assert row == ["1", "predinet", "85.0", "[68.0, 97.0]", "3", "85.0 (68–97)", "baseline"]


def test_claims_are_lower_bounds(cell):
    text = render(build_tables(cell("esbn", [1.0] * 3)))
    assert "≥ 95; 100.0" in text
    assert "published (paper)" in text
    assert "another training budget" in text
    paper = render(build_tables(cell("esbn", [1.0] * 3, profile="paper")))
    assert "published (paper)" not in paper
    assert "another training budget" not in paper


def test_incomplete_rows_say_so(cell):
    text = render(build_tables(cell("lstm", [0.5] * 7, profile_seeds=10)), "markdown")
    (_, _, row, *_), *_ = markdown_tables(text)
    assert row[:5] == ["–", "lstm", "50.0", "[50.0, 50.0]", "7/10"]


def test_one_seed_has_no_interval(cell):
    text = render(build_tables(cell("lstm", [0.5], profile_seeds=1)), "markdown")
    (_, _, row, *_), *_ = markdown_tables(text)
    assert row[2:5] == ["50.0", "–", "1"]


def test_failures_are_told_below_the_table(board):
    assert "a|b failed (seed 1): DivergedError: the loss is nan" in render(build_tables(board))


def test_csv_reads_back(board):
    tables = build_tables(board)
    rows = list(csv.DictReader(io.StringIO(render(tables, "csv"))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == sum(len(table.rows) for table in tables)
    for table in tables:
        for row in table.rows:
            (found,) = [
                one
                for one in rows
                if (one["task"], one["regime"], one["method"])
                == (table.group.task, table.group.regime, row.method)
            ]
            assert float(found["mean"]) == row.interval.mean
            assert found["rank_low"] == (str(row.rank[0]) if row.rank else "")
            assert int(found["n"]) == len(row.scores)
            assert found["published_minimum"] == ("0.95" if row.method == "esbn" else "")


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_the_summary_fits_and_loses_nothing(board, width):
    text = summary(build_tables(board), width)
    assert max(len(line) for line in text.split("\n")) <= width
    # One column for each task, however they are split: esbn's row says its mean so many times.
    cells = re.findall(r"99\.7 ± 0\.5", text)
    assert len(cells) == len(TASKS)
    assert text.count("≥ 95") == len(TASKS)


def test_the_summary_puts_complete_methods_first_and_controls_last(board):
    text = summary(build_tables(board), 300)
    names = re.findall(r"^(esbn|baseline_\d|a\|b|ceiling|chance|published)", text, re.MULTILINE)
    middle = [f"baseline_{place}" for place in range(6, -1, -1)]
    assert names == ["esbn", *middle, "a|b", "ceiling", "chance", "published"]
    assert "2/3  51.0 ± 1.0" in text


def test_the_summary_shows_only_the_newest_version(cell):
    text = summary(
        build_tables(cell("lstm", [0.31] * 3) + cell("lstm", [0.92] * 3, task_version=2))
    )
    assert "92.0" in text
    assert "31.0" not in text
    assert "1 table of older task versions" in text


def test_a_control_run_in_part_shares_a_row_with_theory(cell):
    records = cell("oracle", [1.0] * 3, kind="control") + cell("lstm", [0.5] * 3)
    records += cell("lstm", [0.5] * 3, task="rmts")
    text = summary(build_tables(records))
    assert re.search(r"^oracle +100\.0 +– +100\.0 +100\.0 ± 0\.0$", text, re.MULTILINE)
    assert "ceiling" not in text


def test_mean_ranks_compare_the_same_methods_on_the_same_tasks(cell):
    # "new" was run on one task alone, where it is between the others: it pushes nobody back.
    records = []
    for task in ("rmts", "identity_rules"):
        records += cell("a", [0.9, 0.91, 0.9], task=task) + cell("b", [0.5, 0.51, 0.5], task=task)
    records += cell("new", [0.7, 0.71, 0.7], task="rmts")
    text = summary(build_tables(records), 200)
    found = dict(re.findall(r"^(a|b|new) +\S+ +(\S+) ", text, re.MULTILINE))
    assert found == {"a": "1.0", "b": "2.0", "new": "–"}


def test_verdicts_stand_beside_published_figures_of_the_same_profile(cell):
    paper = {"profile": "paper", "profile_seeds": 3}
    records = cell("esbn", [1.0] * 3, **paper) + cell("lstm", [0.4, 0.41, 0.42], **paper)
    tables = build_tables(records)
    _, _, esbn, lstm, *_ = markdown_tables(render(tables, "markdown"))[0]
    assert esbn[5:7] == ["≥ 95; 100.0", "agrees"]
    assert lstm[5:7] == ["68.7 (66–71)", "below"]
    assert "≥ 95 agrees" in summary(tables)
    said = list(csv.DictReader(io.StringIO(render(tables, "csv"))))
    assert [row["verdict"] for row in said[:2]] == ["agrees", "below"]
    # Elsewhere a note says it of all figures; the CSV of each.
    quick = build_tables(cell("esbn", [1.0] * 3))
    assert "none is comparable" in render(quick)
    assert "agrees" not in render(quick) + summary(quick)
    (row, *_) = csv.DictReader(io.StringIO(render(quick, "csv")))
    assert row["verdict"] == "not comparable (other budget)"


def test_scores_of_two_kinds_have_no_mean(cell):
    nll = {"score_name": "nll", "percent": False, "higher_is_better": False, "task": "rmts"}
    records = cell("a", [0.9] * 3) + cell("b", [0.5] * 3)
    records += cell("a", [2.0] * 3, **nll) + cell("b", [1.0] * 3, **nll)
    text = summary(build_tables(records))
    assert "mean  rank" not in text
    assert len(re.findall(r"^[ab] +1\.5 ", text, re.MULTILINE)) == 2


def test_an_unknown_format_lists_the_known(board):
    with pytest.raises(SymbenchError, match="terminal, markdown, csv"):
        render(build_tables(board), "html")
    with pytest.raises(SymbenchError, match="terminal, markdown"):
        summary(build_tables(board), form="csv")


def test_throughput_never_mixes_machines(cell):
    gpu = {"device": "cuda", "device_name": "a GPU", "threads": None}
    records = cell("lstm", [0.5] * 3, fit_seconds=1.0, age=1)
    records += cell("lstm", [0.5] * 3, environment=gpu, fit_seconds=0.1)
    rows = list(csv.DictReader(io.StringIO(throughput(records, "csv"))))
    speeds = {row["machine"]: float(row["steps_per_second"]) for row in rows}
    assert speeds == {"a CPU, 2 threads": 100.0, "cuda: a GPU": pytest.approx(1000.0)}
    assert {row["n"] for row in rows} == {"3"}


def test_throughput_is_the_median_over_seeds(record):
    records = [record(seed=seed, fit_seconds=time) for seed, time in enumerate((1.0, 2.0, 100.0))]
    (row,) = csv.DictReader(io.StringIO(throughput(records, "csv")))
    assert float(row["steps_per_second"]) == 50.0
    assert float(row["examples_per_second"]) == 1600.0
    assert "MiB" in throughput(records)


def test_throughput_of_failures_alone_is_an_error(cell):
    with pytest.raises(SymbenchError, match="No finished records"):
        throughput(cell("lstm", [None] * 3))

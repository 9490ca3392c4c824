"""Rows whose versions are not today's: marked, not ranked, with the command that renews them."""

import csv
import io

from leaderboard.comparison import compare
from leaderboard.render import render
from leaderboard.summary import summary
from leaderboard.tables import build_tables

WHY = "method version 1, today's is 2"


def tables(cell):
    records = cell("esbn", [0.9] * 3) + cell("lstm", [0.95] * 3) + cell("ntm", [0.5] * 3)
    return build_tables(records, (), lambda record: WHY if record.method == "lstm" else "")


def test_an_outdated_row_has_no_rank_and_the_others_close_the_gap(cell):
    (table,) = tables(cell)
    assert [row.method for row in table.rows[:3]] == ["esbn", "ntm", "lstm"]
    assert [row.rank for row in table.rows[:3]] == [(1, 1), (2, 2), None]
    assert (table.row("lstm").outdated, table.row("esbn").outdated) == (WHY, "")
    assert table.row("lstm").complete


def test_the_table_says_why_and_how_to_renew_it(cell):
    text = render(tables(cell), "terminal", 200)
    assert "lstm (outdated)" in text
    assert "esbn (outdated)" not in text
    assert (
        f"Outdated, and so not ranked: lstm ({WHY}). Renew: python -m benchmarks run --suite "
        "abstract_rules --profile quick --task same_different/m95 --method lstm --out results\n"
    ) in text
    assert "Outdated" not in render(build_tables(cell("esbn", [0.9] * 3)), "terminal", 200)


def test_the_csv_has_the_reason(cell):
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(render(tables(cell), "csv")))}
    assert rows["lstm"]["outdated"] == WHY
    assert rows["lstm"]["rank_low"] == ""
    assert rows["esbn"]["outdated"] == ""


def test_the_summary_marks_the_cell_and_leaves_it_out_of_mean_and_rank(cell):
    records = [
        *cell("esbn", [0.9] * 3),
        *cell("lstm", [0.95] * 3),
        *cell("esbn", [0.8] * 3, task="rmts"),
        *cell("lstm", [0.7] * 3, task="rmts"),
    ]

    def outdated(record):
        return WHY if (record.method, record.task) == ("lstm", "rmts") else ""

    text = summary(build_tables(records, (), outdated), 120)
    (line,) = [one for one in text.splitlines() if one.startswith("lstm")]
    assert line.split()[1:3] == ["–", "–"], (
        "no mean and no rank without a valid cell in each column"
    )
    assert "outdated  70.0" in line
    assert "a version has changed since; not ranked" in text


def test_tables_of_two_versions_of_a_metric_stay_apart(cell):
    parts = [{"classification": number} for number in (1, 2)]
    records = cell("a", [0.5] * 3, task_parts=parts[0], age=5)
    old, new = sorted(
        build_tables(records + cell("a", [0.9] * 3, task_parts=parts[1])),
        key=lambda table: not table.superseded,
    )
    assert (old.superseded, new.superseded) == (True, False)
    assert new.row("a").interval.mean > old.row("a").interval.mean
    assert old.group.differences(new.group) == "classification 1 → 2"


def test_the_command_names_what_was_asked_for(cell):
    foreign = cell("Mine", [0.5] * 3, path="my file.py:Mine", method_version=None)
    changed = cell("lstm[sizes=8,4,rate=0.1]", [0.5] * 3)
    made = build_tables(foreign + changed, (), lambda record: WHY, "my records")
    text = render(made, "terminal", 300)
    assert "--method 'my file.py:Mine' --out 'my records'" in text
    assert "--method lstm --set sizes=8,4 --set rate=0.1 --out 'my records'" in text


def test_a_valid_variant_stands_before_a_younger_outdated_one(cell):
    valid = cell("lstm", [0.5] * 3, variant="valid", age=5)
    undone = cell("lstm", [0.9] * 3, variant="undone")
    (table,) = build_tables(
        valid + undone, (), lambda record: WHY if record.variant == "undone" else ""
    )
    assert table.row("lstm").interval.mean == 0.5
    assert not table.row("lstm").outdated


def foreign(cell, file, score, method="Mine", **changes):
    changes = {"path": f"{file}:Mine", "method_version": None, "variant": file} | changes
    return cell(method, [score] * 3, **changes)


def rows(records):
    (table,) = build_tables(records)
    return {row.method: row.interval.mean for row in table.rows if row.scores}


def test_classes_of_one_name_in_two_files_that_ran_one_by_one_have_a_row_each(cell):
    a, b = foreign(cell, "x/a.py", 0.25), foreign(cell, "../b.py", 0.75)
    assert rows(a + b) == {"a.Mine": 0.25, "b.Mine": 0.75}
    # One file, wherever the run was started, and a name that was given, are one method.
    assert rows(a + foreign(cell, "a.py", 0.5)).keys() == {"Mine"}
    named = (foreign(cell, "a.py", 0.5, "one"), foreign(cell, "b.py", 0.5, "one", age=1))
    assert rows(named[0] + named[1]).keys() == {"one"}
    made = [foreign(cell, f"{name}.py", 0.5, "Mine[x=1]") for name in "ab"]
    assert rows(made[0] + made[1]).keys() == {"a.Mine[x=1]", "b.Mine[x=1]"}


def test_a_comparison_pairs_a_method_by_its_file_where_a_side_has_two(cell):
    a, b = foreign(cell, "x/a.py", 0.25), foreign(cell, "../b.py", 0.75)
    assert [change.method for change in compare(a, a + b).changes] == ["a.Mine"]
    # A file that got another name is the same method.
    (change,) = compare(a, b).changes
    assert (change.method, change.base, change.head) == ("Mine", 0.25, 0.75)

"""Tables of any number of columns fit the terminal, and lose nothing."""

import re

import pytest

from benchmarks.records import Further
from leaderboard.comparison import compare
from leaderboard.render import render
from leaderboard.report import report
from leaderboard.tables import build_tables
from leaderboard.throughput import throughput
from leaderboard.wording import RULE, grid

WIDTHS = (50, 60, 80, 100, 120, 300)


def widest(text):
    return max(map(len, text.split("\n")))


@pytest.fixture
def board(cell):
    """Three methods with twelve further scores, all different; one method has only the first."""
    also = [
        Further(name=f"probe_number_{place}", percent=True, higher_is_better=True)
        for place in range(12)
    ]
    records = []
    for method in range(3):
        for record in cell(f"a_method_{method}", [0.5, 0.6, 0.7], also=also[: 12 if method else 1]):
            given = enumerate(record.also)
            record.scores |= {one.name: (100 * method + place) / 1000 for place, one in given}
            records.append(record)
    return records


@pytest.mark.parametrize("width", WIDTHS)
def test_full_tables_fit_and_lose_nothing(board, width):
    text = render(build_tables(board), "terminal", width)
    assert widest(text) <= width
    for method in range(3):
        for place in range(12 if method else 1):
            assert len(re.findall(rf" {(100 * method + place) / 10:.1f}\b(?! ±)", text)) >= 1
    assert text.count("rank  method") == 1
    # Each part names the rows that have something there: the third method only where it has.
    parts = len(re.findall(r"^(rank  )?method\b", text, re.MULTILINE))
    assert len(re.findall(r"^(\S+ +)?a_method_1\b", text, re.MULTILINE)) == parts
    assert parts == 1 or len(re.findall(r"^(\S+ +)?a_method_0\b", text, re.MULTILINE)) < parts


@pytest.mark.parametrize("width", WIDTHS)
def test_comparisons_and_speeds_fit_and_say_the_verdict_first(cell, width):
    before = cell("a_method", [0.9, 0.91, 0.92]) + cell("b_method", [0.5, 0.5, 0.5])
    after = cell("a_method", [0.1, 0.11, 0.12], source_hash="new") + before[3:]
    said = report(compare(before, after), "terminal", width)
    assert widest(said) <= width
    assert re.search(r"^same_different m95  a_method  worse\b", said, re.MULTILINE)
    speeds = throughput(before, "terminal", width)
    assert widest(speeds) <= width
    assert len(re.findall(r"^same_different m95  b_method ", speeds, re.MULTILINE)) >= 1


def test_a_wide_table_goes_on_below_itself():
    headers = ["rank", "name", "score", "aa", "published", "bb"]
    rows = [
        ["1", "one", "5", "6", "7", "–"],
        ["2", "two", "5", "–", "", "8"],
        RULE,
        ["", "theory", "5", "", "", ""],
    ]
    align = ["left", "left", *["right"] * 4]
    text = grid(headers, rows, align, "terminal", 25, keys=(1,), beside=(4,))
    assert text.split("\n\n") == [
        "rank  name    score\n"
        "────  ──────  ─────\n"
        "1     one         5\n"
        "2     two         5\n"
        "────  ──────  ─────\n"
        "      theory      5",
        "name  aa  published  bb\n"
        "────  ──  ─────────  ──\n"
        "one    6          7   –\n"
        "two    –              8",
    ]
    assert grid(headers, rows, align, "terminal").count("name") == 1

"""The rule of verdicts, and the list of all published figures with what is not run."""

import csv
import io
import json
import re

import pytest

from benchmarks import registry
from leaderboard.figures import FOLDER, Difference, Figure, Published, published_figures
from leaderboard.papers import CSV_COLUMNS, Cost, papers
from leaderboard.verdicts import WORDS, Verdict, tally, verdict

WHERE = {"task": "t", "regime": "r", "method": "m", "kind": "claim", "source": "paper"}
OURS = [0.6, 0.7, 0.8]  # the bootstrap interval of three seeds spans them


def said(scores=OURS, planned=3, tolerance=0.02, difference=None, gap="", **number):
    return verdict(Figure(**WHERE, **number), scores, planned, tolerance, difference, gap)


@pytest.mark.parametrize(
    ("number", "word"),
    [
        ({"value": 0.65}, "agrees"),  # in our interval
        ({"value": 0.6}, "agrees"),
        ({"value": 0.59}, "above"),  # the interval is not within the tolerance of it
        ({"value": 0.81}, "below"),
        ({"value": 0.9, "deviation": 0.1}, "agrees"),  # one deviation down to 0.8
        ({"value": 0.9, "deviation": 0.09}, "below"),
        ({"minimum": 0.8}, "agrees"),
        ({"minimum": 0.81}, "below"),
        ({"minimum": 0.1}, "agrees"),  # a lower bound says nothing of how far above it one may be
        ({"values": (0.75, 0.9, 0.99)}, "agrees"),  # intervals of runs and of ours meet
        ({"values": (0.85, 0.9, 0.99)}, "below"),
        ({"values": (0.5,)}, "above"),
    ],
)
def test_the_rule(number, word):
    assert said(**number) == Verdict(word)


def test_a_narrow_interval_near_the_figure_agrees():
    near = [0.899, 0.9, 0.901]
    assert said(near, value=0.915).word == "agrees"
    assert said(near, value=0.915, tolerance=0.01).word == "below"
    assert said([0.94, 0.94, 0.94], minimum=0.95).word == "agrees"
    assert said([0.92, 0.92, 0.92], minimum=0.95).word == "below"
    assert said([0.99, 0.9, 0.9], value=0.95, tolerance=0.0).word == "agrees"


def test_what_cannot_be_judged_says_why():
    other = Difference(other="metric", why="judged by hand")
    assert said(value=0.7, difference=other).text == "not comparable (other metric)"
    # It stays so whether it is run or not, as a run would not change it.
    assert said([], value=0.7, difference=other, gap="not run").word == "not comparable"
    assert said([], value=0.7, gap="not run").text == "not run"
    assert said([], value=0.7, gap="outdated").text == "not run (outdated)"
    assert said(OURS, planned=10, value=0.7).text == "too few seeds (3 of 10)"
    assert said([0.7], planned=1, value=0.7).text == "too few seeds (1 of 3)"


def test_a_tally_counts_each_figure_once():
    found = [Verdict("agrees")] * 17 + [Verdict("not run")] * 41 + [Verdict("below")] * 3
    assert tally(found) == "17 figures agree, 3 below, 41 not run"
    assert tally([Verdict("agrees")]) == "1 figure agrees"


KNOWN = Published(
    suite="abstract_rules",
    profile="paper",
    sources={"paper": "A paper"},
    tolerance={"*": 0.02},
    differences={"t/r": {"steps": {"other": "metric", "why": "counted otherwise"}}},
    figures=(
        Figure(task="rmts", regime="m95", method="esbn", kind="claim", value=0.9, source="paper"),
        Figure(task="rmts", regime="m95", method="ntm", kind="claim", value=0.5, source="paper"),
        Figure(**WHERE, value=1200, score="steps"),
        Figure(task="rmts", regime="m0", method="lstm", kind="claim", value=0.5, source="paper"),
        Figure(task="rmts", regime="m0", method="trn", kind="claim", value=0.5, source="paper"),
    ),
)


def cost(known, figure):
    return Cost("accuracy", 3, cpu=1800.0, gpu=90.0 if figure.method == "lstm" else None)


@pytest.fixture
def ours(cell):
    where = {"task": "rmts", "regime": "m95", "profile": "paper"}
    quick = {**where, "profile": "quick"}
    return (
        cell("esbn", [0.89, 0.9, 0.91], **where)
        + cell("ntm", [0.2, 0.21, 0.22], **where)
        + cell("lstm", [0.5] * 3, **quick, age=1)
    )


def test_every_figure_is_listed_with_ours_and_a_summary_line(ours):
    text = papers([KNOWN], ours, cost, width=150)
    assert "1 figure agrees, 1 below, 1 not comparable, 2 not run." in text
    (esbn,) = [line for line in text.split("\n") if " esbn " in line]
    row = " ".join(esbn.split())
    assert row == "rmts m95 esbn accuracy 90.0 90.0 agrees [89.0, 91.0] 3"
    assert re.search(r"t r +m +steps +1,200 +– +not comparable \(other metric\) +– +–", text)
    assert "t/r, steps: not comparable (other metric), counted otherwise." in text
    # One command a task; its hours are known where those of all its methods are.
    line = " ".join(text[text.index("Not run\n") :].split())
    assert "CPU 1 h, GPU unknown: python -m benchmarks run --suite abstract_rules" in line
    assert "--task rmts/m0 --method lstm --method trn --out results" in line
    assert "--task t/r" not in line


def test_the_list_in_csv_has_a_command_and_hours_for_each(ours):
    rows = list(csv.DictReader(io.StringIO(papers([KNOWN], ours, cost, "csv", out="here"))))
    assert tuple(rows[0]) == CSV_COLUMNS
    by_method = {row["method"]: row for row in rows}
    assert [row["verdict"] for row in rows] == [
        *("agrees", "below", "not comparable", "not run", "not run"),
    ]
    assert by_method["m"]["why"] == "other metric: counted otherwise"
    assert float(by_method["esbn"]["mean"]) == pytest.approx(0.9)
    lstm = by_method["lstm"]
    assert (lstm["cpu_hours"], lstm["gpu_hours"]) == ("0.5", "0.025")
    assert lstm["command"].endswith("--task rmts/m0 --method lstm --out here")
    assert by_method["trn"]["gpu_hours"] == ""
    assert by_method["esbn"]["command"] == by_method["esbn"]["cpu_hours"] == ""


def test_outdated_results_count_as_not_run(ours):
    text = papers([KNOWN], ours, cost, "csv", outdated=lambda record: "method version 1 → 2")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["verdict"], row["why"], row["mean"]) for row in rows[:2]] == [
        ("not run", "outdated", "")
    ] * 2


def test_without_any_record_nothing_is_run():
    assert "0 figures agree, 1 not comparable, 4 not run." in papers([KNOWN], [], cost)


def test_a_figure_that_is_not_to_stand_beside_ours_is_in_no_table():
    room = {"task": "arrow_room", "regime": "rendered_128"}
    known = published_figures("scenes")
    assert {one.score for one in known.find(**room, method="gnm")} == {"d_steps", "ll"}
    assert known.difference(next(one for one in known.figures if one.score == "ll")) is None
    alone = [one for one in known.figures if one.task == "arrow_room"]
    assert {known.difference(one).other for one in alone} == {"metric", "data"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_figure_is_of_a_row_of_its_suites_profile(path):
    known = published_figures(path.stem)
    suite = registry.suite(known.suite)
    (profile,) = (one for one in suite.profiles if one.name == known.profile)
    entries = {entry.name: entry for entry in suite.entries if entry.name in profile.methods}
    for figure in known.figures:
        task = f"{figure.task}/{figure.regime}"
        assert task in profile.tasks
        assert entries[figure.method].runs_on(task)
    raw = json.loads(path.read_text())["figures"]
    assert len({json.dumps(one, sort_keys=True) for one in raw}) == len(raw)


def test_the_words_are_those_of_the_documents():
    guide = (FOLDER.parents[1] / "docs/guides/results.md").read_text()
    assert all(f"*{word}*" in guide for word in WORDS)

"""Compare catches what became worse, and does not call noise a change."""

import numpy as np
import pytest

from benchmarks.protocol import SymbenchError
from leaderboard.comparison import compare
from leaderboard.report import report

BASE = [0.90, 0.91, 0.92]
WORSE = [0.80, 0.812, 0.818]


def verdicts(comparison):
    return {change.method: change.verdict for change in comparison.changes}


def test_a_planted_regression_is_caught(cell):
    base = cell("lstm", BASE) + cell("ntm", BASE)
    head = cell("lstm", WORSE, source_hash="new") + cell("ntm", BASE)
    found = compare(base, head)
    assert verdicts(found) == {"lstm": "worse", "ntm": "no evidence"}
    assert found.failed()
    assert found.changes[0].base == pytest.approx(0.91)
    assert found.changes[0].head == pytest.approx(0.81)
    assert verdicts(compare(head, base))["lstm"] == "better"
    assert not compare(head, base).failed()


def test_worse_follows_the_direction_of_the_score(cell):
    lower = {"higher_is_better": False, "percent": False, "score_name": "nll"}
    found = compare(cell("a", BASE, **lower), cell("a", WORSE, **lower, source_hash="new"))
    assert verdicts(found) == {"a": "better"}


def test_noise_is_no_evidence(cell):
    found = compare(cell("lstm", BASE), cell("lstm", [0.92, 0.89, 0.91], source_hash="new"))
    assert verdicts(found) == {"lstm": "no evidence"}
    (change,) = found.changes
    assert change.difference.low < 0 < change.difference.high
    assert abs(change.difference.mean) < change.smallest


def test_scores_are_paired_by_seed_and_not_by_order(record):
    base = [record(score, seed=seed) for seed, score in enumerate(BASE)]
    head = [record(score, seed=seed, source_hash="new") for seed, score in enumerate(BASE)]
    (change,) = compare(base, head[::-1]).changes
    assert change.difference.mean == 0
    assert change.p == 1.0


def test_false_alarms_stay_below_alpha(cell):
    """Over 200 comparisons of six unchanged cells, about one in twenty calls anything a change."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        base = [one for name in "abcdef" for one in cell(name, rng.normal(0.8, 0.05, 3))]
        head = [one for name in "abcdef" for one in cell(name, rng.normal(0.8, 0.05, 3))]
        alarms += compare(base, head).count("no evidence") < 6
    # Binomial(200, 0.05) is above 18 once in 200 times; without Holm there are about 50.
    assert alarms <= 18


def test_holm_weighs_all_cells_but_not_a_program_run_twice(cell):
    """Differences −5, −7 and −4 points have p = 0.026: enough for one test, not for one of 41."""
    names = [f"method_{place}" for place in range(40)]
    others = [one for name in names for one in cell(name, BASE)]
    base, lstm = others + cell("lstm", BASE), cell("lstm", [0.85, 0.84, 0.88], source_hash="new")
    found = compare(base, others + lstm)
    assert found.count("worse") == 1
    assert sum(change.unchanged for change in found.changes) == 40
    rewritten = [one for name in names for one in cell(name, BASE, source_hash="new")]
    assert compare(base, rewritten + lstm).count("worse") == 0


def test_scores_near_the_ceiling_raise_no_alarm(cell):
    """Equal differences of an example or two in 10,000, in ten cells at once, are chance."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(100):
        base, head = ([], [])
        for side in (base, head):
            for name in "abcdefghij":
                side += cell(name, 1 - rng.poisson(1, 3) / 10_000)
        alarms += compare(base, head).count("no evidence") < 10
    assert alarms <= 10


def test_the_same_large_shift_in_every_seed_is_evidence(cell):
    names = [f"method_{place}" for place in range(50)]
    base = [one for name in names for one in cell(name, [0.9] * 3)]
    head = [one for name in names for one in cell(name, [0.9] * 3, source_hash="new")]
    head = head[:-3] + cell(names[-1], [0.5] * 3, source_hash="new")
    assert [change.method for change in compare(base, head).regressions()] == [names[-1]]
    nll = {"percent": False, "score_name": "nll"}
    found = compare(cell("a", [0.9] * 3, **nll), cell("a", [0.8999] * 3, **nll, source_hash="new"))
    assert found.changes[0].p == 0.0


def test_one_seed_is_no_evidence(cell):
    found = compare(cell("lstm", [0.9]), cell("lstm", [0.1], source_hash="new"))
    assert verdicts(found) == {"lstm": "no evidence"}
    assert found.changes[0].p is None
    assert "one paired seed" in report(found)


def test_min_effect_is_in_points(cell):
    found = compare(cell("lstm", BASE), cell("lstm", WORSE, source_hash="new"))
    assert found.failed(min_effect=10.0)
    assert not found.failed(min_effect=10.1)
    assert "less than the smallest effect that counts" in report(found, min_effect=10.1)


def test_fail_on(cell):
    base, head = cell("lstm", BASE) + cell("ntm", BASE), cell("lstm", BASE)
    found = compare(base, head)
    assert [one.method for one in found.missing] == ["ntm"]
    assert (found.failed(), found.failed("missing"), found.failed("never")) == (False, True, False)
    with pytest.raises(SymbenchError, match="worse, missing, never"):
        found.failed("always")


def test_failures_in_head_are_listed_with_their_reason(cell):
    base = cell("lstm", BASE) + cell("ntm", BASE)
    head = cell("lstm", [None] * 3) + cell("ntm", [0.90, None, 0.92])
    found = compare(base, head)
    assert [(one.method, one.why) for one in found.failed_cells] == [
        ("lstm", "failed in head: seeds 0, 1, 2: DivergedError: the loss is nan"),
        ("ntm", "failed in head: seed 1: DivergedError: the loss is nan"),
    ]
    assert found.failed("missing")
    assert [change.difference.n for change in found.changes] == [2]


def test_absent_seeds_are_missing(cell):
    found = compare(cell("lstm", BASE), cell("lstm", BASE[:2]))
    assert [one.why for one in found.missing] == ["not in head: seed 2"]


def test_new_cells_are_listed(cell):
    found = compare(
        cell("lstm", BASE) + cell("ntm", [None]), cell("lstm", BASE) + cell("ntm", BASE)
    )
    assert [(one.method, one.why) for one in found.added] == [("ntm", "failed in base")]
    assert not found.failed("missing")


def test_other_versions_and_datasets_are_not_comparable(cell):
    base = cell("lstm", BASE) + cell("ntm", BASE)
    head = cell("lstm", WORSE, task_version=2) + cell("ntm", WORSE, dataset={"version": 9})
    found = compare(base, head)
    assert found.changes == ()
    assert found.missing == found.added == ()
    first, second = found.incomparable
    assert first.why == "not comparable: task version 1 → 2"
    assert second.why.startswith("not comparable: dataset ")


def test_an_equal_version_is_found_beside_a_newer_one(cell):
    head = cell("lstm", WORSE, source_hash="new") + cell("lstm", BASE, task_version=2)
    found = compare(cell("lstm", BASE), head)
    assert verdicts(found) == {"lstm": "worse"}
    assert [one.group.task_version for one in found.added] == [2]


def test_an_empty_side_is_named(cell):
    with pytest.raises(SymbenchError, match="head folder holds no records"):
        compare(cell("lstm", BASE), [])
    with pytest.raises(SymbenchError, match="between 0 and 1"):
        compare(cell("lstm", BASE), cell("lstm", BASE), alpha=5)


def test_the_report_puts_the_verdicts_first(cell):
    base = cell("a|b", BASE) + cell("ntm", WORSE) + cell("trn", BASE) + cell("mnm", BASE)
    head = cell("a|b", WORSE, source_hash="new") + cell("ntm", BASE, source_hash="new")
    found = compare(base, head + cell("trn", BASE))
    text = report(found, "markdown")
    assert "**1 worse, 1 better, 1 no evidence, 1 missing**" in text
    before, after = text.split("<details>")
    assert "| worse " in before
    assert "| trn " not in before
    assert "| trn " in after
    assert "</details>" in after
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert {row.replace(r"\|", "").count("|") for row in rows} == {11}
    assert before.index("| worse ") < before.index("| better ")


def test_what_no_number_of_points_could_show_is_said(cell):
    found = compare(cell("lstm", [0.1, 0.9, 0.5]), cell("lstm", [0.9, 0.1, 0.5], source_hash="new"))
    assert found.changes[0].smallest > 1
    assert ">100" in report(found)

"""Learning curves: means by hand, few points, the same after a kill, scores that change nothing."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import plan, registry, runner
from benchmarks.curve import NAMES, POINTS, Curve, points, reached
from benchmarks.protocol import Budget, Run, SymbenchError, Watch
from benchmarks.records import Store
from symdata.abstract_rules import problems


@pytest.mark.parametrize("total", [1, 9, 10, 95, 150, 3000, 1_000_000])
def test_points_are_few_and_closest_at_the_beginning(total):
    found = points(total)
    gaps = np.diff([0, *found])
    assert found[-1] == total
    assert len(found) <= POINTS
    assert (gaps[:-1] >= 10).all()
    assert (np.diff(gaps[:-1]) >= -1).all()


def test_a_point_holds_the_mean_over_the_updates_since_the_point_before():
    curve = Curve()
    for step, x in ((5, 1.0), (10, 3.0), (13, 2.0), (20, 4.0)):
        curve.add(step, 40, {"x": x})
    assert curve.as_dict() == {"updates": [10, 20], "x": [2.0, 3.4]}


def test_values_that_were_not_told_or_are_no_numbers_are_none():
    curve = Curve()
    curve.add(10, 30, {"x": 1.0})
    curve.add(20, 30, {"x": math.nan, "y": 2.0})
    curve.add(30, 30, {"y": 123456.7})
    curve.add(30, 30, {})
    assert curve.as_dict() == {
        "updates": [10, 20, 30],
        "x": [1.0, None, None],
        "y": [None, 2.0, 123460.0],
    }


def test_a_training_of_unknown_length_and_many_scalars_stays_small():
    curve = Curve()
    for step in range(1, 20_001):
        curve.add(step, step + 1, {f"scalar{k}": step / 7 for k in range(40)})
    found = curve.as_dict()
    assert len(found["updates"]) <= 2 * POINTS
    assert len(found) == 1 + NAMES
    assert len(json.dumps(found)) < 20_000


def test_a_methods_own_score_passes_for_none_of_the_harness_and_long_names_are_left_out():
    curve = Curve()
    curve.add(10, 10, {"score": 3.0, "updates": 4.0, "accuracy": 0.5, "x" * 5000: 1.0})
    assert curve.as_dict() == {
        "updates": [10],
        "score_": [3.0],
        "updates_": [4.0],
        "accuracy": [0.5],
    }


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"loss": "low"}, "loss of type str, which makes no float"),
        ({"loss": None}, "loss of type NoneType"),
        ({"loss": 1j}, "loss of type complex"),
        ({"step": None}, "step of type NoneType, which makes no int"),
        ({"step": 10**400}, "step of type int"),
        ({"of": math.nan}, "of of type float"),
    ],
)
def test_a_report_that_is_no_number_is_the_methods_mistake_and_not_the_runs(told, name):
    heard = []
    run = Run(0, Budget(steps=1), reporter=lambda **values: heard.append(values))
    with pytest.raises(SymbenchError, match=f"run.report got {name}"):
        run.report(**{"step": 1, "of": 2, "examples": 3, **told})
    run.report(torch.tensor(1), np.int64(2), 3, loss=torch.tensor(0.5, requires_grad=True))
    assert heard == [{"step": 1, "of": 2, "loss": 0.5}]
    assert all(type(one) in (int, float) for one in heard[0].values())


def test_a_second_training_begins_the_curve_anew():
    curve = Curve()
    for step in (10, 20, 10):
        curve.add(step, 20, {"x": float(step)})
    assert curve.as_dict() == {"updates": [10], "x": [10.0]}


def test_the_first_point_that_is_high_enough_counts():
    curve = {"updates": [10, 20, 30], "x": [0.2, None, 0.9]}
    assert reached(curve, "x", 0.9) == 30
    assert reached(curve, "x", 0.95) is None
    assert reached({}, "x", 0.9) is None


@pytest.mark.parametrize("task", ["rmts", "distribution_of_three", "same_different"])
@pytest.mark.parametrize("withheld", [0, 85])
def test_held_out_problems_are_those_that_neither_split_has(task, withheld):
    def rows(split):
        named = split.symbols[:, :5] if task == "distribution_of_three" else split.symbols
        return {tuple(row) for row in named}

    splits, held = (
        problems.generate(task, withheld, 4),
        problems.held_out(task, withheld, 4, 40),
    )
    assert len(held) == 40
    assert not set(held.symbols.ravel()) & set(held.withheld)
    assert (held.withheld == splits["train"].withheld).all()
    assert len(set(np.bincount(held.labels)) - {10, 20}) == 0 or task == "distribution_of_three"
    if task == "same_different" and withheld:
        assert rows(held) <= rows(splits["train"])  # which holds all that there are
    else:
        new = [row in rows(splits["train"]) | rows(splits["test"]) for row in rows(held)]
        # Of ten thousand problems of one kind, "same" alone are all taken.
        assert sum(new) <= (20 if task == "same_different" else 0)


def cell(**changes):
    filters = plan.Filters(
        suites=["abstract_rules"], tasks=["same_different/m95"], methods=["lstm"], seeds=[100]
    )
    found = plan.cells(filters)[0]
    return replace(found, budget=replace(found.budget, steps=30, evaluate_on=20), **changes)


def test_a_watched_training_ends_in_the_same_answers_and_its_record_has_the_scores():
    one = cell()
    task, quiet = one.definition(), {"reporter": lambda **values: None}
    runs = [Run(100, one.budget, **quiet), Run(100, one.budget, **quiet)]
    alone, first, _ = runner.answer(task, one.entry, runs[0])
    watched, second, _ = runner.answer(task, one.entry, runs[1], Watch(every=15, examples=20))
    assert (first["logits"] == second["logits"]).all()
    assert "score" not in alone["curve"]
    scores = watched["curve"].pop("score")
    assert alone["curve"] == watched["curve"]
    assert watched["curve"]["updates"] == [10, 20, 30]
    assert [one is None for one in scores] == [True, False, False]
    assert all(0 <= 20 * one <= 20 and (20 * one).is_integer() for one in scores[1:])


@pytest.mark.parametrize(("seed", "moves"), [(0, True), (1, False)])
def test_the_first_seeds_are_trained_once_more_from_moved_weights(tmp_path, seed, moves):
    store = Store(tmp_path)
    record = runner.execute(cell(seed=seed), store, "cpu", 1, lambda **values: None)
    assert set(record.moved) == ({"accuracy"} if moves else set())
    assert record.converged == ("accuracy", 0.95)
    assert store.load()[0] == [record]
    text = store.path(record).read_text()
    assert '"updates": [10, 20, 30],' in text


def test_a_second_training_that_fails_is_a_line_of_the_record(tmp_path, monkeypatch):
    answer = runner.answer

    def broken(task, entry, run, watch=None):
        if run.moved.by:
            raise RuntimeError("no numbers left")
        return answer(task, entry, run, watch)

    monkeypatch.setattr(runner, "answer", broken)
    record = runner.execute(cell(seed=0), Store(tmp_path), "cpu", 1, lambda **values: None)
    assert record.status == "done"
    assert record.moved == {}
    assert record.flags == [
        "the training with moved first weights failed: RuntimeError: no numbers left"
    ]


def test_a_method_with_a_loop_of_its_own_is_not_trained_twice(tmp_path):
    entry = next(e for e in registry.suite("abstract_rules").entries if e.name == "chance")
    record = runner.execute(
        cell(seed=0, entry=entry), Store(tmp_path), "cpu", 1, lambda **values: None
    )
    assert (record.moved, record.curve) == ({}, {})

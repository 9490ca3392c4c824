"""Estimates of time: records of the same task and profile, or updates at the same pace."""

from dataclasses import replace

import pytest

from benchmarks import plan
from benchmarks.estimates import Estimator
from benchmarks.plan import Filters
from benchmarks.protocol import Budget
from benchmarks.suites.abstract_rules import TASKS
from symdata.abstract_rules import problems
from tests.records import make_record


def cell(task, method="lstm", profile="paper"):
    (found,) = plan.cells(Filters(("abstract_rules",), (task,), (method,), [0], profile))
    return found


def quick(task="rmts", regime="m95", method="lstm", **changes):
    """A record of 100 updates of 32 in 5 s, 2,000 answers in 1 s, and 3 s besides."""
    given = {"wall_seconds": 9.0, "fit_seconds": 5.0, "evaluate_seconds": 1.0, "evaluated": 2000}
    return make_record(task=task, regime=regime, method=method, **given | changes)


def test_a_record_of_the_same_task_method_and_profile_counts_first():
    here = cell("rmts/m95", profile="quick")
    records = [quick(wall_seconds=t, seed=s) for s, t in enumerate((2.0, 4.0, 9.0))]
    records.append(quick(method="ntm", wall_seconds=100.0))
    assert Estimator(records).seconds(here) == 4.0
    assert not Estimator(records).estimate(here).scaled
    # The other method on this task tells where there is nothing nearer.
    assert Estimator(records[3:]).seconds(here) == 100.0


def test_records_of_another_task_or_profile_tell_nothing_by_themselves():
    other = quick(task="identity_rules", wall_seconds=1.0)
    assert Estimator([other]).estimate(cell("rmts/m95", profile="quick")) is None
    assert Estimator([other]).estimate(cell("rmts/m95")) is None
    assert Estimator([quick(method="ntm")]).estimate(cell("rmts/m95")) is None
    # Other settings may take another time: this one normalises no context.
    plain = quick(method="lstm_without_tcn")
    assert Estimator([plain]).estimate(cell("rmts/m95")) is None


def test_updates_and_answers_are_counted_at_the_pace_of_a_shorter_run():
    # rmts m50: 10,000 problems, 50 epochs of 313 batches; 50 ms an update, 0.5 ms an answer.
    found = Estimator([quick()]).estimate(cell("rmts/m50"))
    assert found.scaled
    assert found.seconds == pytest.approx(50 * 313 * 0.05 + 10_000 * 0.0005 + 3)
    # m95: 480 problems, 200 epochs of 15 batches.
    assert Estimator([quick()]).seconds(cell("rmts/m95")) == pytest.approx(3000 * 0.05 + 5 + 3)


def test_of_several_runs_the_fastest_counts_and_none_of_another_batch():
    crowded = [quick(regime="m85", fit_seconds=50.0, wall_seconds=54.0, seed=s) for s in range(9)]
    tiny = quick(regime="m85", examples=400, fit_seconds=0.5, wall_seconds=4.5, profile="smoke")
    expected = Estimator([quick()]).seconds(cell("rmts/m50"))
    assert Estimator([quick(), *crowded, tiny]).seconds(cell("rmts/m50")) == expected
    assert Estimator([tiny]).estimate(cell("rmts/m50")) is None


def test_failures_and_other_devices_do_not_count():
    here = cell("rmts/m95", profile="quick")
    gpu = quick(environment={"device": "cuda:1"}, wall_seconds=1.0)
    failed = make_record(None, task="rmts", wall_seconds=0.1)
    assert Estimator([gpu, failed]).estimate(here) is None
    assert Estimator([gpu, quick()], "cuda").seconds(here) == 1.0


def test_the_time_of_several_cells_is_known_where_each_is():
    here = cell("rmts/m95", profile="quick")
    estimator = Estimator([quick()])
    assert estimator.total([here, here]) == 18.0
    assert estimator.total([here, cell("identity_rules/m95")]) is None


def test_a_budget_in_updates_needs_no_sizes():
    here = replace(cell("rmts/m95"), budget=Budget(steps=1000, evaluate_on=200))
    assert Estimator([quick()]).seconds(here) == pytest.approx(50 + 0.1 + 3)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_sizes_are_those_of_the_problems(task):
    if task.withheld in (0, max(one.withheld for one in TASKS if one.name == task.name)):
        made = problems.generate(task.name, task.withheld)
        assert task.sizes() == {name: len(split) for name, split in made.items()}
    assert max(task.sizes().values()) <= 10_000

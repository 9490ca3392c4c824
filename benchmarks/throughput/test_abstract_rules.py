"""Speed of `abstract_rules`: `pytest benchmarks/throughput`, with pytest-benchmark's options.

A training step is one update with a batch of 32 and the optimiser; an evaluation pass answers for
2,000 problems; generation draws one seed of a task. `SYMBENCH_DEVICE=cuda` times a GPU,
`SYMBENCH_ROUNDS=1` takes the fewest rounds.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks import runner
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Budget, Entry, Run
from benchmarks.suites.abstract_rules import TASKS, AbstractRule
from benchmarks.throughput.cases import (
    DEVICE,
    FOREVER,
    SUITE,
    TIMED,
    draw,
    finished,
    inputs,
    learners,
)
from benchmarks.training import updates
from symdata.abstract_rules import problems

PROBLEMS = 2000


def after_one_update(entry: Entry, name: str) -> Any:
    """The entry's method after a single update."""
    method = runner.build(entry)
    method.fit(draw(name).train, Run(0, Budget(steps=1), DEVICE))
    return method


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("entry", learners(), ids=lambda entry: entry.name)
def test_training_step(benchmark: Any, entry: Entry, name: str) -> None:
    """Time one update at batch 32."""
    method = after_one_update(entry, name)
    train = draw(name).train.select(("images", "labels"))
    run = Run(0, Budget(steps=FOREVER), DEVICE)
    how = Optimisation(learning_rate=method.settings.learning_rate)
    steps = updates(method.network, train, run, how)
    benchmark.extra_info["threads"] = torch.get_num_threads()
    benchmark.pedantic(finished(lambda: next(steps)), rounds=20, warmup_rounds=3)
    steps.close()


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize(
    "entry", [one for one in SUITE.entries if one.kind != "ablation"], ids=lambda entry: entry.name
)
def test_evaluation(benchmark: Any, entry: Entry, name: str) -> None:
    """Time the answers for 2,000 problems."""
    method = after_one_update(entry, name)
    some, run = inputs(name, PROBLEMS), Run(0, Budget(steps=1), DEVICE)
    work = finished(lambda: method.evaluate(some, run))
    outputs = benchmark.pedantic(work, rounds=3, warmup_rounds=1)
    assert len(outputs["logits"]) == PROBLEMS


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_generation(benchmark: Any, task: AbstractRule) -> None:
    """Time a draw of a task, training and test problems; the suite promises at most a second."""
    asked = (task.name, task.withheld, 0)
    benchmark.pedantic(problems.generate, args=asked, rounds=5, warmup_rounds=1)
    assert benchmark.stats.stats.median < 1.0

from __future__ import annotations

import numpy as np
import pytest

from baselines.abstract_rules.controls import Chance, NearestNeighbour, Oracle
from benchmarks.protocol import Deduplicated, Examples, NoSettings, SymbenchError
from tests.baselines.problems import pictures, run, same_different

# Symbols and answer of a few problems of each task.
PROBLEMS = {
    "same_different": ([[3, 3], [3, 4], [7, 1]], [0, 1, 1]),
    "rmts": ([[1, 1, 2, 2, 3, 4], [1, 1, 2, 3, 4, 4], [1, 2, 3, 3, 4, 5], [1, 2, 3, 4, 5, 5]],
             [0, 1, 1, 0]),
    "distribution_of_three": (
        [[1, 2, 3, 3, 1, 2, 9, 3, 1], [1, 2, 3, 1, 2, 9, 1, 2, 3], [5, 6, 7, 7, 6, 6, 7, 8, 5],
         [5, 6, 7, 7, 6, 6, 5, 8, 7]],
        [0, 3, 3, 1],
    ),
    "identity_rules": (
        [[1, 2, 1, 3, 4, 3, 1, 2, 4], [1, 2, 2, 3, 4, 1, 2, 3, 4], [1, 1, 1, 3, 3, 1, 5, 3, 6],
         [1, 2, 1, 3, 4, 4, 1, 2, 3]],
        [0, 3, 2, 3],
    ),
}  # fmt: skip


@pytest.mark.parametrize("task", PROBLEMS)
def test_oracle_knows_every_answer(task):
    symbols, answers = map(np.array, PROBLEMS[task])
    oracle = Oracle(NoSettings())
    classes = 4 if symbols.shape[1] == 9 else 2
    oracle.fit(
        Examples({"symbols": symbols.astype("u1"), "labels": np.arange(len(symbols)) % classes}),
        run(),
    )
    logits = oracle.evaluate(Examples({"symbols": symbols.astype("u1")}), run())["logits"]
    assert logits.shape == (len(symbols), classes)
    assert (logits.argmax(1) == answers).all()
    assert (logits.sum(1) == 1).all()


def test_oracle_is_right_on_generated_problems():
    problems = pytest.importorskip("symdata.abstract_rules.problems")
    for task in PROBLEMS:
        splits = problems.generate(task, 50, 0)
        train, test = (
            Examples({"symbols": part.symbols, "labels": np.asarray(part.labels)})
            for part in (splits["train"], splits["test"])
        )
        oracle = Oracle(NoSettings())
        oracle.fit(train, run())
        logits = oracle.evaluate(test.select(("symbols",)), run())["logits"]
        assert (logits.argmax(1) == test["labels"]).all()


def test_oracle_refuses_unknown_tasks():
    oracle = Oracle(NoSettings())
    oracle.fit(Examples({"labels": np.arange(2)}), run())
    with pytest.raises(SymbenchError, match="no rule"):
        oracle.evaluate(Examples({"symbols": np.zeros((2, 4), "u1")}), run())


def test_nearest_neighbour_by_hand():
    table = np.zeros((4, 32, 32), np.uint8)
    table[1, 0, 0], table[2, 0, 0], table[3, 0, 0] = 51, 102, 255
    train = Examples(
        {
            "images": Deduplicated(table, np.array([[0, 0], [3, 3], [3, 0]])),
            "labels": np.array([0, 1, 0]),
        }
    )
    control = NearestNeighbour(NoSettings())
    control.fit(train, run())
    inputs = Examples({"images": Deduplicated(table[[1, 2]], np.array([[0, 1]]))})
    # Pixels 0.2, 0.4; from (0, 0): 0.04 + 0.16; (1, 0): 0.64 + 0.16; (1, 1): 0.64 + 0.36.
    logits = control.evaluate(inputs, run())["logits"]
    assert np.allclose(logits, [[-0.2, -1.0]])
    plain = Examples({"images": np.asarray(inputs["images"])})
    assert np.array_equal(control.evaluate(plain, run())["logits"], logits)


def test_nearest_neighbour_in_chunks():
    examples = same_different(problems=200, symbols=9)
    control = NearestNeighbour(NoSettings())
    control.fit(examples, run())
    logits = control.evaluate(examples.select(("images",)), run())["logits"]
    assert (logits.max(1) == 0).all()
    assert (logits.argmax(1) == examples["labels"]).all()


def test_chance_is_uniform_and_keyed_by_the_seed():
    rng = np.random.default_rng(0)
    index = rng.integers(0, 100, (4000, 9))
    inputs = Examples({"images": Deduplicated(pictures(100), index)})
    control = Chance(NoSettings())
    control.fit(Examples({"labels": np.arange(4)}), run())
    logits = control.evaluate(inputs, run(0))["logits"]
    assert logits.shape == (4000, 4)
    assert np.bincount(logits.argmax(1), minlength=4).min() > 900
    assert abs(logits.mean() - 0.5) < 0.01
    order = rng.permutation(4000)
    assert np.array_equal(control.evaluate(inputs.take(order), run(0))["logits"], logits[order])
    assert not np.array_equal(control.evaluate(inputs, run(1))["logits"], logits)
    plain = Examples({"images": np.asarray(inputs["images"][:20])})
    assert np.array_equal(control.evaluate(plain, run(0))["logits"], logits[:20])


@pytest.mark.parametrize("control", [Chance, NearestNeighbour, Oracle])
def test_controls_must_learn_first(control):
    with pytest.raises(SymbenchError, match="fit first"):
        control(NoSettings()).evaluate(same_different(), run())

"""The whole method on walks with two planted factors: what it finds, gives back and refuses."""

from __future__ import annotations

import json
import pickle
import re

import numpy as np
import pytest
import torch

from benchmarks.protocol import DivergedError, Examples, SymbenchError
from methods.neurosymbolic_encoder import NeurosymbolicEncoder, NeurosymbolicSettings
from tests.methods.neurosymbolic_encoder.walks import (
    examples,
    rightward,
    run,
    validation,
    walks,
)

FORCED, ENDS = (f"{walks.__module__}:{name}" for name in ("FORCED", "ENDS"))
# Settings with which a cell takes a moment; they are not meant to find anything.
BRIEF = {"neural_epochs": 1.0, "symbolic_epochs": 1.0, "ramp": 10, "learning_rate": 0.01}


def fitted(data, seed=0, steps=3, dsl=FORCED, **settings):
    made = NeurosymbolicEncoder(NeurosymbolicSettings(dsl=dsl, **BRIEF | settings))
    made.fit(data, run(seed, steps, 32))
    return made


def same(one, two, tolerance=0.0):
    return one.keys() == two.keys() and all(
        np.allclose(one[name], two[name], rtol=0, atol=tolerance) for name in one
    )


FILE = """
import numpy as np
from methods.neurosymbolic_encoder.dsl import DSL, Feature

def rightward(states):
    return np.diff(states[..., 0], axis=1, prepend=states[:, :1, 0])

BUG = DSL(
    "bug",
    (
        Feature("rightward", "the speed to the right", "m/frame", rightward),
        Feature("y", "y", "m", lambda states: states[..., 1], rules=("final",)),
    ),
    {"list_to_atom": ("final", "map_average"), "atom_to_atom": ("select",)},
)
"""
TEST, FACTORS = walks(300, seed=9)


@pytest.fixture(scope="module")
def bug(tmp_path_factory):
    """Two programs in a language of a user's own, over states without any feature column."""
    file = tmp_path_factory.mktemp("bug") / "my_dsl.py"
    file.write_text(FILE)
    return fitted(
        examples(walks(240)[0]), steps=80, dsl=f"{file}:BUG", programs=2, ramp=40,
        neural_epochs=10.0, symbolic_epochs=20.0, program_learning_rate=0.03,
    )  # fmt: skip


def test_the_planted_rules_are_found(bug):
    bits = bug.evaluate(Examples({"states": TEST}), run())["bits"]
    agree = [[float((bits[:, k] == FACTORS[:, f]).mean()) for f in (0, 1)] for k in (0, 1)]
    sure = [[max(share, 1 - share) for share in row] for row in agree]
    assert sorted(sum(np.array(sure) > 0.98)) == [1, 1], sure
    assert sorted(np.argmax(sure, 1)) == [0, 1], "each program says another factor"
    turns = {}
    for k, one in enumerate(bug.explanation["programs"]):
        f = 0 if "the average over time of the speed to the right" in one["words"] else 1
        side, turn, unit = re.search(r"is (above|below) (\S+) (\S+)", one["words"]).groups()
        assert (agree[k][f] > 0.5) == (side == "above"), one["words"]
        assert unit == ("m/frame", "m")[f]
        turns[f] = float(turn.replace("−", "-"))
    assert abs(turns[0]) < 0.15, "between steps of -0.4 and of 0.4 m"
    assert abs(turns[1] - 10) < 1.2, "between ends at 7 and at 13 m"


def test_words_and_bits_agree(bug):
    """Who reads the sentence and measures gets the cluster."""
    outputs = bug.evaluate(Examples({"states": TEST}), run())
    for k, one in enumerate(bug.explanation["programs"]):
        side, turn = re.search(r"(above|below) (\S+)", one["words"]).groups()
        measured = TEST[:, -1, 1]
        if "average" in one["words"]:
            measured = rightward(TEST).mean(1)
        says = (measured > float(turn.replace("−", "-"))) == (side == "above")
        assert (says == (outputs["bits"][:, k] == 1)).mean() > 0.99
    np.testing.assert_array_equal(
        outputs["clusters"], outputs["bits"][:, 0] + 2 * outputs["bits"][:, 1]
    )


def test_shapes_and_kinds_of_what_is_given_back(bug):
    outputs = bug.evaluate(Examples({"states": TEST[:7]}), run())
    shapes = {name: (array.shape, array.dtype.name) for name, array in outputs.items()}
    assert shapes == {
        "clusters": ((7,), "int64"),
        "bits": ((7, 2), "int64"),
        "embeddings": ((7, 2), "float32"),
        "deviations": ((7, 2), "float32"),
        "latent_0": ((7, 4), "float32"),
        "latent_1": ((7, 3), "float32"),
        "latent_2": ((7, 2), "float32"),
        "deviation_0": ((7, 4), "float32"),
        "deviation_1": ((7, 3), "float32"),
        "deviation_2": ((7, 2), "float32"),
    }
    np.testing.assert_array_equal(outputs["embeddings"], outputs["latent_2"])
    np.testing.assert_array_equal(outputs["deviations"], outputs["deviation_2"])
    assert set(np.unique(outputs["bits"])) <= {0, 1}
    assert all((outputs[name] > 0).all() for name in outputs if name.startswith("deviation"))
    assert bug.parameters == sum(weight.numel() for weight in bug.stages[-1].parameters())


def test_evaluation_depends_on_the_row_alone(bug, monkeypatch):
    data = Examples({"states": TEST[:40]})
    outputs = bug.evaluate(data, run())
    assert same(outputs, bug.evaluate(data, run(seed=5))), "nothing is drawn"
    order = np.random.default_rng(0).permutation(40)
    shuffled = bug.evaluate(data.take(order), run())
    assert same({name: array[order] for name, array in outputs.items()}, shuffled, 1e-5)
    alone = [bug.evaluate(data.take(slice(i, i + 1)), run()) for i in range(40)]
    joined = {name: np.concatenate([part[name] for part in alone]) for name in outputs}
    assert same(outputs, joined, 1e-5)
    monkeypatch.setattr("methods.neurosymbolic_encoder.method.AT_ONCE", 7)
    assert same(outputs, bug.evaluate(data, run()), 1e-5)


def test_what_is_learned_is_explained_in_json(bug):
    explained = json.loads(json.dumps(bug.explanation, allow_nan=False))
    assert explained["dsl"] == "bug"
    assert [one["program"] for one in explained["search"]] == [1, 2]
    finals = []
    for k, tree in enumerate(explained["search"]):
        nodes = tree["nodes"]
        way = [node for node in nodes if node["chosen"]]
        assert way[0] == nodes[0]
        assert [node["parent"] for node in way[1:]] == [node["id"] for node in way[:-1]]
        assert [node["complete"] for node in way] == [False] * (len(way) - 1) + [True]
        finals.append(way[-1]["program"])
        assert all(0 <= node["error"] <= 1 for node in nodes[1:] if not node["excluded"])
        text = explained["programs"][k]["text"]
        assert text.startswith("1[> ")
        assert text.partition("] ")[2].startswith(finals[-1].partition("(")[0])
    assert finals[0] != finals[1]
    second = {node["program"]: node for node in explained["search"][1]["nodes"]}
    if finals[0] in second:
        assert second[finals[0]]["excluded"] == "learned before"


def test_frozen_programs_are_carried_over(bug):
    first, second = bug.stages[1].programs[0], bug.stages[2].programs[0]
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)
        assert not one.requires_grad
    assert [len(stage.programs) for stage in bug.stages] == [0, 1, 2]


def test_the_data_are_left_as_they_are():
    data = examples(walks()[0])
    before = {name: np.array(data[name]) for name in data}
    made = fitted(data)
    made.evaluate(data, run())
    assert all((before[name] == data[name]).all() for name in data)


def test_the_seed_decides():
    data = examples(walks()[0])
    one, again, other = (fitted(data, seed).evaluate(data, run()) for seed in (0, 0, 1))
    assert same(one, again)
    assert not np.allclose(one["latent_1"], other["latent_1"], atol=1e-3)
    assert not np.allclose(one["latent_0"], other["latent_0"], atol=1e-3)


def test_the_random_numbers_of_others_are_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    data = examples(walks()[0])
    fitted(data).evaluate(data, run())
    assert (torch.rand(2) == expected).all()


def test_validation_rows_choose_and_do_not_train():
    """Where there is one way to go, they change nothing at all."""
    states = walks()[0]
    changed = states.copy()
    changed[validation(60)] = np.linspace(-1e3, 1e3, 9)[:, None]
    test = examples(states)
    one, other = (fitted(examples(part)) for part in (states, changed))
    assert same(one.evaluate(test, run()), other.evaluate(test, run()))
    texts = [made.explanation["programs"][0] for made in (one, other)]
    assert texts[0] == texts[1]
    for stage, of_changed in zip(one.stages, other.stages, strict=True):
        for name, value in stage.state_dict().items():
            assert torch.equal(value, of_changed.state_dict()[name]), name
    # The check sees the fault: the same rows, not marked, change the first stage.
    planted = fitted(Examples({"states": changed, "validation": np.arange(60) == 1}))
    outputs = planted.evaluate(test, run())
    assert not np.allclose(outputs["latent_0"], one.evaluate(test, run())["latent_0"], atol=1e-3)


def test_without_a_validation_column_rows_are_held_out():
    states = walks(90)[0]
    made = fitted(Examples({"states": states}))
    assert made.explanation["programs"]
    again = fitted(Examples({"states": states}))
    data = Examples({"states": states})
    assert same(made.evaluate(data, run()), again.evaluate(data, run()))


def test_features_that_the_encoder_is_to_see_are_appended():
    states, _ = walks()
    extra = {"feature.phase": np.tile(np.arange(9.0), (60, 1))}
    data = examples(states, **extra)
    made = fitted(data, features=("phase",))
    assert made.stages[0].encoder.rnn.input_size == 5
    outputs = made.evaluate(data, run())
    moved = examples(states, **{"feature.phase": extra["feature.phase"][:, ::-1].copy()})
    assert not np.allclose(outputs["latent_0"], made.evaluate(moved, run())["latent_0"])
    with pytest.raises(SymbenchError, match=r"there is no column 'feature\.phase'"):
        made.evaluate(examples(states), run())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"programs": 4}, "programs is 4; with z = 4 there is room for 3, as the neural part"),
        ({"programs": 0}, "programs is 0; it must be a whole number, 1 or more"),
        ({"z": 1}, "programs is 1; with z = 1 there is room for 0"),
        ({"capacity_discrete": 0.7}, "capacity_discrete is 0.7; a bit holds less than 0.693 nats"),
        ({"capacity_discrete": 0}, "capacity_discrete is 0; it must be a finite number, above 0"),
        ({"capacity_discrete": "0.6"}, "capacity_discrete is '0.6'; it must be a finite number"),
        ({"capacity_continuous": -1}, "capacity_continuous is -1; it must be a finite number, 0"),
        ({"capacity_continuous": "a"}, "capacity_continuous is 'a'; it must be a finite number"),
        ({"gamma": float("nan")}, "gamma is nan; it must be a finite number, 0 or more"),
        ({"adversary": -1}, "adversary is -1; it must be a finite number, 0 or more"),
        ({"neural_epochs": 0}, "neural_epochs is 0; it must be a finite number, above 0"),
        ({"program_learning_rate": 0}, "program_learning_rate is 0; it must be a finite number"),
        ({"frontier": 0}, "frontier is 0; it must be a whole number, 1 or more"),
        ({"ramp": 2.5}, "ramp is 2.5; it must be a whole number, 1 or more"),
        (
            {"max_depth": 1},
            "max_depth 1 admits no program of the DSL 'forced': the shallowest has ",
        ),
        ({"dsl": "synthetik"}, "no DSL 'synthetik'; there are: synthetic, basketball"),
        ({"dsl": 5}, "dsl is 5; it must be a name, or file.py:NAME of your own."),
        ({"dsl": "nowhere.py:FISH"}, "'nowhere.py' cannot be imported"),
        ({"decoder": "gru"}, "decoder is 'gru'; it must be one of: linear, recurrent"),
    ],
)
def test_settings_are_checked(wrong, said):
    with pytest.raises(SymbenchError) as caught:
        NeurosymbolicSettings(**{"dsl": FORCED} | wrong)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_survive_pickling_and_json():
    made = NeurosymbolicSettings(dsl=ENDS, max_depth=1, programs=2, capacity_continuous=None)
    assert pickle.loads(pickle.dumps(made)) == made
    given = json.loads(json.dumps({"dsl": ENDS, "features": ["a"], "ramp": 5}))
    assert NeurosymbolicSettings(**given).features == ("a",)


STATES = walks(20)[0]
HOLED = STATES.copy()
HOLED[3, 2] = np.nan


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Examples({"validation": validation(20)}), "there is no column 'states'"),
        (examples(HOLED), "states hold 2 values that are NaN or infinite"),
        (examples(STATES[..., 0]), "they must be (N, T+1, D) with two frames or more"),
        (Examples({"states": STATES, "validation": np.ones(20, bool)}), "validation is True in e"),
        (
            Examples({"states": STATES, "validation": np.zeros(20, bool)}),
            "the search needs examples to learn from and others to validate on; `validation` marks "
            "0 of 20.",
        ),
        (
            Examples({"states": STATES, "validation": validation(20).astype(float)}),
            "validation has shape (20,) and dtype float64; it must be (20,) and bool.",
        ),
        (Examples({"states": STATES[:1]}), "the search needs examples to learn from and others"),
    ],
)
def test_data_that_cannot_be_learned_from_are_refused(data, said):
    with pytest.raises(SymbenchError) as caught:
        fitted(data)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_features_that_are_missing_are_named():
    with pytest.raises(SymbenchError, match="the data have no feature 'x'; they have: none"):
        fitted(examples(STATES), dsl="synthetic")


def test_evaluation_before_fit_and_of_other_trajectories_is_refused():
    made = NeurosymbolicEncoder(NeurosymbolicSettings(dsl=FORCED, **BRIEF))
    assert made.parameters is None
    assert made.explanation == {}
    with pytest.raises(SymbenchError, match="has not learned yet; call fit first"):
        made.evaluate(examples(STATES), run())
    made.fit(examples(STATES), run())
    wide = np.concatenate([STATES, STATES], -1)
    for other in (STATES[:, 1:], wide):
        with pytest.raises(SymbenchError, match="NeurosymbolicEncoder learned from those of"):
            made.evaluate(examples(other), run())
    with pytest.raises(SymbenchError, match="NaN"):
        made.evaluate(examples(HOLED), run())


def test_a_language_with_too_few_programs_says_so():
    with pytest.raises(SymbenchError) as caught:
        fitted(examples(STATES), programs=2)
    assert str(caught.value) == (
        "the search in the DSL 'forced' has no candidate left (learned before): raise max_depth, "
        "ask for fewer programs or add rules."
    )
    made = fitted(examples(STATES), programs=2, dsl=ENDS, max_depth=1)
    words = [one["words"] for one in made.explanation["programs"]]
    assert sorted(word for said in words for word in re.findall(r"\b[xy]\b", said)) == ["x", "y"]


def test_a_batch_larger_than_the_data_and_a_data_set_of_two():
    two = Examples({"states": STATES[:2], "validation": np.array([False, True])})
    outputs = fitted(two).evaluate(two, run())
    assert all(np.isfinite(array).all() for array in outputs.values())


def test_training_that_diverges_is_said_so():
    with pytest.raises(DivergedError, match=r"the loss became nan by step 10 of 20 \(before any"):
        fitted(examples(STATES), steps=20, learning_rate=1e30)
    with pytest.raises(DivergedError, match="program_learning_rate"):
        fitted(examples(STATES), symbolic_epochs=60.0, program_learning_rate=1e38)


def test_the_search_says_which_program_and_turn_it_is_at():
    told = []
    one = run(0, 3, 32)
    one.reporter = lambda **now: told.append(now)
    NeurosymbolicEncoder(NeurosymbolicSettings(dsl=FORCED, **BRIEF)).fit(examples(walks()[0]), one)
    stages = [(now.get("program"), now.get("turn")) for now in told]
    assert list(dict.fromkeys(stages[:-1])) == [(None, None), (1, 1), (1, 2), (1, 3)]
    assert told[-1] == {"step": one.steps, "of": one.steps}

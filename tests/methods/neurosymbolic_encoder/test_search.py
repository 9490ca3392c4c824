"""The search with scores written by hand, and what children learn from labels."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from benchmarks.protocol import Budget, DivergedError, Examples, Run, SymbenchError
from methods.neurosymbolic_encoder.dsl import ATOM_TO_ATOM, DSL, LIST_TO_ATOM, Feature
from methods.neurosymbolic_encoder.population import Population
from methods.neurosymbolic_encoder.search import Search, distil
from tests.methods.neurosymbolic_encoder.walks import BOTH, EVERYTHING, frames, program

SMALL = DSL(
    "small",
    (Feature("a", "the a", rules=BOTH), Feature("b", "the b", rules=("final",))),
    {LIST_TO_ATOM: ("final", "add", "map_average"), ATOM_TO_ATOM: ("select",)},
)


def searching(max_depth=3, frontier=10, learned=(), penalty=0.01):
    return Search(SMALL, penalty, max_depth, frontier, [program(one) for one in learned])


def expand(search, candidate, errors):
    """Children with errors by name of the rule; those without a name get 0.5."""
    children = search.children(candidate)
    for one in children:
        one.error = errors.get(one.rule, 0.5)
    search.keep(children)
    return children


def names(candidates):
    return [one.rule for one in candidates]


def test_the_child_with_the_smallest_cost_and_error_goes_on():
    search = searching()
    root = search.best()
    assert root.program == program("?")
    children = expand(search, root, {"final(a)": 0.125, "add": 0.115, "map_average": 0.105})
    assert names(children) == ["final(a)", "final(b)", "add", "map_average"]
    assert [one.cost for one in children] == [0, 0, 0.02, 0.01]
    # 0.125 + 0, 0.115 + 0.02, 0.105 + 0.01.
    best = search.best()
    assert best.rule == "map_average"
    assert best.score == pytest.approx(0.115)
    (child,) = expand(search, best, {"select(a)": 0.3})
    assert child.program == program("map_average(select(a))")
    assert child.parent == best.number
    assert search.best() is child, "a child goes before what was scored on other labels"


def test_the_cost_can_decide_and_of_equals_the_first_goes_on():
    search = searching(penalty=0.1)
    expand(search, search.best(), {"final(b)": 0.2, "add": 0.0, "map_average": 0.1})
    # Score 0.2 three times over.
    assert search.best().rule == "final(b)"
    assert searching(penalty=0.0).tree[0].score is None


def test_the_search_comes_back_to_an_earlier_candidate():
    """What was learned before may close a branch; the best of the branches left is then taken."""
    search = searching(learned=["map_average(select(a))"])
    expand(search, search.best(), {"map_average": 0.0, "add": 0.1, "final(b)": 0.2})
    dead = search.best()
    assert dead.rule == "map_average"
    assert expand(search, dead, {}) == []
    assert search.tree[-1].excluded == "learned before"
    again = search.best()
    assert again.rule == "add"
    expand(search, again, {"final(a)": 0.4})
    assert search.best().program == program("add(final(a), ?)")


def test_excluded_children_are_in_the_tree_with_their_reasons():
    search = searching(max_depth=2, learned=["final(a)"])
    children = expand(search, search.best(), {"add": 0.1})
    assert names(children) == ["final(b)", "add", "map_average"]
    expand(search, search.best(), {})
    reasons = {str(one.program): one.excluded for one in search.tree}
    assert reasons == {
        "?list_to_atom": None,
        "final(a)": "learned before",
        "final(b)": None,
        "add(?list_to_atom, ?list_to_atom)": None,
        "map_average(?atom_to_atom)": None,
        "add(final(a), ?list_to_atom)": None,
        "add(final(b), ?list_to_atom)": None,
        "add(add(?list_to_atom, ?list_to_atom), ?list_to_atom)": "deeper than 2",
        "add(map_average(?atom_to_atom), ?list_to_atom)": "deeper than 2",
    }
    unscored = [one for one in search.tree[1:] if one.excluded]
    assert all(one.error is None and one.score is None for one in unscored)


def test_a_child_goes_on_only_where_it_can_be_completed_within_the_depth():
    """Of two levels is `add(?, ?)`, but a hole of it takes two more."""
    rules = {LIST_TO_ATOM: ("map_average", "add"), ATOM_TO_ATOM: ("select", "add")}
    dsl = DSL("averages", SMALL.features[:1], rules)
    for depth, admitted in ((2, ["map_average"]), (3, ["map_average", "add"])):
        search = Search(dsl, 0.01, depth, 10, [])
        assert names(search.children(search.best())) == admitted
    assert Search(dsl, 0.01, 1, 10, []).children(search.tree[0]) == []


def test_what_is_learned_before_is_the_program_and_not_a_part_of_it():
    search = searching(learned=["final(a)"])
    expand(search, search.best(), {"add": 0.0})
    children = expand(search, search.best(), {})
    assert names(children) == ["final(a)", "final(b)", "add", "map_average"]


def test_the_frontier_keeps_its_best():
    search = searching(frontier=2)
    expand(search, search.best(), {"final(b)": 0.3, "map_average": 0.4})
    assert names(search.frontier) == ["final(b)", "map_average"]
    outside = [one.rule for one in search.tree if one.excluded == "outside the frontier"]
    assert outside == ["final(a)", "add"]
    assert search.best().rule == "final(b)"
    assert search.best().rule == "map_average"
    children = expand(search, search.tree[4], {})
    assert names(search.frontier) == names(children)


def test_a_frontier_of_one_is_greedy():
    search = searching(frontier=1)
    expand(search, search.best(), {"add": 0.0})
    expand(search, search.best(), {"final(b)": 0.2})
    assert [str(one.program) for one in search.frontier] == ["add(final(b), ?list_to_atom)"]
    assert sum(one.excluded == "outside the frontier" for one in search.tree) == 6


def test_nothing_left_is_said_in_one_line():
    search = searching(max_depth=1, learned=["final(a)", "final(b)"])
    assert expand(search, search.best(), {}) == []
    with pytest.raises(SymbenchError) as caught:
        search.best()
    assert str(caught.value) == (
        "the search in the DSL 'small' has no candidate left (deeper than 1, learned before): "
        "raise max_depth, ask for fewer programs or add rules."
    )


def test_the_tree_as_json():
    search = searching()
    expand(search, search.best(), {"add": 0.0, "final(a)": 0.25})
    expand(search, search.best(), {"final(b)": 0.1})
    expand(search, search.best(), {"final(a)": 0.125})
    end = search.best()
    assert end.program.complete
    search.choose(end)
    nodes = json.loads(json.dumps(search.as_json(), allow_nan=False))
    assert [node["id"] for node in nodes] == list(range(len(nodes)))
    assert nodes[0] == {
        "id": 0, "parent": None, "program": "?list_to_atom", "rule": "start", "complete": False,
        "depth": 1, "cost": 0.0, "error": None, "score": None, "share": None, "chosen": True,
        "excluded": None,
    }  # fmt: skip
    assert all(node["parent"] < node["id"] for node in nodes[1:])
    way = [node for node in nodes if node["chosen"]]
    assert [node["program"] for node in way] == [
        "?list_to_atom",
        "add(?list_to_atom, ?list_to_atom)",
        "add(final(b), ?list_to_atom)",
        "add(final(b), final(a))",
    ]
    assert [node["parent"] for node in way[1:]] == [node["id"] for node in way[:-1]]
    assert [node["complete"] for node in way] == [False, False, False, True]
    last = way[-1]
    assert (last["rule"], last["depth"], last["cost"]) == ("final(a)", 2, 0.02)
    assert last["score"] == pytest.approx(0.02 + 0.125)
    assert all(node["cost"] + node["error"] == node["score"] for node in nodes if node["score"])


CHILDREN = ("?", "map_average(?)", "map_average(select(a))", "final(a)", "map_average(select(b))")


@dataclass
class Material:
    """What children learn from: frames (N, T, R), features (N, T, F), and rows that serve so."""

    frames: torch.Tensor
    features: torch.Tensor
    train: torch.Tensor
    validation: torch.Tensor


class Noting(Population):
    """A population that notes the rows of each update."""

    def loss(self, batch, step):
        self.told = [*getattr(self, "told", []), batch["row"]]
        return super().loss(batch, step)


def learned(labels, data, steps=120, learning_rate=0.03):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Noting([program(one) for one in CHILDREN], EVERYTHING, 4, 8, 8)
    columns = {"frames": data.frames, "features": data.features, "labels": labels.float()}
    every = Examples({**columns, "row": torch.arange(len(labels))})
    run = Run(0, Budget(steps=steps, batch_size=32))
    given = every.take(data.train), every.take(data.validation)
    return distil(made, *given, run, learning_rate), made


def material(count=160, seed=0):
    """Frames of which the features are a part, as in the method; one row in four validates."""
    _, features = (one.float() for one in frames(count, 6, seed=seed))
    rows = torch.arange(count)
    return Material(features.repeat(1, 1, 2)[..., :4], features, rows[rows % 4 > 0], rows[::4])


def test_the_error_of_what_can_be_learned_and_of_what_cannot():
    data = material(400)
    average = data.features[:, :, 0].mean(1)
    data.features[:, :, 0] += 0.3 * torch.where(average > 0, 1.0, -1.0)[:, None]
    data.frames[..., 0] = data.features[:, :, 0]
    errors, made = learned(average > 0, data)
    error = dict(zip(CHILDREN, errors, strict=True))
    for child in ("?", "map_average(?)", "map_average(select(a))"):
        assert error[child] < 0.05, child
    assert 0.15 < error["final(a)"] < 0.45, "the last frame tells of the average, but not all"
    assert 0.35 < error["map_average(select(b))"] < 0.65, "another feature tells nothing of it"
    turning_point = (made.threshold[1] - made.bias[0]).detach() / made.scale[0].detach()
    assert abs(float(turning_point)) < 0.3, "between the two groups"

    coins = torch.from_numpy(np.random.default_rng(5).random(400) < 0.5)
    errors, _ = learned(coins, data)
    assert errors == pytest.approx([0.5] * len(CHILDREN), abs=0.15)


def test_the_error_is_the_share_of_validation_labels_that_are_missed():
    data = material()
    labels = data.features[:, :, 0].mean(1) > 0
    errors, made = learned(labels, data, steps=3)
    with torch.no_grad():
        said = made(data.frames, data.features)
    for p, error in enumerate(errors):
        missed = [bool(said[p, row] > 0) != bool(labels[row]) for row in data.validation.tolist()]
        assert error == pytest.approx(sum(missed) / len(missed))


def test_validation_rows_are_not_learned_from():
    data = material()
    labels = data.features[:, :, 0].mean(1) > 0
    errors, made = learned(labels, data, steps=20)
    changed = Material(data.frames.clone(), data.features.clone(), data.train, data.validation)
    changed.frames[data.validation] = 1e3
    changed.features[data.validation] = -1e3
    other = labels.clone()
    other[data.validation] = ~other[data.validation]
    errors_after, made_after = learned(other, changed, steps=20)
    assert errors_after != errors
    for one, two in zip(made.parameters(), made_after.parameters(), strict=True):
        assert torch.equal(one, two)
    # The check sees the fault: one training row that changes moves the weights.
    changed.features[data.train[0]] = 3.0
    _, planted = learned(labels, changed, steps=20)
    assert not torch.equal(planted.scale, made.scale)


def test_steps_and_batches_are_as_many_as_asked_for():
    data = material()
    labels = data.features[:, :, 0].mean(1) > 0
    told = learned(labels, data, steps=9)[1].told
    assert [len(rows) for rows in told] == [32, 32, 32, 24] * 2 + [32]
    for first in (0, 4):
        assert sorted(torch.cat(told[first : first + 4]).tolist()) == data.train.tolist()
    assert not torch.equal(torch.cat(told[:4]), torch.cat(told[4:8])), "each epoch has its order"
    few = Material(data.frames, data.features, data.train[:5], data.validation[:1])
    assert len(learned(labels, few, steps=4)[0]) == len(CHILDREN), "a batch larger than the data"


def test_validation_in_several_parts_is_that_in_one():
    data = material(1500)
    labels = data.features[:, :, 0].mean(1) > 0
    every = Material(data.frames, data.features, data.train, torch.arange(1500))
    errors, made = learned(labels, every, steps=2)
    with torch.no_grad():
        wrong = (made(data.frames, data.features) > 0) != labels
    assert errors == pytest.approx(wrong.double().mean(1).tolist())


def test_children_that_diverge_are_said_so():
    data = material()
    with pytest.raises(DivergedError) as caught:
        learned(data.features[:, 0, 0] > 0, data, steps=50, learning_rate=float("1e38"))
    assert str(caught.value) == (
        "a child of the search gives numbers that are NaN or infinite; lower the learning rate of "
        "the search (program_learning_rate)."
    )

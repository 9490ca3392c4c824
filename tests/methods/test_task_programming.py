"""Task programming: loss and attributes by hand; nothing else differs from a TVAE."""

from __future__ import annotations

import json
import pickle
from math import exp, log

import numpy as np
import pytest
import torch

from baselines.trajectories.trajectory_encoder import Scale
from baselines.tvae import TVAE, TVAENetwork
from benchmarks.protocol import Budget, Examples, Run, SymbenchError
from methods.neurosymbolic_encoder import NeurosymbolicEncoder
from methods.neurosymbolic_encoder.dsl import DSL, Feature
from methods.task_programming import (
    TaskProgramming,
    TaskProgrammingNetwork,
    TaskProgrammingSettings,
    expert,
)
from symdata.synthetic_trajectories.trajectories import features
from tests.baselines.small_trajectories import batch, columns, moving, run

SMALL = {"hidden": 8, "rnn": 4, "learning_rate": 0.01}
QUICK = {**SMALL, "neural_epochs": 1, "symbolic_epochs": 1, "most_hidden": 4, "least_hidden": 2}


def examples(count=24, frames=7, seed=0):
    """Trajectories with all features of the synthetic DSL, every sixth one for validation."""
    states, _ = moving(count, frames, seed)
    named = {f"feature.{name}": column for name, column in features(states).items()}
    return Examples({"states": states, **named, "validation": np.arange(count) % 6 == 5})


def fitted(programs, data=None, seed=0, steps=4, **settings):
    made = TaskProgramming(TaskProgrammingSettings(programs_by=programs, **settings))
    made.fit(data or examples(), run(seed, steps))
    return made


def network(attributes=2, **settings):
    torch.manual_seed(0)
    return TaskProgrammingNetwork(TaskProgrammingSettings(**settings), Scale(columns()), attributes)


def test_attribute_loss_by_hand():
    net = network(attributes=2, z=2)
    with torch.no_grad():
        net.head.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        net.head.bias.copy_(torch.tensor([0.0, -1.0]))
    # Logits (2, 0) and (0, 1).
    z = torch.tensor([[2.0, 0.5], [0.0, 1.0]])
    attributes = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    first = log(1 + exp(-2)) + log(2)
    second = log(2) + log(1 + exp(1))
    assert float(net.decoding(z, attributes).detach()) == pytest.approx((first + second) / 2)


def test_loss_is_that_of_a_tvae_and_the_weighted_attributes_of_the_sampled_z():
    net, data = network(attributes=3, weight=2.5), batch()
    data["attributes"] = torch.tensor([[1.0, 0, 1], [0, 0, 1], [1, 1, 1], [0, 1, 0]])
    torch.manual_seed(7)
    loss, scalars = net.loss(data, 0)
    torch.manual_seed(7)
    plain, _ = TVAENetwork.loss(net, data, 0)
    torch.manual_seed(7)
    mu, log_variance = net.posterior(net.encode(data)[2])
    z = mu + (0.5 * log_variance).exp() * torch.normal(torch.zeros(4, 4), torch.ones(4, 4))
    said = (z @ net.head.weight.T + net.head.bias).detach().double().numpy()
    p = 1 / (1 + np.exp(-said))
    wanted = data["attributes"].numpy()
    nats = -(wanted * np.log(p) + (1 - wanted) * np.log(1 - p)).sum(1).mean()
    assert float(scalars["attributes"].detach()) == pytest.approx(nats, rel=1e-5)
    assert float((loss - plain).detach()) == pytest.approx(2.5 * nats, rel=1e-4)


def test_duplicating_the_batch_leaves_the_loss_unchanged(monkeypatch):
    monkeypatch.setattr(torch.distributions.Normal, "rsample", lambda self: self.loc)
    net, data = network(), {**batch(), "attributes": torch.tensor([[1.0, 0]] * 3 + [[0, 1]])}
    twice = {name: torch.cat([column, column]) for name, column in data.items()}
    one, two = (float(net.loss(part, 0)[0].detach()) for part in (data, twice))
    assert two == pytest.approx(one, rel=1e-5)


def test_gradients_reach_every_parameter_with_a_batch_of_one():
    net = network()
    data = {name: column[:1] for name, column in batch().items()}
    net.loss({**data, "attributes": torch.tensor([[1.0, 0.0]])}, 0)[0].backward()
    for name, weight in net.named_parameters():
        assert (weight.grad != 0).any(), name
        assert weight.grad.isfinite().all(), name


def test_expert_attributes_by_hand():
    dsl = DSL("two", (Feature("a", "the a", "px"), Feature("b", "the b")))
    # Averages of a: 1, 2, 4, with median 2; of b: 0.5, 0, -1, with median 0.
    data = Examples({
        "states": np.zeros((3, 2, 1), np.float32),
        "feature.a": np.array([[0, 2], [2, 2], [3, 5]], np.float32),
        "feature.b": np.array([[0, 1], [-1, 1], [-2, 0]], np.float32),
    })  # fmt: skip
    attributes, explanation = expert(data, dsl)
    assert attributes.tolist() == [[False, True], [False, False], [True, False]]
    assert explanation["programs"] == [
        {
            "text": "1[> 2] map_average(a)",
            "words": "1 where the average over time of the a is above 2 px",
        },
        {
            "text": "1[> 0] map_average(b)",
            "words": "1 where the average over time of the b is above 0",
        },
    ]


def test_experts_are_ten_at_most():
    names = [f"f{i}" for i in range(12)]
    values = np.random.default_rng(0).normal(size=(12, 5, 3)).astype(np.float32)
    data = Examples({
        "states": np.zeros((5, 3, 1), np.float32),
        **{f"feature.{name}": column for name, column in zip(names, values, strict=True)},
    })  # fmt: skip
    attributes, explanation = expert(data, DSL("many", tuple(Feature(n, n) for n in names)))
    assert attributes.shape == (5, 10)
    assert len(explanation["programs"]) == 10
    assert "f9" in explanation["programs"][-1]["text"]


def test_without_programs_it_is_a_tvae_bit_for_bit():
    data = examples()
    plain = TVAE(TVAE.Settings(**SMALL))
    plain.fit(data, run(3))
    expected = plain.evaluate(data, run(3))
    made = fitted("none", data, seed=3, steps=3, **SMALL)
    given = made.evaluate(data, run(3))
    assert given.keys() == expected.keys()
    assert all(np.array_equal(given[name], expected[name]) for name in expected)
    assert made.explanation == {}
    # Attributes without weight change nothing either: noise, batches and weights are the same.
    ignored = fitted("expert", data, seed=3, steps=3, weight=0.0, **SMALL)
    assert np.array_equal(ignored.evaluate(data, run(3))["embeddings"], expected["embeddings"])
    heeded = fitted("expert", data, seed=3, steps=3, **SMALL).evaluate(data, run(3))
    assert not np.array_equal(heeded["embeddings"], expected["embeddings"])


def test_attributes_are_those_of_the_training_split_alone(monkeypatch):
    data, seen = examples(), []
    loss = TaskProgrammingNetwork.loss

    def watched(self, part, step):
        seen.append((part["states"], part["attributes"]))
        return loss(self, part, step)

    monkeypatch.setattr(TaskProgrammingNetwork, "loss", watched)
    fitted("expert", data, steps=3, **SMALL)  # 20 for training in batches of 8: one epoch
    states, attributes = (torch.cat(parts).numpy() for parts in zip(*seen, strict=True))
    learned = ~data["validation"]
    speed = data["feature.speed"][learned].mean(1)
    by_hand = speed > np.median(speed)
    assert attributes.shape == (20, 4)
    assert by_hand.sum() == 10
    rows = [
        int(np.flatnonzero((data["states"][learned][:, :-1] == one).all((1, 2)))[0])
        for one in states
    ]
    assert sorted(rows) == list(range(20))
    np.testing.assert_array_equal(attributes[:, 2], by_hand[rows])


def test_z_comes_to_tell_the_attributes():
    data = examples(48)
    made = fitted("expert", data, steps=300, **SMALL)
    learned = Examples({name: data[name][~data["validation"]] for name in data})
    told, _ = expert(learned, DSL("x", (Feature("x", "x"),)))
    z = torch.from_numpy(made.evaluate(learned, run())["embeddings"])
    with torch.no_grad():
        said = made.network.head(z)[:, 0].numpy() > 0
    assert (said == told[:, 0]).mean() > 0.8


def test_a_learned_program_is_that_of_a_neurosymbolic_encoder():
    data = examples(30, frames=5)
    made, long = TaskProgramming(TaskProgrammingSettings(programs_by="learned", **QUICK)), run()
    made.fit(data, long)
    encoder, alone = NeurosymbolicEncoder(made.settings), run()
    encoder.fit(data, alone)
    assert made.explanation == encoder.explanation
    assert len(made.explanation["programs"]) == 1
    json.dumps(made.explanation)
    assert made.network.head.out_features == 1
    assert long.steps == alone.steps + 3, "updates of the encoder count"
    assert made.evaluate(data, run())["embeddings"].shape == (30, 4)


@pytest.mark.parametrize("programs", ["none", "expert", "learned"])
def test_the_protocol_is_kept(programs):
    data = examples()
    before = {name: np.array(data[name]) for name in data}
    settings = TaskProgrammingSettings(programs_by=programs, **QUICK)
    assert pickle.loads(pickle.dumps(settings)) == settings

    def answer(seed):
        made = TaskProgramming(settings)
        made.fit(data, Run(seed, Budget(steps=3, batch_size=8)))
        return made.evaluate(data.select(tuple(n for n in data if n != "validation")), run(seed))

    one, again, other = answer(0), answer(0), answer(1)
    assert one["embeddings"].shape == (24, 4)
    assert one["embeddings"].dtype == np.float32
    assert "clusters" not in one
    assert np.array_equal(one["embeddings"], again["embeddings"])
    assert not np.allclose(one["embeddings"], other["embeddings"])
    assert all(np.array_equal(before[name], data[name]) for name in data)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"programs_by": "two"}, "programs_by is 'two'; it must be one of: none, expert, learned"),
        ({"programs_by": 1}, "programs_by is 1; it must be one of"),
        ({"weight": -1}, "weight is -1; it must be a finite number, 0 or more"),
        ({"dsl": "fish"}, "no DSL 'fish'"),
        ({"z": 0}, "z is 0"),
        ({"z": 1}, "with z = 1 there is room for 0"),
        ({"gamma": -1}, "gamma is -1"),
        ({"dsl": "basketball", "max_depth": 1}, "max_depth 1 admits no"),
    ],
)
def test_settings_are_checked(wrong, said):
    with pytest.raises(SymbenchError, match=said):
        TaskProgrammingSettings(**wrong)


def test_an_answer_before_learning_and_a_missing_feature_are_refused():
    with pytest.raises(SymbenchError, match="TaskProgramming has not learned yet"):
        TaskProgramming(TaskProgrammingSettings()).evaluate(examples(), run())
    bare = examples().select(("states", "validation"))
    with pytest.raises(SymbenchError, match="the data have no feature 'x'"):
        fitted("expert", bare)

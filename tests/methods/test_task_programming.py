"""Task programming: loss and attributes by hand; nothing else differs from a TVAE."""

from __future__ import annotations

import json
import pickle
from math import exp, log

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from baselines.trajectories.controls import Features
from baselines.trajectories.trajectory_encoder import Scale
from baselines.tvae import TVAE, TVAENetwork
from benchmarks.metrics.probes import linear_probe
from benchmarks.protocol import Budget, Examples, Run, SymbenchError
from methods.neurosymbolic_encoder import NeurosymbolicEncoder
from methods.neurosymbolic_encoder.dsl import DSL, Feature
from methods.task_programming import (
    Approximator,
    TaskProgramming,
    TaskProgrammingNetwork,
    TaskProgrammingSettings,
    bits_nll,
    contrastive,
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


def network(attributes=2, seed=0, **settings):
    torch.manual_seed(seed)
    made, scale = TaskProgrammingSettings(**settings), Scale(columns())
    approximator = Approximator(made, scale, attributes) if made.consistency else None
    return TaskProgrammingNetwork(made, scale, attributes, approximator)


def test_nats_of_attributes_by_hand():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    attributes = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    first = log(1 + exp(-2)) + log(2)
    second = log(2) + log(1 + exp(1))
    assert float(bits_nll(logits, attributes)) == pytest.approx((first + second) / 2)


def test_contrastive_loss_by_hand(monkeypatch):
    monkeypatch.setattr("methods.task_programming.CONTRAST_TEMPERATURE", 0.5)
    # Directions at 0°, 90°, 0° and 180°, of any length; cosines over the temperature.
    features = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.5, 0.0], [-3.0, 0.0]])
    one = 1 / 0.5
    # 0 and 2 are alike, and point the same way.
    together = contrastive(features, torch.tensor([1, 0, 1, 2]))
    share = exp(one) / (exp(one) + 1 + exp(-one))
    assert float(together) == pytest.approx(-log(share), rel=1e-4)
    # 1 and 3 are alike: of 1, equal cosines to three others; of 3, one of 0 and two of -1.
    apart = contrastive(features, torch.tensor([3, 1, 2, 1]))
    of_3 = -log(1 / (1 + 2 * exp(-one)))
    assert float(apart) == pytest.approx((log(3) + of_3) / 2, rel=1e-4)
    # Two others with the same attribute: the mean of their nats.
    three = contrastive(features, torch.tensor([1, 1, 1, 0]))
    of_0 = (-log(share) + -log(share / exp(one))) / 2
    assert float(three) == pytest.approx((2 * of_0 + log(3)) / 3, rel=1e-4)
    assert float(contrastive(features, torch.arange(4))) == 0.0, "nobody has a like"


@pytest.mark.parametrize("decoder", ["linear", "recurrent"])
def test_generated_trajectories_are_those_that_the_decoder_expects(decoder):
    net, data = network(decoder=decoder), batch()
    states, actions, _ = net.scale(data)
    z = torch.randn(4, 4)
    made, moved = net.decoder.rollout(states[:, 0], z, 6, net.scale, 0.0)
    assert made.shape == moved.shape == (4, 6, 2)
    np.testing.assert_array_equal(made[:, 0].detach(), states[:, 0])
    expected, _ = net.decoder(made, moved, z)
    np.testing.assert_allclose(moved.detach(), expected.detach(), atol=1e-6)
    # In the units of the data each state is the one before, plus the action.
    raw = (made * net.scale.state_std + net.scale.state_mean).detach()
    steps = (moved * net.scale.action_std + net.scale.action_mean).detach()
    np.testing.assert_allclose(raw[:, 1:], (raw + steps)[:, :-1], rtol=1e-5)
    torch.manual_seed(1)
    some, _ = net.decoder.rollout(states[:, 0], z, 6, net.scale, 0.1)
    first, deviation = net.decoder(states[:, :1], actions[:, :1], z)
    torch.manual_seed(1)
    drawn = first[:, 0] + 0.1 * (0.5 * deviation[:, 0]).exp() * torch.randn(4, 2)
    np.testing.assert_allclose(
        some[:, 1].detach(), net.scale.after(states[:, 0], drawn).detach(), atol=1e-6
    )


def test_consistency_is_the_approximators_loss_on_generated_trajectories():
    net, data = network(attributes=3, consistency=2.0, contrastive=0.0), batch()
    data["attributes"] = torch.tensor([[1.0, 0, 1], [0, 0, 1], [1, 1, 1], [0, 1, 0]])
    torch.manual_seed(7)
    _, parts = net.loss(data, 0)
    states, _, summary = net.encode(data)
    mu, log_variance = net.posterior(summary)
    torch.manual_seed(7)
    zeros, ones = torch.zeros(4, 4), torch.ones(4, 4)
    _, again = (mu + (0.5 * log_variance).exp() * torch.normal(zeros, ones) for _ in range(2))
    made, moved = net.decoder.rollout(states[:, 0], again, 5, net.scale, 0.1)
    said = net.approximator(made, moved)
    nats = F.softplus(said) - said * data["attributes"]
    expected = 2 * float(nats.detach().sum() / 4)
    assert float(parts["consistency"].detach()) == pytest.approx(expected, rel=1e-5)


def test_loss_is_that_of_a_tvae_and_weighted_terms_of_the_posterior_mean():
    net, data = network(attributes=3, consistency=0.0, contrastive=1.5, decoding=2.5), batch()
    data["attributes"] = torch.tensor([[1.0, 0, 1], [0, 0, 1], [1, 1, 1], [0, 1, 0]])
    torch.manual_seed(7)
    loss, scalars = net.loss(data, 0)
    torch.manual_seed(7)
    plain, _ = TVAENetwork.loss(net, data, 0)
    mu, _ = net.posterior(net.encode(data)[2])
    said = np.hstack([head(mu).detach().double().numpy() for head in net.heads])
    p = 1 / (1 + np.exp(-said))
    wanted = data["attributes"].numpy()
    nats = -(wanted * np.log(p) + (1 - wanted) * np.log(1 - p)).sum(1).mean()
    assert float(scalars["decoding"].detach()) == pytest.approx(2.5 * nats, rel=1e-5)
    projected = [project(mu) for project in net.contrasts]
    apart = sum(contrastive(one, data["attributes"][:, a]) for a, one in enumerate(projected))
    assert float(scalars["contrastive"].detach()) == pytest.approx(1.5 * float(apart.detach()))
    expected = 2.5 * nats + 1.5 * float(apart.detach())
    assert float((loss - plain).detach()) == pytest.approx(expected, rel=1e-4)


def test_duplicating_the_batch_leaves_the_loss_unchanged(monkeypatch):
    """All but the contrastive term, which compares the examples of a batch."""
    monkeypatch.setattr(torch.distributions.Normal, "rsample", lambda self: self.loc)
    monkeypatch.setattr("methods.task_programming.ROLLOUT_TEMPERATURE", 0.0)
    net, data = (
        network(contrastive=0.0, decoding=1.0),
        {**batch(), "attributes": torch.tensor([[1.0, 0]] * 3 + [[0, 1]])},
    )
    twice = {name: torch.cat([column, column]) for name, column in data.items()}
    one, two = (float(net.loss(part, 0)[0].detach()) for part in (data, twice))
    assert two == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize("decoder", ["linear", "recurrent"])
def test_gradients_reach_every_parameter(decoder):
    net = network(decoder=decoder, decoding=1.0, z=16)
    told = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    net.loss({**batch(), "attributes": told}, 0)[0].backward()
    for name, weight in net.named_parameters():
        assert (weight.grad != 0).any(), name
    net.zero_grad()
    alone = {name: column[:1] for name, column in {**batch(), "attributes": told}.items()}
    net.loss(alone, 0)[0].backward()
    assert all(weight.grad.isfinite().all() for weight in net.parameters())


def test_consistency_moves_encoder_and_decoder_and_not_the_approximator():
    net, data = network(), {**batch(), "attributes": torch.tensor([[1.0, 0]] * 2 + [[0, 1]] * 2)}
    net.approximator.requires_grad_(False)
    net.loss(data, 0)[1]["consistency"].backward()
    for part in (net.encoder, net.posterior, net.decoder):
        assert all((weight.grad != 0).any() for weight in part.parameters())
    assert all(weight.grad is None for weight in net.approximator.parameters())


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
    off = {"consistency": 0.0, "contrastive": 0.0}
    ignored = fitted("expert", data, seed=3, steps=3, **SMALL, **off)
    assert np.array_equal(ignored.evaluate(data, run(3))["embeddings"], expected["embeddings"])
    for name in (*off, "decoding"):
        heeded = fitted("expert", data, seed=3, steps=3, **SMALL, **{**off, name: 1.0})
        answer = heeded.evaluate(data, run(3))["embeddings"]
        assert not np.array_equal(answer, expected["embeddings"]), name


def test_the_features_of_the_centre_frame_stand_beside_z():
    data = examples()
    made = fitted("none", data, with_features=True, **SMALL)
    plain = fitted("none", data, **SMALL).evaluate(data, run())["embeddings"]
    outputs = made.evaluate(data, run())
    names = ("x", "y", "speed", "acceleration")
    centre = np.stack([data[f"feature.{name}"][:, 3] for name in names], 1)
    assert np.array_equal(outputs["embeddings"], np.hstack([plain, centre]))
    assert set(outputs) == {"embeddings"}
    alone = Features(Features.Settings()).evaluate(data, run())["embeddings"]
    assert np.array_equal(alone, centre)
    with pytest.raises(SymbenchError, match="the data have no columns 'feature"):
        made.evaluate(data.select(("states",)), run())


def test_attributes_are_those_of_the_training_split_alone(monkeypatch):
    data, seen = examples(), []
    loss = TaskProgrammingNetwork.loss

    def watched(self, part, step):
        seen.append((part["states"], part["attributes"]))
        return loss(self, part, step)

    monkeypatch.setattr(TaskProgrammingNetwork, "loss", watched)
    fitted("expert", data, steps=3, **SMALL)  # 20 for training in batches of 8: one epoch
    # Before, the approximator learns for one update.
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


@pytest.mark.parametrize("term", ["consistency", "contrastive", "decoding"])
def test_z_comes_to_tell_the_attributes(term):
    terms = {"consistency": 0.0, "contrastive": 0.0, term: 3.0}
    data = examples(48)
    made = fitted("expert", data, steps=100, **{**SMALL, "learning_rate": 0.03}, **terms)
    learned = Examples({name: data[name][~data["validation"]] for name in data})
    told, _ = expert(learned, DSL("x", (Feature("x", "x"),)))
    z = made.evaluate(learned, run())["embeddings"]
    told = told[:, 0]
    assert linear_probe(z, told) > 0.8


def test_a_learned_program_is_that_of_a_neurosymbolic_encoder():
    data = examples(30, frames=5)
    made, long = TaskProgramming(TaskProgrammingSettings(programs_by="learned", **QUICK)), run()
    made.fit(data, long)
    encoder, alone = NeurosymbolicEncoder(made.settings), run()
    encoder.fit(data, alone)
    assert made.explanation == encoder.explanation
    assert len(made.explanation["programs"]) == 1
    json.dumps(made.explanation)
    assert len(made.network.contrasts) == 1
    assert long.steps == alone.steps + 1 + 3, "updates of encoder and approximator count"
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
        ({"contrastive": -1}, "contrastive is -1; it must be a finite number, 0 or more"),
        ({"with_features": 1}, "with_features is 1; it must be one of: True, False"),
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

"""The loss against its parts written out in NumPy, who learns from it, and who does not."""

from __future__ import annotations

from copy import deepcopy
from math import log

import numpy as np
import pytest
import torch

from methods.symbolic_sequences.discretisation import DISCRETISATIONS
from methods.symbolic_sequences.network import (
    distance,
    entropy,
    lacking_entropy,
    lacking_information,
    lacking_marginal,
    spread,
)
from tests.methods.symbolic_sequences.pupils import batch, network

KINDS = [*({"discretisation": name} for name in DISCRETISATIONS), {"class_weight": 0.2}]
LACKING = {
    "entropy": (lacking_entropy,),
    "information": (lacking_information,),
    "combined": (lacking_entropy, lacking_information),
    "marginal": (lacking_marginal,),
}
PENALTIES = [{"exploration": name} for name in LACKING]


def array(x):
    return x.detach().double().numpy()


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(torch, "rand_like", lambda x: torch.full_like(x, 0.5))


def paired(net, monkeypatch, tokens):
    """The network's pairs are views 0 and 1, and no others."""
    both = torch.cat([tokens[:, 0], tokens[:, 1]]).float()
    monkeypatch.setattr(net, "pair", lambda _: (both[:, 1:], both[:, 0]))
    return both.chunk(2)


@pytest.mark.parametrize("kind", KINDS + PENALTIES)
def test_the_loss_by_hand(kind, quiet, monkeypatch):
    weights = (0.5, 1.0, 2.0, 3.0)
    net = network(total=10, prefix_weights=weights, exploration_weight=0.7, **kind)
    net.centre.copy_(torch.linspace(-0.2, 0.2, 16))
    data = batch(2)
    one, other = paired(net, monkeypatch, data["tokens"])
    loss, scalars = net.loss(data, 4)

    # What is written about the one view is held against the class token of the other.
    seen, held = torch.cat([one, other])[:, 1:], torch.cat([other, one])[:, 0]
    written = net.write(seen, net.settings.temperature(4, 10))
    prefixes = net.interpreter(written.embeddings)
    said, prefixes = array(net.projector(prefixes)), array(prefixes)
    taught = softmax((array(net.teacher_projector(held)) - array(net.centre)) / 0.02)
    expected = 0.0
    for index, g in enumerate((1, 2, 4, 8)):
        entropies = [-(taught[b] * np.log(softmax(said[b, index] / 0.1))).sum() for b in range(4)]
        assert float(scalars[f"prefix{g}"].detach()) == pytest.approx(np.mean(entropies), rel=1e-4)
        expected += weights[index] * np.mean(entropies)
        apart = np.mean([((prefixes[b, index] - array(held)[b]) ** 2).sum() / 2 for b in range(4)])
        expected += weights[index] * kind.get("class_weight", 0.0) * apart
    cost = array(written.cost).mean()
    assert (cost > 0) == (kind.get("discretisation") in ("vq", "rvq"))
    for lacking in LACKING.get(kind.get("exploration"), ()):
        cost += 0.7 * float(lacking(written.logits).detach())
    assert float(scalars["symbol_cost"].detach()) == pytest.approx(cost, rel=1e-4, abs=1e-7)
    assert float(loss.detach()) == pytest.approx(expected + cost, rel=1e-4)
    mean = array(net.teacher_projector(held)).mean(0)
    np.testing.assert_allclose(scalars["centre"], mean, rtol=1e-4, atol=1e-6)


def test_the_cost_of_vq_is_the_sum_over_its_eight_symbols():
    net = network(discretisation="vq")
    written = net.write(batch(3)["tokens"][:, 0, 1:].float())
    squares = -array(written.logits).max(-1)
    np.testing.assert_allclose(array(written.cost), 1.25 * squares.sum(1), rtol=1e-3, atol=1e-5)


def logits_of(shares):
    return torch.tensor(shares, dtype=torch.float64).clamp(min=1e-30).log()


# Two images, two positions, two symbols; the first position's mean is (3/4, 1/4).
SHARES = [[[1.0, 0.0], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]]
COLLAPSED = [[[1.0, 0.0]] * 2] * 3


def test_the_penalty_of_entropy_by_hand():
    # One of four predictions is uniform, the others are certain.
    assert float(lacking_entropy(logits_of(SHARES))) == pytest.approx(3 / 4 * log(2))
    assert float(lacking_entropy(logits_of(COLLAPSED))) == pytest.approx(log(2))
    uniform = [[[0.5, 0.5]] * 2] * 3
    assert float(lacking_entropy(logits_of(uniform))) == pytest.approx(0, abs=1e-9)


def test_the_penalty_of_the_batchs_entropy_by_hand():
    first = -(0.75 * log(0.75) + 0.25 * log(0.25))
    expected = log(2) - (first + log(2)) / 2
    assert float(lacking_marginal(logits_of(SHARES))) == pytest.approx(expected)
    assert float(lacking_marginal(logits_of(COLLAPSED))) == pytest.approx(log(2))


def test_the_distance_to_the_class_token_by_hand():
    prefixes = torch.tensor([[[1.0, 2.0], [0.0, 0.0]]])
    apart = distance(prefixes, torch.tensor([[[3.0, 1.0]]]))
    np.testing.assert_allclose(apart, [[2.5, 5.0]])


def test_the_penalty_of_information_by_hand():
    apart = [[[1.0, 0.0], [0.0, 1.0]]]
    repeated = [[[1.0, 0.0], [1.0, 0.0]]]
    half = [[[1.0, 0.0], [0.5, 0.5]]]
    assert float(lacking_information(logits_of(apart))) == pytest.approx(0, abs=1e-9)
    assert float(lacking_information(logits_of(repeated))) == pytest.approx(log(2))
    mixed = -(0.75 * log(0.75) + 0.25 * log(0.25))
    expected = log(2) - (mixed - log(2) / 2)
    assert float(lacking_information(logits_of(half))) == pytest.approx(expected)
    both = float(lacking_information(logits_of(apart + repeated)))
    assert both == pytest.approx(log(2) / 2)


def test_penalties_push_where_they_are_meant_to():
    """One step against the gradient: more entropy, fewer repeated symbols."""
    logits = torch.tensor([[[2.0, 0.0, 0.0], [2.0, 0.1, 0.0]]] * 2, requires_grad=True)
    for lacking in (lacking_entropy, lacking_information, lacking_marginal):
        (slope,) = torch.autograd.grad(lacking(logits), logits)
        assert lacking(logits - 0.1 * slope) < lacking(logits)


@pytest.mark.parametrize("kind", KINDS + PENALTIES)
def test_a_batch_twice_over_has_the_same_loss(kind, quiet, monkeypatch):
    net, tokens = network(**kind), batch(3)["tokens"]
    losses = []
    for copies in (tokens, torch.cat([tokens, tokens])):
        paired(net, monkeypatch, copies)
        losses.append(float(net.loss({"tokens": copies}, 0)[0].detach()))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize("kind", KINDS + PENALTIES)
def test_bfloat16_changes_the_loss_by_2_percent_at_most(kind):
    net, data, losses = network(**kind), batch(32), []
    for mixed in (False, True):
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            losses.append(net.loss(data, 0)[0])
    assert losses[1].dtype == torch.float32
    assert not torch.equal(*losses)
    torch.testing.assert_close(*losses, rtol=0.02, atol=0)


@pytest.mark.parametrize("kind", KINDS + PENALTIES)
def test_gradients_reach_every_weight_and_not_the_teacher(kind):
    net = network(**kind)
    torch.manual_seed(0)
    net.loss(batch(16), 0)[0].backward()
    for name, weight in net.named_parameters():
        if name.startswith("teacher_projector"):
            assert weight.grad is None, name
        elif name.endswith("memory.bias"):
            # Keys all moved by the same change no softmax; the values' half has a gradient.
            assert weight.grad[len(weight) // 2 :].abs().sum() > 0, name
        else:
            assert weight.grad is not None, name
            assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_one(kind):
    loss, scalars = network(**kind).loss(batch(1), 0)
    assert torch.isfinite(loss)
    # Two views of it: at most two symbols a position.
    assert 1 <= scalars["perplexity"] <= 2


def test_only_the_codes_of_vq_begin_at_images():
    patches = batch(20)["tokens"][:, 0, 1:].float()
    for name in DISCRETISATIONS:
        net = network(discretisation=name)
        before = deepcopy(net.state_dict())
        net.begin(patches)
        changed = [key for key, after in net.state_dict().items() if (after != before[key]).any()]
        assert changed == (["choose.codebook"] if name in ("vq", "rvq") else [])
        if name == "vq":
            used = net.use(net.write(patches).symbols)["used"]
            net.load_state_dict(before)
            assert used > net.use(net.write(patches).symbols)["used"]


def test_views_are_of_one_image_and_never_the_same():
    net = network()
    # A token says which image and which view it is of.
    tokens = (10 * torch.arange(40)[:, None] + torch.arange(3)).half()[..., None, None]
    torch.manual_seed(0)
    patches, classes = net.pair({"tokens": tokens.repeat(1, 1, 3, 1)})
    assert patches.shape == (80, 2, 1)
    assert patches.dtype == classes.dtype == torch.float32
    assert torch.equal(patches, classes[:, None].expand(80, 2, 1))
    one, other = classes.chunk(2)
    assert torch.equal(one // 10, other // 10)
    assert torch.equal(one[:, 0] // 10, torch.arange(40.0))
    assert (one != other).all()
    assert {*(one % 10).flatten().tolist()} == {*(other % 10).flatten().tolist()} == {0, 1, 2}


def test_adapt_moves_the_projector_of_the_teacher_and_its_centre_alone():
    net = network(total=11, momentum=0.9)
    _, scalars = net.loss(batch(), 5)
    with torch.no_grad():
        for weight in net.parameters():
            if weight.requires_grad:
                weight += 1.0  # an update
        before = deepcopy(net.state_dict())
        net.adapt(scalars)
    momentum = 0.95  # half-way from 0.9 to 1
    for name, after in net.state_dict().items():
        if name.startswith("teacher_projector."):
            target = before[name.removeprefix("teacher_")]
            expected = momentum * before[name] + (1 - momentum) * target
            torch.testing.assert_close(after, expected, msg=name)
            assert not torch.equal(after, before[name])
        elif name == "centre":
            torch.testing.assert_close(after, 0.9 * before[name] + 0.1 * scalars["centre"])
            assert after.any()
        else:
            assert torch.equal(after, before[name]), name


def test_a_loss_changes_nothing():
    net = network()
    before = deepcopy(net.state_dict())
    net.loss(batch(), 0)[0].backward()
    for name, after in net.state_dict().items():
        assert torch.equal(after, before[name]), name


def test_the_teachers_distribution_is_centred_and_sharpened():
    net = network(
        total=100,
        teacher_temperature_first=0.04,
        teacher_temperature_last=0.08,
        teacher_temperature_share=0.2,
    )
    net.centre.copy_(torch.linspace(-1, 1, 16))
    classes = batch(3)["tokens"][:, 0, 0].float()
    for step, temperature in ((0, 0.04), (10, 0.06), (20, 0.08), (99, 0.08)):
        target, logits = net.target(classes, step)
        expected = softmax((array(logits) - array(net.centre)) / temperature)
        np.testing.assert_allclose(target, expected, rtol=1e-4, atol=1e-7)


def test_scalars_show_a_collapse_of_the_codebook():
    net = network()
    collapsed = net.use(torch.full((6, 8), 3))
    assert (float(collapsed["perplexity"]), float(collapsed["used"])) == pytest.approx((1, 0.1))
    # Half of the images write one symbol and half another; and another two at the odd positions.
    spread_out = torch.tensor([[0, 2] * 4, [1, 3] * 4] * 3)
    used = net.use(spread_out)
    assert (float(used["perplexity"]), float(used["used"])) == pytest.approx((2, 0.4))


def test_scalars_show_a_collapse_of_the_teacher():
    one = torch.tensor([[1.0, 0, 0, 0]] * 3)
    none = torch.full((3, 4), 0.25)
    each = torch.eye(4)
    for target, expected in ((one, (0, 0)), (none, (log(4), log(4))), (each, (0, log(4)))):
        found = spread(target)
        told = [float(found["target_entropy"]), float(found["target_spread"])]
        assert told == pytest.approx(expected, abs=1e-6)


def test_entropy_of_what_never_happens():
    assert float(entropy(torch.tensor([0.5, 0.5, 0.0]))) == pytest.approx(log(2))

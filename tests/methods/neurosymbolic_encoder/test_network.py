"""The encoder's loss against sums written out in NumPy, and who learns from what."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest
import torch

from baselines.trajectories.trajectory_encoder import Scale
from baselines.trajectories.trajectory_method import columns_of
from methods.neurosymbolic_encoder.method import NeurosymbolicSettings
from methods.neurosymbolic_encoder.network import (
    Adversary,
    NeurosymbolicNetwork,
    kl_fair_bit,
    sample_bit,
)
from tests.methods.neurosymbolic_encoder.walks import (
    examples,
    frames,
    of_the_model,
    population,
    walks,
    without_noise,
)


def array(tensor):
    return tensor.detach().double().numpy()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


STATES = walks(6, 7)[0]
RAW = columns_of(examples(STATES))


def batch(count=6):
    """What a network sees: standardised by the moments of these very walks."""
    every, actions = STATES.astype(np.float64), RAW["actions"]
    normal = torch.tensor((every - RAW["states"].mean((0, 1))) / RAW["states"].std((0, 1)))
    actions = torch.tensor((actions - actions.mean((0, 1))) / actions.std((0, 1)))
    features = frames(6, 7)[1]
    columns = {
        "states": normal[:, :-1],
        "actions": actions,
        "inputs": torch.cat([normal[:, :-1], actions], -1),
        "frames": torch.cat([normal, features], -1),
        "features": features,
    }
    return {name: column[:count].float() for name, column in columns.items()}


def network(learning=("?",), frozen=(), seed=0, **settings):
    """A network around frozen programs and programs that learn."""
    made = NeurosymbolicSettings(dsl=f"{walks.__module__}:EVERYTHING", **settings)
    fixed = [population(one, inputs=5, seed=1).float().requires_grad_(False) for one in frozen]
    free = [population(one, inputs=5, seed=2).float() for one in learning]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return NeurosymbolicNetwork(made, Scale(RAW), [*fixed, *free])


def loss_of(net, data, step=0, seed=7):
    torch.manual_seed(seed)
    return net(data, step)


# kl_fair_bit and sample_bit


def test_kl_of_a_bit_to_a_fair_coin_by_hand():
    p = 0.8
    by_hand = p * log(2 * p) + (1 - p) * log(2 * (1 - p))
    logits = torch.tensor([0.0, log(4), -log(4), 60.0, -60.0, 1e4, -1e4], requires_grad=True)
    kl = kl_fair_bit(logits)
    expected = [0, by_hand, by_hand, log(2), log(2), log(2), log(2)]
    np.testing.assert_allclose(array(kl), expected, atol=1e-6)
    kl.sum().backward()
    # Of KL the slope is the logit times p (1 - p).
    slope = p * (1 - p) * log(4)
    np.testing.assert_allclose(array(logits.grad), [0, slope, -slope, 0, 0, 0, 0], atol=1e-6)


def test_a_sampled_bit_is_0_or_1_with_the_gradient_of_the_relaxation():
    logits = torch.tensor([[0.3], [-1.0], [4.0], [-4.0], [0.0]], requires_grad=True)
    torch.manual_seed(3)
    bit = sample_bit(logits)
    bit.sum().backward()
    torch.manual_seed(3)
    uniform = array(torch.rand(5, 1))
    noisy = array(logits) + np.log(uniform / (1 - uniform))
    assert set(bit.flatten().tolist()) == {0.0, 1.0}, "and nothing else, not even by rounding"
    np.testing.assert_array_equal(array(bit), noisy > 0)
    soft = sigmoid(noisy / 0.5)
    np.testing.assert_allclose(array(logits.grad), soft * (1 - soft) / 0.5, rtol=1e-4, atol=1e-7)


def test_a_bit_sampled_at_known_noise(monkeypatch):
    monkeypatch.setattr(torch, "rand_like", lambda given: torch.full_like(given, 0.75))
    logits = torch.tensor([-1.0, -1.2], requires_grad=True)
    bit = sample_bit(logits)
    # ln(0.75 / 0.25) = 1.0986.
    assert bit.tolist() == [1.0, 0.0]
    bit.sum().backward()
    soft = sigmoid(2 * (np.array([-1.0, -1.2]) + log(3)))
    np.testing.assert_allclose(array(logits.grad), 2 * soft * (1 - soft), rtol=1e-5)


def test_bits_are_drawn_by_their_probability():
    torch.manual_seed(0)
    drawn = sample_bit(torch.tensor([log(3), -log(3), 0.0]).expand(20_000, 3)).mean(0)
    np.testing.assert_allclose(array(drawn), [0.75, 0.25, 0.5], atol=0.02)


def test_the_uniform_draw_may_be_at_its_ends(monkeypatch):
    for end in (0.0, 1.0):
        monkeypatch.setattr(torch, "rand_like", lambda given, end=end: torch.full_like(given, end))
        logits = torch.zeros(2, requires_grad=True)
        sample_bit(logits).sum().backward()
        assert logits.grad.isfinite().all()


# The loss


def affine(layer, x):
    return x @ array(layer.weight).T + array(layer.bias)


def raw_nll(net, data, code):
    """Nats of the raw actions (B,), by the linear decoder."""
    scale, total = RAW["actions"].std((0, 1)), np.zeros(len(code))
    centre = RAW["actions"].mean((0, 1))
    for t in range(6):
        seen = np.concatenate([array(data["states"][:, t]), code], 1)
        mean, log_variance = np.split(affine(net.decoder.action, seen), 2, -1)
        variance = np.exp(log_variance) * scale**2
        off = (RAW["actions"][: len(code), t] - (mean * scale + centre)) ** 2 / variance
        total += 0.5 * (off + np.log(2 * pi * variance)).sum(1)
    return total


@pytest.mark.parametrize("continuous", [0.0, 3.0, None])
@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (4, 0.4), (10, 1.0), (99, 1.0)])
@pytest.mark.parametrize(
    ("frozen", "learning"),
    [
        ((), ()),
        ((), ("?",)),
        (("final(a)",), ("map_average(?)",)),
        (("final(a)", "map_average(select(b))"), ("add(final(c), final(a))",)),
        (("final(a)",), ()),
    ],
)
def test_loss_by_hand(frozen, learning, step, share, continuous):
    settings = {"gamma": 5.0, "capacity_discrete": 0.5, "ramp": 10, "z": 6}
    net, data = network(learning, frozen, capacity_continuous=continuous, **settings), batch()
    k, neural = len(frozen), 6 - len(frozen) - len(learning)
    with torch.no_grad():  # one dimension beyond its free nats
        net.read.both.bias[0] = 1.0
    mu, log_variance = (array(one) for one in net.posterior(data))
    assert mu.shape == (6, neural)
    logits = array(net.logits(data))
    assert logits.shape == (6, k + len(learning))
    torch.manual_seed(7)
    noise, uniform = array(torch.randn(6, neural)), array(torch.rand(6, len(learning)))
    z = mu + np.exp(0.5 * log_variance) * noise
    sampled = logits[:, k:] + np.log(uniform / (1 - uniform)) > 0
    nll = raw_nll(net, data, np.concatenate([z, logits[:, :k] > 0, sampled], 1)).mean()

    kl = 0.5 * (np.exp(log_variance) + mu**2 - 1 - log_variance)
    if continuous is None or not frozen + learning:
        floor = 1 / neural
        assert (kl > floor).any()
        assert (kl < floor).any()
        expected = nll + np.maximum(kl, floor).sum(1).mean()
    else:
        expected = nll + 5 * abs(kl.sum(1).mean() - continuous * share)
    p = sigmoid(logits[:, k:])
    information = (p * np.log(2 * p) + (1 - p) * np.log(2 * (1 - p))).mean(0).sum()
    if learning:
        expected += 5 * abs(information - 0.5 * share)

    loss, drawn, told, scalars = loss_of(net, data, step)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(array(drawn), z, atol=1e-5)
    assert float(scalars["nll"].detach()) == pytest.approx(nll, rel=1e-5)
    assert float(scalars["kl"].detach()) == pytest.approx(kl.sum(1).mean(), rel=1e-5)
    if learning:
        assert float(scalars["kl_program"].detach()) == pytest.approx(information, rel=1e-4)
    assert told.shape == logits.shape
    np.testing.assert_array_equal(array(told[:, :k]), logits[:, :k] > 0)


def test_every_program_that_learns_has_a_capacity_of_its_own():
    """|KL − C| of each, and not of their sum, in which one could make up for another."""
    net = network(("final(a)", "final(b)"), capacity_discrete=0.3, gamma=2.0, ramp=1)
    with torch.no_grad():
        for program, bias in zip(net.programs, (0.0, 9.0), strict=True):
            program.scale.zero_()
            program.bias.fill_(bias)
    one, other = (loss_of(net, batch(), step)[0].detach() for step in (0, 1))
    # KLs are 0 and about log 2: from |0| + |0.693| to |0.3| + |0.393|.
    assert float(other - one) == pytest.approx(2 * (0.3 - 0.3), abs=1e-3)
    with torch.no_grad():
        net.programs[1].bias.fill_(0.0)
    one, other = (loss_of(net, batch(), step)[0].detach() for step in (0, 1))
    assert float(other - one) == pytest.approx(2 * 0.6, abs=1e-3)


def test_evaluation_does_not_count_as_training():
    """The ramp is a function of the step that the loop passes; a pass more changes nothing."""
    net, data = network(ramp=10, capacity_continuous=3.0), batch()
    first = float(loss_of(net, data, 4)[0].detach())
    state = {name: value.clone() for name, value in net.state_dict().items()}
    for _ in range(30):
        net.eval()
        with torch.inference_mode():
            net.posterior(data)
            net.logits(data)
            net(data, 0)
    assert float(loss_of(net.train(), data, 4)[0].detach()) == first
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in state.items())


@pytest.mark.parametrize("decoder", ["linear", "recurrent"])
@pytest.mark.parametrize("continuous", [0.0, 3.0, None])
def test_duplicating_the_batch_leaves_the_loss_unchanged(monkeypatch, decoder, continuous):
    without_noise(monkeypatch)
    net = network(("?",), ("final(a)",), decoder=decoder, capacity_continuous=continuous, ramp=10)
    data = batch()
    twice = {name: torch.cat([column, column]) for name, column in data.items()}
    for step in (0, 5, 50):
        (one, z, told, _), (two, z_two, told_two, _) = net(data, step), net(twice, step)
        assert float(two.detach()) == pytest.approx(float(one.detach()), rel=1e-5)
        against, against_two = net.adversary(z, told), net.adversary(z_two, told_two)
        assert float(against_two.detach()) == pytest.approx(float(against.detach()), rel=1e-5)


@pytest.mark.parametrize("decoder", ["linear", "recurrent"])
def test_a_batch_of_one(decoder):
    net = network(("map_average(?)",), ("final(a)",), decoder=decoder)
    loss, z, told, _ = loss_of(net, batch(1))
    assert loss.shape == ()
    assert (z.shape, told.shape) == ((1, 2), (1, 2))
    (loss - net.adversary(z, told)).backward()
    weights = [weight for weight in of_the_model(net) if weight.numel()]
    assert all(weight.grad.isfinite().all() for weight in weights)


# Frozen programs


def test_a_frozen_bit_enters_the_decoder_unsampled():
    net = network(("map_average(select(b))",), ("final(a)",))
    data, codes = batch(), []
    net.decoder.nll = lambda states, actions, code: codes.append(code.detach()) or code.sum(1)
    for seed in range(20):
        loss_of(net, data, seed=seed)
    logits = net.logits(data)
    frozen = torch.stack(codes)[..., 2]
    assert (frozen == (logits[:, 0] > 0)).all()
    assert set(frozen[0].tolist()) == {0.0, 1.0}
    learning = torch.stack(codes)[..., 3]
    assert ((learning == 0) | (learning == 1)).all()
    assert (learning.std(0) > 0).any(), "one that learns is sampled"


def test_what_is_frozen_has_no_gradient_and_all_else_has():
    net = network(("add(final(b), map_average(?))",), ("final(a)", "multiply(?, final(b))"))
    loss, z, told, _ = loss_of(net, batch(), 3)
    (loss - 10 * net.adversary(z, told)).backward()
    frozen, learning = net.programs[:2], net.programs[2]
    assert all(weight.grad is None for one in frozen for weight in one.parameters())
    learn = {id(weight) for weight in of_the_model(net)}
    assert learn.isdisjoint({id(weight) for one in frozen for weight in one.parameters()})
    assert {id(weight) for weight in learning.parameters()} <= learn
    for name, weight in net.named_parameters():
        if weight.requires_grad and weight.numel():
            assert weight.grad.isfinite().all(), name
            assert (weight.grad != 0).any(), name


def test_the_model_and_the_adversary_share_the_weights_between_them():
    net = network(("?",), ("final(a)",))
    model, against = of_the_model(net), list(net.adversary.parameters())
    assert {id(one) for one in model}.isdisjoint({id(one) for one in against})
    every = {id(one) for one in net.parameters() if one.requires_grad}
    assert {id(one) for one in [*model, *against]} == every
    assert not list(network((), ()).adversary.parameters()), "no program, nobody to play against"


# The adversary


def test_the_adversary_by_hand():
    torch.manual_seed(0)
    adversary = Adversary(3, 5, 2)
    z, bits = torch.randn(4, 3), torch.tensor([[0.0, 1], [1, 1], [0, 0], [1, 0]])
    expected = 0.0
    for b in range(4):
        for k, layers in enumerate(adversary.networks):
            x = array(z[b])
            for layer in (layers[0], layers[2]):
                x = np.maximum(affine(layer, x), 0)
            p = sigmoid(affine(layers[4], x)[0])
            expected -= log(p if bits[b, k] else 1 - p) / 4
    assert float(adversary(z, bits).detach()) == pytest.approx(expected, rel=1e-5)


def test_what_the_adversary_wins_the_model_loses(monkeypatch):
    without_noise(monkeypatch)
    net = network(("final(a)",)).double()
    data = {name: column.double() for name, column in batch().items()}
    _, z, told, _ = net(data, 0)
    before = net.adversary(z, told.detach())
    (away,) = torch.autograd.grad(-before, net.read.both.weight)
    with torch.no_grad():
        net.read.both.weight -= 1e-3 * away
    _, z, told, _ = net(data, 0)
    after = net.adversary(z, told.detach())
    gained = 1e-3 * float(away.square().sum())
    assert float((after - before).detach()) == pytest.approx(gained, rel=0.01)
    assert gained > 0


def test_the_adversary_learns_alone():
    net = network(("final(a)",), ("final(b)",))
    _, z, told, _ = loss_of(net, batch())
    net.adversary(z.detach(), told.detach()).backward()
    for name, weight in net.named_parameters():
        if name.startswith("adversary."):
            assert (weight.grad != 0).any(), name
        else:
            assert weight.grad is None, f"{name} must not learn with the adversary"


def test_the_adversary_is_told_the_probability_of_a_bit_that_is_learned(monkeypatch):
    """So the program learns from it: on a z that says nothing, an even bit is hardest to guess."""
    without_noise(monkeypatch)
    net, data = network(("final(b)",), ("final(a)",)), batch()
    _, z, told, _ = net(data, 0)
    logits = array(net.logits(data))
    np.testing.assert_allclose(array(told[:, 1]), sigmoid(logits[:, 1]), rtol=1e-6)
    # An adversary that always says 1 with confidence: the model turns the program towards 0.
    with torch.no_grad():
        for layers in net.adversary.networks:
            layers[4].weight.zero_()
            layers[4].bias.fill_(3.0)
    (-net.adversary(z, told)).backward()
    assert float(net.programs[1].bias.grad) > 0
    assert net.programs[0].bias.grad is None


def test_parameters_are_as_many_as_the_layers_say():
    def count(module):
        return sum(weight.numel() for weight in module.parameters())

    net = network(("?",), adversary_units=8)
    encoder = 2 * (3 * 16 * (4 + 16) + 6 * 16) + 33 * 16 + 17 * 16
    assert count(net.encoder) == encoder
    assert count(net.read) == 17 * 2 * 3
    assert count(net.decoder) == (2 + 4 + 1) * 4
    assert count(net.adversary) == (3 + 1) * 8 + (8 + 1) * 8 + 9
    parts = (net.encoder, net.read, net.decoder, net.adversary, net.programs)
    assert count(net) == sum(count(part) for part in parts)
    two = network(("final(b)",), ("final(a)",))
    assert count(two.read) == 17 * 2 * 2
    assert count(two.adversary) == 2 * ((2 + 1) * 8 + (8 + 1) * 8 + 9)

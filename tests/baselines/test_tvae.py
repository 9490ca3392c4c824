"""The losses of the five trajectory autoencoders, against sums written out in NumPy."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest
import torch

from baselines import joint_tvae
from baselines.beta_tvae import BetaTVAE
from baselines.joint_tvae import JointTVAE, JointTVAESettings, kl_uniform, sample_bit
from baselines.tvae import TVAE, TVAEKMeans, TVAEKMeansSettings
from baselines.vq_tvae import VQTVAE, VQTVAESettings, straight_through
from benchmarks.protocol import SymbenchError
from tests.baselines.small_trajectories import METHODS, batch, network


def array(tensor):
    return tensor.detach().double().numpy()


def affine(layer, x):
    return x @ array(layer.weight).T + array(layer.bias)


def posterior(net, summary):
    """What the network's posterior must be: mean, log-variance, KL in each dimension."""
    both = affine(net.posterior.both, summary)
    mu, log_variance = np.split(both, 2, -1)
    return mu, log_variance, 0.5 * (np.exp(log_variance) + mu**2 - 1 - log_variance)


def raw_nll(net, data, z):
    """Nats of the raw actions (B,), by the linear decoder."""
    raw_states, raw_actions = array(data["states"]), array(data["actions"])
    mean, std = raw_states.mean((0, 1)), raw_states.std((0, 1))
    action_mean, action_std = raw_actions.mean((0, 1)), raw_actions.std((0, 1))
    total = np.zeros(len(z))
    for t in range(raw_states.shape[1]):
        seen = np.concatenate([(raw_states[:, t] - mean) / std, z], 1)
        centre, log_variance = np.split(affine(net.decoder.action, seen), 2, -1)
        centre, variance = centre * action_std + action_mean, np.exp(log_variance) * action_std**2
        off = (raw_actions[:, t] - centre) ** 2 / variance
        total += 0.5 * (off + np.log(2 * pi * variance)).sum(1)
    return total


def bit_logits(net, data):
    """Logits of the bit (B, 2): a GRU's recursion over the standardised inputs, gate by gate."""
    x = array(net.scale(data)[2])
    into, within = array(net.bit_rnn.weight_ih_l0), array(net.bit_rnn.weight_hh_l0)
    bias, bias_within = array(net.bit_rnn.bias_ih_l0), array(net.bit_rnn.bias_hh_l0)
    state = np.zeros((len(x), within.shape[1]))
    for t in range(x.shape[1]):
        seen = np.split(x[:, t] @ into.T + bias, 3, 1)
        kept = np.split(state @ within.T + bias_within, 3, 1)
        reset, update = (1 / (1 + np.exp(-seen[i] - kept[i])) for i in (0, 1))
        state = (1 - update) * np.tanh(seen[2] + reset * kept[2]) + update * state
    one = affine(net.bit, state)
    return np.concatenate([np.zeros_like(one), one], 1)


def noise(seed, *shape):
    torch.manual_seed(seed)
    return array(torch.normal(torch.zeros(shape), torch.ones(shape)))


def gumbels(*shape):
    return -array(torch.empty(shape).exponential_().log())


def of(method, step=0, seed=7, **settings):
    """Network, batch, summary (B, H), loss and scalars, with noise drawn from `seed`."""
    net, data = network(method, **settings), batch()
    summary = array(net.encode(data)[2])
    torch.manual_seed(seed)
    loss, scalars = net.loss(data, step)
    return net, data, summary, float(loss.detach()), scalars


def test_loss_of_tvae():
    net, data, summary, _, _ = of(TVAE, z=3)
    with torch.no_grad():  # one dimension beyond its free nats, two within
        net.posterior.both.bias[0] = 2.0
    torch.manual_seed(7)
    loss, scalars = net.loss(data, 0)
    mu, log_variance, kl = posterior(net, summary)
    assert (kl > 1 / 3).any()
    assert (kl < 1 / 3).any()
    z = mu + np.exp(0.5 * log_variance) * noise(7, 4, 3)
    nll, floored = raw_nll(net, data, z), np.maximum(kl, 1 / 3).sum(1)
    assert float(loss.detach()) == pytest.approx((nll + floored).mean(), rel=1e-5)
    assert float(scalars["nll"].detach()) == pytest.approx(nll.mean(), rel=1e-5)
    assert float(scalars["kl"].detach()) == pytest.approx(floored.mean(), rel=1e-5)


def test_loss_of_tvae_kmeans():
    plain = of(TVAE)[3]
    net, _, summary, loss, _ = of(TVAEKMeans, weight=3.0)
    mu = posterior(net, summary)[0]
    singular = np.linalg.eigvalsh(mu.T @ mu / len(mu))[::-1]
    extra = 3.0 * np.sqrt(singular[:2]).sum()
    assert extra > 0.01
    assert loss == pytest.approx(plain + extra, rel=1e-5)


def test_kmeans_term_of_a_known_matrix():
    net = network(TVAEKMeans, z=3, k=2)
    mu = torch.diag(torch.tensor([3.0, 1.0, 2.0]))
    expected = (3 + 2) / 3**0.5
    assert float(net.penalty(mu)["kmeans"]) == pytest.approx(expected, rel=1e-6)
    with torch.no_grad():
        alone = net.penalty(mu[:1])["kmeans"]
    assert float(alone) == pytest.approx(3.0), "a batch of one has one singular value"


def test_kmeans_term_at_zero_has_a_gradient():
    net = network(TVAEKMeans)
    mu = torch.zeros(5, 4, requires_grad=True)
    net.penalty(mu)["kmeans"].backward()
    assert mu.grad.isfinite().all()


@pytest.mark.parametrize(("step", "target"), [(0, 0.0), (5, 1.5), (10, 3.0), (50, 3.0)])
def test_loss_of_beta_tvae(step, target):
    net, data, summary, loss, _ = of(BetaTVAE, step, gamma=7.0, capacity=3.0, ramp=10)
    mu, log_variance, kl = posterior(net, summary)
    z = mu + np.exp(0.5 * log_variance) * noise(7, 4, 4)
    floored = np.maximum(kl, 1 / 4).sum(1).mean()
    assert floored > kl.sum(1).mean() + 0.1
    expected = raw_nll(net, data, z).mean() + 7 * abs(floored - target)
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("continuous", [2.0, None])
@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (4, 0.4), (99, 1.0)])
def test_loss_of_joint_tvae(step, share, continuous):
    settings = {"gamma": 5.0, "capacity_discrete": 0.5, "ramp": 10}
    settings["capacity_continuous"] = continuous
    net, data, summary, loss, _ = of(JointTVAE, step, **settings)
    mu, log_variance, kl = posterior(net, summary)
    assert mu.shape == (4, 3)
    z = mu + np.exp(0.5 * log_variance) * noise(7, 4, 3)
    logits = bit_logits(net, data)
    bit = (logits + gumbels(4, 2)).argmax(1)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    discrete = (log(2) + (p * np.log(p)).sum(1)).mean()
    nll = raw_nll(net, data, np.concatenate([z, bit[:, None]], 1)).mean()
    expected = nll + 5 * abs(discrete - 0.5 * share)
    floored = np.maximum(kl, 1 / 3).sum(1).mean()
    expected += floored if continuous is None else 5 * abs(floored - 2 * share)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_loss_of_vq_tvae():
    net, data, summary, loss, scalars = of(VQTVAE, codes=3)
    z, codebook = affine(net.code, summary), array(net.codebook)
    distances = ((z[:, None] - codebook[None]) ** 2).sum(-1)
    code = codebook[distances.argmin(1)]
    expected = raw_nll(net, data, code).mean() + 1.1 * distances.min(1).mean() / 4
    assert loss == pytest.approx(expected, rel=1e-5)
    ratio = scalars["codebook"] / scalars["commitment"]
    assert float(ratio.detach()) == pytest.approx(0.1)


def test_codebook_starts_within_one_over_k():
    codebook = network(VQTVAE, codes=50, z=8).codebook.detach().abs()
    assert codebook.max() <= 1 / 50
    assert codebook.max() > 0.9 / 50


def test_nearest_code_by_hand():
    net = network(VQTVAE, codes=3, z=2)
    with torch.no_grad():
        net.codebook.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]))
    z = torch.tensor([[0.4, 0.1], [0.6, 0.1], [0.1, 1.2]])
    assert net.nearest(z).tolist() == [0, 1, 2]


def test_straight_through_passes_the_gradient_by():
    code = torch.tensor([[1.0, 0.0]], requires_grad=True)
    z = torch.tensor([[0.5, 0.2]], requires_grad=True)
    through = straight_through(code, z)
    assert through.tolist() == [[1, 0]]
    (through * torch.tensor([[3.0, -2.0]])).sum().backward()
    assert z.grad.tolist() == [[3, -2]]
    assert code.grad is None


def test_gradients_of_the_codebook_and_of_the_encoder():
    net, data = network(VQTVAE, codes=2, beta=0.5), batch()
    with torch.no_grad():
        net.codebook[1] = 100.0  # never the nearest
        net.decoder.action.weight.zero_()  # the likelihood then says nothing about z
    summary = array(net.encode(data)[2])
    net.loss(data, 0)[0].backward()
    away = affine(net.code, summary) - array(net.codebook)[0]
    np.testing.assert_allclose(net.codebook.grad[0], -2 * 0.5 * away.mean(0) / 4, atol=1e-6)
    assert (net.codebook.grad[1] == 0).all()
    np.testing.assert_allclose(net.code.bias.grad, 2 * away.mean(0) / 4, atol=1e-6)

    net, data = network(VQTVAE, codes=2), batch()
    nll = net.loss(data, 0)[1]["nll"]
    (reached,) = torch.autograd.grad(nll, net.code.bias)
    assert (reached != 0).any(), "the likelihood reaches the encoder past the code"


def test_a_sampled_bit_is_0_or_1_with_the_gradient_of_the_relaxation():
    logits = torch.tensor([[0.3, -0.2], [1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    torch.manual_seed(3)
    bit = sample_bit(logits)
    assert bit.shape == (3, 1)
    bit.sum().backward()
    torch.manual_seed(3)
    tempered = (array(logits) + gumbels(3, 2)) / 0.5
    p = 1 / (1 + np.exp(tempered[:, 0] - tempered[:, 1]))
    np.testing.assert_allclose(bit.detach()[:, 0], p > 0.5, atol=1e-6)
    slope = p * (1 - p) / 0.5
    np.testing.assert_allclose(logits.grad, np.stack([-slope, slope], 1), atol=1e-6)


def test_bits_are_drawn_by_their_probability():
    torch.manual_seed(0)
    drawn = sample_bit(torch.tensor([[0.0, log(3)]]).expand(20_000, 2))
    assert float(drawn.mean()) == pytest.approx(0.75, abs=0.02)


def test_kl_to_a_fair_coin():
    logits = torch.tensor([[0.0, 0.0], [0.0, log(3)], [0.0, 200.0]])
    expected = [0, log(2) + 0.25 * log(0.25) + 0.75 * log(0.75), log(2)]
    np.testing.assert_allclose(kl_uniform(logits), expected, atol=1e-6)


@pytest.mark.parametrize("decoder", ["linear", "recurrent"])
@pytest.mark.parametrize("method", METHODS)
def test_gradients_reach_every_parameter(method, decoder):
    net = network(method, decoder=decoder)
    torch.manual_seed(0)
    net.loss(batch(), 5000)[0].backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert (weight.grad != 0).any(), name
        assert weight.grad.isfinite().all(), name


@pytest.mark.parametrize("decoder", ["linear", "recurrent"])
@pytest.mark.parametrize("method", METHODS)
def test_duplicating_the_batch_leaves_the_loss_unchanged(method, decoder, monkeypatch):
    monkeypatch.setattr(torch.distributions.Normal, "rsample", lambda self: self.loc)
    monkeypatch.setattr(joint_tvae, "sample_bit", lambda logits: logits.argmax(1)[:, None].float())
    net, data = network(method, decoder=decoder), batch()
    twice = {name: torch.cat([column, column]) for name, column in data.items()}
    one, two = (float(net.loss(part, 100)[0].detach()) for part in (data, twice))
    assert two == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize("decoder", ["linear", "recurrent"])
@pytest.mark.parametrize("method", METHODS)
def test_a_batch_of_one(method, decoder):
    net = network(method, decoder=decoder)
    loss, _ = net.loss({name: column[:1] for name, column in batch().items()}, 0)
    assert loss.shape == ()
    loss.backward()
    assert all(weight.grad.isfinite().all() for weight in net.parameters())


def expected_parameters(method, decoder, d=2, f=0, h=16, r=16, z=4, codes=4):
    encoder = 2 * (3 * r * (2 * d + f + r) + 6 * r) + (2 * r + 1) * h + (h + 1) * h
    heads = {
        TVAE: (h + 1) * 2 * z,
        TVAEKMeans: (h + 1) * 2 * z,
        BetaTVAE: (h + 1) * 2 * z,
        JointTVAE: (h + 1) * 2 * (z - 1) + 3 * r * (2 * d + f + r) + 6 * r + r + 1,
        VQTVAE: (h + 1) * z + codes * z,
    }
    step = (d + z + 1) * 2 * d
    if decoder == "recurrent":
        step = 3 * r * (2 * d + r) + 6 * r + (d + z + r + 1) * h + (h + 1) * h + (h + 1) * 2 * d
    return encoder + heads[method] + step


@pytest.mark.parametrize("decoder", ["linear", "recurrent"])
@pytest.mark.parametrize("method", METHODS)
def test_parameters_are_as_many_as_the_layers_say(method, decoder):
    count = sum(weight.numel() for weight in network(method, decoder=decoder).parameters())
    assert count == expected_parameters(method, decoder)
    net = network(method, decoder=decoder, features=("x", "speed"))
    count = sum(weight.numel() for weight in net.parameters())
    assert count == expected_parameters(method, decoder, f=2)


def test_a_tvae_of_the_synthetic_data_has_3076_parameters():
    assert expected_parameters(TVAE, "linear") == 3076


@pytest.mark.parametrize(
    ("settings", "wrong", "said"),
    [
        (TVAEKMeansSettings, {"k": 5}, "k is 5; 4 latent dimensions allow 1 to 4"),
        (TVAEKMeansSettings, {"weight": -1}, "weight is -1; it must be a finite number, 0 or more"),
        (JointTVAESettings, {"z": 1}, "z is 1; it must be a whole number, 2 or more"),
        (JointTVAESettings, {"capacity_discrete": 0.7}, "a bit carries no more than 0.6931 nats"),
        (JointTVAESettings, {"capacity_continuous": -1}, "capacity_continuous is -1"),
        (JointTVAESettings, {"ramp": 0}, "ramp is 0"),
        (BetaTVAE.Settings, {"capacity": float("inf")}, "capacity is inf"),
        (BetaTVAE.Settings, {"gamma": "10"}, "gamma is '10'"),
        (VQTVAESettings, {"codes": 1}, "codes is 1; it must be a whole number, 2 or more"),
        (VQTVAESettings, {"decoder": "gru"}, "decoder is 'gru'"),
    ],
)
def test_settings_are_checked(settings, wrong, said):
    with pytest.raises(SymbenchError, match=said):
        settings(**wrong)

"""The VAE of scenes: its loss written out in NumPy, its sizes, its pictures."""

from __future__ import annotations

import itertools
from math import log, pi

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from baselines.scenes.pixel_likelihood import pixels
from baselines.scenes.scene_layers import LEAST_STD
from baselines.vae import VAE, VAESettings
from benchmarks.protocol import SymbenchError
from tests.baselines.small_scenes import SIZE, batch, network, parameters


def array(tensor):
    return tensor.detach().double().numpy()


def posterior_of(net, x):
    """Mean and deviation (B, Z), from what the last layer gives."""
    mean, raw = np.split(array(net.posterior(net.encoder(x).flatten(1))), 2, 1)
    return mean, np.log1p(np.exp(raw)) + LEAST_STD


def log_gaussian(x, mean, std):
    return (
        (-0.5 * ((x - mean) / std) ** 2 - np.log(std) - 0.5 * log(2 * pi))
        .reshape(len(x), -1)
        .sum(1)
    )


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_the_loss_by_hand(beta):
    net, data = network(VAE, beta=beta), batch()
    x = pixels(data)
    mean, std = posterior_of(net, x)
    torch.manual_seed(3)
    loss, scalars = net.loss(data, 0)
    torch.manual_seed(3)
    z = mean + std * array(torch.normal(torch.zeros(4, 4), torch.ones(4, 4)))
    nll = -log_gaussian(array(x), array(net.decode(torch.tensor(z).float())), 0.2)
    kl = 0.5 * (std**2 + mean**2 - 1 - 2 * np.log(std)).sum(1)
    assert float(scalars["nll"].detach()) == pytest.approx(nll.mean(), rel=1e-5)
    assert float(scalars["kl"].detach()) == pytest.approx(kl.mean(), rel=1e-4)
    assert float(loss.detach()) == pytest.approx((nll + beta * kl).mean(), rel=1e-5)


def test_log_weights_by_hand():
    net, x = network(VAE, beta=4.0), pixels(batch(3))
    mean, std = posterior_of(net, x)
    torch.manual_seed(5)
    weights = array(net.log_weights(x, 2))
    torch.manual_seed(5)
    noise = array(torch.normal(torch.zeros(6, 4), torch.ones(6, 4)))
    for sample in range(2):
        eps = noise[3 * sample : 3 * sample + 3]
        z = mean + std * eps
        seen = log_gaussian(array(x), array(net.decode(torch.tensor(z).float())), 0.2)
        expected = seen + log_gaussian(z, 0, np.ones(4)) - log_gaussian(z, mean, std)
        np.testing.assert_allclose(weights[sample], expected, rtol=1e-5)


def test_the_encoder_sees_an_image_once_for_all_samples():
    net, seen = network(VAE), []
    net.encoder.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    net.log_weights(pixels(batch(3)), 50)
    assert seen == [3]


def expected_parameters(size, channels, f=64, z=128, h=512):
    """From the layers alone: kernel² · in · out + out, and two for each channel of a norm."""
    halvings = {128: 5, 64: 4, 32: 3}[size]
    filters = [channels, 16, 16, 32, 32, 64, 64, f, f, f]
    encoder = 0
    for layer in range(9):
        kernel = 4 if layer % 2 == 0 and not 0 < layer // 2 <= 5 - halvings else 3
        before, after = filters[layer : layer + 2]
        encoder += kernel**2 * before * after + 3 * after
    mlps = (16 * f + 3) * h + (h + 1) * 2 * z + (z + 3) * h + (h + 3) * 16 * f
    decoder = 0
    filters = [f, *(128, 64, 32, 16)[: halvings - 1], channels]
    for before, after in itertools.pairwise(filters):
        decoder += 9 * before * 4 * after + 4 * after + 2 * after
    return encoder + mlps + decoder - 2 * channels  # no norm after the last


@pytest.mark.parametrize(("size", "channels"), [(128, 1), (128, 3), (64, 1), (32, 1)])
def test_parameters_are_as_many_as_the_layers_say(size, channels):
    net = VAE.Network(VAESettings(), size, channels)
    assert parameters(net) == expected_parameters(size, channels)
    assert net.decode(torch.zeros(2, 128)).shape == (2, channels, size, size)


def test_parameters_at_128_pixels():
    assert expected_parameters(128, 1) == 2_194_372


def test_samples_come_from_a_standard_gaussian(monkeypatch):
    net, drawn = network(VAE), []
    monkeypatch.setattr(net, "decode", lambda z: drawn.append(z) or z)
    torch.manual_seed(0)
    net.sample(5000)
    (z,) = drawn
    assert z.shape == (5000, 4)
    np.testing.assert_allclose(z.mean(0), 0, atol=0.06)
    np.testing.assert_allclose(z.std(0), 1, atol=0.05)


def test_the_traversal_moves_what_tells_most(monkeypatch):
    net, x = network(VAE, z=8), pixels(batch(2))
    std = torch.tensor([1, 0.1, 1, 1, 0.5, 1, 1, 0.3]).expand(2, 8)
    monkeypatch.setattr(net, "encode", lambda _: Normal(torch.zeros(2, 8) + 0.01, std))
    seen = []
    decode = net.decode
    monkeypatch.setattr(net, "decode", lambda z: seen.append(z) or decode(z))
    shown = net.illustrate(x)
    assert shown["traversal_global"].shape == (6, 9, 1, SIZE, SIZE)
    moved = next(z for z in seen if len(z) == 54).view(6, 9, 8)
    assert [int((row - 0.01).abs().max(0).values.argmax()) for row in moved[:3]] == [1, 7, 4]
    np.testing.assert_allclose(moved[0, :, 1], np.linspace(-2, 2, 9))
    np.testing.assert_allclose(moved[0, :, 0], 0.01)


@pytest.mark.parametrize("name", ["z", "features", "hidden"])
def test_settings_are_checked(name):
    with pytest.raises(SymbenchError, match=f"{name} is 0; it must be a whole number, 1 or more"):
        VAESettings(**{name: 0})

"""Importance sampling, against a linear-Gaussian model whose likelihood is known."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from baselines.scenes.importance import estimate
from baselines.scenes.pixel_likelihood import SIGMA
from baselines.vae import VAE
from tests.baselines.small_scenes import network

SIDE, Z = 16, 2
PIXELS = SIDE**2


def linear(seed=0):
    """A, b and images (B, 1, H, W) of the model x = A z + b + noise of 0.2, z standard."""
    rng = np.random.default_rng(seed)
    a = torch.tensor(rng.normal(0, 0.1, (PIXELS, Z)), dtype=torch.float32)
    b = torch.tensor(rng.uniform(0, 1, PIXELS), dtype=torch.float32)
    z, noise = rng.normal(size=(3, Z)), rng.normal(size=(3, PIXELS))
    x = torch.tensor(z, dtype=torch.float32) @ a.T + b + SIGMA * torch.tensor(noise).float()
    return a, b, x.view(3, 1, SIDE, SIDE)


def exact(a, b, x):
    """The log density of images (B,): a Gaussian of mean b and covariance A Aᵀ + σ²."""
    covariance = a.double() @ a.double().T + SIGMA**2 * torch.eye(PIXELS, dtype=torch.float64)
    return MultivariateNormal(b.double(), covariance).log_prob(x.double().flatten(1))


def solved(a, b, widened):
    """A VAE whose decoder is the model, and whose posterior is the exact one, made wider."""
    net = network(VAE, size=SIDE, z=Z)
    precision = torch.eye(Z) + a.T @ a / SIGMA**2
    covariance = precision.inverse()

    def encode(x):
        mean = (x.flatten(1) - b) @ a @ covariance.T / SIGMA**2
        return Normal(mean, widened * covariance.diagonal().sqrt().expand_as(mean))

    net.encode, net.decode = encode, lambda z: (z @ a.T + b).view(-1, 1, SIDE, SIDE)
    return net


@pytest.mark.parametrize(("widened", "samples"), [(1.0, 500), (1.5, 2000)])
def test_the_likelihood_of_a_linear_gaussian_model(widened, samples):
    a, b, x = linear()
    ll, elbo = estimate(solved(a, b, widened).log_weights, x, samples, 600, seed=0)
    truth = exact(a, b, x)
    np.testing.assert_allclose(ll, truth, atol=0.1)
    assert (elbo < ll).all()
    if widened > 1:  # the bound is loose by the KL of two posteriors, which the estimate is not
        assert (elbo < truth - 0.2).all()


def test_a_fault_in_the_density_is_caught():
    a, b, x = linear()
    net = solved(a, b, 1.5)
    plain, net.prior = net.prior, lambda like: Normal(like * 0, like * 0 + 2)
    ll = estimate(net.log_weights, x, 2000, 2000, seed=0)[0]
    assert ((ll - exact(a, b, x)).abs() > 0.1).any()
    assert plain(torch.zeros(1)).scale.tolist() == [1.0]


class Table:
    """Log weights (S, N) from a table; images bear their number, and calls are kept."""

    def __init__(self, weights):
        self.weights, self.drawn = weights, [0] * weights.shape[1]
        self.calls = []

    def __call__(self, x, samples, noise):
        self.calls.append((len(x), samples))
        columns = []
        for image in x.flatten().long().tolist():
            begin = self.drawn[image]
            columns.append(self.weights[begin : begin + samples, image])
            self.drawn[image] += samples
        return torch.stack(columns, 1)


def table(samples=7, count=5, spread=30.0):
    rng = np.random.default_rng(1)
    return torch.tensor(11_000 + spread * rng.normal(size=(samples, count)), dtype=torch.float32)


NUMBERS = torch.arange(5.0).view(5, 1, 1, 1)


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 10, 14, 1000])
def test_chunks_change_nothing(at_once):
    weights = table()
    source = Table(weights)
    ll, elbo = estimate(source, NUMBERS, 7, at_once, seed=0)
    np.testing.assert_allclose(
        ll, np.log(np.exp(weights.double().numpy() - 11_000).mean(0)) + 11_000
    )
    np.testing.assert_allclose(elbo, weights.double().mean(0))
    assert all(images * samples <= at_once for images, samples in source.calls)
    assert source.drawn == [7] * 5
    calls = {1: 35, 2: 20, 3: 15, 7: 5, 10: 5, 14: 3, 1000: 1}
    assert len(source.calls) == calls[at_once], "an image is encoded as seldom as fits"


def noisy(x, samples, noise):
    """Log weights that are noise alone."""
    return noise.normal(torch.empty(samples * len(x))).view(samples, len(x))


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 10, 14, 1000])
def test_noise_follows_the_numbers_of_image_and_sample_not_the_chunks(at_once):
    drawn = np.array(
        [
            [
                np.random.Generator(
                    np.random.Philox(key=9, counter=(0, 0, sample, image))
                ).standard_normal(dtype=np.float32)
                for image in range(5)
            ]
            for sample in range(7)
        ],
        np.float64,
    )
    ll, elbo = estimate(noisy, NUMBERS, 7, at_once, seed=9)
    np.testing.assert_allclose(elbo, drawn.mean(0))
    np.testing.assert_allclose(ll, np.log(np.exp(drawn).mean(0)))
    last = estimate(noisy, NUMBERS[3:], 7, at_once, seed=9, first=3)
    np.testing.assert_array_equal(torch.stack(last), torch.stack([ll, elbo])[:, 3:])
    assert (estimate(noisy, NUMBERS, 7, at_once, seed=8)[1] != elbo).all()


def test_one_sample_gives_the_bound():
    weights = table(samples=1)
    ll, elbo = estimate(Table(weights), NUMBERS, 1, 2, seed=0)
    assert ll.tolist() == elbo.tolist() == weights[0].double().tolist()


@pytest.mark.parametrize("spread", [0.0, 1e-6, 1.0, 1e4])
def test_the_likelihood_is_never_below_the_bound(spread):
    for samples in (2, 3, 7):
        ll, elbo = estimate(Table(table(samples, spread=spread)), NUMBERS, samples, 100, seed=0)
        assert (ll >= elbo).all()
        assert (ll.float() >= elbo.float()).all()
        assert (ll <= table(samples, spread=spread).double().max(0).values + 1e-9).all()


def test_weights_apart_by_more_than_a_float_holds():
    weights = torch.tensor([[0.0], [-2000.0], [-4000.0], [-1e30]])
    ll, elbo = estimate(Table(weights), NUMBERS[:1], 4, 100, seed=0)
    assert float(ll) == pytest.approx(-log(4))
    assert float(elbo) == pytest.approx(-0.25e30)

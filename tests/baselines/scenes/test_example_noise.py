"""Noise of an evaluation: the same for an example however examples are cut into parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from baselines.convdraw import ConvDRAW
from baselines.genesis import GENESIS
from baselines.scenes.example_noise import ExampleNoise, draw_from, flip
from baselines.scenes.pixel_likelihood import pixels
from baselines.vae import VAE
from benchmarks import training
from methods.gnm import GNM
from tests.baselines.small_scenes import ROUNDING, TINY, batch, examples, network, run

NETWORKS = [
    pytest.param(VAE, {}, id="vae"),
    pytest.param(ConvDRAW, {}, id="convdraw"),
    pytest.param(ConvDRAW, {"interaction": True}, id="convdraw_mlp"),
    pytest.param(GENESIS, {}, id="genesis"),
    pytest.param(GNM, {"steps": 2, "mlp": 8}, id="gnm"),
    pytest.param(GNM, {"steps": 2, "mlp": 8, "prior": "gaussian"}, id="gnm_gaussian"),
]
every = pytest.mark.parametrize(("method", "settings"), NETWORKS)


def trained(method, settings):
    made = method(method.Settings(**{**TINY.get(method, {}), **settings}, importance_samples=3))
    made.fit(examples(8), run())
    return made


def assert_same(one, other):
    """Likelihoods to rounding; pixels, which are rounded to whole numbers, to one of 255."""
    for name in ("log_likelihood", "elbo"):
        np.testing.assert_allclose(one[name], other[name], **ROUNDING)
    difference = one["samples"].astype(int) - other["samples"]
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01


@pytest.mark.parametrize(
    ("method", "settings", "mixed"),
    [
        *(pytest.param(*one.values, False, id=one.id) for one in NETWORKS),
        pytest.param(VAE, {}, True, id="trained in bfloat16"),
    ],
)
def test_parts_of_any_size_give_the_same_answers(method, settings, mixed, monkeypatch):
    monkeypatch.setattr(training, "has_bfloat16", lambda _: mixed)
    made, given = trained(method, settings), examples(3)
    whole, shown = made.evaluate(given, run()), made.illustrations
    for at_once in (1, 2):
        assert_same(made.evaluate(given, run(at_once=at_once)), whole)
        for name, array in made.illustrations.items():
            np.testing.assert_array_equal(array, shown[name], err_msg=name)
    other = made.evaluate(given, run(seed=1))
    assert (other["elbo"] != whole["elbo"]).all()
    assert (other["samples"] != whole["samples"]).any()


@every
def test_parts_in_any_order_give_the_same_answers(method, settings):
    net = network(method, channels=3, **settings)
    x, orders = pixels(batch(3, channels=3)), ([0, 1, 2], [2, 0, 1])
    found = []
    with torch.inference_mode():
        for order in orders:
            weights, drawn = torch.empty(2, 3), torch.empty(x.shape)
            for sample in (1, 0):
                for image in order:
                    noise = ExampleNoise(0, [image], [sample])
                    weights[sample, image] = net.log_weights(x[[image]], 1, noise)[0, 0]
                    drawn[image] = net.sample(1, ExampleNoise(0, [image]))[0]
            found.append((weights, drawn))
        together = (
            net.log_weights(x[orders[1]], 2, ExampleNoise(0, orders[1], range(2))),
            net.sample(3, ExampleNoise(0, orders[1])),
        )
    np.testing.assert_array_equal(found[1][0], found[0][0])
    np.testing.assert_array_equal(found[1][1], found[0][1])
    np.testing.assert_allclose(together[0], found[0][0][:, orders[1]], **ROUNDING)
    np.testing.assert_allclose(together[1], found[0][1][orders[1]], atol=1e-4)


@every
def test_examples_and_their_samples_have_noise_of_their_own(method, settings):
    net = network(method, channels=3, **settings)
    x = pixels(batch(1, channels=3)).expand(4, -1, -1, -1)  # the same image four times
    with torch.inference_mode():
        weights = net.log_weights(x, 3, ExampleNoise(0, range(4), range(3)))
        drawn = net.sample(6, ExampleNoise(0, range(6)))
    assert len(weights.unique()) == 12
    assert len(drawn.flatten(1).unique(dim=0)) == 6


class DrawnForTheBatch(VAE):
    """A method that draws its noise for the batch, which the comparison above must find."""

    class Network(VAE.Network):
        def log_weights(self, x, samples, noise=None):
            return super().log_weights(x, samples)

        def sample(self, count, noise=None):
            return super().sample(count)


@pytest.mark.parametrize("name", ["log_likelihood", "elbo", "samples"])
def test_noise_drawn_for_the_batch_is_found(name):
    made, given = trained(DrawnForTheBatch, TINY[VAE]), examples(5)
    torch.manual_seed(0)
    one = made.evaluate(given, run(at_once=2))
    torch.manual_seed(0)
    other = made.evaluate(given, run())
    with pytest.raises(AssertionError):
        assert_same({**other, name: one[name]}, other)


def stream(seed, sample, example):
    return np.random.Generator(np.random.Philox(key=seed, counter=(0, 0, sample, example)))


def test_a_row_is_drawn_from_the_stream_of_its_example_and_sample():
    noise = ExampleNoise(2**63 - 1, [7, 3], [0, 5])
    rows = [stream(2**63 - 1, sample, example) for sample in (0, 5) for example in (7, 3)]
    for _ in range(2):  # a stream goes on where it was
        expected = np.stack([row.standard_normal((2, 3), dtype=np.float32) for row in rows])
        np.testing.assert_array_equal(noise.normal(torch.empty(4, 2, 3)), expected)
    expected = np.stack([row.random(9, dtype=np.float32) for row in rows])
    np.testing.assert_array_equal(noise.uniform(torch.empty(4, 9)), expected)


def test_noise_has_the_kind_and_the_place_of_its_like():
    noise = ExampleNoise(0, range(2))
    assert noise.normal(torch.empty(2, 3, dtype=torch.float64)).dtype == torch.float64
    assert noise.normal(torch.empty(2)).shape == (2,)
    assert noise.uniform(torch.empty(2, 3, device="meta")).device.type == "meta"
    with pytest.raises(ValueError, match="zip"):
        noise.normal(torch.empty(3, 1))


def test_streams_are_independent_of_one_another():
    noise = ExampleNoise(0, range(20), range(20))
    normal, uniform = noise.normal(torch.empty(400, 500)), noise.uniform(torch.empty(400, 500))
    assert abs(float(normal.mean())) < 0.01
    assert float(normal.std()) == pytest.approx(1, abs=0.01)
    assert 0 <= float(uniform.min()) < 1e-4
    assert 1 - 1e-4 < float(uniform.max()) < 1
    assert float(uniform.mean()) == pytest.approx(0.5, abs=0.005)
    for drawn in (normal, uniform):
        between = np.corrcoef(drawn.numpy())[~np.eye(400, dtype=bool)]
        assert np.abs(between).max() < 6 / 500**0.5


def test_without_noise_torch_draws_as_in_training():
    q, probability = Normal(torch.randn(3, 2), torch.rand(3, 2) + 0.1), torch.rand(3, 50)
    torch.manual_seed(4)
    drawn = draw_from(q), flip(probability)
    torch.manual_seed(4)
    assert (drawn[0] == q.rsample()).all()
    assert (drawn[1] == torch.bernoulli(probability)).all()


def test_draws_by_hand():
    q = Normal(torch.tensor([[1.0], [2.0]]), torch.tensor([[0.5], [3.0]]))
    one, other = (float(stream(0, 0, row).standard_normal(dtype=np.float32)) for row in (0, 1))
    drawn = draw_from(q, ExampleNoise(0, range(2)))
    np.testing.assert_allclose(drawn.flatten(), [1 + 0.5 * one, 2 + 3 * other], rtol=1e-6)
    probability = torch.tensor([0.0, 0.3, 1.0]).expand(50, 1000, 3)
    flipped = flip(probability, ExampleNoise(0, range(50)))
    assert flipped.unique().tolist() == [0.0, 1.0]
    np.testing.assert_allclose(flipped.mean((0, 1)), [0, 0.3, 1], atol=0.01)

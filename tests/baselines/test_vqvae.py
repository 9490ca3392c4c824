"""VQ-VAE: its loss written out in NumPy, what its gradients reach, its sizes, its codes."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest
import torch

from baselines import vqvae
from baselines.scenes.pixel_likelihood import log_normal, pixels
from baselines.vqvae import VQVAE, VQVAENetwork, VQVAESettings
from benchmarks.protocol import Budget, Examples, Run, SymbenchError
from tests.baselines.small_scenes import images, parameters

TINY = {"vocabulary": 6, "dimension": 3, "width": 8, "pool": 1}


def network(size=16, seed=0, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = VQVAENetwork(VQVAESettings(**{**TINY, **settings}), size)
        torch.nn.init.normal_(made.codebook, std=0.1)
    return made


def batch(count=4, size=16, seed=0):
    return {"images": torch.tensor(images(count, 3, size, seed))}


def array(tensor):
    return tensor.detach().double().numpy()


def run(seed=0, steps=3, batch_size=4, **options):
    return Run(seed=seed, budget=Budget(steps=steps, batch_size=batch_size), **options)


def fitted(given, seed=0, steps=3, batch_size=4, **settings):
    made = VQVAE(VQVAESettings(**{**TINY, **settings}))
    made.fit(Examples({"images": given}), run(seed, steps, batch_size))
    return made


def answers(made, given, **options):
    return made.evaluate(Examples({"images": given}), run(**options))


@pytest.mark.parametrize("beta", [0.25, 1.0])
def test_the_loss_by_hand(beta):
    net, data = network(commitment=beta), batch()
    x = pixels(data)
    z, codes = array(net.encode(x)), array(net.codebook)
    distances = ((z[..., None, :] - codes) ** 2).sum(-1)
    code = codes[distances.argmin(-1)]
    squares = ((z - code) ** 2).sum((1, 2, 3)).mean()
    means = array(net.decode(torch.tensor(code).float()))
    errors = ((array(x) - means) ** 2).sum((1, 2, 3)).mean()
    nll = errors / (2 * 0.2**2) + 3 * 16 * 16 * (log(0.2) + 0.5 * log(2 * pi))
    loss, scalars = net.loss(data, 0)
    found = {name: float(value.detach()) for name, value in scalars.items()}
    assert found["nll"] == pytest.approx(nll, rel=1e-4)
    assert found["codebook"] == pytest.approx(squares, rel=1e-4)
    assert found["commitment"] == pytest.approx(beta * squares, rel=1e-4)
    assert float(loss.detach()) == pytest.approx(nll + (1 + beta) * squares, rel=1e-4)


def test_a_batch_twice_has_the_same_loss():
    net, data = network(), batch(2)
    twice = {"images": torch.cat([data["images"]] * 2)}
    torch.testing.assert_close(net.loss(data, 0)[0], net.loss(twice, 0)[0])
    one = {"images": data["images"][:1]}
    assert net.loss(one, 0)[0].isfinite()


def test_the_gradient_of_the_likelihood_passes_straight_through(monkeypatch):
    net, data = network(commitment=0.0), batch()
    z = net.encode(pixels(data)).detach().requires_grad_()
    inputs, decode = [], net.decode
    monkeypatch.setattr(net, "encode", lambda _: z)
    monkeypatch.setattr(net, "decode", lambda code: inputs.append(code) or decode(code))
    net.loss(data, 0)[1]["nll"].backward(inputs=[z, net.codebook])
    assert net.codebook.grad is None or not net.codebook.grad.any()
    (code,) = inputs
    leaf = code.detach().requires_grad_()
    (-log_normal(pixels(data), decode(leaf)).mean()).backward()
    assert leaf.grad.abs().max() > 0
    torch.testing.assert_close(z.grad, leaf.grad)


def test_each_term_moves_what_it_is_to_move(monkeypatch):
    net, data = network(commitment=0.25), batch()
    z = net.encode(pixels(data)).detach().requires_grad_()
    monkeypatch.setattr(net, "encode", lambda _: z)
    code = net.codebook[net.nearest(z)].detach()
    scalars = net.loss(data, 0)[1]
    for name, moved, still in (("codebook", net.codebook, z), ("commitment", z, net.codebook)):
        z.grad = net.codebook.grad = None
        scalars[name].backward(retain_graph=True)
        assert still.grad is None or not still.grad.any()
        assert moved.grad.abs().max() > 0
    torch.testing.assert_close(z.grad, 0.25 * 2 * (z - code).detach() / 4)


def test_gradients_reach_every_parameter():
    net = network()
    net.loss(batch(), 0)[0].backward()
    missing = [name for name, weight in net.named_parameters() if not weight.grad.any()]
    assert missing == []
    used = torch.unique(net.nearest(net.encode(pixels(batch()))))
    moved = torch.nonzero(net.codebook.grad.abs().sum(1)).flatten()
    torch.testing.assert_close(used, moved)


def test_near_codes_stay_apart_in_half_precision():
    net = network(vocabulary=64)
    with torch.no_grad():
        net.codebook[:] = 1 + torch.arange(64)[:, None] / 100
    z = net.codebook.detach() + 1e-4
    with torch.autocast("cpu", torch.bfloat16):
        found = net.nearest(z)
    assert found.tolist() == list(range(64))


def test_perplexity_of_a_batch():
    net = network(vocabulary=8)
    assert float(net.perplexity(torch.arange(8).view(2, 4))) == pytest.approx(8)
    assert float(net.perplexity(torch.full((3, 2, 2), 5))) == pytest.approx(1)


def test_parameters_are_as_many_as_the_published_layers_have():
    k, d, f = 512, 64, 256
    block = 9 * f * f + f + f * f + f
    encoder = 16 * 3 * f + f + 16 * f * f + f + 2 * block + f * d + d
    decoder = d * f + f + 2 * block + 16 * f * f + f + 16 * f * 3 + 3
    net = VQVAENetwork(VQVAESettings(), 32)
    assert parameters(net) == encoder + decoder + k * d
    assert net.encode(torch.zeros(1, 3, 32, 32)).shape == (1, 8, 8, 64)
    assert net.decode(torch.zeros(1, 8, 8, 64)).shape == (1, 3, 32, 32)


def test_codes_begin_where_the_encoder_is():
    given = images(40, 3, 16)
    made = fitted(given, steps=0, vocabulary=100)
    z = made.network.encode(pixels({"images": torch.tensor(given)})).flatten(0, 2)
    distances = (made.network.codebook[:, None] - z).abs().amax(2).min(1).values
    assert distances.max() < 1e-5
    uniform = fitted(given, steps=0, vocabulary=100, codes_from_data=False)
    assert uniform.network.codebook.abs().max() <= 1 / 100
    few = fitted(images(2, 3, 16), steps=0, vocabulary=100)  # 32 places for 100 codes
    assert few.network.codebook.shape == (100, 3)


def test_the_representation_is_the_mean_of_the_codes_over_a_grid():
    given = images(3, 3, 16)
    for pool in (1, 2, 4):
        made = fitted(given, pool=pool)
        found = answers(made, given)
        maps = array(made.network.codebook)[found["symbols"]].reshape(3, 4, 4, 3)
        cells = maps.reshape(3, pool, 4 // pool, pool, 4 // pool, 3).mean((2, 4))
        expected = cells.transpose(0, 3, 1, 2).reshape(3, -1)
        np.testing.assert_allclose(found["features"], expected, rtol=1e-5, atol=1e-7)


def test_colours_get_different_symbols_and_reconstructions():
    colours = np.array([[250, 10, 10], [10, 250, 10], [10, 10, 250]], np.uint8)
    given = np.repeat(colours, 8, axis=0)[:, None, None] * np.ones((1, 16, 16, 1), np.uint8)
    how = {"width": 8, "learning_rate": 1e-2, "mixed_precision": False}
    made = fitted(given, steps=150, batch_size=12, **how)
    symbols = answers(made, given)["symbols"]
    middle = symbols.reshape(3, 8, 4, 4)[:, :, 1, 1]
    assert [len(set(row)) for row in middle] == [1, 1, 1]
    assert len(set(middle[:, 0])) == 3
    with torch.no_grad():
        _, scalars = made.network.loss({"images": torch.tensor(given)}, 0)
        means = made.network.decode(made.network.codebook[torch.tensor(symbols).view(24, 4, 4)])
    assert float(scalars["perplexity"]) > 2
    centre = array(means)[::8, :, 8, 8]
    np.testing.assert_allclose(centre, colours / 255, atol=0.2)


def test_the_same_seed_gives_the_same_and_another_seed_another_result():
    given = images(12, 3, 16)
    first, again, other = (answers(fitted(given, seed), given) for seed in (0, 0, 1))
    for name, found in first.items():
        np.testing.assert_array_equal(found, again[name])
    assert np.abs(first["features"] - other["features"]).max() > 1e-4


def test_images_are_answered_one_by_one_as_they_are_together():
    given = images(5, 3, 16)
    made = fitted(given)
    together, alone = answers(made, given), answers(made, given, at_once=1)
    assert together["symbols"].shape == (5, 16)
    np.testing.assert_array_equal(together["symbols"], alone["symbols"])
    np.testing.assert_allclose(together["features"], alone["features"], rtol=1e-5, atol=1e-7)


def test_training_sets_weights_and_codes_apart_from_where_they_began():
    given = images(12, 3, 16)
    before, after = fitted(given, steps=0).network, fitted(given, steps=20).network
    for (name, one), two in zip(before.named_parameters(), after.parameters(), strict=True):
        assert not torch.equal(one, two), name


def test_what_has_not_learned_answers_nothing():
    made = VQVAE(VQVAESettings())
    assert made.parameters is None
    with pytest.raises(SymbenchError, match=r"VQVAE has not learned yet; call fit first\.$"):
        answers(made, images(2, 3, 16))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocabulary": 1}, "vocabulary is 1; it must be a whole number, 2 or more"),
        ({"width": 0}, "width is 0; it must be a whole number, 1 or more"),
        ({"commitment": -1}, "commitment is -1; it must be a finite number, 0 or more"),
        ({"learning_rate": 0}, "learning_rate is 0; it must be a finite number, above 0"),
        ({"codes_from_data": 1}, "codes_from_data is 1; it must be one of: True, False"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(SymbenchError, match=message):
        VQVAESettings(**settings)


@pytest.mark.parametrize(("size", "pool"), [(16, 3), (18, 1)])
def test_images_that_do_not_divide_are_refused(size, pool):
    with pytest.raises(SymbenchError, match=f"images of {size} pixels .* give another pool"):
        network(size, pool=pool)


def test_how_many_images_are_looked_at_for_the_codes(monkeypatch):
    seen = []
    monkeypatch.setattr(VQVAENetwork, "begin", lambda _, x: seen.append(x.shape))
    fitted(images(12, 3, 16), steps=0)
    monkeypatch.setattr(vqvae, "CODE_IMAGES", 5)
    fitted(images(12, 3, 16), steps=0)
    assert seen == [(12, 3, 16, 16), (5, 3, 16, 16)]

"""GENESIS: masks, mixture, priors and GECO, each against a case written out by hand."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from einops import repeat
from torch.distributions import Normal

from baselines.genesis import (
    GENESIS,
    GENESISSettings,
    mixture,
    posterior_of,
    prior_of,
    stick_breaking,
)
from baselines.scenes.geco import GECO
from baselines.scenes.pixel_likelihood import log_normal, pixels
from baselines.scenes.scene_layers import kl
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import SymbenchError
from benchmarks.training import train
from symdata import dataset
from tests.baselines.small_scenes import SIZE, batch, examples, network, parameters, run


def maps(*values):
    """One image of one pixel, a value for each mask: (1, K, 1, 1, 1)."""
    return torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1, 1)


def logit(share):
    return log(share / (1 - share))


def test_the_stick_is_broken_by_hand():
    # A half, then a quarter of the other half, and what is left.
    masks = stick_breaking(maps(logit(0.5), logit(0.25))).exp().flatten()
    np.testing.assert_allclose(masks, [0.5, 0.125, 0.375], rtol=1e-6)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 1000.0])
def test_masks_sum_to_one(scale):
    torch.manual_seed(0)
    logits = (scale * torch.randn(2, 4, 1, 8, 8)).requires_grad_()
    masks = stick_breaking(logits)
    assert masks.shape == (2, 5, 1, 8, 8)
    np.testing.assert_allclose(masks.detach().exp().sum(1), 1, rtol=1e-5)
    assert masks.isfinite().all()
    masks.sum().backward()
    assert logits.grad.isfinite().all()


def test_masks_of_the_network_sum_to_one():
    net, x = network(GENESIS), pixels(batch(3))
    with torch.no_grad():
        scene = net.infer(x, net.masks.encoder(x))
    assert scene.log_masks.shape == (3, 3, 1, SIZE, SIZE)
    assert scene.means.shape == (3, 3, 1, SIZE, SIZE)
    np.testing.assert_allclose(scene.log_masks.exp().sum(1), 1, rtol=1e-5)


def normal(x, mean):
    return np.exp(-0.5 * ((x - mean) / 0.2) ** 2) / (0.2 * np.sqrt(2 * pi))


def test_the_mixture_by_hand():
    x = torch.tensor([0.9, 0.1]).view(1, 2, 1, 1)  # one pixel of two channels
    means = torch.tensor([[1.0, 0.5], [0.0, 0.3]]).view(1, 2, 2, 1, 1)
    masks = maps(log(0.3), log(0.7))
    expected = log(0.3 * normal(0.9, 1.0) + 0.7 * normal(0.9, 0.0))
    expected += log(0.3 * normal(0.1, 0.5) + 0.7 * normal(0.1, 0.3))
    assert float(mixture(x, masks, means)) == pytest.approx(expected, rel=1e-5)


def test_the_mixture_of_one_mask_is_the_likelihood_of_all_methods():
    torch.manual_seed(0)
    x, means = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 3, 4, 4)
    chosen = torch.tensor([-1e4, 0.0, -1e4]).view(1, 3, 1, 1, 1)
    np.testing.assert_allclose(mixture(x, chosen, means), log_normal(x, means[:, 1]), rtol=1e-5)


def test_what_is_far_off_stays_finite():
    x = torch.ones(1, 1, 1, 1)
    means = torch.tensor([0.0, -40.0]).view(1, 2, 1, 1, 1).requires_grad_()
    seen = mixture(x, maps(-200.0, 0.0), means)
    seen.sum().backward()
    assert float(seen.detach()) == pytest.approx(-200 - 12.5 - log(0.2 * np.sqrt(2 * pi)), rel=1e-5)
    assert means.grad.isfinite().all()


def test_bounds_of_posterior_and_prior():
    wide = posterior_of(torch.tensor([[3.0, -0.5]]))
    assert wide.loc.tolist() == [[3.0]]
    assert float(wide.scale) == pytest.approx(log(2) + 1e-8)
    bounded = prior_of(torch.tensor([[[2.0, -4.0]]]))
    assert float(bounded.loc) == pytest.approx(np.tanh(2.0))
    assert float(bounded.scale) == pytest.approx(0.5001)


def test_the_prior_of_a_mask_is_computed_from_those_before_it():
    masks = network(GENESIS, components=4).masks
    torch.manual_seed(1)
    z = torch.randn(2, 4, 3)
    with torch.no_grad():
        prior, state = masks.prior_of_all(z), None
        assert prior.loc.shape == (2, 4, 3)
        assert (prior.loc[:, 0] == 0).all()
        assert (prior.scale[:, 0] == 1).all()
        for k in range(1, 4):  # one step of the recurrence at a time, as in drawing
            seen, state = masks.prior_recurrence(z[:, k - 1 : k], state)
            one = prior_of(masks.prior(seen[:, 0]))
            np.testing.assert_allclose(prior.loc[:, k], one.loc, atol=1e-6)
            np.testing.assert_allclose(prior.scale[:, k], one.scale, atol=1e-6)
        moved = masks.prior_of_all(z + 3 * (torch.arange(4) == 2)[:, None])
    changed = (moved.loc != prior.loc).any(2).any(0)
    assert changed.tolist() == [False, False, False, True]


def test_masks_are_drawn_from_that_prior():
    masks = network(GENESIS).masks
    with torch.no_grad():  # so that the second hangs on the first: mean and sign agree
        masks.prior.weight.mul_(20)
        torch.manual_seed(0)
        z = masks.draw(4000)
        prior = masks.prior_of_all(z)
        standard = (z - prior.loc) / prior.scale
    assert prior.loc[:, 1].std() > 0.1
    np.testing.assert_allclose(standard.mean(0), 0, atol=0.06)
    np.testing.assert_allclose(standard.std(0), 1, atol=0.05)
    assert np.abs(np.corrcoef(standard[:, 1].T, prior.loc[:, 1].T)[:3, 3:]).max() < 0.06


def test_components_are_drawn_from_their_prior(monkeypatch):
    net, masks, seen = network(GENESIS), torch.randn(1, 3, 3), []
    monkeypatch.setattr(net.masks, "draw", lambda count, noise: masks.expand(count, -1, -1))
    decode = net.components.decode
    monkeypatch.setattr(net.components, "decode", lambda z: seen.append(z) or decode(z))
    with torch.no_grad():
        torch.manual_seed(0)
        for _ in range(100):
            net.sample(1)
        prior = prior_of(net.components.prior(masks))
    standard = (torch.cat(seen) - prior.loc) / prior.scale
    np.testing.assert_allclose(standard.mean(0), 0, atol=0.4)
    np.testing.assert_allclose(standard.std(0), 1, atol=0.3)


def test_each_latent_is_inferred_with_those_before_it(monkeypatch):
    masks, calls = network(GENESIS, components=4).masks, []

    def centre(self):
        calls.append(self)
        return self.loc + (9.0 if len(calls) == 4 + 3 else 0.0)  # the third of the second time

    monkeypatch.setattr(Normal, "rsample", centre)
    with torch.no_grad():
        before, after = (masks.infer(torch.zeros(1, 26)) for _ in range(2))
    same = (before[1].loc == after[1].loc).all(2).flatten()
    assert same.tolist() == [True, True, True, False]
    assert (after[0] == before[0]).all(2).flatten().tolist() == [True, True, False, False]


def test_the_kl_of_the_loss_by_hand():
    net, data = network(GENESIS), batch(2)
    x = pixels(data)
    torch.manual_seed(2)
    with torch.no_grad():
        scene = net.infer(x, net.masks.encoder(x))
    torch.manual_seed(2)
    scalars = net.loss(data, 0)[1]
    q, p, z = scene.posteriors[0], scene.priors[0], scene.latents[0]
    off = ((z - p.loc) / p.scale) ** 2 - ((z - q.loc) / q.scale) ** 2
    by_hand = (0.5 * off + (p.scale / q.scale).log()).sum((1, 2)).mean()  # of the drawn latents
    assert float(scalars["kl_mask"].detach()) == pytest.approx(float(by_hand), rel=1e-4)
    q, p = scene.posteriors[1], scene.priors[1]
    ratio, gap = (q.scale / p.scale).numpy(), ((q.loc - p.loc) / p.scale).numpy()
    by_hand = (0.5 * (ratio**2 + gap**2 - 1) - np.log(ratio)).sum((1, 2)).mean()
    assert float(scalars["kl_component"].detach()) == pytest.approx(by_hand, rel=1e-4)
    both = scalars["kl_mask"] + scalars["kl_component"]
    assert float(scalars["kl"].detach()) == float(both.detach())
    # The prior of a component is computed from the latent of its own mask alone.
    z = scene.latents[0].clone()
    z[:, 1] += 1
    with torch.no_grad():
        moved = prior_of(net.components.prior(z)).loc != scene.priors[1].loc
    assert moved.any(2).tolist() == [[False, True, False]] * 2
    assert kl(*(each[0] for each in (scene.posteriors, scene.priors))).shape == (2,)


def test_the_broadcast_decoder_is_that_of_tiled_latents():
    components = network(GENESIS, channels=3).components
    torch.manual_seed(0)
    z = torch.randn(2, 3, 2)
    side = SIZE + 8
    line = torch.linspace(-1, 1, side)
    x = repeat(line, "w -> n 1 h w", n=6, h=side)
    y = repeat(line, "h -> n 1 h w", n=6, w=side)
    tiled = repeat(z, "b k z -> (b k) z h w", h=side, w=side)
    with torch.no_grad():
        naive = components.decoder(components.first(torch.cat([tiled, x, y], 1)))
        decoded = components.decode(z)
    assert decoded.shape == (2, 3, 3, SIZE, SIZE)
    np.testing.assert_allclose(decoded.flatten(0, 1), naive, atol=1e-5)


def test_components_see_the_log_mask_and_the_image():
    net, x, seen = network(GENESIS), pixels(batch(2)), []
    net.components.encoder.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    with torch.no_grad():
        scene = net.infer(x, net.masks.encoder(x))
    (given,) = seen
    np.testing.assert_array_equal(given[4], torch.cat([scene.log_masks[1, 1], x[1]]))


def geco(**changed):
    given = {"goal": 0.5655, "values": 4096, "sigma": 0.2, "step": 1e-5, "speedup": 10.0}
    return GECO(**{**given, "beta": 1.0, **changed})


def test_the_goal_is_the_published_mean_squared_error():
    error = 2 * 0.49 * (0.5655 - log(0.7 * np.sqrt(2 * pi)))
    assert error == pytest.approx(0.00317, abs=1e-5)
    assert geco(sigma=0.7).goal == pytest.approx(0.5655 * 4096)
    assert geco().goal / 4096 == pytest.approx(log(0.2 * np.sqrt(2 * pi)) + error / 0.08)
    assert geco().goal / 4096 == pytest.approx(-0.6509, abs=1e-4)


def test_beta_by_hand():
    made = geco(step=1e-2, speedup=3.0, sigma=0.7)  # then a nat is a published nat
    beta, average = 1.0, None
    for nll in (made.goal + 5, made.goal - 400, made.goal - 2000, made.goal + 1):
        made.update(torch.tensor(nll))
        met = made.goal - nll
        average = met if average is None else 0.99 * average + 0.01 * met
        beta *= np.exp((3e-2 if average > 0 else 1e-2) * average)
        assert float(made.average) == pytest.approx(average, rel=1e-3)
        assert float(made.beta) == pytest.approx(beta, rel=1e-3)
    assert average > 0, "the case has both signs"


def test_the_same_error_moves_beta_alike_at_any_sigma():
    moved = []
    for sigma in (0.2, 0.7):
        made = geco(sigma=sigma, step=1e-3)
        made.update(torch.tensor(made.goal + 4096 * 0.01 / (2 * sigma**2)))
        moved.append(float(made.beta))
    assert moved[0] == pytest.approx(moved[1], rel=1e-4)
    assert moved[0] == pytest.approx(np.exp(-1e-3 * 4096 * 0.01 / 0.98), rel=1e-4)


def test_the_step_is_published_at_64_pixels_and_a_quarter_of_that_at_128():
    for size, step in ((64, 1e-5), (128, 2.5e-6), (32, 4e-5)):
        assert network(GENESIS, size=size).geco.step == pytest.approx(step)
    assert network(GENESIS, geco=False).geco.step == 0


def test_the_first_mask_has_heads_of_its_own():
    masks = network(GENESIS).masks
    with torch.no_grad():
        masks.first.weight.zero_()
        masks.first.bias.copy_(torch.tensor([1.0, 2.0, 3.0, -0.5, -0.5, -0.5]))
        _, posterior = masks.infer(torch.randn(2, 26))
    assert posterior.loc[:, 0].tolist() == [[1.0, 2.0, 3.0]] * 2
    torch.testing.assert_close(posterior.scale[:, 0], torch.full((2, 3), log(2)))
    assert (posterior.loc[0, 1:] != posterior.loc[1, 1:]).all()


def test_beta_has_a_floor():
    made = geco()
    for _ in range(3):
        made.update(torch.tensor(1e9))
    assert float(made.beta) == pytest.approx(1e-10)


def test_training_moves_beta_and_checkpoints_would_keep_it():
    net = network(GENESIS, goal=0.0, geco_step=1e-3)
    train(net, examples(8), run(steps=3), Optimisation())
    assert float(net.geco.beta) < 1
    assert int(net.geco.updates) == 3
    assert {"geco.beta", "geco.average", "geco.updates"} <= set(net.state_dict())
    fixed = network(GENESIS, goal=0.0, geco=False, beta=2.0)
    train(fixed, examples(8), run(steps=3), Optimisation())
    assert float(fixed.geco.beta) == 2


PUBLISHED = {
    (64, 3): 12_620_548,
    (128, 3): 13_406_980,
    (64, 1): 12_616_706,
    (128, 1): 13_403_138,
}


@pytest.mark.parametrize(("size", "channels"), PUBLISHED)
def test_parameters_are_as_many_as_those_of_the_published_program(size, channels):
    with torch.device("meta"):
        net = GENESIS.Network(GENESISSettings(components=3), size, channels)
    assert parameters(net) == PUBLISHED[size, channels]


def test_the_shapes_of_the_published_layers():
    for size, strides in ((64, [1, 2, 1, 2, 1]), (128, [2, 2, 2, 1, 1])):
        masks = GENESIS.Network(GENESISSettings(width=0.05), size, 3).masks
        down = [layer[0] for layer in masks.encoder[:5]]
        assert [layer.stride[0] for layer in down] == strides
        assert all(layer.kernel_size == (5, 5) for layer in down)
        assert masks.encoder[:5](torch.zeros(1, 3, size, size)).shape[2:] == (16, 16)
        assert masks.encoder[5].kernel_size == (16, 16)
        back = [layer[0] for layer in masks.decoder[2:7]]
        assert [layer.stride[0] for layer in back] == strides[::-1]
        assert masks.log_masks(torch.zeros(1, 5, 64)).shape == (1, 5, 1, size, size)
    full = GENESISSettings()
    assert full.kept(32, 64, 256) == (32, 64, 256)
    assert GENESISSettings(width=0.25).kept(32, 64, 256, 1) == (8, 16, 64, 1)
    assert (full.mask_latent, full.component_latent, full.learning_rate) == (64, 16, 1e-4)


def test_pictures_show_components_that_add_up():
    net, x = network(GENESIS), pixels(batch(5))
    with torch.inference_mode():
        shown = net.illustrate(x)
    assert shown["components"].shape == (5, 3, 1, SIZE, SIZE)
    np.testing.assert_allclose(shown["components"].sum(1), shown["reconstructions"], atol=1e-6)
    assert shown["drawn"].shape == (16, 1, SIZE, SIZE)
    assert (shown["drawn"] <= 1 + 1e-6).all()


def test_the_image_is_encoded_once_for_all_samples():
    net, seen = network(GENESIS), []
    net.masks.encoder.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    with torch.no_grad():
        net.log_weights(pixels(batch(2)), 5)
    assert seen == [2]


def test_a_gate_opens_and_shuts():
    layer = network(GENESIS).masks.encoder[0]
    channels = layer[1].num_channels // 2
    with torch.no_grad():
        features, gates = torch.randn(1, channels, 4, 4), torch.full((1, channels, 4, 4), 50.0)
        gates[:, 0] = -50
        out = layer[2](torch.cat([features, gates], 1))
    np.testing.assert_allclose(out[:, 1:], features[:, 1:])
    np.testing.assert_allclose(out[:, 0], 0, atol=1e-6)
    assert F.glu(torch.cat([features, gates], 1), 1).allclose(out)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"components": 1}, "components is 1; it must be a whole number, 2 or more"),
        ({"width": 0}, "width is 0; it must be a finite number, above 0"),
        ({"goal": -1.0}, "goal is -1.0"),
        ({"geco": 1}, "geco is 1; it must be one of: True, False"),
        ({"geco_step": 0}, "geco_step is 0"),
        ({"mask_latent": 0}, "mask_latent is 0"),
    ],
)
def test_settings_are_checked(wrong, said):
    with pytest.raises(SymbenchError, match=said):
        GENESISSettings(**wrong)


def test_a_component_is_published_for_each_object_and_one_for_the_background():
    for name, values in GENESISSettings.published.items():
        assert values["components"] == dataset(name).objects + 1, name

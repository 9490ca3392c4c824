"""The whole model: counts, shapes, the loss against its parts, likelihood, learning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from baselines.scenes.pixel_likelihood import log_normal, pixels
from benchmarks.protocol import Budget, Examples, Run
from methods.gnm import GNM, GNMSettings, components
from methods.gnm.illustrations import illustrate
from methods.gnm.network import GNMNetwork
from methods.gnm.struct_draw import standard

STEP = 700  # within every ramp that begins at 0, and past the curriculum


def network(size=32, channels=1, seed=0, **settings):
    torch.manual_seed(seed)
    return GNMNetwork(GNMSettings(**settings), size, channels)


def batch(size=32, channels=1, count=2, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, size, size, channels))
    return {"images": torch.from_numpy(images.astype(np.uint8))}


def count(module):
    return sum(weight.numel() for weight in module.parameters())


def test_the_grey_model_has_the_published_number_of_weights():
    net = network(128)
    assert count(net) == 2_930_708
    assert count(net.encoder) == 258_784
    assert count(net.global_latent) == 2_609_856
    assert count(net.heads) == 11_891
    assert count(net.glimpses) == 50_177


def test_so_has_the_model_in_colour():
    net = network(128, 3)
    assert count(net) == 8_636_446
    assert count(net.encoder) == 632_608
    assert count(net.global_latent) == 5_957_376
    assert count(net.heads) == 51_467
    assert count(net.glimpses) == 689_248
    assert count(net.background.decoder) == 92_203
    assert count(net.background.prior_net) == 26_452
    assert count(net.background.posterior_net) == 1_187_092


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_shapes(size, channels):
    net, data = network(size, channels), batch(size, channels)
    x = pixels(data)
    image, side = (channels, size, size), size // 4 if channels == 1 else size // 2
    with torch.no_grad():
        assert net.encoder(x).shape == (2, 128 if channels == 3 else 64, 4, 4)
        latents, z_b = net.draw(2)
        drawn = channels if channels == 1 else 4
        assert net.decode(latents).shape == (2, 16, drawn, side, side)
        assert net.paint(latents, z_b).shape == (2, *image)
        assert net.log_weights(x, 3).shape == (3, 2)
        samples = net.sample(2)
        assert samples.shape == (2, *image)
        assert samples.min() >= 0
        assert samples.max() <= 1


def test_what_is_illustrated():
    for channels in (1, 3):
        net = network(32, channels).eval()
        x = pixels(batch(32, channels, count=3))
        with torch.no_grad():
            net.heads.presence.bias.fill_(1.0)  # most are there
            shown = illustrate(net, x)
        image, layers = (channels, 32, 32), 16 if channels == 1 else 17
        shapes = {
            "reconstructions": (3, *image),
            "boxes": (3, 16, 4),
            "presence": (3, 16),
            "components": (3, layers, *image),
            "steps": (3, 4, *image),
            "drawn": (16, *image),
            "drawn_boxes": (16, 16, 4),
            "drawn_presence": (16, 16),
            "traversal_global": (4, 9, *image),
            "traversal_position": (4, 9, *image),
        }
        assert {name: tuple(value.shape) for name, value in shown.items()} == shapes
        # The layers add up to the image, and what a traversal moves changes.
        total = shown["components"].sum(1)
        torch.testing.assert_close(total, shown["reconstructions"], atol=1e-5, rtol=1e-4)
        for name in ("traversal_global", "traversal_position"):
            changes = shown[name].diff(dim=1).abs().flatten(1).sum(1)
            assert (changes > 0).all(), name


@pytest.fixture
def quiet(monkeypatch):
    """No noise: Gaussians give their mean plus 0.3 deviations, presence gets none."""
    still = lambda normal: normal.mean + 0.3 * normal.stddev  # noqa: E731
    monkeypatch.setattr(Normal, "rsample", still)
    monkeypatch.setattr(components, "logistic", torch.zeros_like)


def gaussian_kl(q, p, weights=1.0):
    ratio = (q.stddev / p.stddev) ** 2
    each = weights * (ratio + ((q.mean - p.mean) / p.stddev) ** 2 - 1 - ratio.log())
    return 0.5 * each.flatten(1).sum(1).mean().item()


def bernoulli_kl(q, p):
    each = q * (q / p).log() + (1 - q) * ((1 - q) / (1 - p)).log()
    return each.sum(1).mean().item()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_loss_is_the_sum_of_its_parts_by_hand(quiet, channels):
    net, data = network(32, channels, beta=3.0, global_ramp=1400), batch(32, channels)
    with torch.no_grad():
        loss, scalars = net.loss(data, STEP)
        x = pixels(data)
        f_x = net.encoder(x)
        drawing = net.global_latent(f_x)
        (q,), (p,) = net.heads(f_x), net.heads(drawing.drawn[-1])
        z = q.relaxed(1.0)
        torch.testing.assert_close(z.presence, q.logits.sigmoid())
        expected = {
            "global": sum(map(gaussian_kl, drawing.posterior, drawing.prior)),
            "presence": bernoulli_kl(q.logits.sigmoid(), p.logits.sigmoid()),
            "where": gaussian_kl(q.where, p.where),
            "depth": gaussian_kl(q.depth, p.depth),
            "what": gaussian_kl(q.what, p.what),
        }
        probability = 0.1 + (0.001 - 0.1) * STEP / 4000
        mean = torch.tensor([-1.6 if channels == 1 else -1.5, 0.0, 0.0, 0.0]).view(4, 1, 1)
        std = torch.tensor([0.1, 0.3, 1.0, 1.0]).view(4, 1, 1)
        weights = z.presence.view(2, 1, 4, 4)
        fixed = {
            "presence": bernoulli_kl(q.logits.sigmoid(), torch.tensor(probability)),
            "where": gaussian_kl(q.where, Normal(mean, std), weights),
            "depth": gaussian_kl(q.depth, standard(q.depth.mean), weights),
            "what": gaussian_kl(q.what, standard(q.what.mean), weights),
        }
        z_b = None
        if channels == 3:
            background = net.background.posterior(f_x)
            z_b = background.mean + 0.3 * background.stddev
            prior = net.background.prior(drawing.latent)
            expected["background"] = gaussian_kl(background, prior)
            weight = 50 - 49 * STEP / 50_000
            fixed["background"] = weight * gaussian_kl(background, standard(z_b))
        nll = -log_normal(x, net.paint(z, z_b)).mean().item()
    for name, value in expected.items():
        assert scalars[f"kl_{name}"].item() == pytest.approx(value, rel=1e-4, abs=1e-4), name
    assert scalars["nll"].item() == pytest.approx(nll, rel=1e-5)
    assert scalars["fixed"].item() == pytest.approx(sum(fixed.values()), rel=1e-4)
    against_model = sum(expected.values()) - 0.5 * expected["global"]
    total = nll + 3.0 * against_model + sum(fixed.values())
    assert loss.item() == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_half_precision_changes_the_loss_by_less_than_a_hundredth(channels):
    net, data = network(32, channels, global_ramp=STEP), batch(32, channels)
    losses = []
    for mixed in (False, True):
        torch.manual_seed(1)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            losses.append(net.loss(data, STEP)[0])
    assert losses[1].dtype == torch.float32
    torch.testing.assert_close(losses[1], losses[0], rtol=0.01, atol=0)


def test_a_warm_up_weighs_all_kls_and_nothing_else(quiet):
    data, losses = batch(), {}
    for warm_up in (0, 4 * STEP):
        with torch.no_grad():
            loss, scalars = network(32, warm_up=warm_up).loss(data, STEP)
        losses[warm_up] = loss - scalars["nll"]
    torch.testing.assert_close(losses[4 * STEP], losses[0] / 4, atol=0.1, rtol=1e-4)


def test_glimpses_begin_as_dark_as_their_bias_says():
    plain, dark = network(), network(glimpse_bias=-3.0)
    with torch.no_grad():
        z, _ = plain.draw(2)
        brighter, darker = (net.decode(z).logit() for net in (plain, dark))
    torch.testing.assert_close(brighter - 3.0, darker, atol=1e-4, rtol=1e-4)


def test_a_batch_twice_over_has_the_same_loss(quiet):
    net, data = network(), batch()
    twice = {"images": data["images"].repeat(2, 1, 1, 1)}
    with torch.no_grad():
        torch.testing.assert_close(net.loss(twice, STEP)[0], net.loss(data, STEP)[0])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ablation", [{}, {"prior": "gaussian"}, {"interaction": False}])
def test_gradients_reach_every_weight_from_a_single_image(channels, ablation):
    net = network(32, channels, **ablation)
    loss, _ = net.loss(batch(32, channels, count=1), STEP)
    loss.backward()
    without = [
        name
        for name, weight in net.named_parameters()
        if weight.grad is None or not weight.grad.isfinite().all() or not weight.grad.any()
    ]
    assert without == []


def test_the_priors_of_the_global_latent_wait_for_its_ramp():
    net = network()
    net.loss(batch(), 0)[0].backward()
    assert not any(weight.grad.any() for weight in net.global_latent.prior.parameters())


def test_the_curriculum_fixes_the_alpha_map_at_first(quiet, monkeypatch):
    net, data, seen = network(32, 3), batch(32, 3), []
    paint = GNMNetwork.paint
    monkeypatch.setattr(
        net, "paint", lambda z, z_b, alpha: seen.append(alpha) or paint(net, z, z_b)
    )
    with torch.no_grad():
        for step in (0, 499, 500):
            net.loss(data, step)
    assert seen == [0.9, 0.9, None]


@pytest.mark.parametrize("channels", [1, 3])
def test_every_component_is_drawn_at_first_where_that_is_asked_for(channels):
    net, data = network(channels=channels, present_steps=3), batch(channels=channels)
    with torch.no_grad():
        net.heads.presence.bias.fill_(-10.0)  # all are absent

    def scalars(step):
        torch.manual_seed(0)
        return net.loss(data, step)[1]

    assert scalars(0)["present"] == scalars(2)["present"] == 16
    assert scalars(3)["present"] < 0.1
    assert scalars(2)["nll"] != scalars(3)["nll"]


def test_log_weights_are_those_of_the_model_with_presence_of_0_or_1(monkeypatch):
    net, x = network(), pixels(batch())
    drawn = []
    draw = components.Components.draw
    monkeypatch.setattr(
        components.Components,
        "draw",
        lambda self, noise: drawn.append(draw(self, noise)) or drawn[-1],
    )
    drawings = []
    net.global_latent.register_forward_hook(lambda _, __, drawing: drawings.append(drawing))
    with torch.no_grad():
        weights = net.log_weights(x, 3)
        (z,), (drawing,) = drawn, drawings
        (q,), (p,) = net.heads(net.encoder(x).repeat(3, 1, 1, 1)), net.heads(drawing.drawn[-1])
        expected = log_normal(x.repeat(3, 1, 1, 1), net.paint(z, None))
        expected += drawing.log_ratio() + p.log_density(z) - q.log_density(z)
    assert set(z.presence.unique().tolist()) <= {0.0, 1.0}
    torch.testing.assert_close(weights, expected.view(3, 2))
    # Samples differ, and rows are images: the order of (S, B) is that of the images given.
    assert (weights[0] != weights[1]).all()


def test_their_mean_is_the_bound_by_analytic_kl():
    net, x, samples = network(), pixels(batch(count=1)), 400
    with torch.no_grad():
        weights = net.log_weights(x, samples).double()
        f_x = net.encoder(x).repeat(samples, 1, 1, 1)
        drawing = net.global_latent(f_x)
        q, p = net.heads(f_x, drawing.drawn[-1])
        kl = drawing.kl() + sum(q.kl(p).values())
        bound = (log_normal(x.expand(samples, -1, -1, -1), net.paint(q.draw(), None)) - kl).double()
    error = ((weights.var() + bound.var()) / samples).sqrt().item()
    assert abs(weights.mean().item() - bound.mean().item()) < 4 * error


def run(steps, seed=0):
    return Run(seed=seed, budget=Budget(steps=steps, batch_size=8))


def squares(count):
    """Dark images with a bright square in each: something that is quick to learn."""
    rng, images = np.random.default_rng(0), np.zeros((count, 32, 32, 1), np.uint8)
    for image, (x, y) in zip(images, rng.integers(2, 24, (count, 2)), strict=True):
        image[y : y + 6, x : x + 6] = 255
    return Examples({"images": images})


def test_the_same_seed_gives_the_same_answers_and_learning_helps():
    aids = {"learning_rate": 3e-4, "warm_up": 500, "glimpse_bias": -3.0}
    examples, settings = squares(8), GNMSettings(**aids, importance_samples=2)
    answers = []
    for steps, seed in ((12, 0), (12, 0), (1, 0)):
        method = GNM(settings)
        method.fit(examples, run(steps, seed))
        answers.append(method.evaluate(examples, run(steps, seed)))
    for name in ("samples", "log_likelihood", "elbo"):
        np.testing.assert_array_equal(answers[0][name], answers[1][name])
    assert answers[0]["samples"].shape == (8, 32, 32, 1)
    other = method.evaluate(examples, run(1, seed=1))
    assert (answers[2]["samples"] != other["samples"]).any()
    likelihood = answers[0]["log_likelihood"]
    assert likelihood.mean() > answers[2]["log_likelihood"].mean() + 20
    assert (likelihood >= answers[0]["elbo"] - 1e-3).all()
    assert likelihood.max() < 0.6905 * 32 * 32
    assert method.illustrations["boxes"].shape == (8, 16, 4)
    assert method.parameters == count(method.network)

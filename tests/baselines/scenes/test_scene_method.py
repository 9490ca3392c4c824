"""The protocol of the generators, and what each of the baselines must keep."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from baselines.convdraw import ConvDRAW
from baselines.genesis import GENESIS
from baselines.scenes import scene_method
from baselines.scenes.pixel_likelihood import log_normal, pixels
from baselines.scenes.scene_method import SceneMethod, SceneNetwork, SceneSettings, default_at_once
from baselines.vae import VAE
from benchmarks.protocol import DivergedError, Examples, SymbenchError
from methods.gnm import GNM
from tests.baselines.small_scenes import ROUNDING, SIZE, TINY, batch, examples, images, network, run

VARIANTS = [
    pytest.param(VAE, {}, id="vae"),
    pytest.param(ConvDRAW, {}, id="convdraw"),
    pytest.param(ConvDRAW, {"interaction": True}, id="convdraw_mlp"),
    pytest.param(GENESIS, {}, id="genesis"),
]
every = pytest.mark.parametrize(("method", "settings"), VARIANTS)


def loss_of(net, data, seed=0):
    torch.manual_seed(seed)
    return net.loss(data, 0)


def value(net, data, seed=0):
    return float(loss_of(net, data, seed)[0].detach())


def test_pixels_are_channels_last_in_0_to_1():
    data = torch.tensor([[[[0, 51, 255]] * 4] * 4] * 2, dtype=torch.uint8)
    x = pixels({"images": data})
    assert x.shape == (2, 3, 4, 4)
    assert x.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(x[1, :, 2, 3], [0, 0.2, 1.0])


def test_the_likelihood_is_a_normal_of_every_value():
    x, mean = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    expected = Normal(mean, 0.2).log_prob(x).flatten(1).sum(1)
    np.testing.assert_allclose(log_normal(x, mean), expected, rtol=1e-5)
    grey = torch.rand(1, 1, 128, 128)
    most = -(128**2) * log(0.2 * (2 * np.pi) ** 0.5)
    assert float(log_normal(grey, grey)) == pytest.approx(most, rel=1e-6)
    assert round(most) == 11_313


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"beta": -1}, "beta is -1"),
        ({"beta": float("nan")}, "beta is nan"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"clip": -0.5}, "clip is -0.5"),
        ({"importance_samples": 0}, "importance_samples is 0; it must be a whole number, 1"),
        ({"optimiser": "sgd"}, "optimiser is 'sgd'; it must be one of: adam, muon, rmsprop"),
        ({"mixed_precision": 1}, "mixed_precision is 1; it must be one of: True, False"),
    ],
)
def test_settings_are_checked(wrong, said):
    for settings in (SceneSettings, VAE.Settings, ConvDRAW.Settings, GENESIS.Settings):
        with pytest.raises(SymbenchError, match=said):
            settings(**wrong)


@every
def test_gradients_reach_every_parameter(method, settings):
    net = network(method, **settings)
    loss_of(net, batch(8))[0].backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert (weight.grad != 0).any(), name
        assert weight.grad.isfinite().all(), name


@every
def test_duplicating_the_batch_leaves_the_loss_unchanged(method, settings, monkeypatch):
    monkeypatch.setattr(Normal, "rsample", lambda self: self.loc)
    net, data = network(method, **settings), batch()
    twice = {"images": torch.cat([data["images"]] * 2)}
    one, scalars = loss_of(net, data)
    two, again = loss_of(net, twice)
    assert float(two.detach()) == pytest.approx(float(one.detach()), rel=1e-5)
    for name, value in scalars.items():
        assert float(again[name].detach()) == pytest.approx(float(value.detach()), rel=1e-3), name


@every
@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_of_one(method, settings, channels):
    net = network(method, channels=channels, **settings)
    loss, _ = loss_of(net, batch(1, channels=channels))
    assert loss.shape == ()
    loss.backward()
    assert all(weight.grad.isfinite().all() for weight in net.parameters())
    with torch.no_grad():
        assert net.log_weights(pixels(batch(1, channels=channels)), 1).shape == (1, 1)
        assert net.sample(1).shape == (1, channels, SIZE, SIZE)


@every
def test_the_same_seed_gives_the_same_loss(method, settings):
    first, second = (value(network(method, **settings), batch()) for _ in range(2))
    assert first == second
    assert value(network(method, **settings), batch(), seed=1) != first


@every
def test_the_loss_is_the_nll_and_beta_times_the_kl(method, settings):
    net, heavy = network(method, **settings), network(method, beta=3.0, **settings)
    scalars = {name: one.detach() for name, one in loss_of(net, batch())[1].items()}
    assert value(net, batch()) == pytest.approx(float(scalars["nll"] + scalars["kl"]), rel=1e-6)
    assert value(heavy, batch()) == pytest.approx(
        float(scalars["nll"] + 3 * scalars["kl"]), rel=1e-6
    )
    assert float(scalars["kl"]) > 0 or method is GENESIS  # whose KL is sampled


@every
def test_log_weights_and_loss_are_of_one_model(method, settings):
    """With the same noise, log weight + NLL is a sample whose mean is minus the KL of the loss."""
    net, data = network(method, beta=5.0, **settings), batch(8)
    gaps, kls = [], []
    with torch.no_grad():
        torch.manual_seed(0)
        for weight in net.parameters():  # so that posterior and prior are far apart
            weight.add_(0.1 * torch.randn_like(weight))
        for seed in range(30):
            scalars = loss_of(net, data, seed)[1]
            torch.manual_seed(seed)
            weights = net.log_weights(pixels(data), 1)
            gaps.append(weights.mean() + scalars["nll"] + scalars["kl"])
            kls.append(scalars["kl"])
    gap, kl = torch.stack(gaps), torch.stack(kls).mean()
    error = gap.std() / len(gap) ** 0.5
    assert gap.mean().abs() < 4 * error
    assert kl > 8 * error, "a KL left out would be seen"


@every
def test_samples_of_one_image_stand_in_its_column(method, settings, monkeypatch):
    monkeypatch.setattr(Normal, "rsample", lambda self: self.loc)
    net, x = network(method, **settings), pixels(batch(3))
    with torch.inference_mode():
        weights, one = net.log_weights(x, 2), net.log_weights(x[1:2], 1)
    assert weights.shape == (2, 3)
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-5)
    np.testing.assert_allclose(weights[:, 1], float(one), rtol=1e-5)
    assert (weights[0, 0] - weights[0, 1]).abs() > 1e-3


@every
def test_bfloat16_changes_the_loss_by_less_than_half_a_percent(method, settings):
    net, data = network(method, **settings), batch(8)
    full = value(net, data)
    with torch.autocast("cpu", torch.bfloat16):
        mixed, _ = loss_of(net, data)
    assert mixed.dtype == torch.float32
    assert float(mixed.detach()) == pytest.approx(full, rel=5e-3)
    assert float(mixed.detach()) != full
    mixed.backward()
    assert all(weight.grad.isfinite().all() for weight in net.parameters())


@every
def test_training_lowers_the_loss_and_evaluation_answers(method, settings):
    losses = []
    made = method(method.Settings(**{**TINY[method], **settings}, learning_rate=3e-3,
                                  importance_samples=4))  # fmt: skip
    short = run(steps=20, batch_size=8, reporter=lambda step, of, **values: losses.append(values))
    made.fit(examples(16), short)
    untrained = value(network(method, **settings), batch(16))
    assert losses[-1]["loss"] < untrained - 100
    assert made.parameters == sum(weight.numel() for weight in made.network.parameters())
    outputs = made.evaluate(examples(3), short)
    assert outputs["samples"].shape == (3, SIZE, SIZE, 1)
    assert outputs["samples"].dtype == np.uint8
    assert outputs["samples"].std() > 0
    assert outputs["log_likelihood"].dtype == outputs["elbo"].dtype == np.float32
    assert (outputs["log_likelihood"] >= outputs["elbo"]).all()
    assert (outputs["log_likelihood"] < 0.6905 * SIZE**2).all()
    again = made.evaluate(examples(3), short)
    assert all((again[name] == outputs[name]).all() for name in outputs), "evaluation has a seed"
    assert (made.evaluate(examples(3), run(seed=1))["elbo"] != outputs["elbo"]).any()
    chunks = made.evaluate(examples(3), run(at_once=3))
    np.testing.assert_allclose(chunks["elbo"], outputs["elbo"], **ROUNDING)
    for name, array in made.illustrations.items():
        assert array.shape[0] in (3, 16) or name.startswith("traversal"), name
        assert array.dtype == np.uint8, name
        assert array.shape[-3:] == (SIZE, SIZE, 1), name
    assert (made.illustrations["images"] == images(3)).all()
    assert {"images", "reconstructions", "drawn"} <= set(made.illustrations)


class Known(SceneNetwork):
    """Log weights that say how many were asked for, and samples of one grey."""

    grey, boxes = 0.5, True

    def __init__(self, settings, size, channels):
        super().__init__(settings, size, channels)
        self.weight, self.asked = torch.nn.Parameter(torch.zeros(())), []

    def log_weights(self, x, samples, noise):
        self.asked.append((len(x), samples))
        return torch.full((samples, len(x)), 3.0) + 0 * x.sum()

    def sample(self, count, noise):
        self.asked.append(count)
        return torch.full((count, self.channels, self.size, self.size), self.grey)

    def illustrate(self, x):
        self.asked.append("shown")
        return {
            "boxes": torch.tensor([[[-1.5, 0, 40, 8]]] * len(x)),
            "presence": torch.tensor([[0.25]] * len(x)),
            "components": torch.full((len(x), 2, 3, SIZE, SIZE), 2.0),
        }


class KnownMethod(SceneMethod):
    Network = Known


def known(samples=10, **changed):
    method = KnownMethod(SceneSettings(importance_samples=samples))
    method.network = Known(method.settings, SIZE, 3)
    for name, value in changed.items():
        setattr(method.network, name, value)
    return method


def colour(count=5):
    return examples(count, channels=3)


def test_what_is_answered_and_shown():
    method = known()
    outputs = method.evaluate(colour(9), run())
    assert (outputs["samples"] == 128).all()
    assert outputs["samples"].shape == (9, SIZE, SIZE, 3)
    assert (outputs["log_likelihood"] == 3).all()
    shown = method.illustrations
    assert shown["images"].shape == (8, SIZE, SIZE, 3)
    assert shown["boxes"].tolist()[0] == [[-1.5, 0, 40, 8]]
    assert shown["presence"].dtype == np.float32
    assert shown["components"].shape == (8, 2, SIZE, SIZE, 3)
    assert (shown["components"] == 255).all(), "beyond white is white"


@pytest.mark.parametrize(
    ("at_once", "asked"),
    [
        (4, [4, 1, (1, 4), (1, 4), (1, 2)]),
        (10, [5, (1, 10), (1, 10), (1, 10), (1, 10), (1, 10)]),
        (30, [5, (3, 10), (2, 10)]),
        (None, [5, (5, 10)]),
    ],
)
def test_no_more_than_at_once_are_computed_together(at_once, asked):
    method = known()
    method.evaluate(colour(), run(at_once=at_once))
    if at_once == 4:
        asked = asked[:2] + asked[2:] * 5
    assert method.network.asked == [*asked, "shown"]


def test_the_default_number_at_once_follows_the_maps_of_a_sample():
    net = known().network
    net.planes, net.size = 64, 128
    assert default_at_once(net) == 128  # 4 MiB each
    net.planes = 10**6
    assert default_at_once(net) == 1


def raises(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize("where", ["sample", "log_weights", "illustrate"])
@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    ],
    ids=["cuda", "linux", "windows"],
)  # fmt: skip
def test_out_of_memory_is_a_line_that_says_what_to_lower(where, error):
    method = known(**{where: raises(error)})
    with pytest.raises(
        SymbenchError, match=r"memory ran out when 7 .* at once; give --at-once a sm"
    ):
        method.evaluate(colour(), run(at_once=7))


def test_another_error_stays_what_it_is():
    with pytest.raises(RuntimeError, match="shapes"):
        known(sample=raises(RuntimeError("shapes"))).evaluate(colour(), run())


def test_what_is_no_number_is_a_line():
    with pytest.raises(DivergedError, match="samples hold 15360 values that are NaN or infinite"):
        known(grey=float("nan")).evaluate(colour(), run())
    bad = torch.tensor([[3.0, float("nan"), 1.0]])
    with pytest.raises(DivergedError, match="log_likelihood hold 1 values that are NaN"):
        known(1, log_weights=lambda *_: bad).evaluate(colour(3), run())


def test_evaluation_before_training():
    method = KnownMethod(SceneSettings())
    assert method.parameters is None
    with pytest.raises(SymbenchError, match="KnownMethod has not learned yet; call fit first"):
        method.evaluate(colour(), run())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((2, 32, 32, 1), np.float32), "images are float32; they must be uint8, 0 to 255"),
        (np.zeros((2, 32, 32), np.uint8), r"images have shape \(2, 32, 32\); they must be \(N, si"),
        (np.zeros((2, 32, 64, 1), np.uint8), r"have shape \(2, 32, 64, 1\)"),
        (np.zeros((2, 48, 48, 1), np.uint8), "with size one of 16, 32, 64, 128 and C 1 or 3"),
        (np.zeros((2, 32, 32, 4), np.uint8), r"have shape \(2, 32, 32, 4\)"),
        (np.zeros((0, 32, 32, 1), np.uint8), r"have shape \(0, 32, 32, 1\)"),
    ],
)
def test_what_are_no_images_is_refused(wrong, said):
    for act in (KnownMethod(SceneSettings()).fit, known().evaluate):
        with pytest.raises(SymbenchError, match=said):
            act(Examples({"images": wrong}), run())


def test_images_of_another_shape_than_those_learned():
    with pytest.raises(SymbenchError, match=r"\(32, 32, 1\) here; KnownMethod learned .*32, 3\)"):
        known().evaluate(examples(), run())
    with pytest.raises(SymbenchError, match="no column 'images', which scenes need; got: states"):
        known().evaluate(Examples({"states": np.zeros(3)}), run())


def test_the_loop_gets_the_settings(monkeypatch):
    seen = []
    monkeypatch.setattr(scene_method, "train", lambda *given: seen.append(given))
    settings = SceneSettings(
        optimiser="rmsprop", learning_rate=0.5, clip=2.0, mixed_precision=False
    )
    KnownMethod(settings).fit(examples(), run())
    (net, data, _, how), = seen  # fmt: skip
    assert isinstance(net, Known)
    assert list(data) == ["images"]
    assert (how.optimiser, how.learning_rate, how.clip) == ("rmsprop", 0.5, 2.0)
    assert how.mixed_precision is False


def test_a_warm_up_weighs_the_kl_by_the_step():
    network = SceneNetwork(SceneSettings(beta=2.0, warm_up=10), 32, 1)
    nll, kl = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 2.0])
    losses = [float(network.elbo_loss(nll, kl, step)[0]) for step in (0, 5, 10, 99)]
    assert losses == pytest.approx([4.0, 4.0 + 1.5, 4.0 + 3.0, 4.0 + 3.0])


@pytest.mark.parametrize(
    ("method", "settings"), [*VARIANTS, pytest.param(GNM, {"steps": 2, "mlp": 8}, id="gnm")]
)
def test_all_is_computed_on_the_device_of_the_network(method, settings):
    # A tensor that a network made on the CPU cannot meet those of the meta device, as on a GPU.
    net = network(method, channels=3, **settings).to("meta")
    x = torch.zeros(2, 3, SIZE, SIZE, device="meta")
    loss, _ = net.loss({"images": torch.zeros_like(x, dtype=torch.uint8).movedim(1, -1)}, 0)
    loss.backward()
    assert {one.grad.device.type for one in net.parameters()} == {"meta"}
    with torch.no_grad():
        assert net.log_weights(x, 2).device.type == net.sample(2).device.type == "meta"

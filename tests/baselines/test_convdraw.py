"""ConvDRAW: what is drawn, from what each prior is computed, and the sizes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from baselines.convdraw import ConvDRAW, ConvDRAWSettings, Interaction
from baselines.scenes.pixel_likelihood import pixels
from benchmarks.protocol import SymbenchError
from tests.baselines.small_scenes import SIZE, batch, network, parameters


def unrolled(net, x=None, count=3, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        return net.unroll(count, x)


def test_the_canvas_is_the_sum_of_what_was_written():
    net, written = network(ConvDRAW, steps=3), []
    net.write.register_forward_hook(lambda _, __, out: written.append(out))
    steps = unrolled(net, pixels(batch(3)))
    for step in range(3):
        np.testing.assert_allclose(steps[step].canvas, sum(written[: step + 1]), atol=1e-6)
    assert steps[-1].canvas.shape == (3, 1, SIZE, SIZE)
    assert steps[-1].z.shape == (3, 2, 4, 4)


def test_the_encoder_sees_the_image_and_what_the_canvas_lacks():
    net, seen, x = network(ConvDRAW), [], pixels(batch(3))
    net.read.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    steps = unrolled(net, x)
    np.testing.assert_allclose(seen[0], torch.cat([x, x - 0.5], 1), atol=1e-6)
    lacks = x - steps[0].canvas.sigmoid()
    np.testing.assert_allclose(seen[1], torch.cat([x, lacks], 1), atol=1e-6)


def test_encoder_and_decoder_are_told_what_the_other_has_done():
    net, seen, told = network(ConvDRAW), {"read": [], "look": []}, {"encoder": [], "decoder": []}
    for name, outputs in seen.items():
        getattr(net, name).register_forward_hook(lambda _, __, out, at=outputs: at.append(out))
    for name, calls in told.items():
        getattr(net, name).register_forward_hook(
            lambda _, given, out, at=calls: at.append((given[0], out[0]))
        )
    steps = unrolled(net, pixels(batch(3)))
    decoded = [net.initial[2].expand(3, -1, -1, -1), told["decoder"][0][1]]
    for step in range(2):
        expected = torch.cat([seen["read"][step], decoded[step]], 1)
        assert (told["encoder"][step][0] == expected).all()
        expected = torch.cat([steps[step].z, seen["look"][step]], 1)
        assert (told["decoder"][step][0] == expected).all()


def kl_by_hand(q, p):
    ratio = (q.scale / p.scale).double().numpy()
    gap = ((q.loc - p.loc) / p.scale).double().numpy()
    return (0.5 * (ratio**2 + gap**2 - 1) - np.log(ratio)).reshape(len(ratio), -1).sum(1)


@pytest.mark.parametrize("interaction", [False, True])
def test_the_loss_by_hand(interaction):
    net, data = network(ConvDRAW, steps=3, beta=2.0, interaction=interaction), batch(3)
    x = pixels(data)
    steps = unrolled(net, x, seed=4)
    kl = sum(kl_by_hand(one.posterior, one.prior) for one in steps).mean()
    torch.manual_seed(4)
    loss, scalars = net.loss(data, 0)
    off = (x - steps[-1].canvas.sigmoid()).square().flatten(1).sum(1).mean() / 0.08
    nll = float(off) + SIZE**2 * np.log(0.2 * np.sqrt(2 * np.pi))
    assert float(scalars["kl"].detach()) == pytest.approx(kl, rel=1e-4)
    assert float(scalars["nll"].detach()) == pytest.approx(nll, rel=1e-5)
    assert float(loss.detach()) == pytest.approx(nll + 2 * kl, rel=1e-5)


def test_each_prior_is_computed_from_the_latents_before_it(monkeypatch):
    """Autoregressive: a latent changes the priors after it, not its own and no earlier one."""
    net = network(ConvDRAW, steps=3)
    plain, calls = Normal.rsample, []

    def changed(self):
        calls.append(self)
        return plain(self) + (5.0 if len(calls) == 2 else 0.0)

    before = unrolled(net)
    monkeypatch.setattr(Normal, "rsample", changed)
    after = unrolled(net)
    assert len(calls) == 3
    same = [bool((a.prior.loc == b.prior.loc).all()) for a, b in zip(before, after, strict=True)]
    assert same == [True, True, False]


def test_without_an_image_latents_come_from_the_prior():
    net = network(ConvDRAW)
    net.read.register_forward_hook(lambda *_: pytest.fail("the prior looks at nothing"))
    for step in unrolled(net):
        assert step.posterior is step.prior
    shown = unrolled(net)[-1].canvas.sigmoid()
    torch.manual_seed(0)
    with torch.no_grad():
        np.testing.assert_allclose(net.sample(3), shown)


def test_the_interaction_mlp_relates_all_cells():
    state = torch.zeros(1, 3, 4, 4, requires_grad=True)
    Interaction(3, 4, 8, 2)(state)[0, 0, 0, 0].backward()
    assert (state.grad != 0).all()
    plain, deep = network(ConvDRAW), network(ConvDRAW, interaction=True)
    assert isinstance(deep.posterior, Interaction)
    assert isinstance(deep.prior, Interaction)
    assert isinstance(plain.prior, torch.nn.Conv2d)


def expected_parameters(size, channels, interaction=False, side=8, f=64, z=8, mlp=512):
    halvings = {1: 0, 2: 1, 4: 2, 8: 3, 16: 4, 32: 5}[size // side]
    read = (16, 32, 64, 64, 64)[:halvings]

    def reader(inputs):
        filters = (inputs, *read)
        return sum(16 * a * b + 3 * b for a, b in itertools.pairwise(filters))

    lstms = (9 * (read[-1] + 2 * f) + 1) * 4 * f + (9 * (z + read[-1] + f) + 1) * 4 * f
    head = (9 * f + 1) * 2 * z
    if interaction:
        cells = side**2
        head = (cells * f + 3) * mlp + (mlp + 3) * mlp + (mlp + 1) * cells * 2 * z
    filters = (f, *(64, 32, 16, 16)[: halvings - 1], channels)
    write = sum((9 * a + 1) * 4 * b + 2 * b for a, b in itertools.pairwise(filters))
    initial = 4 * f * side**2
    return (
        reader(2 * channels) + reader(channels) + lstms + 2 * head + write - 2 * channels + initial
    )


@pytest.mark.parametrize(
    ("size", "channels", "interaction", "side"),
    [
        (128, 1, False, 8),
        (128, 3, False, 8),
        (128, 1, True, 8),
        (64, 1, False, 4),
        (32, 1, True, 4),
    ],
)
def test_parameters_are_as_many_as_the_layers_say(size, channels, interaction, side):
    made = ConvDRAWSettings(interaction=interaction, side=side)
    net = ConvDRAW.Network(made, size, channels)
    assert parameters(net) == expected_parameters(size, channels, interaction, side)


def test_parameters_at_128_pixels_do_not_depend_on_the_steps():
    assert expected_parameters(128, 1) == 1_246_756
    assert parameters(ConvDRAW.Network(ConvDRAWSettings(steps=8), 128, 1)) == 1_246_756


def test_pictures_show_the_canvas_after_each_step():
    net, x = network(ConvDRAW, steps=3), pixels(batch(4))
    with torch.inference_mode():
        shown = net.illustrate(x)
    assert shown["steps"].shape == (4, 3, 1, SIZE, SIZE)
    assert (shown["steps"][:, -1] == shown["reconstructions"]).all()
    assert (shown["steps"] >= 0).all()
    assert (shown["steps"] <= 1).all()
    assert shown["drawn"].shape == (16, 1, SIZE, SIZE)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 0}, "steps is 0; it must be a whole number, 1 or more"),
        ({"side": 5}, "side is 5; it must be one of: 2, 4, 8"),
        ({"hidden": 2.5}, "hidden is 2.5"),
        ({"interaction": "yes"}, "interaction is 'yes'; it must be one of: True, False"),
    ],
)
def test_settings_are_checked(wrong, said):
    with pytest.raises(SymbenchError, match=said):
        ConvDRAWSettings(**wrong)

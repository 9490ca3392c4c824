"""StructDRAW: its size, its recurrence against one written out, what the ablations cut."""

from __future__ import annotations

from math import log, pi

import pytest
import torch
from torch.nn.functional import conv2d, softplus

from methods.gnm.struct_draw import GaussianGlobal, StructDRAW

FEATURES = 8


def drawer(kind=StructDRAW, steps=3, interaction=True, features=FEATURES):
    torch.manual_seed(0)
    net = kind(features, steps, interaction)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    return net


def image(count=2, features=FEATURES):
    torch.manual_seed(1)
    return torch.randn(count, features, 4, 4)


def sigma(raw):
    return softplus(raw) + 1e-4


def lstm(layer, x, h, c):
    """One step of the LSTM by its equations, at every cell."""
    gates = conv2d(torch.cat([x, h], 1), layer.gates.weight[..., None, None], layer.gates.bias)
    keep, write, show, new = gates.chunk(4, 1)
    c = torch.sigmoid(keep) * c + torch.sigmoid(write) * torch.tanh(new)
    return torch.sigmoid(show) * torch.tanh(c), c


def flat(maps):
    """Cell by cell, the features of each together."""
    return torch.stack([maps[:, :, i, j] for i in range(4) for j in range(4)], 1).flatten(1)


def test_the_steps_are_those_of_the_paper(monkeypatch):
    net, f_x = drawer(), image()
    monkeypatch.setattr(torch.distributions.Normal, "rsample", lambda self: self.mean + self.stddev)
    drawing = net(f_x)
    h_enc, c_enc, h_dec, c_dec = (state.expand(2, -1, -1, -1) for state in net.initial)
    drawn = torch.zeros_like(f_x)
    for step in range(3):
        prior, prior_raw = net.prior.net(flat(h_dec)).chunk(2, 1)
        h_enc, c_enc = lstm(net.encoder, torch.cat([f_x, f_x - drawn, h_dec], 1), h_enc, c_enc)
        mean, raw = net.posterior.net(flat(h_enc)).chunk(2, 1)
        z = mean + sigma(raw)
        made = net.to_map.net(z).view(2, 4, 4, FEATURES).permute(0, 3, 1, 2)
        h_dec, c_dec = lstm(net.decoder, torch.cat([made, drawn], 1), h_dec, c_dec)
        drawn = drawn + net.draw(h_dec)
        torch.testing.assert_close(drawing.z[step], z)
        torch.testing.assert_close(drawing.prior[step].mean, prior)
        torch.testing.assert_close(drawing.prior[step].stddev, sigma(prior_raw))
        torch.testing.assert_close(drawing.posterior[step].mean, mean)
        torch.testing.assert_close(drawing.drawn[step], drawn)
    torch.testing.assert_close(net.decode(drawing.latent), drawing.drawn[-1])


def test_drawing_from_the_prior_follows_the_same_path(monkeypatch):
    net = drawer()
    torch.manual_seed(3)
    sampled = net.sample(2)
    torch.testing.assert_close(net.decode(sampled.latent), sampled.drawn[-1])
    # Given these latents as its own draws, the posterior's pass gives the same priors.
    latents = iter(sampled.z)
    monkeypatch.setattr(torch.distributions.Normal, "rsample", lambda self: next(latents))
    drawing = net(image())
    for one, other in zip(sampled.prior, drawing.prior, strict=True):
        torch.testing.assert_close(one.mean, other.mean)
        torch.testing.assert_close(one.stddev, other.stddev)


def test_kl_and_log_ratio_by_hand():
    drawing = drawer()(image())
    kl, ratio = torch.zeros(2), torch.zeros(2)
    for z, q, p in zip(drawing.z, drawing.posterior, drawing.prior, strict=True):
        share = (q.stddev / p.stddev) ** 2
        distance = ((q.mean - p.mean) / p.stddev) ** 2
        kl += 0.5 * (share + distance - 1 - share.log()).sum(1)
        for normal, sign in ((p, 1), (q, -1)):
            off = ((z - normal.mean) / normal.stddev) ** 2
            ratio += sign * (-0.5 * off - normal.stddev.log() - 0.5 * log(2 * pi)).sum(1)
    torch.testing.assert_close(drawing.kl(), kl)
    torch.testing.assert_close(drawing.log_ratio(), ratio, atol=1e-4, rtol=1e-4)
    assert drawing.latent.shape == (2, 96)


@pytest.mark.parametrize("kind", [StructDRAW, GaussianGlobal])
def test_without_interaction_a_latent_belongs_to_one_cell(kind):
    net = drawer(kind, steps=1, interaction=False)
    if kind is StructDRAW:
        net.draw.weight.data[:, :, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
    z = torch.zeros(1, 32)
    moved = z.clone()
    moved[0, 2 * 6] = 1.0  # the first of the two dimensions of row 1, column 2
    differs = (net.decode(z) != net.decode(moved)).any(1)[0]
    assert differs.nonzero().tolist() == [[1, 2]]
    maps = image(1)
    changed = maps.clone()
    changed[:, :, 1, 2] += 1
    before, after = net.posterior(maps).mean[0], net.posterior(changed).mean[0]
    assert (before != after).nonzero().flatten().tolist() == [12, 13]
    # With it, every cell sees every dimension, and every dimension every cell.
    net = drawer(kind, steps=1)
    assert (net.decode(z) != net.decode(moved)).any(1).all()
    assert (net.posterior(maps).mean != net.posterior(changed).mean).all()


def test_the_gaussian_is_one_draw_of_the_same_size():
    net = drawer(GaussianGlobal)
    drawing = net(image())
    assert drawing.latent.shape == (2, net.latent) == (2, drawer().latent)
    assert [len(part) for part in (drawing.z, drawing.posterior, drawing.drawn)] == [1, 1, 1]
    q = drawing.posterior[0]
    expected = 0.5 * (q.mean**2 + q.stddev**2 - 1 - 2 * q.stddev.log()).sum(1)
    torch.testing.assert_close(drawing.kl(), expected)
    torch.manual_seed(0)
    z = net.sample(500).latent
    assert abs(z.mean().item()) < 0.02
    assert abs(z.std().item() - 1) < 0.02


@pytest.mark.parametrize(("features", "widths"), [(64, (24, 24)), (128, (24, 48))])
def test_mlp_is_the_width_of_the_hidden_layers(features, widths):
    net = StructDRAW(features, 1, mlp=24)

    def found(part):
        return tuple(one.out_features for one in part.net if isinstance(one, torch.nn.Linear))

    assert found(net.posterior) == found(net.prior) == (24, 24, 64)
    assert found(net.to_map) == (*widths, 16 * features)

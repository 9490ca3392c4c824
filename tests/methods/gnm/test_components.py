"""Distributions of the components: KLs and densities by hand, the relaxation, first weights."""

from __future__ import annotations

from dataclasses import replace
from math import log, pi

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn.functional import softplus

from methods.gnm.components import ComponentHeads, Components, kl_bernoulli, raw


def components(seed=0, count=2, what=3, side=2):
    torch.manual_seed(seed)

    def normal(size):
        return Normal(
            torch.randn(count, size, side, side), torch.rand(count, size, side, side) + 0.1
        )

    return Components(torch.randn(count, side**2), normal(4), normal(1), normal(what))


def test_the_kl_of_presence_by_hand():
    # q = 0.8 and 0.5 against p = 0.1 and 0.001.
    q, p = torch.tensor([[0.8, 0.5]]), torch.tensor([[0.1, 0.001]])
    first = 0.8 * log(0.8 / 0.1) + 0.2 * log(0.2 / 0.9)
    second = 0.5 * log(0.5 / 0.001) + 0.5 * log(0.5 / 0.999)
    assert kl_bernoulli(q.logit(), p.logit()).item() == pytest.approx(first + second, rel=1e-5)
    logits, prior = torch.randn(3, 5) * 4, torch.randn(3, 5) * 4
    expected = kl_divergence(Bernoulli(logits=logits), Bernoulli(logits=prior)).sum(1)
    torch.testing.assert_close(kl_bernoulli(logits, prior), expected, atol=1e-4, rtol=1e-4)


def test_it_stays_finite_and_exact_at_the_ends():
    far = torch.tensor([[-60.0, 60.0, 8.8]])
    assert kl_bernoulli(far, far).abs().item() < 1e-5
    assert kl_bernoulli(torch.tensor([[60.0]]), torch.tensor([[-60.0]])).item() == pytest.approx(60)


def test_each_gaussian_kl_by_hand():
    q, p = components(0), components(1)
    for name, value in q.kl(p).items():
        if name == "presence":
            continue
        a, b = getattr(q, name), getattr(p, name)
        ratio = (a.stddev / b.stddev) ** 2
        each = 0.5 * (ratio + ((a.mean - b.mean) / b.stddev) ** 2 - 1 - ratio.log())
        torch.testing.assert_close(value, each.sum((1, 2, 3)), msg=name)


def test_the_density_of_a_draw_by_hand():
    q = components()
    z = q.draw()
    assert set(z.presence.unique().tolist()) <= {0.0, 1.0}
    probability = q.logits.sigmoid()
    expected = torch.where(z.presence == 1, probability, 1 - probability).log().sum(1)
    for name in ("where", "depth", "what"):
        normal, value = getattr(q, name), getattr(z, name)
        off = ((value - normal.mean) / normal.stddev) ** 2
        expected += (-0.5 * off - normal.stddev.log() - 0.5 * log(2 * pi)).sum((1, 2, 3))
    torch.testing.assert_close(q.log_density(z), expected)


def repeated(one, times):
    """The distributions of one image, many times."""
    normals = [
        Normal(*(value.expand(times, -1, -1, -1) for value in (n.mean, n.stddev)))
        for n in (one.where, one.depth, one.what)
    ]
    return Components(one.logits.expand(times, -1), *normals)


def test_the_mean_log_ratio_of_draws_is_the_kl():
    q, p = components(0, count=1), components(1, count=1)
    z = repeated(q, 20_000).draw()
    of_q, of_p = (repeated(each, 20_000).log_density(z).double() for each in (q, p))
    ratio = of_q - of_p
    expected = sum(q.kl(p).values()).item()
    assert abs(ratio.mean().item() - expected) < 4 * ratio.std().item() / 20_000**0.5


def test_presence_is_relaxed_in_training_and_sharper_when_colder():
    q = replace(components(), logits=torch.zeros(2, 4).requires_grad_())
    spread = []
    for temperature in (1.0, 0.5, 0.05):
        torch.manual_seed(1)
        presence = torch.stack([q.relaxed(temperature).presence for _ in range(200)])
        assert presence.ge(0).all()
        assert presence.le(1).all()
        spread.append((presence - 0.5).abs().mean().item())
    assert spread[0] < spread[1] < spread[2]
    # At temperature 1 and logit 0, relaxed Bernoulli is uniform: its mean distance is 1/4.
    assert spread[0] == pytest.approx(0.25, abs=0.02)
    presence.sum().backward()
    assert q.logits.grad.abs().sum() > 0


def test_heads_begin_with_boxes_alike_and_presence_in_range():
    torch.manual_seed(0)
    heads = ComponentHeads(8, 3, 0.05, 5.0)
    assert heads.where.weight.abs().max() <= 0.01
    assert heads.where.bias[:4].tolist() == [-1.0] + 3 * [0.0]
    # Torch draws from ±1/√8; of the means alone there is five times as much.
    assert 1 / 8**0.5 < heads.what.weight[:3].abs().max() <= 5 / 8**0.5
    assert heads.what.weight[3:].abs().max() <= 1 / 8**0.5
    with torch.no_grad():
        heads.presence.bias.fill_(100.0)
    maps = torch.randn(3, 8, 4, 4), torch.randn(3, 8, 4, 4)
    first, second = heads(*maps)
    assert first.logits.shape == (3, 16)
    torch.testing.assert_close(first.logits, torch.full((3, 16), 8.8))
    assert (first.where.mean[:, 0].sigmoid() - 0.27).abs().max() < 0.05
    assert (first.where.stddev - 0.05).abs().max() < 0.01
    # Both maps are read by the same network, whether together or alone.
    torch.testing.assert_close(heads(maps[1])[0].what.mean, second.what.mean)


@pytest.mark.parametrize("std", [1e-12, 0.05, 1.0, 1000.0])
def test_what_softplus_makes_a_deviation_from(std):
    assert float(softplus(torch.tensor(raw(std), dtype=torch.float64))) == pytest.approx(std)


def test_a_cell_is_read_by_itself_but_for_its_norm():
    torch.manual_seed(0)
    heads = ComponentHeads(8, 3, 1.0, 1.0)
    heads.trunk[0][2], heads.trunk[1][2] = torch.nn.Identity(), torch.nn.Identity()
    maps = torch.randn(1, 8, 4, 4)
    changed = maps.clone()
    changed[:, :, 1, 2] += 1
    before, after = heads(maps)[0], heads(changed)[0]
    differs = (before.what.mean != after.what.mean).any(1)[0]
    assert differs.nonzero().tolist() == [[1, 2]]
    assert (before.logits != after.logits)[0].nonzero().flatten().tolist() == [6]

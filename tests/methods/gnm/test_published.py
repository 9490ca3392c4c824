"""The published loss and renderer, on numbers small enough to compute by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal

from methods.gnm import GNMSettings, components, renderer
from methods.gnm.components import Components
from methods.gnm.network import GNMNetwork


def of_two_cells(mean):
    """One image of two components, all Gaussians N(mean, 1): where 4, depth 1, what 3 numbers."""

    def normal(size):
        return Normal(torch.full((1, size, 1, 2), mean), torch.ones(1, size, 1, 2))

    return Components(torch.zeros(1, 2), normal(4), normal(1), normal(3))


def test_an_absent_component_costs_nothing_against_the_fixed_priors():
    # Means 1 apart at deviation 1 are half a nat a number.
    q, p = of_two_cells(1.0), of_two_cells(0.0)
    plain = {name: value.item() for name, value in q.kl(p).items()}
    assert plain == pytest.approx({"presence": 0, "where": 4, "depth": 1, "what": 3})
    weighed = q.kl(p, torch.tensor([[0.25, 0.0]]))
    share = 0.25 + 1e-5
    assert {name: value.item() for name, value in weighed.items()} == pytest.approx(
        {"presence": 0, "where": 2 * share, "depth": 0.5 * share, "what": 1.5 * share}
    )
    # The cheaper way is to be absent: gradients reach the presence.
    presence = torch.tensor([[0.25, 0.5]], requires_grad=True)
    q.kl(p, presence)["what"].sum().backward()
    assert presence.grad.tolist() == [[1.5, 1.5]]


def test_the_weights_are_the_components_own_and_in_their_order():
    q, p = of_two_cells(1.0), of_two_cells(0.0)
    apart = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2)
    q = replace(q, depth=Normal(apart, torch.ones_like(apart)))
    assert q.kl(p, torch.tensor([[0.5, 0.1]]))["depth"].item() == pytest.approx(0.25 + 0.45)


def layered(alphas, depths=(0.0, 0.0), presence=(1.0, 1.0)):
    """Red and green glimpses over all of a 2×2 image: colours and the alpha map (4, 2, 2)."""
    colours = torch.eye(3)[:2].view(1, 2, 3, 1, 1).expand(-1, -1, -1, 2, 2)
    glimpses = torch.cat([colours, alphas.view(1, 2, 1, 1, 1).expand(-1, -1, -1, 2, 2)], 2)
    boxes = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 2, 4)
    scene = (glimpses, torch.tensor([presence]), torch.tensor([depths]), boxes, 2)
    return renderer.blend(*scene)[0]


def test_the_alpha_map_is_a_sum():
    red, green, _, alpha = layered(torch.tensor([0.5, 0.3]))[:, 0, 0].tolist()
    # At equal depth the colours are weighed by their alphas, 5 to 3; alphas are added up.
    assert red == pytest.approx(0.5 * 5 / 8, abs=1e-4)
    assert green == pytest.approx(0.3 * 3 / 8, abs=1e-4)
    assert alpha == pytest.approx(0.8)
    assert layered(torch.tensor([0.5, 0.3]), presence=(0.5, 0.0))[3, 0, 0] == pytest.approx(0.25)


def test_it_is_clamped_and_gradients_pass_the_clamp():
    for alphas, expected in (((0.9, 0.8), 1 - 1e-5), ((0.0, 0.0), 1e-5)):
        leaf = torch.tensor(alphas, requires_grad=True)
        alpha = layered(leaf)[3, 0, 0]
        assert alpha.item() == pytest.approx(expected, abs=1e-7)
        alpha.backward()
        # A pixel of the image, right at the middle of its pixel of the glimpse.
        assert leaf.grad.tolist() == pytest.approx([1.0, 1.0])


def network(**settings):
    torch.manual_seed(0)
    return GNMNetwork(GNMSettings(**settings), 32, 3)


def test_the_curriculum_sets_the_alpha_map_at_every_pixel(monkeypatch):
    net = network()
    glimpses = torch.zeros(2, 16, 4, 16, 16)
    glimpses[:, :, 0], glimpses[:, :, 3] = 1.0, 0.5  # red, half transparent
    monkeypatch.setattr(net, "decode", lambda z: glimpses)
    monkeypatch.setattr(type(net.background), "forward", lambda _, z: torch.ones(2, 3, 32, 32))
    with torch.no_grad():
        z, z_b = net.draw(2)
        present = replace(z, presence=torch.ones_like(z.presence))
        absent = replace(z, presence=torch.zeros_like(z.presence))
        seen, bare = net.paint(present, z_b, alpha=0.9), net.paint(absent, z_b, alpha=0.9)
    # The background counts a tenth, at the edges and where nothing is drawn as well.
    torch.testing.assert_close(bare, torch.full((2, 3, 32, 32), 0.1))
    torch.testing.assert_close(seen[:, 1:], torch.full((2, 2, 32, 32), 0.1))
    # The glimpses' own alpha stays 0.5: half of red is added in the middle of a box.
    assert seen[:, 0].max().item() == pytest.approx(0.1 + 0.5, abs=1e-3)


def test_presence_is_at_most_99_percent_in_the_curriculum(monkeypatch):
    monkeypatch.setattr(components, "logistic", torch.zeros_like)
    net, images = network(), {"images": torch.zeros(1, 32, 32, 3, dtype=torch.uint8)}
    with torch.no_grad():
        net.heads.presence.bias.fill_(10.0)
        assert net.loss(images, 499)[1]["present"].item() == pytest.approx(0.99 * 16)
        assert net.loss(images, 500)[1]["present"].item() > 0.999 * 16

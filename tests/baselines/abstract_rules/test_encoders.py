from __future__ import annotations

import pytest
import torch

from baselines.abstract_rules.encoders import ENCODERS, ContextNorm
from benchmarks.protocol import SymbenchError


def count(module, trained=False):
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trained)


@pytest.mark.parametrize(
    ("name", "parameters", "trained"),
    [
        ("conv", 197_600, 197_600),
        ("mlp", 524_800 + 131_328 + 32_896, 689_024),
        ("random", 131_200, 0),
    ],
)
def test_encoder_sizes(name, parameters, trained):
    encoder = ENCODERS[name]()
    assert (count(encoder), count(encoder, trained=True)) == (parameters, trained)
    codes = encoder(torch.rand(3, 1, 32, 32))
    assert codes.shape == (3, 128)
    assert (codes >= 0).all()


def test_context_norm_by_hand():
    # 1, 2, 6: mean 3, unbiased variance (4 + 1 + 9) / 2 = 7.
    z = torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1)
    norm = ContextNorm((0, 0, 0), features=1)
    expected = torch.tensor([-2.0, -1.0, 3.0]) / 7**0.5
    assert torch.allclose(norm(z).flatten(), expected)
    with torch.no_grad():
        norm.gain.fill_(2.0)
        norm.shift.fill_(0.5)
    assert torch.allclose(norm(z).flatten(), 2 * expected + 0.5)


def test_context_norm_of_equal_images_is_zero_and_has_a_gradient():
    z = torch.full((1, 2, 4), 3.0, requires_grad=True)
    out = ContextNorm((0, 0), features=4)(z)
    out.sum().backward()
    assert (out == 0).all()
    assert torch.isfinite(z.grad).all()


def test_segments_are_normalised_apart():
    z = torch.randn(5, 6, 8, generator=torch.Generator().manual_seed(0))
    pair, whole = ContextNorm((0, 0), 8), ContextNorm((0, 0, 1, 1, 2, 2), 8)
    parts = torch.cat([pair(z[:, i : i + 2]) for i in (0, 2, 4)], 1)
    assert torch.equal(whole(z), parts)
    assert not torch.allclose(ContextNorm((0,) * 6, 8)(z), parts)


@pytest.mark.parametrize("segments", [(0,), (0, 0, 1), (0, 1, 0, 1)])
def test_segments_that_cannot_be_normalised(segments):
    with pytest.raises(SymbenchError, match="segments"):
        ContextNorm(segments)

"""Each prefix is read by itself, all of it, and in order."""

from __future__ import annotations

import pytest
import torch

from methods.symbolic_sequences.descriptor import LENGTH
from methods.symbolic_sequences.interpreter import PREFIXES, Interpreter


@pytest.fixture
def read():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Interpreter(12, 8, 2, 2).eval()


def symbols(count=3, seed=1):
    return torch.randn(count, LENGTH, 8, generator=torch.Generator().manual_seed(seed))


def alone(read, x):
    """One prefix by itself, without a mask: (B, T, W) → (B, D)."""
    x = x + read.positions[: x.shape[1]]
    for block in read.blocks:
        x, _, _ = block(x)
    return read.norm_projected(read.project(read.norm(x.mean(1))))


@torch.no_grad()
def test_side_by_side_is_one_by_one(read):
    said = read(symbols())
    assert said.shape == (3, len(PREFIXES), 12)
    for index, prefix in enumerate(PREFIXES):
        torch.testing.assert_close(said[:, index], alone(read, symbols()[:, :prefix]))


@torch.no_grad()
def test_a_prefix_depends_on_all_its_symbols_and_on_no_other(read):
    said = read(symbols())
    for t in range(LENGTH):
        x = symbols()
        x[:, t] = symbols(seed=2)[:, t]
        other = read(x)
        for index, prefix in enumerate(PREFIXES):
            same = torch.allclose(other[:, index], said[:, index], atol=1e-6)
            assert same == (t >= prefix), (t, prefix)


@torch.no_grad()
def test_the_order_of_symbols_matters(read):
    x = symbols()
    assert not torch.allclose(read(x)[:, 3], read(x.flip(1))[:, 3], atol=1e-4)


@torch.no_grad()
def test_without_the_mask_prefixes_would_mix(read):
    """The planted fault."""
    read.apart.zero_()
    assert not torch.allclose(read(symbols())[:, 0], alone(read, symbols()[:, :1]), atol=1e-3)

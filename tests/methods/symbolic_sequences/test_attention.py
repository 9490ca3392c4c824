"""Attention by hand, and blocks whose positions come one by one."""

from __future__ import annotations

import numpy as np
import torch

from methods.symbolic_sequences.attention import Attention, Block

B, T, S, W, A, D = 2, 3, 4, 6, 2, 5


def made(cls, *sizes, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cls(*sizes)


def normal(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def array(x):
    return x.detach().double().numpy()


def affine(layer, x):
    return x @ array(layer.weight).T + array(layer.bias)


def test_attention_by_hand():
    attention, x, memory = made(Attention, W, A, D), normal(B, T, W), normal(B, S, D, seed=2)
    mask = torch.zeros(T, S)
    mask[0, 2:] = float("-inf")
    out, weights = attention(x, attention.remember(memory), mask)
    q = affine(attention.query, array(x))
    k, v = np.split(affine(attention.memory, array(memory)), 2, 2)
    e = W // A
    for b in range(B):
        found = np.zeros((T, W))
        for a in range(A):
            head = slice(a * e, (a + 1) * e)
            scores = q[b, :, head] @ k[b].T / e**0.5 + array(mask)
            shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
            np.testing.assert_allclose(array(weights)[b, :, a], shares, rtol=1e-4, atol=1e-7)
            found[:, head] = shares @ v[b]
        np.testing.assert_allclose(
            array(out)[b], affine(attention.output, found), rtol=1e-4, atol=1e-6
        )
    assert (weights[:, 0, :, 2:] == 0).all()


def test_positions_one_by_one_are_all_positions_at_once():
    block, x, memory = made(Block, W, A, D), normal(B, T, W), normal(B, S, D, seed=2)
    remembered = block.cross_attention.remember(memory)
    mask = torch.full((T, T), float("-inf")).triu(1)
    whole, _, weights = block(x, mask, remembered)
    earlier = None
    for t in range(T):
        one, earlier, looked = block(x[:, t : t + 1], None, remembered, earlier)
        torch.testing.assert_close(one, whole[:, t : t + 1])
        torch.testing.assert_close(looked, weights[:, t : t + 1])
        assert earlier.shape == (B, t + 1, 2 * W // A)


def test_without_the_mask_they_are_not():
    """The planted fault: what the mask is for."""
    block, x, memory = made(Block, W, A, D), normal(B, T, W), normal(B, S, D, seed=2)
    remembered = block.cross_attention.remember(memory)
    one, _, _ = block(x[:, :1], None, remembered)
    assert not torch.allclose(block(x, None, remembered)[0][:, :1], one, atol=1e-3)

"""What is written does not depend on how it is computed, nor on what is written after it."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from methods.symbolic_sequences.attention import Attention
from methods.symbolic_sequences.descriptor import LENGTH, Descriptor
from methods.symbolic_sequences.discretisation import DISCRETISATIONS, Choice
from tests.methods.symbolic_sequences.pupils import PATCHES, WIDTH, batch, network


def patches(count=6):
    return batch(count)["tokens"][:, 0, 1:].float()


@pytest.fixture(params=DISCRETISATIONS)
def net(request):
    return network(discretisation=request.param).eval()


@torch.no_grad()
def test_kept_keys_and_values_change_nothing(net):
    kept, anew = net.write(patches()), net.write(patches(), cached=False)
    assert torch.equal(kept.symbols, anew.symbols)
    for name in ("embeddings", "logits", "cost", "attention"):
        torch.testing.assert_close(getattr(kept, name), getattr(anew, name), msg=name)
    assert kept.symbols.shape == (6, LENGTH)
    assert kept.logits.shape == (6, LENGTH, 10)
    assert kept.attention.shape == (6, LENGTH, PATCHES)


@torch.no_grad()
def test_a_prefix_stays_as_it_is_when_it_is_extended(net):
    whole = net.write(patches())
    for length in (1, 2, 4):
        prefix = net.write(patches(), length=length)
        assert torch.equal(prefix.symbols, whole.symbols[:, :length])
        torch.testing.assert_close(prefix.embeddings, whole.embeddings[:, :length])


@torch.no_grad()
def test_a_position_sees_no_symbol_after_it(net):
    """Other symbols from position t on: what is written up to t, before them, is the same."""
    descriptor = net.descriptor
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, LENGTH, 8, generator=generator)
    memories = descriptor.remember(patches(3))
    before, _ = descriptor.attend(x, memories)
    for t in range(1, LENGTH):
        other = torch.cat([x[:, :t], torch.randn(3, LENGTH - t, 8, generator=generator)], 1)
        after, _ = descriptor.attend(other, memories)
        torch.testing.assert_close(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t], before[:, t], atol=1e-3)


@torch.no_grad()
def test_that_is_seen_where_it_is_not_so(net):
    """The planted fault: a descriptor that looks ahead."""
    descriptor = net.descriptor
    descriptor.causal.zero_()
    x = torch.randn(3, LENGTH, 8, generator=torch.Generator().manual_seed(0))
    memories = descriptor.remember(patches(3))
    before, _ = descriptor.attend(x, memories)
    after, _ = descriptor.attend(torch.cat([x[:, :-1], -x[:, -1:]], 1), memories)
    assert not torch.allclose(after[:, :-1], before[:, :-1], atol=1e-3)


@torch.no_grad()
def test_a_symbol_depends_on_those_before_it_and_on_the_patches():
    net = network().eval()

    def forced(first):
        """The hidden vector of the second step, where the first symbol is given."""
        seen = []

        def choose(h):
            seen.append(h)
            embedding = net.choose.embedding[first].expand_as(h)
            return Choice(torch.full((len(h),), first), embedding, h, h.sum(1))

        net.descriptor(patches(1), choose, 2)
        return seen

    one, other = forced(0), forced(1)
    assert torch.equal(one[0], other[0])
    assert not torch.allclose(one[1], other[1], atol=1e-4)
    written = net.write(patches())
    assert not torch.allclose(written.logits[0, 0], written.logits[1, 0], atol=1e-4)


@torch.no_grad()
def test_patches_are_projected_once_a_block(monkeypatch):
    net, projected = network().eval(), []
    remember = Attention.remember

    def counted(self, x):
        projected.append(x.shape[1])
        return remember(self, x)

    monkeypatch.setattr(Attention, "remember", counted)
    net.write(patches())
    assert projected.count(PATCHES) == 2
    # Beside them one position a step and block.
    assert projected.count(1) == 2 * LENGTH
    assert len(projected) == 2 + 2 * LENGTH


@torch.no_grad()
def test_that_saves_time():
    torch.manual_seed(0)
    descriptor = Descriptor(64, 32, 2, 2).eval()
    seen = torch.randn(32, 64, 64)

    def choose(h):
        return Choice(h.argmax(1), h, h, h.sum(1))

    def seconds(cached):
        begun = time.perf_counter()
        descriptor(seen, choose, cached=cached)
        return time.perf_counter() - begun

    seconds(True), seconds(False)
    # In turn, and the shortest of many: other programs take their share of both.
    pairs = [(seconds(True), seconds(False)) for _ in range(25)]
    kept, anew = (min(column) for column in zip(*pairs, strict=True))
    assert kept < 0.8 * anew


@torch.no_grad()
def test_attention_is_a_share_of_the_patches_and_follows_them():
    net, seen = network().eval(), patches()
    written = net.write(seen)
    np.testing.assert_allclose(written.attention.sum(-1), 1, rtol=1e-5)
    turned = net.write(seen.flip(1))
    assert torch.equal(turned.symbols, written.symbols)
    torch.testing.assert_close(turned.attention, written.attention.flip(2))


def test_sizes_of_the_descriptor():
    d, w, depth = WIDTH, 8, 2
    both, norm = 2 * (w // 2), 2 * w  # keys and values of one of two heads, shared
    attention = (w * w + w) * 2 + both * w + both
    cross = (w * w + w) * 2 + both * d + both
    mlp = 2 * (2 * w * w) + 2 * w + w
    expected = w + LENGTH * w + depth * (3 * norm + attention + cross + mlp) + norm
    made = network(descriptor_depth=depth).descriptor
    assert sum(one.numel() for one in made.parameters()) == expected

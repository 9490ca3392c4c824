"""SS, GS, VQ and RVQ: values and gradients by hand, and one symbol for all in the evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from methods.symbolic_sequences import discretisation
from methods.symbolic_sequences.discretisation import (
    COMMITMENT,
    DISCRETISATIONS,
    GumbelSoftmax,
    ResidualQuantiser,
    Softmax,
    VectorQuantiser,
    straight_through,
)


def made(cls, width=3, vocabulary=5, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cls(width, vocabulary)


def vectors(count=4, width=3, seed=1, gradient=False):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator).requires_grad_(gradient)


def test_straight_through_has_the_values_of_one_and_the_gradient_of_the_other():
    hard, soft = torch.tensor([1.0, 0.0]), torch.tensor([0.3, 0.7], requires_grad=True)
    out = straight_through(hard, soft)
    assert torch.equal(out, hard)
    out.backward(torch.tensor([2.0, -5.0]))
    np.testing.assert_array_equal(soft.grad, [2.0, -5.0])


def test_ss_goes_on_with_the_mixture_that_a_low_temperature_gives():
    ss, x = made(Softmax), vectors()
    choice = ss(x, 0.1)
    logits = x.double().numpy() @ ss.logits.weight.detach().double().numpy().T
    logits += ss.logits.bias.detach().double().numpy()
    weights = np.exp(logits / 0.1) / np.exp(logits / 0.1).sum(1, keepdims=True)
    np.testing.assert_allclose(
        choice.embedding.detach(), weights @ ss.embedding.detach().double().numpy(), rtol=1e-4
    )
    np.testing.assert_array_equal(choice.symbol, logits.argmax(1))
    np.testing.assert_array_equal(choice.cost, 0)
    # So low that only one symbol is left: the mixture is its embedding.
    np.testing.assert_allclose(
        ss(x, 1e-6).embedding.detach(), ss.embedding[choice.symbol].detach(), rtol=1e-5
    )


@pytest.fixture
def quiet(monkeypatch):
    """Gumbel noise that is the same for all symbols, and so changes nothing."""
    monkeypatch.setattr(torch, "rand_like", lambda x: torch.full_like(x, 0.5))


def test_gs_is_one_hot_forward_and_relaxed_backward(quiet):
    gs, temperature = made(GumbelSoftmax), 0.7
    logits = vectors(4, 5, gradient=True)
    symbol, weights = gs.weigh(logits, temperature)
    assert torch.equal(weights, nn.functional.one_hot(symbol, 5).float())
    np.testing.assert_array_equal(symbol, logits.argmax(1))
    up = vectors(4, 5, seed=2)
    weights.backward(up)
    # d softmax(l / τ) / dl, by hand: (p_i (u_i - Σ_j p_j u_j)) / τ
    p = np.exp(logits.detach().double().numpy() / temperature)
    p /= p.sum(1, keepdims=True)
    u = up.double().numpy()
    expected = p * (u - (p * u).sum(1, keepdims=True)) / temperature
    np.testing.assert_allclose(logits.grad, expected, rtol=1e-4, atol=1e-7)


def test_gs_draws_from_the_softmax_of_its_logits_whatever_the_temperature():
    gs = made(GumbelSoftmax)
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0, 0.5]]).expand(40_000, 5)
    for temperature in (0.2, 2.0):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            symbol, _ = gs.weigh(logits, temperature)
        shares = torch.bincount(symbol, minlength=5) / len(symbol)
        np.testing.assert_allclose(shares, logits[0].softmax(0), atol=0.01)


def test_gs_gives_every_embedding_a_gradient_through_the_relaxation_alone():
    """The embeddings that were not drawn get none; the logits of all get one."""
    gs, x = made(GumbelSoftmax), vectors(1)
    choice = gs(x, 1.0)
    choice.embedding.sum().backward()
    drawn = int(choice.symbol)
    assert (gs.embedding.grad[drawn] == 1).all()
    assert (gs.embedding.grad[[k for k in range(5) if k != drawn]] == 0).all()
    assert (gs.logits.weight.grad != 0).all()


def units(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def quantised(vq, x):
    """The vectors and the codes, in NumPy."""
    weight, bias = (one.detach().double().numpy() for one in vq.narrow.parameters())
    return units(x.detach().double().numpy() @ weight.T + bias), units(
        vq.codebook.detach().double().numpy()
    )


def test_vq_takes_the_nearest_code_and_says_how_far_it_is():
    vq, x = made(VectorQuantiser, vocabulary=50), vectors(6)
    choice = vq(x, None)
    z, codes = quantised(vq, x)
    squares = ((z[:, None] - codes) ** 2).sum(2)
    np.testing.assert_array_equal(choice.symbol, squares.argmin(1))
    np.testing.assert_allclose(choice.logits.detach(), -squares, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        choice.cost.detach(), (1 + COMMITMENT) * squares.min(1), rtol=1e-4, atol=1e-6
    )
    expected = vq.widen(torch.tensor(codes[squares.argmin(1)]).float())
    np.testing.assert_allclose(choice.embedding.detach(), expected.detach(), rtol=1e-4, atol=1e-6)


def test_the_codebook_term_moves_codes_and_the_commitment_moves_vectors(monkeypatch):
    """d‖z − e‖² / de = 2 (e − z) for the code, and a quarter of 2 (z − e) for the vector."""
    monkeypatch.setattr(discretisation, "normalize", lambda x, dim: x)
    vq, x = made(VectorQuantiser), vectors(1)
    z = vq.narrow(x)
    choice = vq(x, 1.0)
    code = vq.codebook[choice.symbol]
    (on_z,) = torch.autograd.grad(choice.cost, vq.narrow.bias, retain_graph=True)
    (on_codes,) = torch.autograd.grad(choice.cost, vq.codebook)
    np.testing.assert_allclose(on_z, (COMMITMENT * 2 * (z - code))[0].detach(), rtol=1e-4)
    expected = torch.zeros_like(on_codes)
    expected[choice.symbol] = 2 * (code - z).detach()
    np.testing.assert_allclose(on_codes, expected, rtol=1e-4)


def test_what_follows_vq_reaches_the_vector_unchanged_and_no_code(monkeypatch):
    monkeypatch.setattr(discretisation, "normalize", lambda x, dim: x)
    vq, x = made(VectorQuantiser), vectors(1)
    embedding = vq(x, 1.0).embedding
    up = torch.tensor([[1.0, -2.0, 3.0]])
    on_bias, on_codes = torch.autograd.grad(
        embedding, (vq.narrow.bias, vq.codebook), up, allow_unused=True
    )
    np.testing.assert_allclose(on_bias, (up @ vq.widen.weight)[0].detach(), rtol=1e-5)
    assert on_codes is None


@pytest.mark.parametrize("count", [3, 40])
def test_codes_begin_at_vectors(count):
    vq, x = made(VectorQuantiser, vocabulary=10), vectors(count)
    vq.start(x[:, None])
    z, codes = quantised(vq, x)
    nearest = ((codes[:, None] - z) ** 2).sum(2)
    np.testing.assert_allclose(nearest.min(1), 0, atol=1e-9)
    assert len(set(nearest.argmin(1))) == min(count, 10)
    if count < 10:  # each vector is a code: none is any distance from its own
        np.testing.assert_allclose(vq(x, None).cost.detach(), 0, atol=1e-5)


def test_a_residual_code_is_nearest_to_what_the_codes_before_it_have_left():
    rvq = made(ResidualQuantiser, vocabulary=2)
    with torch.no_grad():
        rvq.narrow.weight.zero_()
        rvq.narrow.bias.zero_()
        rvq.narrow.weight[0, 0] = rvq.narrow.weight[1, 1] = 1.0
        rvq.codebook.zero_()
        # The first place has codes (1, 0, …) and (0, 2, …); the second (0, 1, …) and (-0.5, 1, …).
        rvq.codebook[0, 0, 0], rvq.codebook[0, 1, 1] = 1.0, 2.0
        rvq.codebook[1, :, 1] = 1.0
        rvq.codebook[1, 1, 0] = -0.5
    choose = rvq.sequence(None)
    # Vectors (0.6, 0.8) in both places; the first code is (1, 0), which leaves (-0.4, 0.8).
    x = torch.tensor([[3.0, 4.0, 7.0]])
    first, second = choose(x), choose(x)
    assert (first.symbol.item(), second.symbol.item()) == (0, 1)
    np.testing.assert_allclose(first.logits.detach(), [[-0.8, -1.8]], rtol=1e-5)
    np.testing.assert_allclose(second.logits.detach(), [[-0.2, -0.05]], rtol=1e-5)
    np.testing.assert_allclose(first.cost.detach(), [(1 + COMMITMENT) * 0.8], rtol=1e-5)
    np.testing.assert_allclose(second.cost.detach(), [(1 + COMMITMENT) * 0.05], rtol=1e-5)
    torch.testing.assert_close(second.embedding, rvq.widen(rvq.codebook[1, 1])[None])
    # Another sequence begins without what this one has found.
    assert torch.equal(rvq.sequence(None)(x).logits, first.logits)


def test_residual_codes_begin_at_residuals():
    """With a code for each vector, the first place leaves nothing to the second."""
    rvq, x = made(ResidualQuantiser, vocabulary=4), vectors(4)
    rvq.start(x[:, None].expand(-1, 8, -1))
    choose = rvq.sequence(None)
    np.testing.assert_allclose(choose(x).cost.detach(), 0, atol=1e-6)
    np.testing.assert_allclose(rvq.codebook[1:].detach(), 0, atol=1e-6)
    rvq = made(ResidualQuantiser, vocabulary=2)
    rvq.start(x[:, None].expand(-1, 8, -1))
    assert (rvq.codebook.detach().square().sum(-1).sum(-1)[:2] > 0.1).all()


@pytest.mark.parametrize("name", DISCRETISATIONS)
def test_the_evaluation_takes_the_likeliest_symbol_and_its_embedding_alone(name):
    choose, x = made(DISCRETISATIONS[name], vocabulary=4), vectors(30)
    one, again = choose(x, None), choose(x, None)
    assert torch.equal(one.embedding, again.embedding)
    np.testing.assert_array_equal(one.symbol, one.logits.argmax(1))
    assert len(set(one.symbol.tolist())) > 1
    for symbol in set(one.symbol.tolist()):
        rows = one.embedding[one.symbol == symbol]
        torch.testing.assert_close(rows, rows[:1].expand_as(rows))


@pytest.mark.parametrize("name", DISCRETISATIONS)
def test_an_image_is_alone_in_its_batch(name):
    choose, x = made(DISCRETISATIONS[name]), vectors()
    torch.testing.assert_close(choose(x[:1], None).embedding, choose(x, None).embedding[:1])
    assert choose(x[:1], None).cost.shape == (1,)

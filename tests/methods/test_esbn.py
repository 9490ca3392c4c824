from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.protocol import Budget, Examples, Run, SymbenchError
from methods.esbn import ESBN, ESBNSettings
from tests.baselines.problems import network

VARIANTS = {
    "confidence": {},
    "no confidence": {"confidence": False},
    "default memory": {"confidence": False, "default_memory": True},
}


def literal(net, z):
    """The paper's algorithm one problem and one step at a time, with a memory that grows."""
    logits = []
    lstm = net.controller
    weight = lstm.weight_recurrent
    for problem in z:
        keys, values = [], []
        if net.default_memory:
            keys, values = [net.default_key], [net.default_z]
        h, c, retrieved, confidence = z.new_zeros(512), z.new_zeros(512), z.new_zeros(256), 0.0
        for t in range(len(problem) + 1):
            gates = weight @ torch.cat([retrieved, h]) + lstm.bias_ih + lstm.bias_hh
            if net.confidence:
                gates = gates + lstm.weight_given[:, 0] * confidence
            i, f, o, g = gates.split(512)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            written, gate = net.key(h).relu(), net.gate(h).sigmoid()
            z_t = problem[t] if t < len(problem) else torch.zeros_like(problem[0])
            if t > 0:
                similarity = torch.stack([z_t @ value for value in values])
                w = similarity.softmax(0)
                retrieved = gate * sum(w_i * k_i for w_i, k_i in zip(w, keys, strict=True))
                if net.confidence:
                    confidence = gate * (w * (net.gamma * similarity + net.beta).sigmoid()).sum()
            keys.append(written)
            values.append(z_t)
        logits.append(net.output(h))
    return torch.stack(logits)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("length", [2, 3, 9])
def test_same_as_the_algorithm_step_by_step(variant, length):
    net = network(ESBN, length, 4, **VARIANTS[variant]).double()
    generator = torch.Generator().manual_seed(length)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    z = torch.randn(3, length, 128, generator=generator, dtype=torch.float64) / 6
    z.requires_grad_()
    out, expected = net.reason(z), literal(net, z)
    assert torch.allclose(out, expected, atol=1e-10)
    parameters = [p for n, p in net.named_parameters() if n.split(".")[0] not in OUTSIDE]
    for a, b in zip(
        torch.autograd.grad(out.sin().sum(), [z, *parameters], allow_unused=True),
        torch.autograd.grad(expected.sin().sum(), [z, *parameters], allow_unused=True),
        strict=True,
    ):
        assert (torch.zeros(()) if a is None else a).allclose(
            torch.zeros((), dtype=torch.float64) if b is None else b, atol=1e-9
        ) or (a is None and not b.any())


OUTSIDE = ("encoder", "context_norm")


def test_retrieval_by_hand():
    net = network(ESBN, 3)
    z = torch.zeros(1, 3, 128)
    z[0, 0, 0], z[0, 1, 1], z[0, 2, :2] = 1.0, 2.0, torch.tensor([3.0, 0.5])
    weights, confidence = net.attend(z)
    # Step 1 sees entry 0 alone; step 2 has similarities 3 · 1 and 0.5 · 2.
    two = torch.tensor([3.0, 1.0])
    assert torch.allclose(weights[0, 0], torch.tensor([1.0, 0.0]))
    assert torch.allclose(weights[0, 1], two.softmax(0))
    assert torch.allclose(
        confidence[0, :, 0],
        torch.stack([torch.tensor(0.0).sigmoid(), (two.softmax(0) * two.sigmoid()).sum()]),
    )


def test_negligible_weights_are_zero():
    net = network(ESBN, 3)
    z = torch.zeros(1, 3, 128)
    z[0, 0, 0], z[0, 1, 0], z[0, 2, 0] = 1.0, -1.0, 45.0
    assert net.attend(z)[0][0, 1].tolist() == [1.0, 0.0]


def test_the_controller_sees_only_relations():
    # An orthogonal change of basis of z changes no similarity, so no answer.
    net = network(ESBN, 6).double()
    z = torch.randn(4, 6, 128, dtype=torch.float64) / 4
    basis = torch.linalg.qr(torch.randn(128, 128, dtype=torch.float64))[0]
    assert torch.allclose(net.reason(z), net.reason(z @ basis), atol=1e-10)


def test_default_memory_excludes_confidence():
    with pytest.raises(SymbenchError, match="confidence to False"):
        ESBNSettings(default_memory=True)


def test_key_similarity_is_the_mean_cosine_of_all_pairs_of_problems():
    draw = np.random.default_rng(0)
    images = {
        kind: draw.integers(0, 256, (count, 3, 32, 32), np.uint8)
        for kind, count in (("learned", 4), ("withheld", 5))
    }
    method = ESBN(ESBNSettings())
    run = Run(0, Budget(steps=2, batch_size=4))
    method.fit(Examples({"images": images["learned"], "labels": np.array([0, 1, 0, 1])}), run)
    method.evaluate(Examples({"images": images["withheld"]}), run)
    net = method.network

    def keys(problem):
        with torch.no_grad():
            z = torch.stack([net.encode(torch.from_numpy(one[None]))[0] for one in problem])
            return torch.cat(net.bind(net.context_norm(z[None]))[1])

    ours, theirs = ([keys(one) for one in images[kind]] for kind in ("learned", "withheld"))
    expected = sum(
        torch.cosine_similarity(a[:, None], b[None], dim=2) for a in ours for b in theirs
    ) / (4 * 5)
    shown = method.illustrations["key_similarity"]
    assert shown.shape == (3, 3)
    np.testing.assert_allclose(shown, expected.numpy(), atol=1e-5)

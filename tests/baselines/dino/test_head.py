"""DINO's head, distributions and schedules: by hand, and as properties."""

from __future__ import annotations

from math import cos, log, pi

import numpy as np
import pytest
import torch
from torch import nn

from baselines.dino.head import (
    DINOHead,
    balanced,
    cross_entropy,
    ema,
    momentum_at,
    move_centre,
    sharpened,
    warmed,
)


def a_head(inputs=5, prototypes=7):
    torch.manual_seed(0)
    return DINOHead(inputs, prototypes, hidden=11, bottleneck=4)


def test_the_head_has_the_published_layers():
    head = DINOHead(768, 100)
    expected = 768 * 2048 + 2048 + 2048**2 + 2048 + 2048 * 256 + 256 + 100 * 256
    assert sum(one.numel() for one in head.parameters()) == expected
    assert [type(layer) for layer in head.mlp] == [
        nn.Linear,
        nn.GELU,
        nn.Linear,
        nn.GELU,
        nn.Linear,
    ]


def test_logits_are_cosines_with_the_prototypes():
    head, x = a_head(), torch.randn(3, 5)
    logits = head(x).detach().numpy()
    points = head.mlp(x).detach().numpy()
    prototypes = head.prototypes.detach().numpy()
    for b in range(3):
        for k in range(7):
            norms = np.linalg.norm(points[b]) * np.linalg.norm(prototypes[k])
            assert logits[b, k] == pytest.approx(points[b] @ prototypes[k] / norms, abs=1e-6)


def test_the_length_of_a_prototype_says_nothing():
    head, x = a_head(), torch.randn(2, 5)
    before = head(x)
    with torch.no_grad():
        head.prototypes.mul_(torch.rand(7, 1) + 0.5)
    torch.testing.assert_close(head(x), before)


@pytest.mark.parametrize("fixed", [False, True])
def test_gradients_reach_every_parameter_but_fixed_prototypes(fixed):
    head = a_head()
    cross_entropy(torch.full((1, 7), 1 / 7), head(torch.randn(1, 5), fixed)).mean().backward()
    for name, parameter in head.named_parameters():
        if fixed and name == "prototypes":
            assert parameter.grad is None
        else:
            assert parameter.grad.abs().sum() > 0, name


def test_the_distribution_and_the_cross_entropy_by_hand():
    logits, centre = torch.tensor([[0.5, 0.1]]), torch.tensor([0.3, 0.1])
    target = sharpened(logits, centre, 0.04)
    first = 1 / (1 + np.exp(-0.2 / 0.04))  # the difference of centred logits is 0.2
    np.testing.assert_allclose(target[0], [first, 1 - first], rtol=1e-5)
    student = torch.tensor([[0.2, -0.1]])
    said = 1 / (1 + np.exp(-0.3 / 0.1))
    expected = -first * log(said) - (1 - first) * log(1 - said)
    assert float(cross_entropy(target, student)[0]) == pytest.approx(expected, rel=1e-5)


def test_an_undecided_student_costs_the_logarithm_of_the_prototypes():
    target = torch.rand(4, 16).softmax(-1)
    torch.testing.assert_close(cross_entropy(target, torch.zeros(4, 16)), torch.full((4,), log(16)))


def test_balanced_distributions_use_all_prototypes_alike():
    torch.manual_seed(0)
    logits = torch.randn(32, 8) + torch.linspace(0, 2, 8)
    used = balanced(logits, 0.5, rounds=60).sum(0)
    torch.testing.assert_close(used, torch.full((8,), 4.0), atol=0.02, rtol=0)
    torch.testing.assert_close(balanced(logits, 0.05).sum(1), torch.ones(32))
    # One round by hand: columns to equal sums, then rows to 1.
    weights = (logits[:2, :2] / 0.5).exp()
    weights = weights / weights.sum(0)
    expected = weights / weights.sum(1, keepdim=True)
    torch.testing.assert_close(balanced(logits[:2, :2], 0.5, rounds=1), expected)
    plain = sharpened(logits, torch.zeros(8), 0.5).sum(0)
    assert plain.max() > 2 * plain.min()


def test_the_teacher_gets_no_gradient():
    logits = torch.randn(2, 3, requires_grad=True)
    assert not sharpened(logits, torch.zeros(3), 0.04).requires_grad


def test_a_lower_temperature_is_sharper_and_a_centre_levels_what_all_share():
    logits = torch.tensor([[1.0, 0.2, 0.1], [0.9, 0.1, 0.3]])
    peak = [float(sharpened(logits, torch.zeros(3), t).max(-1).values.min()) for t in (1, 0.1)]
    assert peak[0] < peak[1]
    centred = sharpened(logits, logits.mean(0), 0.04).argmax(-1)
    assert centred.tolist() != sharpened(logits, torch.zeros(3), 0.04).argmax(-1).tolist()


def test_the_centre_moves_a_tenth_of_the_way():
    centre = torch.tensor([1.0, 0.0])
    move_centre(centre, torch.tensor([0.0, 0.5]))
    torch.testing.assert_close(centre, torch.tensor([0.9, 0.05]))


def test_the_moving_average_moves_its_target_alone():
    target, source = nn.Linear(2, 2), nn.Linear(2, 2)
    was, towards = target.weight.clone(), source.weight.clone()
    ema(target, source, torch.tensor(0.9))
    torch.testing.assert_close(target.weight, 0.9 * was + 0.1 * towards)
    assert torch.equal(source.weight, towards)
    assert target.weight.requires_grad
    ema(target, source, 1.0)
    torch.testing.assert_close(target.weight, 0.9 * was + 0.1 * towards)


def test_the_schedules():
    assert momentum_at(0, 101) == pytest.approx(0.996)
    assert momentum_at(100, 101) == pytest.approx(1)
    assert momentum_at(25, 101) == pytest.approx(1 - 0.004 * (1 + cos(pi / 4)) / 2)
    assert [warmed(step, 0.04, 0.07, 30) for step in (0, 10, 30, 31)] == pytest.approx(
        [0.04, 0.05, 0.07, 0.07]
    )
    assert warmed(0, 0.04, 0.07, 0) == 0.07

"""Rates and decays by hand, and which weights decay."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from benchmarks.errors import SymbenchError
from benchmarks.optimisation import (
    Muon,
    Optimisation,
    hidden_kernels,
    optimiser_of,
    orthogonal,
    schedule,
)


def test_the_rate_rises_and_falls_as_computed_by_hand():
    how = Optimisation(learning_rate=1.0, warm_up=4, final_rate=0.0)
    assert [how.rate(step, 9) for step in range(5)] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert how.rate(6, 9) == pytest.approx(0.5)  # half way of the cosine
    assert how.rate(8, 9) == pytest.approx(0.0)


def test_without_a_final_rate_it_stays():
    how = Optimisation(learning_rate=0.3)
    assert {how.rate(step, 100) for step in (0, 1, 50, 99)} == {0.3}


def test_decay_moves_along_a_half_cosine():
    how = Optimisation("adamw", weight_decay=0.04, final_weight_decay=0.4)
    assert [how.decay(step, 11) for step in (0, 5, 10)] == pytest.approx([0.04, 0.22, 0.4])


def test_biases_and_norms_do_not_decay():
    network = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    how = Optimisation("adamw", learning_rate=0.1, weight_decay=0.5)
    optimiser = optimiser_of(network, how)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    schedule(optimiser, how, 0, 10)
    optimiser.step()
    for name, value in network.named_parameters():
        factor = 1 - 0.1 * 0.5 if name == "0.weight" else 1.0
        torch.testing.assert_close(value.detach(), before[name] * factor)


@pytest.mark.parametrize("shape", [(16, 9), (9, 16), (1, 5), (64, 300)])
def test_orthogonal_keeps_the_directions_of_a_matrix_and_levels_their_sizes(shape):
    generator = torch.Generator().manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape, generator=generator), full_matrices=False)
    sizes = torch.logspace(0, -1, min(shape))  # the strongest is ten times as large as the weakest
    found = u.T @ orthogonal(u * sizes @ v) @ v.T
    assert found.diagonal().min() > 0.65
    assert found.diagonal().max() < 1.2
    torch.testing.assert_close(found, found.diagonal().diag(), atol=1e-5, rtol=0)


def test_muon_moves_hidden_kernels_along_the_orthogonal_gradient_and_all_else_as_adam_does():
    torch.manual_seed(0)
    output = nn.Sequential(nn.Conv2d(3, 2, 1))
    ours = nn.Sequential(nn.Conv2d(2, 3, 2), nn.CELU(), output, nn.Flatten(), nn.Linear(2, 2))
    theirs = deepcopy(ours)
    how = Optimisation("muon", learning_rate=0.1)
    pairs = [(ours, optimiser_of(ours, how))]
    pairs += [(theirs, torch.optim.Adam(theirs.parameters(), lr=0.1))]
    x, before = torch.randn(4, 2, 2, 2), deepcopy(ours.state_dict())
    for network, optimiser in pairs:
        network(x).square().sum().backward()
        optimiser.step()
    gradient = theirs[0].weight.grad
    step = orthogonal(gradient.flatten(1)).view_as(gradient)
    expected = before["0.weight"] - 0.1 * 0.2 * 8**0.5 * step  # a matrix of 3 by 8
    torch.testing.assert_close(ours[0].weight.detach(), expected, atol=1e-5, rtol=1e-4)
    for name in ("0.bias", "2.0.weight", "2.0.bias", "4.weight", "4.bias"):
        torch.testing.assert_close(ours.state_dict()[name], theirs.state_dict()[name])


def test_the_last_convolution_is_an_output_where_its_pixels_are_shuffled_too():
    shuffled = [nn.Conv2d(2, 8, 1), nn.PixelShuffle(2), nn.CELU(), nn.Conv2d(2, 4, 1)]
    assert hidden_kernels(nn.Sequential(*shuffled, nn.PixelShuffle(2))) == [shuffled[0].weight]


def test_muon_goes_on_from_its_state_as_if_it_had_not_stopped():
    torch.manual_seed(0)
    whole = nn.Sequential(nn.Conv2d(2, 3, 2), nn.Flatten(), nn.Linear(3, 2))
    x = torch.randn(4, 2, 2, 2)

    def learn(network, optimiser, steps):
        for _ in range(steps):
            optimiser.zero_grad()
            network(x).square().sum().backward()
            optimiser.step()

    optimiser = Muon(whole, 0.1)
    learn(whole, optimiser, 2)
    stopped = deepcopy(whole)
    again = Muon(stopped, 0.1)
    again.load_state_dict(deepcopy(optimiser.state_dict()))
    learn(whole, optimiser, 2)
    learn(stopped, again, 2)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(stopped.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimiser": "sgd"}, "^no optimiser 'sgd'; there are: adam, adamw, muon, rmsprop.$"),
        ({"learning_rate": 0.0}, "^learning_rate is 0.0; it must be above 0.$"),
        ({"learning_rate": float("nan")}, "^learning_rate is nan; it must be above 0.$"),
        ({"clip": -1.0}, "^clip is -1.0; it must be at least 0, which clips nothing.$"),
        ({"warm_up": -1}, "warm_up is -1"),
        ({"weight_decay": 0.1}, "needs the optimiser 'adamw'"),
    ],
)
def test_a_wrong_value_is_named(changes, said):
    with pytest.raises(SymbenchError, match=said):
        Optimisation(**changes)

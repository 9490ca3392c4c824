"""Rates and decays by hand, and which weights decay."""

import pytest
import torch
from torch import nn

from benchmarks.errors import SymbenchError
from benchmarks.optimisation import Optimisation, optimiser_of, schedule


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
    optimiser = optimiser_of(network.parameters(), how)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    schedule(optimiser, how, 0, 10)
    optimiser.step()
    for name, value in network.named_parameters():
        factor = 1 - 0.1 * 0.5 if name == "0.weight" else 1.0
        torch.testing.assert_close(value.detach(), before[name] * factor)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimiser": "sgd"}, "^no optimiser 'sgd'; there are: adam, adamw, rmsprop.$"),
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

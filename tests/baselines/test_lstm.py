from __future__ import annotations

import torch
from torch import nn

from baselines.lstm import LSTM, Ledger, LSTMClassifier
from tests.baselines.problems import network


def test_ledger_is_a_linear_map():
    generator = torch.Generator().manual_seed(0)
    weight, x, base = (
        torch.randn(size, generator=generator, dtype=torch.float64, requires_grad=True)
        for size in ((4, 3), (2, 3), (2, 4))
    )

    def recurrence(weight, x, base):
        step = Ledger(weight, [1, 2, 2])
        alone = step(x[:1], base[:1])
        y = step(x + alone[:, :3].sin(), base)
        return step(y[:, 1:].tanh(), base)

    def literal(weight, x, base):
        alone = x[:1] @ weight.t() + base[:1]
        y = (x + alone[:, :3].sin()) @ weight.t() + base
        return y[:, 1:].tanh() @ weight.t() + base

    assert torch.allclose(recurrence(weight, x, base), literal(weight, x, base))
    assert torch.autograd.gradcheck(recurrence, (weight, x, base))
    assert torch.autograd.gradgradcheck(recurrence, (weight, x, base))


def test_gates_gradient():
    gates = torch.randn(2, 12, dtype=torch.float64, requires_grad=True)
    cell = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(LSTM.step, (gates, cell))


def test_same_as_torch_lstm():
    net = network(LSTMClassifier, 5).double()
    z = torch.randn(3, 5, 128, dtype=torch.float64)
    reference = nn.LSTM(128, 512, batch_first=True).double()
    # torch orders the gates input, forget, candidate, output.
    blocks = torch.arange(2048).view(4, 512)[[0, 1, 3, 2]].flatten()
    with torch.no_grad():
        for bias in (net.lstm.bias_ih, net.lstm.bias_hh):
            bias.normal_()
        reference.weight_ih_l0.copy_(net.lstm.weight_given[blocks])
        reference.weight_hh_l0.copy_(net.lstm.weight_recurrent[blocks])
        reference.bias_ih_l0.copy_(net.lstm.bias_ih[blocks])
        reference.bias_hh_l0.copy_(net.lstm.bias_hh[blocks])
    last = reference(z)[1][0][0]
    assert torch.allclose(net.reason(z), net.output(last), atol=1e-10)

"""An LSTM whose weight gradient is one product for the whole sequence, and the LSTM baseline.

The controllers of ESBN, NTM and MNM use the same layer. Backpropagation through time usually adds
up a weight gradient at every step: for a controller of 512 units megabytes are written and read
again for a few rows of work. The gradient is Σ_t dy_tᵀ x_t, which is one matrix product when the
dy_t and x_t of all steps lie in one table; `Ledger` keeps that table. The result is exact.

Letters: B problems, T images, D features, I inputs, O outputs, H hidden units, R rows of a ledger.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torch.autograd import Function

from baselines.abstract_rules.encoders import FEATURES, draw, initialise
from baselines.abstract_rules.sequence_classifier import (
    SequenceClassifier,
    SequenceNetwork,
    SequenceSettings,
    Shape,
)


class _Open(Function):
    """Opens a ledger: zeros (R, O + I) whose gradient arrives as rows [dy ; x] from `_Enter`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(weight: Tensor, rows: int) -> Tensor:
        return weight.new_zeros(()).expand(rows, weight.shape[0] + weight.shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.outputs = inputs[0].shape[0]

    @staticmethod
    def backward(ctx: Any, table: Tensor) -> tuple[Tensor, None]:
        gradient, x = table[:, : ctx.outputs], table[:, ctx.outputs :]
        return gradient.t() @ x, None


class _Enter(Function):
    """x: (B, I), base: (B, O) → base + x Wᵀ; its backward pass writes [dy ; x] into a page."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, base: Tensor, weight: Tensor, page: Tensor) -> Tensor:
        # W xᵀ takes half the time of x Wᵀ when x has as few rows as a batch (MKL, two threads).
        return base + (weight @ x.t().contiguous()).t()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], inputs[2])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, Tensor]:
        x, weight = ctx.saved_tensors
        return gradient @ weight, gradient, None, torch.cat([gradient, x], 1)


class Ledger:
    """One linear map (O, I) used at several steps, with a single product for its weight gradient.

    pages: the number of rows (B, or 1 while all problems have the same state) of each use, in
    order.
    """

    def __init__(self, weight: Tensor, pages: list[int]) -> None:
        self.weight = weight
        self.pages = iter(_Open.apply(weight, sum(pages)).split(pages))

    def __call__(self, x: Tensor, base: Tensor) -> Tensor:
        """x: (B, I), base: (B, O) → base + x Wᵀ: (B, O)."""
        return _Enter.apply(x, base, self.weight, next(self.pages))


class _Gates(Function):
    """LSTM gates: (B, 4H), input, forget, output, candidate; cell: (B, H) → hidden, cell (B, H)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(gates: Tensor, cell: Tensor) -> tuple[Tensor, ...]:
        hidden = cell.shape[1]
        sigma = gates[:, : 3 * hidden].sigmoid()
        candidate = gates[:, 3 * hidden :].tanh()
        i, f, o = sigma.split(hidden, 1)
        new = torch.addcmul(f * cell, i, candidate)
        squashed = new.tanh()
        return o * squashed, new, sigma, candidate, squashed

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(inputs[1], *output[2:])
        ctx.mark_non_differentiable(*output[2:])
        ctx.set_materialize_grads(True)

    @staticmethod
    def backward(ctx: Any, d_hidden: Tensor, d_new: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        cell, sigma, candidate, squashed = ctx.saved_tensors
        i, f, o = sigma.split(cell.shape[1], 1)
        through = d_hidden * o
        d_cell = d_new + torch.addcmul(through, through * squashed, squashed, value=-1)
        d_sigma = torch.cat([d_cell * candidate, d_cell * cell, d_hidden * squashed], 1)
        d_gates = torch.cat(
            [
                torch.ops.aten.sigmoid_backward(d_sigma, sigma),
                torch.ops.aten.tanh_backward(d_cell * i, candidate),
            ],
            1,
        )
        return d_gates, d_cell * f


class LSTM(nn.Module):
    """The weights of an LSTM layer, and one step of it.

    Inputs come in two kinds. `given` ones are known before the recurrence starts, and `project`
    maps all their steps at once; `recurrent` ones (such as vectors read from a memory) come with
    the last hidden state, step by step. There are two bias vectors, which start at zero. The
    matrices from inputs and from the state start as published: Xavier-normal, with one draw for the
    input and the forget gate together (whose fan-out is that of both, so that they are narrower
    than in a draw a gate), one for the output gate, and one with gain 5/3 for the candidate.
    """

    def __init__(self, given: int, recurrent: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        if given:
            self.weight_given = nn.Parameter(torch.empty(4 * hidden, given))
        self.weight_recurrent = nn.Parameter(torch.empty(4 * hidden, recurrent + hidden))
        self.bias_ih = nn.Parameter(torch.zeros(4 * hidden))
        self.bias_hh = nn.Parameter(torch.zeros(4 * hidden))
        x, h = torch.empty(4 * hidden, given + recurrent), torch.empty(4 * hidden, hidden)
        for weight in (x, h):
            if weight.numel():
                both, output, candidate = weight.split([2 * hidden, hidden, hidden])
                draw(both, "linear")
                draw(output, "linear")
                draw(candidate, "tanh")
        with torch.no_grad():
            if given:
                self.weight_given.copy_(x[:, :given])
            self.weight_recurrent.copy_(torch.cat([x[:, given:], h], 1))

    @property
    def bias(self) -> Tensor:
        """The sum of both bias vectors (1, 4H)."""
        return (self.bias_ih + self.bias_hh)[None]

    def project(self, x: Tensor) -> Tensor:
        """x: (B, T, given) → (T, B, 4H): the terms of given inputs and biases in the gates."""
        return F.linear(rearrange(x, "b t d -> t b d"), self.weight_given, self.bias[0])

    @staticmethod
    def step(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """gates: (B, 4H), cell: (B, H) → the new hidden state (B, H) and cell (B, H)."""
        return _Gates.apply(gates, cell)[:2]


class LSTMNetwork(SequenceNetwork):
    """An LSTM of 512 units over the sequence, and a linear layer on its last state."""

    HIDDEN = 512

    def __init__(self, settings: SequenceSettings, shape: Shape) -> None:
        super().__init__(settings, shape)
        self.lstm = LSTM(FEATURES, 0, self.HIDDEN)
        self.output = initialise(nn.Linear(self.HIDDEN, shape.classes), "linear")

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, C)."""
        batch, length, _ = z.shape
        # With `unbind` each step's gradient is not padded to the size of all.
        given = self.lstm.project(z).unbind()
        recurrent = Ledger(self.lstm.weight_recurrent, [batch] * (length - 1))
        h, cell = self.lstm.step(given[0], z.new_zeros(batch, self.HIDDEN))
        for t in range(1, length):
            h, cell = self.lstm.step(recurrent(h, given[t]), cell)
        return self.output(h)


class LSTMClassifier(SequenceClassifier):
    """The LSTM baseline of Webb, Sinha and Cohen (2021).

    Deviations: none known.
    """

    version = 2
    Network = LSTMNetwork

"""The Neural Turing Machine (Graves, Wayne and Danihelka 2014) as Webb, Sinha and Cohen use it.

Unlike in ESBN, the controller sees z, and the written vector is computed from its state: symbol and
content are not kept apart. The memory has ten slots of 256 with learned first values, one head that
reads and one that writes, both with content and location addressing.

First weights are the published ones, with biases of zero: keys and added vectors Xavier-normal with
gain 5/3, strengths and sharpness Kaiming-normal, all else Xavier-normal. Both heads lie in one
matrix here, and are drawn as layers of their own.

Letters: B problems, T images, D features, H hidden units, W = 2 heads (read, write), M slots,
K = 256 features of a slot.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from baselines.abstract_rules.encoders import FEATURES, Gains, draw, initialise
from baselines.abstract_rules.sequence_classifier import (
    SequenceClassifier,
    SequenceNetwork,
    SequenceSettings,
    Shape,
)
from baselines.lstm import LSTM, Ledger

# Of a head's strength, gate, shifts and sharpness: their number of units, and what `draw` is told.
CONTROLS = (1, 1, 3, 1)
STARTS: tuple[Gains, ...] = ("relu", "linear", "linear", "relu")


def address(
    memory: Tensor, previous: Tensor, key: Tensor, controls: Tensor, epsilon: float = 1e-8
) -> Tensor:
    """Addressing weights: content, interpolation, shift, sharpening (section 3.3, eqs. 5-9).

    memory: (B, M, K), previous weights: (B, W, M), key: (B, W, K) → weights (B, W, M).
    controls: (B, W, 6) before their squashing: strength, gate, three shifts (-1, 0, 1), sharpness.
    """
    strength, gate, shifts, sharpness = controls.split(CONTROLS, -1)
    key = key.tanh()
    lengths = key.norm(dim=-1, keepdim=True) * rearrange(memory.norm(dim=-1), "b m -> b 1 m")
    cosine = torch.bmm(key, rearrange(memory, "b m k -> b k m")) / (lengths + epsilon)
    content = (F.softplus(strength) * cosine).softmax(-1)
    gated = torch.lerp(previous, content, gate.sigmoid())
    back, stay, forth = shifts.softmax(-1).split(1, -1)
    shifted = back * gated.roll(-1, -1) + stay * gated + forth * gated.roll(1, -1)
    sharp = (shifted + epsilon) ** (1 + F.softplus(sharpness))
    return sharp / sharp.sum(-1, keepdim=True)


class NTMNetwork(SequenceNetwork):
    """LSTM controller, addressed memory, and one extra step with z = 0 before the answer."""

    SLOTS, KEY, HIDDEN = 10, 256, 512

    def __init__(self, settings: SequenceSettings, shape: Shape) -> None:
        super().__init__(settings, shape)
        self.controller = LSTM(FEATURES, self.KEY, self.HIDDEN)
        self.memory = nn.Parameter(nn.init.xavier_normal_(torch.empty(self.SLOTS, self.KEY)))
        self.keys = initialise(nn.Linear(self.HIDDEN, 2 * self.KEY), "tanh")
        self.controls = initialise(nn.Linear(self.HIDDEN, 2 * sum(CONTROLS)))
        self.erase = initialise(nn.Linear(self.HIDDEN, self.KEY), "linear")
        self.add = initialise(nn.Linear(self.HIDDEN, self.KEY), "tanh")
        self.output = initialise(nn.Linear(self.HIDDEN, shape.classes), "linear")
        for keys, controls in zip(
            self.keys.weight.detach().chunk(2), self.controls.weight.detach().chunk(2), strict=True
        ):
            draw(keys, "tanh")
            for rows, gains in zip(controls.split(CONTROLS), STARTS, strict=True):
                draw(rows, gains)

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, C)."""
        batch, length, _ = z.shape
        # With `unbind` each step's gradient is not padded to the size of all.
        given = self.controller.project(F.pad(z, (0, 0, 0, 1))).unbind()
        heads = [self.keys, self.controls, self.erase, self.add]
        sizes = [head.out_features for head in heads]
        drive = Ledger(self.controller.weight_recurrent, [batch] * length)
        speak = Ledger(torch.cat([head.weight for head in heads]), [batch] * length)
        bias = torch.cat([head.bias for head in heads]).expand(batch, -1)

        memory = self.memory.expand(batch, -1, -1)
        weights = z.new_zeros(batch, 2, self.SLOTS)
        read = z.new_zeros(batch, self.KEY)
        h, cell = LSTM.step(given[0], z.new_zeros(batch, self.HIDDEN))
        for t in range(length):
            keys, controls, erase, add = speak(h, bias).split(sizes, -1)
            weights = address(
                memory,
                weights,
                rearrange(keys, "b (w k) -> b w k", w=2),
                rearrange(controls, "b (w c) -> b w c", w=2),
            )
            if t == 0:
                # The read head starts at step 1; its weights stay zero until then.
                weights = weights * weights.new_tensor([[[0.0], [1.0]]])
            else:
                read = torch.bmm(weights[:, :1], memory)[:, 0]
            where = weights[:, 1, :, None]
            memory = memory + where * (add.tanh()[:, None] - memory * erase.sigmoid()[:, None])
            h, cell = LSTM.step(drive(torch.cat([read, h], 1), given[t + 1]), cell)
        return self.output(h)


class NTM(SequenceClassifier):
    """The Neural Turing Machine baseline of Webb, Sinha and Cohen (2021).

    Deviations:
        - Choices that the source leaves open: both heads address the memory after the last step, a
          read comes before the write of its own step, shifts are circular, and the weights before
          the first step are zero, so that the first addressing is by content alone.
    """

    version = 2
    Network = NTMNetwork

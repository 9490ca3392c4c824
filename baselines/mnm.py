"""Metalearned Neural Memory (Munkhdalai et al. 2019) as Webb, Sinha and Cohen (2021) use it.

The memory is a small network f; its weights are its content. Writing is one step of a
learned local rule that moves f(write key) towards the write value; reading is f(read key).

The source gives the size of the parts beside the interface only as a sum, 132,864. This reading has
that sum: a read-out of [h ; read vector] to 128 (32,896); for each of the three memory layers a
learned feedback function, a two-layer perceptron with LayerNorm that turns the write value into the
layer's target (3 · 33,280); a learned first read vector (128). A layer's weights then move by rate
· (target − activation) ⊗ input, the layer-wise rule of the paper. The source also leaves open
whether the read-out is linear and how linear layers are initialised: here a linear read-out and
torch's own weights. docs/settings.md compares them, and this MNM with the published program.

Weights that change by outer products need not be formed: W_t x = W_0 x + Σ_s (x_s · x) δ_s over the
writes s so far, which is exact, and cheaper as long as there are fewer writes than units.

Letters: B problems, T images, D = 128 features and units throughout, S writes so far, L = 3 layers.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.abstract_rules.encoders import FEATURES
from baselines.abstract_rules.sequence_classifier import (
    SequenceClassifier,
    SequenceNetwork,
    SequenceSettings,
    Shape,
)
from baselines.lstm import LSTM, Ledger

LAYERS = 3


class Feedback(nn.Module):
    """The target of one memory layer, from the write value: (B, D) → (B, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(FEATURES, FEATURES),
            nn.ReLU(),
            nn.Linear(FEATURES, FEATURES),
            nn.LayerNorm(FEATURES),
            nn.Tanh(),
        )

    def forward(self, value: Tensor) -> Tensor:
        """value: (B, D) → (B, D) in the range of an activation."""
        return self.layers(value)


class NeuralMemory:
    """Three layers of 128 tanh units whose weights each problem changes by its writes.

    start: (L, D, D), the weights of all problems before the first write.
    """

    def __init__(self, start: Tensor) -> None:
        self.start = start
        self.writes: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(LAYERS)]
        # Inputs (B, D, S) and changes (B, S, D), stacked once a write, as several reads follow.
        self.stacked: list[tuple[Tensor, Tensor]] = []

    def layer(self, x: Tensor, number: int) -> Tensor:
        """x: (B, K, D), K keys a problem → the activations of layer `number`: (B, K, D)."""
        y = x @ self.start[number].t()
        if self.stacked:
            inputs, changes = self.stacked[number]
            y = y + torch.bmm(torch.bmm(x, inputs), changes)
        return y.tanh()

    def recall(self, keys: Tensor) -> Tensor:
        """keys: (B, K, D) → f(keys): (B, K, D)."""
        for number in range(LAYERS):
            keys = self.layer(keys, number)
        return keys

    def write(self, key: Tensor, targets: list[Tensor], rate: Tensor) -> None:
        """Move each layer's activation to its target; key, L targets: (B, D), rate: (B, 1)."""
        for number, target in enumerate(targets):
            activation = self.layer(key[:, None], number)[:, 0]
            self.writes[number].append((key, rate * (target - activation)))
            key = activation
        # All layers change only now, after the changes of all are computed.
        self.stacked = [
            (torch.stack([x for x, _ in past], 2), torch.stack([change for _, change in past], 1))
            for past in self.writes
        ]


class MNMNetwork(SequenceNetwork):
    """LSTM cell of 128, neural memory, and one extra step with z = 0 before the answer."""

    def __init__(self, settings: SequenceSettings, shape: Shape) -> None:
        super().__init__(settings, shape)
        self.controller = LSTM(FEATURES, FEATURES, FEATURES)
        self.interface = nn.Linear(FEATURES, 3 * FEATURES + 1)
        self.feedback = nn.ModuleList(Feedback() for _ in range(LAYERS))
        self.first_read = nn.Parameter(torch.zeros(FEATURES))
        self.read_out = nn.Linear(2 * FEATURES, FEATURES)
        self.output = nn.Linear(FEATURES, shape.classes)
        self.answering: Tensor
        self.register_buffer("answering", self.draw(self.first_read), persistent=False)

    @staticmethod
    def draw(like: Tensor) -> Tensor:
        """Draw Xavier-normal weights of a fresh memory (L, D, D)."""
        return like.new_empty(LAYERS, FEATURES, FEATURES).normal_() * FEATURES**-0.5

    def think(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z: (B, T, D) → logits (B, C) and the mean reconstruction error of the writes (B,)."""
        batch, length, _ = z.shape
        given = self.controller.project(F.pad(z, (0, 0, 0, 1)))
        drive = Ledger(self.controller.weight_recurrent, [batch] * (length + 1))
        # In training every batch draws new weights; the evaluation uses one draw, fixed by the
        # seed.
        memory = NeuralMemory(self.draw(z) if self.training else self.answering)
        h, cell = z.new_zeros(batch, FEATURES), z.new_zeros(batch, FEATURES)
        read, errors = self.first_read.expand(batch, -1), []
        for gates in given.unbind():
            h, cell = LSTM.step(drive(torch.cat([read, h], 1), gates), cell)
            read_key, write_key, value, rate = self.interface(h).split([FEATURES] * 3 + [1], -1)
            write_key, value = write_key.tanh(), value.tanh()
            memory.write(write_key, [layer(value) for layer in self.feedback], rate.sigmoid())
            recalled = memory.recall(torch.stack([write_key, read_key.tanh()], 1))
            remembered, read = recalled.unbind(1)
            errors.append((remembered - value).square().sum(-1))
        return self.output(self.read_out(torch.cat([h, read], 1))), torch.stack(errors).mean(0)

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, C)."""
        return self.think(z)[0]

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats plus the memory's squared error, averaged over the sequence."""
        z = self.context_norm(self.encode_sequences(batch["images"]))
        logits, errors = self.think(z)
        task, scalars = self.score(logits, batch["labels"])
        reconstruction = errors.mean()
        return task + reconstruction, {**scalars, "reconstruction": reconstruction}


class MNM(SequenceClassifier):
    """The Metalearned Neural Memory baseline of Webb, Sinha and Cohen (2021)."""

    version = 1
    Network = MNMNetwork

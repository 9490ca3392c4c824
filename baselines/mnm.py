"""Metalearned Neural Memory (Munkhdalai et al. 2019) as Webb, Sinha and Cohen (2021) use it.

The memory is a small network f; its weights are its content. A write moves f(write key) towards the
write value, by one step of a learned local rule; a read is f(read key). What is learned is the
controller, which chooses keys, values and the rate, and a linear layer that turns a write value
into the targets of f's layers. The first weights of f are drawn once a model and never trained.

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
# A write follows the gradient of the mean squared error over D features.
STEP = 2 / FEATURES


class NeuralMemory:
    """Three layers of 128 units, the last one linear, whose weights each problem changes.

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
        return y if number == LAYERS - 1 else y.tanh()

    def recall(self, keys: Tensor) -> Tensor:
        """keys: (B, K, D) → f(keys): (B, K, D)."""
        for number in range(LAYERS):
            keys = self.layer(keys, number)
        return keys

    def write(self, key: Tensor, targets: Tensor, rate: Tensor) -> None:
        """Move each layer's activation to its target; key: (B, D), targets: (B, L D), rate: (B, 1).

        A layer's weights move by -2/D (activation - target) ⊗ (rate · input), and all layers at
        once, by activations from before the write.
        """
        for number, target in enumerate(targets.chunk(LAYERS, 1)):
            activation = self.layer(key[:, None], number)[:, 0]
            self.writes[number].append((rate * key, STEP * (target - activation)))
            key = activation
        self.stacked = [
            (torch.stack([x for x, _ in past], 2), torch.stack([change for _, change in past], 1))
            for past in self.writes
        ]


class MNMNetwork(SequenceNetwork):
    """LSTM cell of 128, neural memory, and one extra step with z = 0 before the answer.

    All weights but the encoder's begin as torch draws them by default, the controller's too.
    """

    def __init__(self, settings: SequenceSettings, shape: Shape) -> None:
        super().__init__(settings, shape)
        self.controller = LSTM(FEATURES, FEATURES, FEATURES)
        for parameter in self.controller.parameters():
            nn.init.uniform_(parameter, -(FEATURES**-0.5), FEATURES**-0.5)
        self.interface = nn.Linear(FEATURES, 4 * FEATURES)
        self.rate = nn.Linear(FEATURES, 1)
        self.targets = nn.Linear(FEATURES, LAYERS * FEATURES)
        self.read_out = nn.Linear(2 * FEATURES, FEATURES)
        self.output = nn.Linear(FEATURES, shape.classes)
        layers = [nn.Linear(FEATURES, FEATURES, bias=False) for _ in range(LAYERS)]
        self.start: Tensor
        self.register_buffer("start", torch.stack([layer.weight.detach() for layer in layers]))

    def think(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z: (B, T, D) → logits (B, C) and the error of what the memory recalls (B,).

        The error is the mean square over D features, summed over T + 1 writes and divided by T.
        """
        batch, length, _ = z.shape
        given = self.controller.project(F.pad(z, (0, 0, 0, 1)))
        drive = Ledger(self.controller.weight_recurrent, [batch] * (length + 1))
        memory, errors = NeuralMemory(self.start), []
        h = cell = read = z.new_zeros(batch, FEATURES)
        for gates in given.unbind():
            h, cell = LSTM.step(drive(torch.cat([read, h], 1), gates), cell)
            pace, write_key, value, read_key = self.interface(h).tanh().chunk(4, 1)
            memory.write(write_key, self.targets(value), self.rate(pace).sigmoid())
            recalled, read = memory.recall(torch.stack([write_key, read_key], 1)).unbind(1)
            errors.append((recalled - value).square().mean(1))
        logits = self.output(self.read_out(torch.cat([h, read], 1)))
        return logits, torch.stack(errors).sum(0) / length

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, C)."""
        return self.think(z)[0]

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats plus the memory's error, both averaged over the batch."""
        z = self.context_norm(self.encode_sequences(batch["images"]))
        logits, errors = self.think(z)
        task, scalars = self.score(logits, batch["labels"])
        reconstruction = errors.mean()
        return task + reconstruction, {**scalars, "reconstruction": reconstruction}


class MNM(SequenceClassifier):
    """The Metalearned Neural Memory baseline of Webb, Sinha and Cohen (2021).

    Deviations:
        - The published program counts 33,920 parameters more, a projection of features (32,896)
          and a LayerNorm (1,024) that it never uses. They are left out here.
    """

    version = 2
    Network = MNMNetwork

"""The Transformer baseline (Vaswani et al. 2017) of Webb, Sinha and Cohen (2021).

Sinusoidal positions added to z, one encoder layer (8 heads, feed-forward 512, LayerNorm after each
sum, no dropout), a final LayerNorm, the mean over time, 256 ReLU, classes.

First weights are the published ones: attention (one matrix gives queries, keys and values) and
classes Xavier-normal, all other layers Kaiming-normal, biases 0. With `weights="torch"` all but the
encoder starts as torch draws a linear layer, which is no baseline of the paper; docs/settings.md
tells how the two differ.

Letters: B problems, T images, D = 128 features, A = 8 heads.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from baselines.abstract_rules.encoders import FEATURES, initialise
from baselines.abstract_rules.sequence_classifier import (
    SequenceClassifier,
    SequenceNetwork,
    Shape,
    StartSettings,
)


def sinusoids(length: int, features: int) -> Tensor:
    """Positions (T, D): sines in even features, cosines in odd ones (section 3.5 of the paper)."""
    position = torch.arange(length)[:, None]
    angles = position / 10000 ** (torch.arange(0, features, 2) / features)
    return rearrange(torch.stack([angles.sin(), angles.cos()]), "two t d -> t (d two)")


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each added to its input and then normalised."""

    HEADS, FEED_FORWARD = 8, 512

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(FEATURES, 3 * FEATURES)
        self.mix = nn.Linear(FEATURES, FEATURES)
        self.widen = nn.Linear(FEATURES, self.FEED_FORWARD)
        self.narrow = nn.Linear(self.FEED_FORWARD, FEATURES)
        self.norm_attended, self.norm_fed = nn.LayerNorm(FEATURES), nn.LayerNorm(FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, T, D) → (B, T, D)."""
        q, k, v = rearrange(self.qkv(x), "b t (n a d) -> n b a t d", n=3, a=self.HEADS)
        match = q @ rearrange(k, "b a t d -> b a d t") / q.shape[-1] ** 0.5
        attended = match.softmax(-1) @ v
        x = self.norm_attended(x + self.mix(rearrange(attended, "b a t d -> b t (a d)")))
        return self.norm_fed(x + self.narrow(self.widen(x).relu()))


class TransformerNetwork(SequenceNetwork):
    """Positions → encoder layer → LayerNorm → mean over time → 256 ReLU → classes."""

    def __init__(self, settings: StartSettings, shape: Shape) -> None:
        super().__init__(settings, shape)
        self.positions: Tensor
        self.register_buffer("positions", sinusoids(shape.length, FEATURES), persistent=False)
        self.layer = EncoderLayer()
        self.norm = nn.LayerNorm(FEATURES)
        self.hidden = nn.Linear(FEATURES, 256)
        self.output = nn.Linear(256, shape.classes)
        if settings.weights == "published":
            for layer in (self.layer.qkv, self.layer.mix, self.output):
                initialise(layer, "linear")
            for layer in (self.layer.widen, self.layer.narrow, self.hidden):
                initialise(layer)

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, C)."""
        x = self.norm(self.layer(z + self.positions))
        return self.output(self.hidden(x.mean(1)).relu())


class Transformer(SequenceClassifier):
    """The Transformer baseline of Webb, Sinha and Cohen (2021).

    Deviations:
        - The published count of parameters is larger by exactly one encoder layer, 198,272, than
          this architecture has. An unused layer seems to have been counted there; here is one.
        - `transformer_torch_init` starts as torch draws a linear layer, which is no row of the
          paper.
    """

    version = 2
    Settings = StartSettings
    Network = TransformerNetwork

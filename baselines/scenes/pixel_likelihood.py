"""The likelihood that every generator of images shares: Normal(x̂, 0.2) on each pixel and channel.

As it is the same for all, their log-likelihoods can be compared (Jiang and Ahn, NeurIPS 2020, arXiv
2010.12152). The largest possible one is 0.6905 nats a value: 11,313 for a grey image of 128 pixels
a side.

Letters: B images of a batch, C channels, H = W = size in pixels.
"""

from __future__ import annotations

from math import log, pi
from typing import Any

from torch import Tensor, channels_last

SIGMA = 0.2


def pixels(batch: dict[str, Any]) -> Tensor:
    """The column `images` (B, H, W, C) uint8 → (B, C, H, W) in [0, 1], channels last in memory."""
    images = batch["images"].permute(0, 3, 1, 2)
    return images.contiguous(memory_format=channels_last).float() / 255


def log_normal(x: Tensor, mean: Tensor) -> Tensor:
    """x, mean: (B, C, H, W) → the log density of Normal(mean, 0.2) in nats an image (B,)."""
    squares = (x.float() - mean.float()).square().flatten(1).sum(1)
    return -squares / (2 * SIGMA**2) - x[0].numel() * (log(SIGMA) + 0.5 * log(2 * pi))

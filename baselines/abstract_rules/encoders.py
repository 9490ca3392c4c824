"""Image encoders and TCN (temporal context normalisation) of Webb, Sinha and Cohen (ICLR 2021).

Letters: S images, B problems of a batch, T images of a problem, D features of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Literal, TypeAlias, TypeVar

import torch
from einops import rearrange
from torch import Tensor, nn

from benchmarks.protocol import SymbenchError

SIDE = 32
FEATURES = 128

Layers = TypeVar("Layers", bound=nn.Module)
Gains: TypeAlias = Literal["relu", "tanh", "linear"]


def draw(weight: Tensor, gains: Gains = "relu") -> None:
    """Fill a weight (O, I, ...) in place: Kaiming-normal before a ReLU, Xavier-normal otherwise.

    gains: what follows the layer: "relu", "tanh" (Xavier-normal with gain 5/3) or "linear" (gain
    1), which stands for all else.
    """
    if gains == "relu":
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    else:
        nn.init.xavier_normal_(weight, nn.init.calculate_gain(gains))


def initialise(module: Layers, gains: Gains = "relu") -> Layers:
    """Set the biases of all linear and convolutional layers to 0 and `draw` their weights."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            draw(layer.weight, gains)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


class ConvEncoder(nn.Module):
    """Three convolutions and two linear layers: (S, 1, 32, 32) in [0, 1] → (S, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *(nn.Conv2d(channels, 32, 4, stride=2, padding=1) for channels in (1, 32, 32))
        )
        self.linears = nn.Sequential(nn.Linear(512, 256), nn.Linear(256, FEATURES))
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """images: (S, 1, 32, 32) → (S, 128)."""
        x = images
        for convolution in self.convolutions:
            x = convolution(x).relu()
        x = rearrange(x, "s c h w -> s (c h w)")
        for linear in self.linears:
            x = linear(x).relu()
        return x


class MLPEncoder(nn.Module):
    """Three linear layers with ReLU, 1024 → 512 → 256 → 128: (S, 1, 32, 32) → (S, 128)."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (SIDE * SIDE, 512, 256, FEATURES)
        self.linears = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(sizes)))
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """images: (S, 1, 32, 32) → (S, 128)."""
        x = rearrange(images, "s c h w -> s (c h w)")
        for linear in self.linears:
            x = linear(x).relu()
        return x


class RandomEncoder(nn.Module):
    """One random linear layer with ReLU that is never trained: (S, 1, 32, 32) → (S, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIDE * SIDE, FEATURES)
        initialise(self).requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """images: (S, 1, 32, 32) → (S, 128)."""
        return self.linear(rearrange(images, "s c h w -> s (c h w)")).relu()


ENCODERS: dict[str, type[nn.Module]] = {
    "conv": ConvEncoder,
    "mlp": MLPEncoder,
    "random": RandomEncoder,
}


class ContextNorm(nn.Module):
    """Temporal context normalisation: features relative to the other images of the same problem.

    Each feature becomes (z − mean) / sqrt(variance + 1e-8), with mean and unbiased variance over
    the images of one problem; a learned gain and shift follow. segments: the group of each of the T
    images; each group, a run of neighbours, is normalised by itself.
    """

    def __init__(self, segments: Sequence[int], features: int = FEATURES) -> None:
        super().__init__()
        self.lengths = [len(list(run)) for _, run in groupby(segments)]
        if len(set(segments)) != len(self.lengths) or min(self.lengths) < 2:
            raise SymbenchError(
                f"segments are {tuple(segments)}; context normalisation needs runs of neighbours "
                "of two images or more; set context_norm to False to go without."
            )
        self.gain = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, T, D)."""
        if len(self.lengths) == 1:
            normal = self._normalise(z)
        else:
            normal = torch.cat([self._normalise(part) for part in z.split(self.lengths, 1)], 1)
        return torch.addcmul(self.shift, normal, self.gain)

    @staticmethod
    def _normalise(z: Tensor) -> Tensor:
        # torch.var_mean over a short middle axis is some thirty times slower on the CPU.
        centred = z - z.mean(1, keepdim=True)
        variance = centred.square().sum(1, keepdim=True) / (z.shape[1] - 1)
        return centred * (variance + 1e-8).rsqrt()

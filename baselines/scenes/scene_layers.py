"""The building blocks of the scene generators: convolutions, MLP, LSTM of maps, Gaussians.

Sizes are those of Generative Neurosymbolic Machines (Jiang and Ahn, NeurIPS 2020, arXiv
2010.12152). Every generator but GENESIS shares its encoder and decoders, so that they differ in the
structure of the latent alone. Convolutions before a CELU are initialised as He et al. (ICCV 2015,
arXiv 1502.01852) do for rectifiers, with biases of zero; other weights as torch does. Torch's own
weights of a convolution are half as large, and its biases prevail where an image is black or a
wall: after some layers the difference between two images is lost, and a short training ends with
the mean image, whatever the model.

Letters: B images, C channels, H = W = size in pixels, F features, Z latent dimensions.
"""

from __future__ import annotations

from itertools import pairwise
from math import gcd
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from benchmarks.protocol import SymbenchError

SIZES = (16, 32, 64, 128)
LEAST_STD = 1e-4  # keeps logarithms finite; far below any deviation that a latent can use

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


class MapNorm(nn.GroupNorm):
    """GroupNorm of one group: over all pixels and channels of a map, with a scale a channel.

    The order of pixels does not matter to it. On a CPU several pixels with few channels are
    therefore normed as if they were one pixel with LANES channels, as torch reads fewer channels
    than that one by one (8 channels in bfloat16: six times as slow).
    """

    LANES = 16

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, F, H, W) → the same shape."""
        count, channels, height, width = x.shape
        lanes = gcd(max(1, self.LANES // channels), height * width)
        if x.is_cuda or lanes <= 1:
            return super().forward(x)
        x = x.permute(0, 2, 3, 1).reshape(count, 1, -1, lanes * channels).permute(0, 3, 1, 2)
        x = F.group_norm(x, 1, self.weight.repeat(lanes), self.bias.repeat(lanes), self.eps)
        return x.permute(0, 2, 3, 1).reshape(count, height, width, channels).permute(0, 3, 1, 2)


class PointwiseConv(nn.Linear):
    """A convolution of kernel 1 as a matrix product.

    On a CPU its backward pass takes a third of the time of a convolution's.
    """

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, h, w) → (B, outputs, h, w)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def rectified(layer: Layer) -> Layer:
    """Initialise a layer that precedes a rectifier: He's weights, biases of zero."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution, CELU, GroupNorm of one group: (B, inputs, H, W) → (B, outputs, H/s, W/s)."""
    return nn.Sequential(
        rectified(nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2)),
        nn.CELU(),
        MapNorm(outputs),
    )


class MLP(nn.Sequential):
    """Linear, CELU and LayerNorm for every layer of `hidden`, then a bare Linear to `outputs`.

    outputs: None where the last hidden layer is the output.
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], outputs: int | None = None) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise((inputs, *hidden)):
            layers += [nn.Linear(before, after), nn.CELU(), nn.LayerNorm(after)]
        if outputs is not None:
            layers.append(nn.Linear((inputs, *hidden)[-1], outputs))
        super().__init__(*layers)


class ImageEncoder(nn.Sequential):
    """Nine convolutions to a 4×4 map: (B, C, size, size) → (B, features, 4, 4).

    At 128 pixels kernels 4 3 4 3 4 3 4 3 4 and strides 2 1 2 1 2 1 2 1 2, as published. A smaller
    image is halved less often: after the first, as many convolutions of stride 2 as needed get
    stride 1 and kernel 3. An object, which is smaller too, then meets as many features as at 128
    pixels; at 64 pixels all maps from the third layer on have the published size (trials:
    docs/settings.md). The first weights of every filter sum to zero, so that a constant area, such
    as a black background, leaves no trace except at its borders.
    """

    def __init__(self, channels: int, size: int, features: int) -> None:
        dropped = halvings_to(4, 128) - halvings_to(4, size)
        filters = (16, 16, 32, 32, 64, 64, features, features, features)
        layers = []
        for layer, (before, after) in enumerate(pairwise((channels, *filters))):
            halves = layer % 2 == 0 and not 0 < layer // 2 <= dropped
            layers.append(conv(before, after, 4, 2) if halves else conv(before, after, 3))
            kernel = layers[-1][0].weight.data
            kernel -= kernel.mean((1, 2, 3), keepdim=True)  # type: ignore[operator]
        super().__init__(*layers)


class SubPixelDecoder(nn.Sequential):
    """Convolutions whose channels become pixels: (B, inputs, h, w) → (B, filters[-1], u·h, u·w).

    Layer i convolves to filters[i] · upscales[i]² channels and shuffles them into a map that is
    upscales[i] times as large; CELU and GroupNorm follow, except after the last layer. u: the
    product of the upscales. kernels: one for each layer; None: 1 in a layer that enlarges, else 3.
    """

    def __init__(
        self,
        inputs: int,
        filters: tuple[int, ...],
        upscales: tuple[int, ...],
        kernels: tuple[int, ...] | None = None,
    ) -> None:
        kernels = kernels or tuple(1 if upscale > 1 else 3 for upscale in upscales)
        layers: list[nn.Module] = []
        channels = (inputs, *filters)
        for layer, ((before, after), upscale, kernel) in enumerate(
            zip(pairwise(channels), upscales, kernels, strict=True), 1
        ):
            convolution = nn.Conv2d(before, after * upscale**2, kernel, padding=kernel // 2)
            layers.append(convolution if layer == len(filters) else rectified(convolution))
            if upscale > 1:
                layers.append(nn.PixelShuffle(upscale))
            layers += [nn.CELU(), MapNorm(after)]
        super().__init__(*layers[:-2])


class ConvLSTM(nn.Module):
    """An LSTM whose state is a map; one convolution of [x, h] gives all four gates."""

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.gates = (
            PointwiseConv(inputs + hidden, 4 * hidden)
            if kernel == 1
            else nn.Conv2d(inputs + hidden, 4 * hidden, kernel, padding=kernel // 2)
        )

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """x: (B, inputs, h, w), state: h and c (B, hidden, h, w) → the next h and c."""
        h, c = state
        keep, write, show, new = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = keep.sigmoid() * c + write.sigmoid() * new.tanh()
        return show.sigmoid() * c.tanh(), c


def gaussian(parameters: Tensor) -> Normal:
    """parameters: (B, 2Z, …) means and raw deviations → Normal of (B, Z, …), std by softplus.

    It is computed in single precision, as differences of logarithms need it, and its values are not
    validated, as that would make the device wait at every step.
    """
    mean, raw = parameters.float().chunk(2, 1)
    return Normal(mean, F.softplus(raw) + LEAST_STD, validate_args=False)


def kl(posterior: Normal, prior: Normal) -> Tensor:
    """KL of Normals of (B, …) in nats, summed over all but the first axis → (B,)."""
    return kl_divergence(posterior, prior).flatten(1).sum(1)


def log_density(distribution: Normal, z: Tensor) -> Tensor:
    """z: (B, …) → its log density in nats, summed over all but the first axis → (B,)."""
    return distribution.log_prob(z).flatten(1).sum(1)


def halvings_to(side: int, size: int) -> int:
    """Number of halvings from an image of `size` pixels a side to a map of `side`."""
    if size not in SIZES:
        allowed = ", ".join(map(str, SIZES))
        raise SymbenchError(f"images have {size} pixels a side; scenes have one of: {allowed}.")
    return (size // side).bit_length() - 1

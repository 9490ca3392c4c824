"""Decoders from a vector to a picture: a component's glimpse, or the background.

Letters: N vectors, Z their size, C channels, P pixels so far, G side of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, pairwise
from math import prod
from operator import mul

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from baselines.scenes.scene_layers import SubPixelDecoder, conv, rectified

# Largest map, in numbers (8 MiB), that is decoded at once on a CPU: a larger block of memory is
# requested from the system each time, which takes longer than the computation.
AT_ONCE = 2**21


def trimmed(upscales: tuple[int, ...], side: int) -> tuple[int, ...]:
    """Upscales for a picture of `side` pixels: the last ones are halved until it fits."""
    left = list(upscales)
    while prod(left) > side:
        last = max(layer for layer, upscale in enumerate(left) if upscale > 1)
        left[last] //= 2
    return tuple(left)


def largest_map(filters: tuple[int, ...], upscales: tuple[int, ...]) -> int:
    """Numbers in the largest map of a sub-pixel decoder, for one vector."""
    sides = accumulate(upscales, mul)
    return max(channels * side**2 for channels, side in zip(filters, sides, strict=True))


def in_parts(decode: Callable[[Tensor], Tensor], z: Tensor, largest: int) -> Tensor:
    """Decode z (N, Z), on a CPU in parts; largest: numbers in the largest map of one z."""
    if z.is_cuda:
        return decode(z)
    return torch.cat([decode(part) for part in z.split(max(1, AT_ONCE // largest))])


class PointwiseDecoder(nn.Module):
    """A sub-pixel decoder whose last layers have kernel 3, and all others kernel 1.

    A convolution of kernel 1, CELU and GroupNorm of one group do not depend on a pixel's place. So
    these layers are matrix products on pixels in any order, and pixels are sorted into rows and
    columns only once, after the last of them.
    """

    def __init__(
        self,
        inputs: int,
        filters: tuple[int, ...],
        upscales: tuple[int, ...],
        spatial: int,
    ) -> None:
        """filters, upscales: one for each layer; spatial: number of last layers with kernel 3."""
        super().__init__()
        count = len(filters) - spatial
        self.filters, self.upscales = filters[:count], upscales[:count]
        self.largest = largest_map(filters, upscales)
        widths = (inputs, *filters)
        self.linears = nn.ModuleList(
            rectified(nn.Linear(before, after * upscale**2))
            for (before, after), upscale in zip(pairwise(widths), self.upscales, strict=False)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, after) for after in filters[:count])
        pairs = list(pairwise(widths[count:]))
        self.spatial = nn.Sequential(*(conv(before, after, 3) for before, after in pairs[:-1]))
        self.last = nn.Conv2d(*pairs[-1], 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, Z) → logits of the picture (N, C, G, G)."""
        return in_parts(self._decode, z, self.largest)

    def _decode(self, z: Tensor) -> Tensor:
        x, count = z.unsqueeze(1), len(z)
        for linear, norm, channels in zip(self.linears, self.norms, self.filters, strict=True):
            # Pixels form one row: of one column torch would not see that channels come last.
            x = F.celu(linear(x), inplace=True).reshape(count, 1, -1, channels)
            x = norm(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).reshape(count, -1, channels)
        # (N, (u₁ u₁ u₂ u₂ …), C): each layer's rows and columns, from the coarsest to the finest.
        x = x.reshape(
            count, *(side for upscale in self.upscales for side in (upscale, upscale)), -1
        )
        rows, columns = range(1, x.dim() - 1, 2), range(2, x.dim() - 1, 2)
        x = x.permute(0, *rows, *columns, x.dim() - 1)
        side = prod(self.upscales)
        return self.last(self.spatial(x.reshape(count, side, side, -1).permute(0, 3, 1, 2)))


class ColourGlimpses(nn.Module):
    """Decoder of the glimpses of scenes in colour, with kernel 3 in every layer."""

    def __init__(self, inputs: int, filters: tuple[int, ...], upscales: tuple[int, ...]) -> None:
        super().__init__()
        self.net = SubPixelDecoder(inputs, filters, upscales, kernels=(3,) * len(filters))
        self.largest = largest_map(filters, upscales)

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, Z) → logits of the picture (N, C, G, G)."""
        return in_parts(lambda part: self.net(rearrange(part, "n z -> n z 1 1")), z, self.largest)

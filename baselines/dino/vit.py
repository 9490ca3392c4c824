"""A small vision transformer.

Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021, arXiv 2010.11929), with a norm
before each part, and, as in DINO (arXiv 2104.14294), positions that are interpolated for images of
other sizes. The default sizes are for images of 32 pixels; there is no dropout.

Letters: B images, H = W = size in pixels, P patches, T = 1 + P tokens, D width, A heads.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.protocol import SymbenchError

FIXED, IMAGE = "fixed", "image"
NORMS = (FIXED, IMAGE)
# Standard deviation of the positions' first values; about that of the embedded patches, as
# docs/settings.md tells.
POSITIONS = 0.7
# Added to the deviation of an image by which it is divided, for images of one colour.
LEAST_DEVIATION = 0.05
# Mean and deviation of pixels in [0, 1], about those of natural images.
PIXEL_MEAN, PIXEL_DEVIATION = 0.5, 0.25


class Attention(nn.Module):
    """Self-attention with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise SymbenchError(f"width {width} is not a multiple of {heads} heads; change either.")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)

    def forward(self, x: Tensor, first: int | None = None) -> Tensor:
        """x: (B, T, D) → (B, T, D); first: attend for so many tokens alone, from all."""
        qkv = self.qkv(x)
        if qkv.dtype == torch.bfloat16 and not qkv.is_cuda:
            qkv = qkv.float()  # attention in bfloat16 takes ten times as long on a CPU
        q, k, v = rearrange(qkv, "b t (n a d) -> n b a t d", n=3, a=self.heads)
        with torch.autocast(x.device.type, enabled=False):
            attended = functional.scaled_dot_product_attention(q[:, :, :first], k, v)
        return self.mix(rearrange(attended, "b a t d -> b t (a d)"))


class Block(nn.Module):
    """Attention and an MLP four times as wide; each reads a norm of x and is added to x."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_attended, self.norm_fed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, first: int | None = None) -> Tensor:
        """x: (B, T, D) → (B, T, D); first: compute so many tokens alone, from all."""
        x = x[:, :first] + self.attention(self.norm_attended(x), first)
        return x + self.narrow(functional.gelu(self.widen(self.norm_fed(x))))


class Patches(nn.Module):
    """One linear layer on the pixels of each patch, for images in [-2, 2]."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.patch, self.embed = patch, nn.Linear(3 * patch**2, width)

    def forward(self, images: Tensor) -> Tensor:
        """images: (B, 3, H, W) → (B, P, D)."""
        rows = "b c (i p) (j q) -> b (i j) (c p q)"
        return self.embed(rearrange(images, rows, p=self.patch, q=self.patch))


class ViT(nn.Module):
    """Patches → linear → class token and positions → blocks → norm.

    norm: normalisation of pixels, "fixed", or "image": each channel of each image gets mean 0 and
    deviation 1, so that neither colour nor strength of the light is seen.
    side: patches along an edge of an image of `size` pixels.
    """

    def __init__(
        self,
        size: int = 32,
        patch: int = 4,
        width: int = 96,
        depth: int = 4,
        heads: int = 3,
        norm: str = FIXED,
    ) -> None:
        super().__init__()
        if size % patch:
            raise SymbenchError(f"images of {size} pixels do not divide into patches of {patch}.")
        self.patch, self.width, self.side, self.norm_of = patch, width, size // patch, norm
        self.stem = Patches(patch, width)
        self.token = nn.Parameter(torch.empty(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, 1 + self.side**2, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        nn.init.trunc_normal_(self.token, std=0.02)
        nn.init.normal_(self.positions, std=POSITIONS)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                # The published 0.02 is for 768 inputs; a narrow layer would pass on too little.
                nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """images: (B, 3, H, W) in [0, 1] → tokens (B, 1 + P, D), the class token first."""
        return self._tokens(images, None)

    def class_token(self, images: Tensor) -> Tensor:
        """images: (B, 3, H, W) → the class token alone (B, D): the last block skips the others."""
        return self._tokens(images, 1)[:, 0]

    def _tokens(self, images: Tensor, first: int | None) -> Tensor:
        patches = self.stem(self.normalised(images))
        x = torch.cat([self.token.expand(len(images), -1, -1), patches], 1)
        x = x + self.positions_for(images.shape[-1] // self.patch)
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            x = block(x, first if index == last else None)
        return self.norm(x)

    def normalised(self, images: Tensor) -> Tensor:
        """images: (B, 3, H, W) → values around 0, shifted and scaled as `norm` says."""
        if self.norm_of == FIXED:
            return (images - PIXEL_MEAN) / PIXEL_DEVIATION
        deviation, mean = torch.std_mean(images, (2, 3), keepdim=True, correction=0)
        return (images - mean) / (deviation + LEAST_DEVIATION)

    def positions_for(self, side: int) -> Tensor:
        """Positions of the class token and of side × side patches: (1, 1 + side², D)."""
        if side == self.side:
            return self.positions
        grid = rearrange(self.positions[:, 1:], "1 (i j) d -> 1 d i j", i=self.side)
        other = functional.interpolate(grid, (side, side), mode="bicubic", align_corners=False)
        return torch.cat([self.positions[:, :1], rearrange(other, "1 d i j -> 1 (i j) d")], 1)

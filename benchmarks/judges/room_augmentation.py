"""Augmentation of rooms, as models may draw them: moved, mirrored, soft, noisy, bright, smeared.

Letters: B images, K things at most, H = W = 64 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT, ZOOM = 3.0, 0.06  # pixels; share of the size
BLURS = (0.0, 0.0, 0.6, 1.1)  # standard deviations in pixels, one for each quarter of a batch
NOISE, GAIN, TINT, LIFT = 0.06, 0.2, 0.05, 0.06
SMEARED, SMEAR = 0.12, 11  # share of the images; pixels over which a mean is taken, twice


@dataclass(frozen=True)
class Seen:
    """Images (B, H, W, 3) uint8 and the things in them, (B, K, ...); shape -1 stands for no thing.

    places (2) and boxes (4) are in pixels, turns (2) are directions on the floor; smeared: whether
    a thing is blurred beyond recognition.
    """

    images: Tensor
    shapes: Tensor
    materials: Tensor
    places: Tensor
    boxes: Tensor
    turns: Tensor
    smeared: Tensor

    def take(self, rows: Tensor) -> Seen:
        """The images at `rows`, with their things."""
        return Seen(**{name: each[rows] for name, each in vars(self).items()})

    @staticmethod
    def joined(parts: Sequence[Seen]) -> Seen:
        """The images of all parts together."""
        return Seen(**{name: torch.cat([vars(p)[name] for p in parts]) for name in vars(parts[0])})


def varied(plain: Seen) -> tuple[Tensor, Seen]:
    """Change each image in its own way: (B, 3, H, W) in [0, 1], and the things then in it."""
    images = plain.images.permute(0, 3, 1, 2).float() / 255
    images, moved = _moved(images, plain)
    images, moved = _smeared(images, moved)
    count = len(images)
    groups = [
        blurred(part, sigma) if sigma else part
        for part, sigma in zip(images.tensor_split(len(BLURS)), BLURS, strict=True)
    ]
    images = torch.cat(groups)
    gain = 1 + GAIN * _even(count, 1, 1, 1) + TINT * _even(count, 3, 1, 1)
    images = images * gain + LIFT * _even(count, 1, 1, 1)
    noise = NOISE * torch.rand(count, 1, 1, 1).square()
    return (images + noise * torch.randn_like(images)).clamp(0, 1), moved


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Convolve images (B, C, H, W) with a Gaussian of this standard deviation in pixels."""
    reach = math.ceil(3 * sigma)
    line = torch.arange(-reach, reach + 1, dtype=images.dtype)
    bell = torch.exp(-line.square() / (2 * sigma**2))
    bell = (bell / bell.sum()).expand(images.shape[1], 1, 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    across = F.conv2d(padded, bell, groups=images.shape[1])
    return F.conv2d(across, bell.transpose(2, 3), groups=images.shape[1])


def _even(*shape: int) -> Tensor:
    """Random numbers, uniform in [-1, 1)."""
    return 2 * torch.rand(*shape) - 1


def _moved(images: Tensor, plain: Seen) -> tuple[Tensor, Seen]:
    """Mirror, shift and zoom images; a third of them are only mirrored, and stay sharp."""
    count, _, size, _ = images.shape
    change = torch.rand(count, 1) < 0.67
    shift = torch.where(change, SHIFT * _even(count, 2), 0.0)
    zoom = torch.where(change, 1 + ZOOM * _even(count, 1), 1.0)
    side = torch.where(torch.rand(count, 1) < 0.5, -1.0, 1.0)
    # theta: place u in the new image, from its middle, shows the old place zoom (side u) + shift.
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = (zoom * side)[:, 0], zoom[:, 0]
    theta[:, :, 2] = 2 * shift / size
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    signs = torch.cat([side, torch.ones_like(side)], 1)[:, None]

    def new(points: Tensor) -> Tensor:
        return signs * (points - size / 2 - shift[:, None]) / zoom[:, None] + size / 2

    one, other = new(plain.boxes[..., :2]), new(plain.boxes[..., 2:])
    boxes = torch.cat([torch.minimum(one, other), torch.maximum(one, other)], -1)
    turns = plain.turns * signs
    return images, replace(plain, places=new(plain.places), boxes=boxes, turns=turns)


def _smeared(images: Tensor, plain: Seen) -> tuple[Tensor, Seen]:
    """Blur one thing in some images until nobody can say what it is."""
    count, _, size, _ = images.shape
    rows = torch.arange(count)
    which = torch.randint(3, (count,))
    hit = (torch.rand(count) < SMEARED) & (plain.shapes[rows, which] >= 0)
    box = plain.boxes[rows, which]
    line = torch.arange(size) + 0.5
    centre, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]) / 2
    x = (line - centre[:, :1]) / (half[:, :1] + 2)
    y = (line - centre[:, 1:]) / (half[:, 1:] + 2)
    inside = (x[:, None, :].square() + y[:, :, None].square() < 1.3)[:, None]
    soft = images
    for _ in range(2):
        soft = F.avg_pool2d(soft, SMEAR, 1, SMEAR // 2, count_include_pad=False)
    images = torch.where(inside & hit[:, None, None, None], soft, images)
    smeared = plain.smeared.clone()
    smeared[rows, which] = hit
    return images, replace(plain, smeared=smeared)

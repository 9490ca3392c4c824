"""Which digit a crop shows, if any: a small convolutional network with ten classes and "no digit".

A crop is brought to the scale of the 28-pixel cell (20-pixel digits, as MNIST has them) with its
centre of mass in the middle, whatever the size of the image that it was cut from. The scale is that
of the image and not of the crop: a digit of half the size is not blown up to a whole one.

Letters: M crops, W = H their side in pixels, J = 11 classes.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Side of a normalised crop, and the image size at which a digit's cell has that many pixels.
CELL, FULL = 28, 128
NO_DIGIT = 10
# Channels, kernel and stride of the convolutions: 28² → 14² → 7².
LAYERS = ((32, 5, 2), (64, 3, 1), (96, 3, 2), (128, 3, 1))


class DigitNetwork(nn.Module):
    """Four convolutions with batch normalisation, maxima over 2×2 places, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        for outputs, kernel, stride in LAYERS:
            convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        self.features = nn.Sequential(*layers, nn.MaxPool2d(2, ceil_mode=True), nn.Flatten())
        self.classes = nn.Sequential(nn.Dropout(0.2), nn.Linear(inputs * 16, NO_DIGIT + 1))

    def forward(self, crops: Tensor) -> Tensor:
        """crops: (M, 1, 28, 28) in [0, 1] → logits (M, J)."""
        logits: Tensor = self.classes(self.features(crops))
        return logits


def reach(size: int) -> int:
    """Half the side, in pixels, of a window that holds a digit's cell in an image of this size."""
    return -(-17 * size // FULL)


def normalised(
    windows: Tensor, size: int, zoom: Tensor | float = 1.0, turn: float = 0.0, slant: float = 0.0
) -> Tensor:
    """windows: (M, W, W) in [0, 1], all but the object 0 → crops (M, 1, 28, 28).

    size: of the image. The object's centre of mass comes into the middle; bilinear interpolation.
    """
    count, side, _ = windows.shape
    place = torch.arange(side, dtype=windows.dtype, device=windows.device) + 0.5 - side / 2
    mass = windows.sum((1, 2)).clamp_min(1e-6)
    x = (windows.sum(1) * place).sum(1) / mass
    y = (windows.sum(2) * place).sum(1) / mass
    # From a place in the crop, in [-1, 1], to a place in the window, in [-1, 1].
    scale = torch.as_tensor(zoom, dtype=windows.dtype, device=windows.device)
    scale = (CELL * size / FULL / side) / scale.expand(count)
    cosine, sine = float(np.cos(turn)), float(np.sin(turn))
    theta = windows.new_zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = scale * cosine, scale * (slant - sine)
    theta[:, 1, 0], theta[:, 1, 1] = scale * sine, scale * cosine
    theta[:, 0, 2], theta[:, 1, 2] = 2 * x / side, 2 * y / side
    grid = F.affine_grid(theta, [count, 1, CELL, CELL], align_corners=False)
    return F.grid_sample(windows[:, None], grid, align_corners=False)

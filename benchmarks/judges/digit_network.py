"""The network of the judge of digits: convolutional, with ten classes and "no digit".

A crop is scaled to a cell of 28 pixels (20-pixel digits, as MNIST has them) with its centre of mass
in the middle, whatever the size of the image that it was cut from. The scale follows from the size
of the image and not of the crop: a digit of half the size stays half as large.

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
    """Four convolutions with batch normalisation, 2×2 max pooling, one linear layer."""

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
        """Logits (M, J) for crops (M, 1, 28, 28) in [0, 1]."""
        logits: Tensor = self.classes(self.features(crops))
        return logits


def reach(size: int) -> int:
    """Half the side of a window that holds a digit's cell, in pixels of an image of this size."""
    return -(-17 * size // FULL)


def normalised(
    windows: Tensor, size: int, zoom: Tensor | float = 1.0, turn: float = 0.0, slant: float = 0.0
) -> Tensor:
    """Crops (M, 1, 28, 28) from windows (M, W, W) in [0, 1], which are 0 outside of the object.

    size: pixels of the image's side. The object's centre of mass is moved to the middle, with
    bilinear interpolation.
    """
    count, side, _ = windows.shape
    place = torch.arange(side, dtype=windows.dtype, device=windows.device) + 0.5 - side / 2
    mass = windows.sum((1, 2)).clamp_min(1e-6)
    x = (windows.sum(1) * place).sum(1) / mass
    y = (windows.sum(2) * place).sum(1) / mass
    # theta maps a place in the crop, in [-1, 1], to a place in the window, in [-1, 1].
    scale = torch.as_tensor(zoom, dtype=windows.dtype, device=windows.device)
    scale = (CELL * size / FULL / side) / scale.expand(count)
    cosine, sine = float(np.cos(turn)), float(np.sin(turn))
    theta = windows.new_zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = scale * cosine, scale * (slant - sine)
    theta[:, 1, 0], theta[:, 1, 1] = scale * sine, scale * cosine
    theta[:, 0, 2], theta[:, 1, 2] = 2 * x / side, 2 * y / side
    grid = F.affine_grid(theta, [count, 1, CELL, CELL], align_corners=False)
    return F.grid_sample(windows[:, None], grid, align_corners=False)

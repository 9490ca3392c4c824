"""A detector of the things in a room, after CenterNet: their places, shapes and materials.

For each place of a map of half the image's resolution the network says whether the centre of a
thing lies there, and what that thing is. Peaks of the first map are the things (Zhou, Wang and
Krähenbühl, "Objects as Points", arXiv 1904.07850). Images of other sizes are scaled to 64 pixels
before.

Letters: N images, H = W = 64 pixels, h = w = 32 places, K things found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIZE, STRIDE = 64, 2
SHAPES, MATERIALS = 4, 2
# Channels of the maps at 32, 16 and 8 places a side, and of the map that the heads read.
FINE, MIDDLE, COARSE, TOP = 28, 48, 80, 40
# Channels of the answers at a place: thing or not, shape, material, offset of the centre, distances
# from the centre to the sides of the box, and the direction on the floor.
HEADS = {"thing": 1, "shape": SHAPES, "material": MATERIALS, "offset": 2, "sides": 4, "turn": 2}
AT_ONCE = 256
# The least probability of a peak, and the least distance of two things in pixels.
FAINTEST, NEAREST = 0.12, 2.5


class Block(nn.Module):
    """A residual block: x plus two convolutions of x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_convolved(channels, channels), _convolved(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """The output, of the same shape as x (N, channels, height, width)."""
        return x + self.layers(x)


def _convolved(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class RoomDetector(nn.Module):
    """The network: down to 8×8 places, back up to 32×32 with skip connections, and the heads."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(_convolved(5, 20, 2), _convolved(20, FINE))
        self.middle = nn.Sequential(_convolved(FINE, MIDDLE, 2), Block(MIDDLE))
        self.coarse = nn.Sequential(_convolved(MIDDLE, COARSE, 2), Block(COARSE))
        self.up = nn.Sequential(_convolved(COARSE + MIDDLE, MIDDLE), Block(MIDDLE))
        self.narrow = nn.Conv2d(MIDDLE, FINE, 1)
        self.top = _convolved(2 * FINE, TOP)
        self.heads = nn.Conv2d(TOP, sum(HEADS.values()), 3, 1, 1)
        with torch.no_grad():
            cast(Tensor, self.heads.bias)[0] = -4.0  # things are rare
        line = torch.linspace(-1, 1, SIZE)
        self.where: Tensor
        self.register_buffer("where", torch.stack(torch.meshgrid(line, line, indexing="xy"))[None])

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Maps (N, channels, h, w) by the names of HEADS, the first three as logits.

        images: (N, 3, H, W) in [0, 1].
        """
        where = self.where.expand(len(images), -1, -1, -1)
        fine = self.fine(torch.cat([2 * images - 1, where], 1))
        middle = self.middle(fine)
        coarse = F.interpolate(self.coarse(middle), scale_factor=2.0, mode="nearest")
        middle = self.up(torch.cat([coarse, middle], 1))
        up = F.interpolate(self.narrow(middle), scale_factor=2.0, mode="nearest")
        said = self.heads(self.top(torch.cat([up, fine], 1)))
        return dict(zip(HEADS, said.split(list(HEADS.values()), 1), strict=True))


@dataclass(frozen=True)
class Thing:
    """A detected thing; lengths are in units of the image's side.

    confidence: the least of three probabilities, that it is a thing, of this shape, and of this
    material. place: (2,) its centre. box: (4,). direction: (2,) a unit vector on the floor, which
    means something for an arrow alone.
    """

    shape: int
    material: int
    confidence: float
    place: np.ndarray
    box: np.ndarray
    direction: np.ndarray


class Detector:
    """The trained network as a function from images to the things in them."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.network = RoomDetector()
        state = {name: torch.from_numpy(array) for name, array in weights.items()}
        self.network.load_state_dict(state, strict=False)
        self.network.eval()

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> list[list[Thing]]:
        """Find the things in each of images uint8 (N, H, H, 3) of any size, the surest first."""
        found: list[list[Thing]] = []
        for start in range(0, len(images), AT_ONCE):
            said = self.network(scaled(images[start : start + AT_ONCE]))
            found += things(said)
        return found


def scaled(images: np.ndarray) -> Tensor:
    """Scale images uint8 (N, H, H, 3) to (N, 3, 64, 64) in [0, 1]; area means where they shrink."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    if pixels.shape[-1] > SIZE:
        return F.interpolate(pixels, size=(SIZE, SIZE), mode="area")
    if pixels.shape[-1] < SIZE:
        return F.interpolate(pixels, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    return pixels


def things(said: Mapping[str, Tensor]) -> list[list[Thing]]:
    """The things at the peaks of each image's map; said: the network's maps for N images."""
    sure = said["thing"].sigmoid()
    peaks = (sure == F.max_pool2d(sure, 3, 1, 1)) & (sure > FAINTEST)
    image, _, y, x = peaks.nonzero().unbind(1)
    values = {name: of[image, :, y, x] for name, of in said.items()}
    cell = torch.stack([x, y], 1) + 0.5
    place = STRIDE * (cell + values["offset"]) / SIZE
    sides = values["sides"].exp() / SIZE
    box = torch.cat([place - sides[:, :2], place + sides[:, 2:]], 1)
    shape, material = values["shape"].softmax(1), values["material"].softmax(1)
    confidence = torch.stack([sure[image, 0, y, x], shape.amax(1), material.amax(1)], 1).amin(1)
    columns = [
        each.numpy()
        for each in (
            shape.argmax(1),
            material.argmax(1),
            confidence,
            place,
            box,
            F.normalize(values["turn"], dim=1),
        )
    ]
    rows = list(zip(*columns, strict=True))
    found: list[list[Thing]] = [[] for _ in range(len(sure))]
    strength = sure[image, 0, y, x].numpy()
    for k in np.argsort(-strength, kind="stable"):
        row = rows[k]
        others = found[int(image[k])]
        # One thing may have two neighbouring peaks of nearly the same height.
        apart = [np.hypot(*(row[3] - other.place)) * SIZE > NEAREST for other in others]
        if all(apart):
            others.append(Thing(int(row[0]), int(row[1]), float(row[2]), *row[3:]))
    return found

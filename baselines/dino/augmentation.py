"""Random views of images, each image with random numbers of its own, on the images' device.

torchvision's `v2` transforms draw one set of random numbers for a whole batch. Here the same
distributions (`RandomResizedCrop`, `RandomHorizontalFlip`, `ColorJitter`, `RandomGrayscale`,
`RandomSolarize`) are drawn once for each image and applied to all at once. Crop,
resize and flip are linear in the rows and in the columns, so that they are two products with small
matrices, which hold the weights of the antialiased bilinear resize. The order of the four colour
changes is drawn once for a batch, as in `v2`. Random numbers come from torch's global stream.

Letters: B images, H, W their size, S size of a view in pixels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import log
from typing import Any

import torch
from torch import Tensor

from benchmarks.protocol import SymbenchError

RATIO = (3 / 4, 4 / 3)
TRIES = 10
LUMA = (0.2989, 0.587, 0.114)


@dataclass(frozen=True)
class Augmentation:
    """A distribution of views: a call with images (B, 3, H, W) in [0, 1] draws one of each.

    scale: smallest and largest share of the image's area that a view shows; flip, jitter, grey,
    solarise: probabilities. brightness, contrast, saturation: a factor is drawn from 1 - x to
    1 + x; hue: a turn is drawn from -x to x; all four at once with probability `jitter`.
    """

    size: int = 32
    scale: tuple[float, float] = (0.08, 1.0)
    flip: float = 0.5
    jitter: float = 0.0
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    grey: float = 0.0
    solarise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "jitter", "grey", "solarise"):
            _within(self, name, 0, 1)
        for name in ("brightness", "contrast", "saturation"):
            _within(self, name, 0, 1)
        _within(self, "hue", 0, 0.5)
        first, last = self.scale
        if not 0 < first <= last <= 1:
            raise SymbenchError(f"scale is {self.scale}; it must be two shares, 0 < a <= b <= 1.")
        if self.size < 1:
            raise SymbenchError(f"size is {self.size}; it must be 1 pixel or more.")

    def __call__(self, images: Tensor) -> Tensor:
        """images: (B, 3, H, W) in [0, 1] → a view of each (B, 3, S, S) in [0, 1].

        Views are computed in the precision of the images, even where autocast lowers that of the
        networks around.
        """
        with torch.autocast(images.device.type, enabled=False):
            return self._view(images)

    def _view(self, images: Tensor) -> Tensor:
        count, _, height, width = images.shape
        boxes = crop_boxes(count, height, width, self.scale, images.device)
        views = crop_and_resize(images, boxes, self.size, self._chosen(images, self.flip))
        if self.jitter:
            views = self._jittered(views)
        if self.grey:
            views = torch.where(_wide(self._chosen(images, self.grey)), luma(views), views)
        if self.solarise:
            bright = _wide(self._chosen(images, self.solarise)) & (views >= 0.5)
            views = torch.where(bright, 1 - views, views)
        return views

    def description(self) -> dict[str, Any]:
        """All settings, for a hash."""
        return asdict(self)

    def _chosen(self, images: Tensor, probability: float) -> Tensor:
        """Choose each image with this probability: (B,) bool."""
        return torch.rand(len(images), device=images.device) < probability

    def _drawn(self, images: Tensor) -> Tensor:
        """Uniform random numbers from -1 to 1, one an image: (B,)."""
        return 2 * torch.rand(len(images), device=images.device) - 1

    def _jittered(self, views: Tensor) -> Tensor:
        jittered = self._chosen(views, self.jitter)

        def drawn(reach: float) -> Tensor:
            """Random numbers in [-reach, reach], 0 for images that are not changed: (B,)."""
            return self._drawn(views) * reach * jittered

        changes = (
            lambda x: adjust_brightness(x, 1 + drawn(self.brightness)),
            lambda x: adjust_contrast(x, 1 + drawn(self.contrast)),
            lambda x: adjust_saturation(x, 1 + drawn(self.saturation)),
            lambda x: adjust_hue(x, drawn(self.hue)),
        )
        reaches = (self.brightness, self.contrast, self.saturation, self.hue)
        # The order is drawn on the CPU, as the program would have to wait for a device.
        for index in torch.randperm(len(changes)).tolist():
            if reaches[index]:
                views = changes[index](views)
        return views


def crop_and_flip(size: int = 32, flip: float = 0.5) -> Augmentation:
    """The views from which the student of `symbolic_sequences` learns: random crops and flips."""
    return Augmentation(size, scale=(0.4, 1.0), flip=flip)


def crop_boxes(
    count: int, height: int, width: int, scale: tuple[float, float], device: torch.device
) -> Tensor:
    """Boxes (B, 4) of top, left, height and width, whole pixels, as `RandomResizedCrop` draws them.

    The first of ten tries that fits is taken; where none fits, the largest central box of an
    allowed ratio.
    """
    area = (
        height
        * width
        * (scale[0] + (scale[1] - scale[0]) * torch.rand(count, TRIES, device=device))
    )
    low, high = log(RATIO[0]), log(RATIO[1])
    ratio = (low + (high - low) * torch.rand(count, TRIES, device=device)).exp()
    w, h = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first = fits.float().argmax(1, keepdim=True)  # the first of equal ones
    none = ~fits.any(1)
    w_whole, h_whole = min(width, round(height * RATIO[1])), min(height, round(width / RATIO[0]))
    h = torch.where(none, float(h_whole), h.gather(1, first)[:, 0])
    w = torch.where(none, float(w_whole), w.gather(1, first)[:, 0])
    place = torch.rand(2, count, device=device)
    top = torch.where(none, float((height - h_whole) // 2), (place[0] * (height - h + 1)).floor())
    left = torch.where(none, float((width - w_whole) // 2), (place[1] * (width - w + 1)).floor())
    return torch.stack([top, left, h, w], 1)


def crop_and_resize(images: Tensor, boxes: Tensor, size: int, flipped: Tensor) -> Tensor:
    """images: (B, C, H, W); boxes: (B, 4) of top, left, height, width; flipped: (B,) bool.

    Returns (B, C, S, S): each box, resized as torch's antialiased bilinear resize does, and
    mirrored where `flipped`.
    """
    height, width = images.shape[-2:]
    rows = resize_weights(boxes[:, 0], boxes[:, 2], height, size)
    columns = resize_weights(boxes[:, 1], boxes[:, 3], width, size)
    columns = torch.where(flipped[:, None, None], columns.flip(1), columns)
    return rows[:, None] @ images @ columns[:, None].mT


def resize_weights(start: Tensor, length: Tensor, pixels: int, size: int) -> Tensor:
    """Weights (B, S, pixels) of the pixels in [start, start + length), (B,) each, for S new ones.

    The weights are a triangle around the new pixel's centre. It reaches as far as the distance
    between new pixels, or between old ones where that is larger, and is cut off at the box.
    """
    step = (length / size)[:, None, None]
    centre = (torch.arange(size, device=start.device)[:, None] + 0.5) * step
    position = torch.arange(pixels, device=start.device) - start[:, None, None] + 0.5
    weights = (1 - (position - centre).abs() / step.clamp(min=1)).clamp(min=0)
    inside = (position > 0) & (position < length[:, None, None])
    weights = weights * inside
    return weights / weights.sum(-1, keepdim=True)


def luma(images: Tensor) -> Tensor:
    """The brightness of each pixel: (B, 3, H, W) → (B, 1, H, W)."""
    red, green, blue = images.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """images: (B, 3, H, W); factor: (B,), 0 gives black, 1 changes nothing."""
    return (images * _wide(factor)).clamp(0, 1)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """images: (B, 3, H, W); factor: (B,), 0 gives the image's mean brightness everywhere."""
    mean = luma(images).mean((-2, -1), keepdim=True)
    return torch.lerp(mean.expand_as(images), images, _wide(factor)).clamp(0, 1)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """images: (B, 3, H, W); factor: (B,), 0 gives grey."""
    return torch.lerp(luma(images).expand_as(images), images, _wide(factor)).clamp(0, 1)


def adjust_hue(images: Tensor, turn: Tensor) -> Tensor:
    """images: (B, 3, H, W); turn: (B,) of the circle of hues, ±0.5 for the opposite colour."""
    red, green, blue = images.unbind(1)
    value, least = images.amax(1), images.amin(1)
    chroma = value - least
    some = chroma.clamp(min=1e-12)
    # The hue in sixths of the circle, counted from the largest channel.
    hue = torch.where(
        value == red,
        (green - blue) / some,
        torch.where(value == green, 2 + (blue - red) / some, 4 + (red - green) / some),
    )
    hue = hue + 6 * turn[:, None, None]
    channels = []
    for offset in (5, 3, 1):
        k = (hue + offset).remainder(6)
        channels.append(value - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, 1)


def _wide(values: Tensor) -> Tensor:
    """Numbers of images (B,) in a shape that multiplies images: (B, 1, 1, 1)."""
    return values[:, None, None, None]


def _within(owner: Augmentation, name: str, least: float, most: float) -> None:
    """Refuse a setting outside [least, most]."""
    value = getattr(owner, name)
    if not least <= value <= most:
        raise SymbenchError(f"{name} is {value}; it must be from {least} to {most}.")

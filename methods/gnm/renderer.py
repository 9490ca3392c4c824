"""The renderer: it draws every component's glimpse into its box on the canvas.

A box is upright, so that the bilinear resampling that puts a glimpse G into it is separable: the
canvas is Y G Xᵀ with small matrices of interpolation weights. This equals `grid_sample` with zeros
outside (align_corners=False), at a fraction of its cost; and where canvases are only added up, the
sum over the components is one matrix product that never forms the canvas of a single one. Positions
are in single precision, as an error of bfloat16 would be visible; the products need not be, as an
error of 0.4 % in a weight or a brightness is not visible.

Letters: B images, K components, C channels, H = W = size of the image, G = side of a glimpse, both
in pixels. A box is (…, 4): centre x and y, half width and half height, on the canvas [-1, 1]².
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

LEAST_WEIGHT = 1e-5  # keeps the weights of the components finite where none is drawn
LEAST_ALPHA = 1e-5  # the alpha map lies between this and 1 less this


def boxes_of(where: Tensor) -> Tensor:
    """where: (B, 4, h, w) scale, ratio, shift x, shift y of each cell → boxes (B, h·w, 4).

    Scale, by sigmoid, is a share of the image's side; ratio, by exp, is that of height to width. A
    shift, by tanh, is 0 at the cell's centre and stays below a whole cell.
    """
    _, _, rows, columns = where.shape
    scale, ratio, shift_x, shift_y = where.unbind(1)
    scale, stretch = scale.sigmoid(), (0.5 * ratio).exp()
    row = torch.arange(rows, device=where.device).unsqueeze(1)
    column = torch.arange(columns, device=where.device)
    x = 2 / columns * (column + 0.5 + shift_x.tanh()) - 1
    y = 2 / rows * (row + 0.5 + shift_y.tanh()) - 1
    return torch.stack([x, y, scale / stretch, scale * stretch], -1).flatten(1, 2)


def corners(boxes: Tensor, size: int) -> Tensor:
    """boxes: (…, 4) → x0, y0, x1, y1 in pixels of an image of `size` pixels a side."""
    centre, half = boxes.split(2, -1)
    return (torch.cat([centre - half, centre + half], -1) + 1) * (size / 2)


def interpolation(centre: Tensor, half: Tensor, size: int, side: int, axis: int) -> Tensor:
    """Interpolation weights from a glimpse's pixels to the canvas's, along one axis of the image.

    centre, half: (B, K), of the boxes along that axis → (B, K, side, size); for axis 1 (B, size, K,
    side). A pixel of the canvas has weights for the two pixels of the glimpse between which it
    falls, by its distance from them; all others are 0 and are not computed.
    """
    pixels = (torch.arange(size, device=centre.device) * 2 + 1) / size - 1
    place = ((pixels - centre.unsqueeze(-1)) / half.unsqueeze(-1) + 1) * (side / 2) - 0.5
    place = place.clamp(-1, side)  # (B, K, size): beyond, there is nothing but zeros
    before = place.detach().floor()
    share = place - before
    # Neighbours outside are put at the edge, with weight 0. A NaN stays in the weights, but must
    # not become an index.
    neighbours = torch.stack([before, before + 1], 2).nan_to_num(0.0)
    weights = torch.stack([1 - share, share], 2) * ((neighbours >= 0) & (neighbours < side))
    index = neighbours.clamp(0, side - 1).long()
    if axis == 1:
        weights, index = (rearrange(pair, "b k two s -> b s k two") for pair in (weights, index))
        empty = weights.new_zeros(len(centre), size, centre.shape[1], side)
    else:
        empty = weights.new_zeros(len(centre), centre.shape[1], side, size)
    return empty.scatter_add(3 if axis == 1 else 2, index, weights)


def _weights(boxes: Tensor, size: int, side: int) -> tuple[Tensor, Tensor]:
    """boxes: (B, K, 4) → weights along y (B, size, K, side) and along x (B, K, side, size)."""
    x, y, half_width, half_height = boxes.unbind(-1)
    return (
        interpolation(y, half_height, size, side, axis=1),
        interpolation(x, half_width, size, side, axis=2),
    )


def place(glimpses: Tensor, boxes: Tensor, size: int) -> Tensor:
    """glimpses: (B, K, C, G, G), boxes: (B, K, 4) → one canvas each (B, K, C, size, size)."""
    down, across = _weights(boxes, size, glimpses.shape[-1])
    canvases = rearrange(down, "b h k g -> b k 1 h g") @ glimpses @ across.unsqueeze(2)
    return canvases.to(boxes.dtype)


def place_sum(glimpses: Tensor, boxes: Tensor, size: int) -> Tensor:
    """glimpses: (B, K, G, G), boxes: (B, K, 4) → the sum of their canvases (B, size, size)."""
    down, across = _weights(boxes, size, glimpses.shape[-1])
    return (down.flatten(2) @ (glimpses @ across).flatten(1, 2)).to(boxes.dtype)


def add_up(glimpses: Tensor, presence: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Draw grey scenes on black: the sum of the components, each times its presence.

    glimpses: (B, K, 1, G, G), presence: (B, K) → (B, 1, size, size).
    """
    return place_sum(glimpses[:, :, 0] * presence[..., None, None], boxes, size).unsqueeze(1)


def shares(glimpses: Tensor, presence: Tensor, depth: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Shares of the components in a scene in colour, nearer ones in front of farther ones.

    glimpses: (B, K, C+1, G, G), the last channel alpha, presence, depth: (B, K), the smaller the
    nearer → (B, K, C, size, size) colours times alpha · presence, times the component's weight:
    alpha · presence · sigmoid(-depth), normalised over the components in every pixel.
    """
    layers, weight = _layers(glimpses, presence, depth, boxes, size)
    return layers[:, :, :-1] * weight / (weight.sum(1, keepdim=True) + LEAST_WEIGHT)


def blend(glimpses: Tensor, presence: Tensor, depth: Tensor, boxes: Tensor, size: int) -> Tensor:
    """The sum of the `shares` of all components, and the alpha map: (B, C+1, size, size).

    The alpha map is the sum of alpha · presence of all components, clamped to less than 1. Its
    gradient passes the clamp, so that components learn where too many of them lie.
    """
    layers, weight = _layers(glimpses, presence, depth, boxes, size)
    colours = (layers[:, :, :-1] * weight).sum(1) / (weight.sum(1) + LEAST_WEIGHT)
    alpha = layers[:, :, -1:].sum(1)
    clamped = alpha.detach().clamp(LEAST_ALPHA, 1 - LEAST_ALPHA)
    return torch.cat([colours, alpha + (clamped - alpha.detach())], 1)


def _layers(
    glimpses: Tensor, presence: Tensor, depth: Tensor, boxes: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """Canvases (B, K, C+1, size, size) and their weights (B, K, 1, size, size), for `shares`."""
    colours, alpha = glimpses[:, :, :-1], glimpses[:, :, -1:] * presence[..., None, None, None]
    canvases = place(torch.cat([colours * alpha, alpha], 2), boxes, size)
    return canvases, canvases[:, :, -1:] * (-depth).sigmoid()[..., None, None, None]


def compose(blended: Tensor, background: Tensor) -> Tensor:
    """blended: (B, C+1, H, W), in front of background: (B, C, H, W) → image (B, C, H, W)."""
    return blended[:, :-1] + (1 - blended[:, -1:]) * background

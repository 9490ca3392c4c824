"""Pictures of a trained GNM: boxes, components, drawing steps, traversals.

Letters: B images, C channels, H = W = size, K components, Z dimensions of z_g, T = 9 places.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from einops import rearrange
from torch import Tensor

from methods.gnm.components import Latents
from methods.gnm.network import GNMNetwork
from methods.gnm.renderer import boxes_of, corners

DRAWN, PLACES, ROWS, AT_ONCE = 16, 9, 4, 32
SPREAD = 2.0


def illustrate(network: GNMNetwork, x: Tensor) -> dict[str, Tensor]:
    """x: (B, C, H, W) → pictures and boxes by the names of `SceneNetwork.illustrate`."""
    f_x = network.encoder(x)
    drawing = network.global_latent(f_x)
    posterior, *priors = network.heads(f_x, *drawing.drawn)
    z = posterior.mean()
    z_b = network.background.posterior(f_x).mean if network.colour else None
    drawn, drawn_b = network.draw(DRAWN)
    return {
        "reconstructions": network.paint(z, z_b),
        "boxes": corners(boxes_of(z.where), network.size),
        "presence": posterior.logits.sigmoid(),
        "components": layers(network, z, z_b),
        "steps": torch.stack([network.paint(prior.mean(), z_b) for prior in priors], 1),
        "drawn": network.paint(drawn, drawn_b),
        "drawn_boxes": corners(boxes_of(drawn.where), network.size),
        "drawn_presence": drawn.presence,
        "traversal_global": traverse_global(network, drawing.latent[:1], drawing.prior, z_b),
        "traversal_position": traverse_position(network, z, posterior.logits, z_b),
    }


def layers(network: GNMNetwork, z: Latents, z_b: Tensor | None) -> Tensor:
    """Layers (B, K, C, H, W), one a component in drawing order, whose sum is the image.

    In grey scenes the order is that of the cells. In colour the background comes first (K + 1
    layers), then the components from the farthest to the nearest.
    """
    parts = network.contributions(z)
    if z_b is None:
        return parts
    order = z.depths.argsort(1, descending=True)
    background = network.paint(z, z_b) - parts.sum(1)
    sorted_parts = torch.stack([part[rank] for part, rank in zip(parts, order, strict=True)])
    return torch.cat([background.unsqueeze(1), sorted_parts], 1)


def traverse_global(network: GNMNetwork, z_g: Tensor, prior: list, z_b: Tensor | None) -> Tensor:
    """Move one dimension of z_g in each row, from −2 to 2 standard deviations of its prior.

    z_g: (1, Z) → (R, T, C, H, W). Each of the first drawing steps, at most four, has a row: for the
    dimension of its latent that changes the image most between both ends.
    """
    std = torch.cat([one.stddev[:1] for one in prior], 1)
    places = torch.linspace(-SPREAD, SPREAD, PLACES, device=z_g.device)
    moves = torch.diag_embed(std[0])  # (Z, Z): each dimension by its standard deviation
    ends = torch.cat([z_g - SPREAD * moves, z_g + SPREAD * moves])
    low, high = paint_global(network, ends, z_b).chunk(2)
    change = rearrange(low - high, "z c h w -> z (c h w)").abs().sum(1)
    rows, best = min(ROWS, len(prior)), []
    for part in torch.arange(len(change), device=z_g.device).split(len(change) // len(prior))[
        :rows
    ]:
        best.append(part[change[part].argmax()])
    chosen = torch.stack([z_g + place * moves[torch.stack(best)] for place in places], 1)
    images = paint_global(network, chosen.flatten(0, 1), z_b)
    return images.unflatten(0, (len(best), PLACES))


def paint_global(network: GNMNetwork, z_g: Tensor, z_b: Tensor | None) -> Tensor:
    """z_g: (N, Z) → images of the most probable components and background (N, C, H, W)."""
    images = []
    for part in z_g.split(AT_ONCE):
        (components,) = network.heads(network.global_latent.decode(part))
        behind = None if z_b is None else network.background.prior(part).mean
        images.append(network.paint(components.mean(), behind))
    return torch.cat(images)


def traverse_position(
    network: GNMNetwork, z: Latents, logits: Tensor, z_b: Tensor | None
) -> Tensor:
    """Move the most probable component by its shift, from −2 to 2, in x (even rows) or y.

    logits of presence: (B, K) → (R, T, C, H, W), two rows an image.
    """
    rows = []
    places = torch.linspace(-SPREAD, SPREAD, PLACES, device=logits.device)
    for row in range(ROWS):
        image = slice(row // 2 % len(logits), row // 2 % len(logits) + 1)
        moved = select(z, image, PLACES)
        where = moved.where.flatten(2).clone()
        where[:, 2 + row % 2, logits[image].argmax()] = places
        moved = replace(moved, where=where.view_as(moved.where))
        behind = None if z_b is None else z_b[image].expand(PLACES, -1)
        rows.append(network.paint(moved, behind))
    return torch.stack(rows)


def select(z: Latents, image: slice, times: int) -> Latents:
    """The latents of one image, repeated `times` times."""
    names = ("presence", "where", "depth", "what")
    return Latents(*(getattr(z, name)[image].repeat_interleave(times, 0) for name in names))

"""The components: for each cell a symbol (presence, where, depth) and the code of a picture (what).

One network gives all of them from a map of features: the posterior from f_x, the encoding of the
image, and the prior from StructDRAW's f_drawn, so that both are read by the same rules (section 3.3
of the paper).

Letters: B images, F features, h = w = 4 cells, K = h·w components, W dimensions of what.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, log

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from baselines.scenes.example_noise import ExampleNoise, draw_from, flip
from baselines.scenes.scene_layers import conv, gaussian, kl, log_density

LOGIT_RANGE = 8.8
LEAST_PRESENCE = 1e-5  # weight of the KLs of a component that is absent
WHERE = 4
WHERE_INIT = 0.01  # bound of the first weights: boxes begin near the middle of their cells
SCALE_BIAS = -1.0  # boxes begin a bit larger than a cell: sigmoid(-1) = 0.27 of the image's side


@dataclass(frozen=True)
class Latents:
    """Values of the latents; depth: (B, 1, h, w), where: (B, 4, h, w), what: (B, W, h, w).

    presence: (B, K), in the order of the cells, row by row.
    """

    presence: Tensor
    where: Tensor
    depth: Tensor
    what: Tensor

    @property
    def codes(self) -> Tensor:
        """The latent `what` of each component (B, K, W)."""
        return self.what.flatten(2).transpose(1, 2)

    @property
    def depths(self) -> Tensor:
        """The latent `depth` of each component (B, K)."""
        return self.depth.flatten(1)


@dataclass(frozen=True)
class Components:
    """Distributions of the latents: Normals of (B, …, h, w), and logits of presence (B, K)."""

    logits: Tensor
    where: Normal
    depth: Normal
    what: Normal

    def relaxed(self, temperature: float) -> Latents:
        """A draw through which gradients pass: presence is relaxed Bernoulli, in (0, 1)."""
        presence = ((self.logits + logistic(self.logits)) / temperature).sigmoid()
        return Latents(presence, self.where.rsample(), self.depth.rsample(), self.what.rsample())

    def draw(self, noise: ExampleNoise | None = None) -> Latents:
        """A draw from the model without relaxation: presence is 0 or 1."""
        presence = flip(self.logits.sigmoid(), noise)
        gaussians = (self.where, self.depth, self.what)
        return Latents(presence, *(draw_from(one, noise) for one in gaussians))

    def mean(self) -> Latents:
        """The means of the Gaussians, and the more probable value of presence."""
        presence = (self.logits > 0).float()
        return Latents(presence, self.where.mean, self.depth.mean, self.what.mean)

    def kl(self, prior: Components, presence: Tensor | None = None) -> dict[str, Tensor]:
        """KL of each latent against its prior in nats (B,), by name.

        presence: (B, K), with which the KLs of where, depth and what of a component are multiplied,
        at least `LEAST_PRESENCE`; None: they count in full.
        """
        weights = None if presence is None else presence.clamp(min=LEAST_PRESENCE)
        return {
            "presence": kl_bernoulli(self.logits, prior.logits),
            "where": weighed(self.where, prior.where, weights),
            "depth": weighed(self.depth, prior.depth, weights),
            "what": weighed(self.what, prior.what, weights),
        }

    def log_density(self, z: Latents) -> Tensor:
        """Log density of a draw whose presence is 0 or 1, in nats (B,)."""
        presence = -F.binary_cross_entropy_with_logits(self.logits, z.presence, reduction="none")
        gaussians = ((self.where, z.where), (self.depth, z.depth), (self.what, z.what))
        return presence.sum(1) + torch.stack([log_density(p, value) for p, value in gaussians]).sum(
            0
        )


class ComponentHeads(nn.Module):
    """Map (B, F, h, w) → the distributions of K components, each from its own cell's features."""

    def __init__(self, features: int, what: int, where_std: float, what_gain: float) -> None:
        """what: dimensions of that latent; where_std, what_gain: see `GNMSettings`."""
        super().__init__()
        self.trunk = nn.Sequential(conv(features, features, 1), conv(features, features, 1))
        self.presence = nn.Conv2d(features, 1, 1)
        self.where = nn.Conv2d(features, 2 * WHERE, 1)
        self.depth = nn.Conv2d(features, 2, 1)
        self.what = nn.Conv2d(features, 2 * what, 1)
        nn.init.uniform_(self.where.weight, -WHERE_INIT, WHERE_INIT)
        assert self.where.bias is not None
        means = [SCALE_BIAS] + [0.0] * (WHERE - 1)
        with torch.no_grad():
            self.where.bias.copy_(torch.tensor(means + [raw(where_std)] * WHERE))
            self.what.weight[:what] *= what_gain

    def forward(self, *maps: Tensor) -> list[Components]:
        """Give the components of each map (B, F, h, w), in one pass for all."""
        seen = self.trunk(torch.cat(maps))
        heads = (self.presence, self.where, self.depth, self.what)
        parts = zip(*(head(seen).chunk(len(maps)) for head in heads), strict=True)
        return [
            Components(
                LOGIT_RANGE * presence.float().tanh().flatten(1),
                gaussian(where),
                gaussian(depth),
                gaussian(what),
            )
            for presence, where, depth, what in parts
        ]


def raw(std: float) -> float:
    """The inverse of softplus, of a standard deviation."""
    return std + log(-expm1(-std))


def logistic(like: Tensor) -> Tensor:
    """Draw logistic noise in the shape of `like`."""
    uniform = torch.rand_like(like).clamp(1e-6, 1 - 1e-6)
    return uniform.logit()


def weighed(posterior: Normal, prior: Normal, weights: Tensor | None) -> Tensor:
    """KL of Normals of (B, …, h, w) in nats (B,); weights: (B, K), one for each cell, or None."""
    if weights is None:
        return kl(posterior, prior)
    return (kl_divergence(posterior, prior).flatten(2).sum(1) * weights).sum(1)


def kl_bernoulli(logits: Tensor, prior: Tensor) -> Tensor:
    """KL of Bernoullis with logits (B, …) in nats (B,), without the logarithm of a probability."""
    each = logits.sigmoid() * (logits - prior) + F.softplus(prior) - F.softplus(logits)
    return each.flatten(1).sum(1)

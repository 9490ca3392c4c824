"""The variational autoencoder (VAE), the baseline whose latent has no structure at all.

Kingma and Welling (ICLR 2014, arXiv 1312.6114), convolutional, with a weight β on the KL (Higgins
et al., ICLR 2017), as the baseline of Generative Neurosymbolic Machines (arXiv 2010.12152), which
does not publish its sizes. Here the encoder is GNM's and the decoder is as wide, so that the VAE
has about as many parameters as its rivals; the latent has 128 dimensions, as ten digits take about
ten each.

Letters: B images, C channels, S posterior samples, Z latent dimensions, R rows of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.distributions import Normal

from baselines.checks import whole
from baselines.scenes.example_noise import ExampleNoise, draw_from
from baselines.scenes.pixel_likelihood import log_normal, pixels
from baselines.scenes.scene_layers import (
    MLP,
    ImageEncoder,
    SubPixelDecoder,
    gaussian,
    halvings_to,
    kl,
    log_density,
    rectified,
)
from baselines.scenes.scene_method import DRAWN, SceneMethod, SceneNetwork, SceneSettings

ROWS, COLUMNS = 6, 9


@dataclass(frozen=True)
class VAESettings(SceneSettings):
    """z: latent dimensions; features: channels of the 4×4 map; hidden: units of the MLPs."""

    z: int = 128
    features: int = 64
    hidden: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("z", "features", "hidden"):
            whole(self, name, 1)


class VAENetwork(SceneNetwork):
    """Image → 4×4 map → MLP → z → MLP → 4×4 map → image."""

    def __init__(self, settings: VAESettings, size: int, channels: int) -> None:
        super().__init__(settings, size, channels)
        self.z, features = settings.z, settings.features
        self.encoder = ImageEncoder(channels, size, features)
        self.posterior = MLP(16 * features, (settings.hidden,), 2 * settings.z)
        self.spread = MLP(settings.z, (settings.hidden, 16 * features))
        self.decoder = widening(features, size, channels)

    def encode(self, x: Tensor) -> Normal:
        """x: (B, C, H, W) → the posterior of z (B, Z)."""
        return gaussian(self.posterior(self.encoder(x).flatten(1)))

    def decode(self, z: Tensor) -> Tensor:
        """z: (B, Z) → the means of the pixels (B, C, H, W)."""
        maps = rearrange(self.spread(z), "b (f h w) -> b f h w", h=4, w=4)
        return self.decoder(maps).float().sigmoid()

    def prior(self, like: Tensor) -> Normal:
        """A standard Gaussian in the shape of `like`, on its device."""
        return Normal(torch.zeros_like(like), torch.ones_like(like), validate_args=False)

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `images` (B, H, W, C) uint8 → the mean of NLL + β KL in nats, and both."""
        x = pixels(batch)
        posterior = self.encode(x)
        nll = -log_normal(x, self.decode(draw_from(posterior)))
        return self.elbo_loss(nll, kl(posterior, self.prior(posterior.loc)), step)

    def log_weights(self, x: Tensor, samples: int, noise: ExampleNoise | None = None) -> Tensor:
        """x: (B, C, H, W) → log p(x | z) p(z) / q(z | x) in nats (S, B)."""
        encoded = self.encode(x)
        posterior = Normal(
            repeat(encoded.loc, "b z -> (s b) z", s=samples),
            repeat(encoded.scale, "b z -> (s b) z", s=samples),
            validate_args=False,
        )
        z = draw_from(posterior, noise)
        seen = log_normal(repeat(x, "b c h w -> (s b) c h w", s=samples), self.decode(z))
        weights = seen + log_density(self.prior(z), z) - log_density(posterior, z)
        return rearrange(weights, "(s b) -> s b", s=samples)

    def sample(self, count: int, noise: ExampleNoise | None = None) -> Tensor:
        """Images from the prior: (count, C, H, W) in [0, 1]."""
        zeros = next(self.parameters()).new_zeros(count, self.z)
        return self.decode(draw_from(self.prior(zeros), noise))

    def illustrate(self, x: Tensor) -> dict[str, Tensor]:
        """Reconstructions, samples, and traversals of the dimensions of z with the largest KL.

        Each row of `traversal_global` (R, 9, …) moves one of them from −2 to 2; the others keep
        their values for x[0].
        """
        posterior = self.encode(x)
        z = posterior.loc
        told = torch.distributions.kl_divergence(posterior, self.prior(z)).mean(0)
        dimensions = told.argsort(descending=True)[:ROWS]
        moved = repeat(z[0], "z -> r n z", r=len(dimensions), n=COLUMNS).clone()
        moved[torch.arange(len(dimensions)), :, dimensions] = torch.linspace(-2, 2, COLUMNS).to(z)
        traversed = self.decode(rearrange(moved, "r n z -> (r n) z"))
        return {
            "reconstructions": self.decode(z),
            "drawn": self.sample(DRAWN),
            "traversal_global": rearrange(traversed, "(r n) c h w -> r n c h w", n=COLUMNS),
        }


def widening(features: int, size: int, channels: int) -> SubPixelDecoder:
    """A decoder of 3×3 convolutions: (B, features, 4, 4) → (B, channels, size, size), no sigmoid.

    Each layer doubles the side, so that none works at the full one, as in the encoder.
    """
    halvings = halvings_to(4, size)
    filters = (*(128, 64, 32, 16)[: halvings - 1], channels)
    decoder = SubPixelDecoder(features, filters, (2,) * halvings, (3,) * halvings)
    # The last layer has He's weights here, twice as large as torch's own: docs/settings.md.
    rectified(next(layer for layer in reversed(decoder) if isinstance(layer, nn.Conv2d)))
    return decoder


class VAE(SceneMethod):
    """Convolutional variational autoencoder.

    Deviations:
      - No sizes are published: the encoder is GNM's, the decoder as wide, the latent has 128
        dimensions.
    """

    version = 2  # since 2: an evaluation draws its noise by example
    Settings = VAESettings
    Network = VAENetwork

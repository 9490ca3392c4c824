"""The background of scenes in colour: its latent z_b, with a prior from z_g, and its picture.

Letters: B images, C channels, H = W = size, F features, Z dimensions of z_g.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributions import Normal

from baselines.scenes.scene_layers import MLP, gaussian
from methods.gnm.glimpses import PointwiseDecoder, trimmed
from methods.gnm.struct_draw import CELLS

LATENT = 10
UPSCALES = (4, 2, 4, 2, 2, 1)


class Background(nn.Module):
    """Posterior, prior and picture of z_b."""

    def __init__(self, features: int, global_latent: int, channels: int, size: int) -> None:
        super().__init__()
        self.posterior_net = MLP(features * CELLS**2, (512, 256), 2 * LATENT)
        self.prior_net = MLP(global_latent, (128, 64), 2 * LATENT)
        filters = (128, 64, 32, 16, 8, channels)
        self.decoder = PointwiseDecoder(LATENT, filters, trimmed(UPSCALES, size), spatial=1)

    def posterior(self, f_x: Tensor) -> Normal:
        """f_x: (B, F, h, w) → the posterior of z_b (B, 10)."""
        return gaussian(self.posterior_net(f_x.flatten(1)))

    def prior(self, z_g: Tensor) -> Normal:
        """z_g: (B, Z) → the prior of z_b (B, 10)."""
        return gaussian(self.prior_net(z_g))

    def forward(self, z_b: Tensor) -> Tensor:
        """z_b: (B, 10) → picture (B, C, H, W) in (0, 1)."""
        return self.decoder(z_b).float().sigmoid()

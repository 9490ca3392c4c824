"""StructDRAW: the global latent z_g, drawn in steps as a map of features, not of pixels.

Section 3.2 of the paper. At step ℓ = 1 … L, with f_x the encoding of the image (posterior only):

    h_enc = ConvLSTM([f_x, f_x − f_drawn, h_dec])           posterior  z_ℓ ~ N(MLP(h_enc))
    h_dec = ConvLSTM([map of z_ℓ, f_drawn])                 prior      z_ℓ ~ N(MLP(h_dec of ℓ − 1))
    f_drawn += Conv(h_dec)

The MLPs see the whole map at once, so that components anywhere in the image interact; the ConvLSTMs
(kernel 1) see a cell at a time. The initial states are learned, f_drawn begins at zero.

Letters: B images, F features, h = w = 4 cells, L steps, Z latent dimensions of a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.distributions import Normal

from baselines.scenes.example_noise import ExampleNoise, draw_from
from baselines.scenes.scene_layers import MLP, ConvLSTM, gaussian, kl, log_density

CELLS = 4
LATENT = 32


@dataclass(frozen=True)
class Drawing:
    """The steps of a drawing; each list has an item a step.

    z: (B, Z); posterior, prior: the distributions of z, no posteriors where there was no image;
    drawn: f_drawn (B, F, h, w) after the step.
    """

    z: list[Tensor]
    posterior: list[Normal]
    prior: list[Normal]
    drawn: list[Tensor]

    @property
    def latent(self) -> Tensor:
        """All of z_g: (B, L·Z)."""
        return torch.cat(self.z, 1)

    def kl(self) -> Tensor:
        """KL of the posteriors against the priors in nats (B,)."""
        pairs = zip(self.posterior, self.prior, strict=True)
        return torch.stack([kl(posterior, prior) for posterior, prior in pairs]).sum(0)

    def log_ratio(self) -> Tensor:
        """The log of p(z_g) / q(z_g | x) in nats (B,)."""
        triples = zip(self.z, self.posterior, self.prior, strict=True)
        return torch.stack(
            [log_density(prior, z) - log_density(posterior, z) for z, posterior, prior in triples]
        ).sum(0)


class FromMap(nn.Module):
    """Map (B, F, h, w) → Gaussian of (B, latent).

    With interaction, an MLP of the whole map, `mlp` units wide. Without (the ablation), an MLP of
    the same depth, F units wide, on each cell by itself (1×1 convolutions): each cell then has its
    own share of the latent, latent / (h·w) dimensions, and cells do not interact.
    """

    def __init__(self, features: int, latent: int, interaction: bool, mlp: int) -> None:
        super().__init__()
        self.interaction = interaction
        if interaction:
            self.net = MLP(features * CELLS**2, (mlp, mlp), 2 * latent)
        else:
            self.net = MLP(features, (features, features), 2 * latent // CELLS**2)

    def forward(self, maps: Tensor) -> Normal:
        """maps: (B, F, h, w) → Normal of (B, latent)."""
        cells = rearrange(maps, "b f h w -> b (h w) f")
        if self.interaction:
            return gaussian(self.net(cells.flatten(1)))
        return gaussian(rearrange(self.net(cells), "b cell (two z) -> b (two cell z)", two=2))


class ToMap(nn.Module):
    """Latent (B, latent) → map (B, F, h, w); the counterpart of `FromMap`.

    The second layer is wide enough for the map: `mlp` units for 64 features, twice that for 128.
    """

    def __init__(self, latent: int, features: int, interaction: bool, mlp: int) -> None:
        super().__init__()
        self.cells = 1 if interaction else CELLS**2
        if interaction:
            self.net = MLP(latent, (mlp, mlp * features // 64, features * CELLS**2))
        else:
            self.net = MLP(latent // CELLS**2, (features, features, features))

    def forward(self, z: Tensor) -> Tensor:
        """z: (B, latent) → (B, F, h, w)."""
        cells = self.net(rearrange(z, "b (cell z) -> b cell z", cell=self.cells))
        return rearrange(
            cells.flatten(1), "b (h w f) -> b f h w", h=CELLS, w=CELLS
        )  # channels-last in memory


class StructDRAW(nn.Module):
    """z_g drawn in `steps` steps of `LATENT` dimensions each."""

    def __init__(self, features: int, steps: int, interaction: bool = True, mlp: int = 512) -> None:
        super().__init__()
        self.steps, self.latent = steps, steps * LATENT
        self.encoder = ConvLSTM(3 * features, features, 1)
        self.decoder = ConvLSTM(2 * features, features, 1)
        self.posterior = FromMap(features, LATENT, interaction, mlp)
        self.prior = FromMap(features, LATENT, interaction, mlp)
        self.to_map = ToMap(LATENT, features, interaction, mlp)
        self.draw = nn.Conv2d(features, features, 3, padding=1)
        # First states: h and c of the encoder, then of the decoder.
        self.initial = nn.Parameter(torch.zeros(4, features, CELLS, CELLS))

    def forward(self, f_x: Tensor, noise: ExampleNoise | None = None) -> Drawing:
        """f_x: (B, F, h, w) → z_g drawn from the posterior, with the priors of all steps."""
        h_enc, c_enc, h_dec, c_dec = self._states(len(f_x))
        z, posteriors, drawn, expected = [], [], [torch.zeros_like(f_x)], []
        for _ in range(self.steps):
            seen = torch.cat([f_x, f_x - drawn[-1], h_dec], 1)
            h_enc, c_enc = self.encoder(seen, (h_enc, c_enc))
            posteriors.append(self.posterior(h_enc))
            z.append(draw_from(posteriors[-1], noise))
            expected.append(h_dec)
            h_dec, c_dec, canvas = self._draw(z[-1], drawn[-1], (h_dec, c_dec))
            drawn.append(canvas)
        # No step needs its prior, so that one pass computes those of all.
        prior = self.prior(torch.cat(expected))
        stds = prior.stddev.chunk(self.steps)
        priors = [
            Normal(mean, std, validate_args=False)
            for mean, std in zip(prior.mean.chunk(self.steps), stds, strict=True)
        ]
        return Drawing(z, posteriors, priors, drawn[1:])

    def sample(self, count: int, noise: ExampleNoise | None = None) -> Drawing:
        """Draw z_g from the prior `count` times."""
        _, _, h_dec, c_dec = self._states(count)
        z, priors, drawn = [], [], [torch.zeros_like(h_dec)]
        for _ in range(self.steps):
            priors.append(self.prior(h_dec))
            z.append(draw_from(priors[-1], noise))
            h_dec, c_dec, canvas = self._draw(z[-1], drawn[-1], (h_dec, c_dec))
            drawn.append(canvas)
        return Drawing(z, [], priors, drawn[1:])

    def decode(self, z: Tensor) -> Tensor:
        """z: (B, L·Z) → f_drawn (B, F, h, w) after the last step."""
        _, _, h_dec, c_dec = self._states(len(z))
        drawn = torch.zeros_like(h_dec)
        for part in z.split(LATENT, 1):
            h_dec, c_dec, drawn = self._draw(part, drawn, (h_dec, c_dec))
        return drawn

    def _states(self, count: int) -> list[Tensor]:
        return [state.expand(count, -1, -1, -1) for state in self.initial]

    def _draw(
        self, z: Tensor, drawn: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """z: (B, Z), drawn: (B, F, h, w), state: h_dec, c_dec → both and f_drawn after the step."""
        h, c = self.decoder(torch.cat([self.to_map(z), drawn], 1), state)
        return h, c, drawn + self.draw(h)


class GaussianGlobal(nn.Module):
    """The ablation: z_g is one Gaussian with the prior N(0, I), of the same size as StructDRAW's.

    Posterior and decoding are the MLPs of StructDRAW, once each.
    """

    def __init__(self, features: int, steps: int, interaction: bool = True, mlp: int = 512) -> None:
        super().__init__()
        self.latent = steps * LATENT
        self.posterior = FromMap(features, self.latent, interaction, mlp)
        self.to_map = ToMap(self.latent, features, interaction, mlp)

    def forward(self, f_x: Tensor, noise: ExampleNoise | None = None) -> Drawing:
        """f_x: (B, F, h, w) → z_g drawn from the posterior, in one step."""
        posterior = self.posterior(f_x)
        z = draw_from(posterior, noise)
        return Drawing([z], [posterior], [standard(z)], [self.to_map(z)])

    def sample(self, count: int, noise: ExampleNoise | None = None) -> Drawing:
        """Draw z_g from the prior `count` times."""
        prior = standard(next(self.parameters()).new_zeros(count, self.latent))
        z = draw_from(prior, noise)
        return Drawing([z], [], [prior], [self.to_map(z)])

    def decode(self, z: Tensor) -> Tensor:
        """z: (B, L·Z) → f_drawn (B, F, h, w)."""
        return self.to_map(z)


def standard(like: Tensor) -> Normal:
    """N(0, 1) in the shape of `like`."""
    zeros = torch.zeros_like(like, dtype=torch.float32)
    return Normal(zeros, torch.ones_like(zeros), validate_args=False)

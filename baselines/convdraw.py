"""ConvDRAW: a picture drawn in several steps, each with a map of latents.

Gregor, Besse, Jimenez Rezende, Danihelka and Wierstra, "Towards Conceptual Compression" (NeurIPS
2016, arXiv 1604.08772), as the baseline of Generative Neurosymbolic Machines (arXiv 2010.12152):
the rival whose latent is as expressive and has no objects. At each step the encoder sees the image
and its difference from the canvas, a latent map is drawn whose prior depends on the steps before,
and the decoder adds to the canvas:

    ε = x − σ(r),  h_enc = LSTM(x, ε, h_enc, h_dec),  z ~ q(z | h_enc),  prior p(z | h_dec),
    h_dec = LSTM(z, σ(r), h_dec),  r ← r + W h_dec.

Neither paper publishes sizes for 128 pixels. Here the maps are 8×8 at every size, so that a digit
covers the same cells; recurrent states have 64 channels and the latent 8, or 512 dimensions a step;
strided convolutions reduce the image to the map, and sub-pixel convolutions enlarge it. Initial
states are learned maps, by which the network can tell places apart. Images are in [0, 1], so that
the canvas is kept as logits, before a sigmoid. With `interaction`, mean and deviation of each
latent, in posterior and prior, come from an MLP over the whole map in place of a convolution, as in
StructDRAW.

Letters: B images, C channels, H = W = size in pixels, T steps, S posterior samples, Z and F
channels of latent and state, h = w the side of the maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.distributions import Normal

from baselines.checks import one_of, whole
from baselines.scenes.example_noise import ExampleNoise, draw_from
from baselines.scenes.pixel_likelihood import log_normal, pixels
from baselines.scenes.scene_layers import (
    MLP,
    ConvLSTM,
    SubPixelDecoder,
    conv,
    gaussian,
    halvings_to,
    kl,
    log_density,
)
from baselines.scenes.scene_method import DRAWN, SceneMethod, SceneNetwork, SceneSettings

SIDES = (2, 4, 8)
READ = (16, 32, 64, 64, 64, 64)
WRITTEN = (64, 32, 16)


@dataclass(frozen=True)
class ConvDRAWSettings(SceneSettings):
    """Number and sizes of the drawing steps.

    steps: T; interaction: whether an MLP over the map precedes each latent; side: cells along an
    edge of the maps, 2, 4 or 8. hidden, z: channels of the recurrent states and of the latent; mlp:
    units of both MLP layers.
    """

    steps: int = 4
    interaction: bool = False
    side: int = 8
    hidden: int = 64
    z: int = 8
    mlp: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "hidden", "z", "mlp"):
            whole(self, name, 1)
        one_of(self, "side", SIDES)


class Step(NamedTuple):
    """One step: latent, its prior and posterior (B, Z, h, w), and the canvas after it (B, C, H, W).

    The posterior is the prior itself where no image is given.
    """

    z: Tensor
    prior: Normal
    posterior: Normal
    canvas: Tensor


class Interaction(nn.Module):
    """An MLP over all cells: (B, F, h, w) → (B, outputs, h, w)."""

    def __init__(self, features: int, side: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.side = side
        self.mlp = MLP(features * side**2, (hidden, hidden), outputs * side**2)

    def forward(self, state: Tensor) -> Tensor:
        """state: (B, F, h, w) → (B, outputs, h, w)."""
        return rearrange(
            self.mlp(state.flatten(1)), "b (z h w) -> b z h w", h=self.side, w=self.side
        )


class ConvDRAWNetwork(SceneNetwork):
    """T steps of reading, drawing a latent map, and writing to the canvas."""

    planes = 48

    def __init__(self, settings: ConvDRAWSettings, size: int, channels: int) -> None:
        super().__init__(settings, size, channels)
        self.steps, side, hidden = settings.steps, settings.side, settings.hidden
        halvings = halvings_to(side, size)
        self.read = reader(2 * channels, halvings)
        self.look = reader(channels, halvings)
        seen = READ[halvings - 1]
        self.encoder = ConvLSTM(seen + hidden, hidden, 3)
        self.decoder = ConvLSTM(settings.z + seen, hidden, 3)

        def head() -> nn.Module:
            if settings.interaction:
                return Interaction(hidden, side, settings.mlp, 2 * settings.z)
            return nn.Conv2d(hidden, 2 * settings.z, 3, padding=1)

        self.posterior, self.prior = head(), head()
        filters = (*(WRITTEN + WRITTEN[-1:] * 3)[: halvings - 1], channels)
        self.write = SubPixelDecoder(hidden, filters, (2,) * halvings, (3,) * halvings)
        # The states h and c of encoder and decoder before the first step.
        self.initial = nn.Parameter(torch.zeros(4, hidden, side, side))

    def unroll(
        self, count: int, x: Tensor | None = None, noise: ExampleNoise | None = None
    ) -> list[Step]:
        """Draw `count` images step by step; latents from the posterior of x, or from the prior."""
        h_enc, c_enc, h_dec, c_dec = self.initial[:, None].expand(-1, count, -1, -1, -1)
        canvas = self.initial.new_zeros(count, self.channels, self.size, self.size)
        canvas = canvas.contiguous(memory_format=torch.channels_last)
        steps = []
        for _ in range(self.steps):
            drawn = canvas.sigmoid()
            prior = posterior = gaussian(self.prior(h_dec))
            if x is not None:
                features = self.read(torch.cat([x, x - drawn], 1))
                h_enc, c_enc = self.encoder(torch.cat([features, h_dec], 1), (h_enc, c_enc))
                posterior = gaussian(self.posterior(h_enc))
            z = draw_from(posterior, noise)
            h_dec, c_dec = self.decoder(torch.cat([z, self.look(drawn)], 1), (h_dec, c_dec))
            canvas = canvas + self.write(h_dec)
            steps.append(Step(z, prior, posterior, canvas))
        return steps

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `images` (B, H, W, C) uint8 → the mean of NLL + β KL in nats, and both."""
        x = pixels(batch)
        steps = self.unroll(len(x), x)
        nll = -log_normal(x, steps[-1].canvas.sigmoid())
        told = torch.stack([kl(one.posterior, one.prior) for one in steps]).sum(0)
        return self.elbo_loss(nll, told, step)

    def log_weights(self, x: Tensor, samples: int, noise: ExampleNoise | None = None) -> Tensor:
        """x: (B, C, H, W) → log p(x, z) − log q(z | x) in nats (S, B).

        From the second step on the encoder's input depends on the sample, so that no computation is
        shared between the samples of an image.
        """
        x = repeat(x, "b c h w -> (s b) c h w", s=samples)
        steps = self.unroll(len(x), x, noise)
        weights = log_normal(x, steps[-1].canvas.sigmoid())
        for one in steps:
            weights = weights + log_density(one.prior, one.z) - log_density(one.posterior, one.z)
        return rearrange(weights, "(s b) -> s b", s=samples)

    def sample(self, count: int, noise: ExampleNoise | None = None) -> Tensor:
        """Images from the prior: (count, C, H, W) in [0, 1]."""
        return self.unroll(count, noise=noise)[-1].canvas.sigmoid()

    def illustrate(self, x: Tensor) -> dict[str, Tensor]:
        """The canvas after each step of a reconstruction, the last canvas, and samples."""
        steps = torch.stack([one.canvas.sigmoid() for one in self.unroll(len(x), x)], 1)
        return {"steps": steps, "reconstructions": steps[:, -1], "drawn": self.sample(DRAWN)}


def reader(channels: int, halvings: int) -> nn.Sequential:
    """Convolutions of stride 2: (B, channels, H, W) → (B, F, h, w)."""
    filters = (channels, *READ[:halvings])
    return nn.Sequential(
        *(conv(filters[layer], filters[layer + 1], 4, 2) for layer in range(halvings))
    )


class ConvDRAW(SceneMethod):
    """Convolutional DRAW.

    Deviations:
      - No sizes are published for 128 pixels: maps are 8×8 at every size, states have 64 channels
        and the latent 8.
    """

    version = 2  # since 2: an evaluation draws its noise by example
    Settings = ConvDRAWSettings
    Network = ConvDRAWNetwork

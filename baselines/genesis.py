"""GENESIS: masks and components drawn one after another.

Engelcke, Kosiorek, Parker Jones and Posner, "GENESIS: Generative Scene Inference and Sampling with
Object-Centric Latent Representations" (ICLR 2020, arXiv 1907.13052). For each of K components a
mask latent is drawn, given those before it; the masks break a stick, so that they sum to 1 in every
pixel. A component VAE explains what each mask shows, with a prior computed from the mask's latent:

    p(x | z) = Π Σ_k m_k N(x; x_k, σ²),   p(z) = Π_k p(z^m_k | z^m_<k) p(z^c_k | z^m_k).

Layers and their sizes are those of the authors' program: every convolution of the mask encoder and
of the mask decoder but its last is gated, and the first mask latent has linear heads of its own.
The component encoder ends in a layer of 256 units, as in MONet (arXiv 1901.11390), whose component
VAE this is. Choices where nothing is published: means pass a sigmoid; component priors are bounded
like mask priors; below 64 pixels the strides are those at 64, and the last map is smaller.

Letters: B images, C channels, H = W = size in pixels, K components, S posterior samples, M and Z
dimensions of the mask and of the component latent.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.distributions import Normal

from baselines.checks import number, whole
from baselines.scenes.example_noise import ExampleNoise, draw_from
from baselines.scenes.geco import GECO
from baselines.scenes.pixel_likelihood import SIGMA, pixels
from baselines.scenes.scene_layers import kl, log_density
from baselines.scenes.scene_method import DRAWN, SceneMethod, SceneNetwork, SceneSettings

MASK_FILTERS = (32, 32, 64, 64, 64)
MASK_BACK = (64, 64, 32, 32, 32, 32)
MASK_FEATURES, MASK_LSTM, PRIOR_HIDDEN = 256, 128, 256
COMPONENT_FILTERS = (32, 32, 64, 64)
COMPONENT_HIDDEN, BROADCAST_FILTERS, BORDER = 256, 32, 8
GECO_SIZE = 64  # the size in pixels for which the step of GECO is published
SHOWN_AT_ONCE = 2


@dataclass(frozen=True)
class GENESISSettings(SceneSettings):
    """Sizes of the networks, and settings of GECO.

    components: K, one more than a scene has objects. mask_latent, component_latent: M and Z. width:
    factor of the published numbers of channels and hidden units.
    geco: whether β, which starts at `beta`, is adapted to reach `goal` (nats a value at σ = 0.7):
    log β moves by geco_step · 64² / size² a nat, and by geco_speedup times that while the goal is
    met, as an image of more pixels has more nats.
    published: the components for each data set, one of them for the background.
    """

    published: ClassVar[dict[str, dict[str, Any]]] = {
        "mnist4": {"components": 5},
        "mnist10": {"components": 11},
        "arrow_room": {"components": 5},
    }

    clip: float = 0.0
    components: int = 5
    width: float = 1.0
    mask_latent: int = 64
    component_latent: int = 16
    geco: bool = True
    goal: float = 0.5655
    geco_step: float = 1e-5
    geco_speedup: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "components", 2)
        for name in ("mask_latent", "component_latent"):
            whole(self, name, 1)
        for name in ("width", "geco_step", "geco_speedup"):
            number(self, name, 0, above=True)
        number(self, "goal", 0)

    def kept(self, *widths: int) -> tuple[int, ...]:
        """Published numbers of channels or units times `width`, at least 1 each."""
        return tuple(max(1, round(self.width * width)) for width in widths)


class Scene(NamedTuple):
    """Explanation of images: log masks (B, K, 1, H, W), means (B, K, C, H, W), latents (B, K, ·).

    latents, posteriors, priors: those of the masks, then those of the components.
    """

    log_masks: Tensor
    means: Tensor
    latents: tuple[Tensor, Tensor]
    posteriors: tuple[Normal, Normal]
    priors: tuple[Normal, Normal]


class MaskVAE(nn.Module):
    """VAE of the masks: image → K latents, one after another → the logits of K − 1 masks."""

    def __init__(self, settings: GENESISSettings, size: int, channels: int) -> None:
        super().__init__()
        self.k, m = settings.components, settings.mask_latent
        self.m = m
        filters = (channels, *settings.kept(*MASK_FILTERS))
        strides = (2, 2, 2, 1, 1) if size >= 128 else (1, 2, 1, 2, 1)
        side = size // prod(strides)
        features, hidden, prior = settings.kept(MASK_FEATURES, MASK_LSTM, PRIOR_HIDDEN)
        down = [
            gated(*pair, stride) for pair, stride in zip(pairwise(filters), strides, strict=True)
        ]
        last = nn.Conv2d(filters[-1], 2 * features, side)
        self.encoder = nn.Sequential(*down, last, Gate(), nn.Flatten())
        self.first = nn.Linear(features, 2 * m)
        self.recurrence = nn.LSTMCell(features + m, hidden)
        self.posterior = nn.Linear(hidden, 2 * m)
        self.prior_recurrence = nn.LSTM(m, prior, batch_first=True)
        self.prior = nn.Linear(prior, 2 * m)
        back = settings.kept(*MASK_BACK)
        up = [
            gated(*pair, stride, transposed=True)
            for pair, stride in zip(pairwise(back), strides[::-1], strict=True)
        ]
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(m, 2 * back[0], side), Gate(), *up, nn.Conv2d(back[-1], 1, 1)
        )

    def infer(self, features: Tensor, noise: ExampleNoise | None = None) -> tuple[Tensor, Normal]:
        """Infer K latents (B, K, M) and their posterior from features of the image (B, F)."""
        parameters, state = [self.first(features)], None
        latents = [draw_from(posterior_of(parameters[0]), noise)]
        for _ in range(self.k - 1):
            state = self.recurrence(torch.cat([features, latents[-1]], 1), state)
            parameters.append(self.posterior(state[0]))
            latents.append(draw_from(posterior_of(parameters[-1]), noise))
        return torch.stack(latents, 1), posterior_of(torch.stack(parameters, 1))

    def prior_of_all(self, z: Tensor) -> Normal:
        """z: (B, K, M) → the prior of each, given those before it; the first is standard."""
        later = prior_of(self.prior(self.prior_recurrence(z[:, :-1])[0]))
        mean, std = (
            F.pad(values, (0, 0, 1, 0), value=first)
            for values, first in ((later.loc, 0.0), (later.scale, 1.0))
        )
        return Normal(mean, std, validate_args=False)

    def draw(self, count: int, noise: ExampleNoise | None = None) -> Tensor:
        """Draw K latents from the prior: (count, K, M)."""
        zeros = self.prior.weight.new_zeros(count, self.m)
        first = Normal(zeros, torch.ones_like(zeros), validate_args=False)
        latents, state = [draw_from(first, noise)], None
        for _ in range(self.k - 1):
            seen, state = self.prior_recurrence(latents[-1][:, None], state)
            latents.append(draw_from(prior_of(self.prior(seen[:, 0])), noise))
        return torch.stack(latents, 1)

    def log_masks(self, z: Tensor) -> Tensor:
        """z: (B, K, M) → (B, K, 1, H, W); the last mask is the rest that the others leave."""
        first = rearrange(z[:, :-1], "b k m -> (b k) m 1 1")
        logits = rearrange(self.decoder(first), "(b k) one h w -> b k one h w", k=self.k - 1)
        return stick_breaking(logits.float())


class ComponentVAE(nn.Module):
    """VAE of one component: [log mask, image] → latent → the means of the component's pixels."""

    grid: Tensor

    def __init__(self, settings: GENESISSettings, size: int, channels: int) -> None:
        super().__init__()
        z, filters = settings.component_latent, settings.kept(*COMPONENT_FILTERS)
        (hidden,), (wide,) = settings.kept(COMPONENT_HIDDEN), settings.kept(BROADCAST_FILTERS)
        (prior,), halved = settings.kept(PRIOR_HIDDEN), -(-size // 16)
        down: list[nn.Module] = []
        for before, after in pairwise((channels + 1, *filters)):
            down += [nn.Conv2d(before, after, 3, 2, 1), nn.ELU()]
        self.encoder = nn.Sequential(
            *down,
            nn.Flatten(),
            nn.Linear(filters[-1] * halved**2, hidden),
            nn.ELU(),
            nn.Linear(hidden, 2 * z),
        )
        self.prior = nn.Sequential(
            nn.Linear(settings.mask_latent, prior),
            nn.ELU(),
            nn.Linear(prior, prior),
            nn.ELU(),
            nn.Linear(prior, 2 * z),
        )
        self.first = nn.Conv2d(z + 2, wide, 3)
        convs = [layer for _ in range(3) for layer in (nn.Conv2d(wide, wide, 3), nn.ELU())]
        self.decoder = nn.Sequential(nn.ELU(), *convs, nn.Conv2d(wide, channels, 1), nn.Sigmoid())
        line = torch.linspace(-1, 1, size + BORDER)
        self.register_buffer("grid", torch.stack(torch.meshgrid(line, line, indexing="xy"))[None])

    def encode(self, x: Tensor, log_masks: Tensor) -> Normal:
        """x: (B, C, H, W), log_masks: (B, K, 1, H, W) → the posterior (B, K, Z)."""
        shown = x[:, None].expand(-1, log_masks.shape[1], -1, -1, -1)
        parameters = self.encoder(torch.cat([log_masks, shown], 2).flatten(0, 1))
        return posterior_of(parameters.unflatten(0, log_masks.shape[:2]))

    def decode(self, z: Tensor) -> Tensor:
        """z: (B, K, Z) → means (B, K, C, H, W), by z and place in [−1, 1] at every pixel.

        The first convolution of a constant map equals a product with the sum of its kernel, so that
        only the places are convolved, once for all.
        """
        from_z, from_place = self.first.weight.split([z.shape[2], 2], 1)
        places = F.conv2d(self.grid, from_place, self.first.bias)
        of_z = F.linear(z.flatten(0, 1), from_z.sum((2, 3)))
        return self.decoder(of_z[:, :, None, None] + places).unflatten(0, z.shape[:2])


class GENESISNetwork(SceneNetwork):
    """Mask VAE and component VAE, trained with GECO."""

    def __init__(self, settings: GENESISSettings, size: int, channels: int) -> None:
        super().__init__(settings, size, channels)
        self.k = settings.components
        self.planes = 4 * self.k * settings.kept(BROADCAST_FILTERS)[0]
        self.masks = MaskVAE(settings, size, channels)
        self.components = ComponentVAE(settings, size, channels)
        values = channels * size**2
        step = settings.geco_step * (GECO_SIZE / size) ** 2 if settings.geco else 0.0
        self.geco = GECO(settings.goal, values, SIGMA, step, settings.geco_speedup, settings.beta)

    def infer(self, x: Tensor, features: Tensor, noise: ExampleNoise | None = None) -> Scene:
        """Explain x (B, C, H, W), with the mask encoder's features of it, by posterior latents."""
        z, posterior = self.masks.infer(features, noise)
        log_masks = self.masks.log_masks(z)
        posteriors = (posterior, self.components.encode(x, log_masks))
        latent = draw_from(posteriors[1], noise)
        priors = (self.masks.prior_of_all(z), prior_of(self.components.prior(z)))
        return Scene(log_masks, self.components.decode(latent), (z, latent), posteriors, priors)

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `images` (B, H, W, C) uint8 → the mean of NLL + β KL in nats, and their parts.

        The KL of the masks is that of the drawn latents, log q(z) − log p(z), as published.
        """
        x = pixels(batch)
        scene = self.infer(x, self.masks.encoder(x))
        nll = -mixture(x, scene.log_masks, scene.means).mean()
        q, p = scene.posteriors[0], scene.priors[0]
        masks = (log_density(q, scene.latents[0]) - log_density(p, scene.latents[0])).mean()
        components = kl(scene.posteriors[1], scene.priors[1]).mean()
        total = nll + self.geco.beta * (masks + components)
        parts = {"kl_mask": masks, "kl_component": components}
        return total, {"nll": nll, "kl": masks + components, **parts, "beta": self.geco.beta}

    def adapt(self, scalars: dict[str, Tensor]) -> None:
        """Adapt β after an update."""
        self.geco.update(scalars["nll"])

    def log_weights(self, x: Tensor, samples: int, noise: ExampleNoise | None = None) -> Tensor:
        """x: (B, C, H, W) → log p(x, z) − log q(z | x) in nats (S, B)."""
        features = repeat(self.masks.encoder(x), "b f -> (s b) f", s=samples)
        x = repeat(x, "b c h w -> (s b) c h w", s=samples)
        scene = self.infer(x, features, noise)
        weights = mixture(x, scene.log_masks, scene.means)
        for z, posterior, prior in zip(scene.latents, scene.posteriors, scene.priors, strict=True):
            weights = weights + log_density(prior, z) - log_density(posterior, z)
        return rearrange(weights, "(s b) -> s b", s=samples)

    def sample(self, count: int, noise: ExampleNoise | None = None) -> Tensor:
        """Images from the prior: (count, C, H, W) in [0, 1]."""
        z = self.masks.draw(count, noise)
        latent = draw_from(prior_of(self.components.prior(z)), noise)
        return (self.masks.log_masks(z).exp() * self.components.decode(latent)).sum(1)

    def illustrate(self, x: Tensor) -> dict[str, Tensor]:
        """Each component within its mask, the sum of all, and samples; computed a few at a time."""
        scenes = [self.infer(part, self.masks.encoder(part)) for part in x.split(SHOWN_AT_ONCE)]
        shown = torch.cat([scene.log_masks.exp() * scene.means for scene in scenes])
        drawn = [self.sample(SHOWN_AT_ONCE) for _ in range(DRAWN // SHOWN_AT_ONCE)]
        return {"components": shown, "reconstructions": shown.sum(1), "drawn": torch.cat(drawn)}


class Gate(nn.Module):
    """Gate: (B, 2F, H, W) → features · σ(gates) (B, F, H, W). `nn.GLU` loses channels-last."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 2F, H, W), features first, then gates → (B, F, H, W)."""
        features, gates = x.chunk(2, 1)
        return features * gates.sigmoid()


def gated(inputs: int, outputs: int, stride: int, transposed: bool = False) -> nn.Sequential:
    """Gated 5×5 convolution that divides the side by the stride, or multiplies it if transposed."""
    convolution = (
        nn.ConvTranspose2d(inputs, 2 * outputs, 5, stride, 2, output_padding=stride - 1)
        if transposed and stride > 1
        else nn.Conv2d(inputs, 2 * outputs, 5, stride, 2)
    )
    return nn.Sequential(convolution, nn.GroupNorm(2, 2 * outputs), Gate())


def stick_breaking(logits: Tensor) -> Tensor:
    """logits: (B, K−1, 1, H, W) → log masks (B, K, 1, H, W) that sum to 1.

    Each mask takes the share σ(logit) of what the masks before it left, the last one all the rest.
    """
    left = F.pad(F.logsigmoid(-logits).cumsum(1), (0, 0, 0, 0, 0, 0, 1, 0))
    return left + F.pad(F.logsigmoid(logits), (0, 0, 0, 0, 0, 0, 0, 1))


def mixture(x: Tensor, log_masks: Tensor, means: Tensor) -> Tensor:
    """x: (B, C, H, W), log_masks: (B, K, 1, H, W), means: (B, K, C, H, W) → nats (B,).

    The log density of Σ_k m_k Normal(x_k, 0.2) in every pixel and channel, summed over them.
    """
    each = Normal(means.float(), SIGMA, validate_args=False).log_prob(x[:, None])
    return (log_masks + each).logsumexp(1).flatten(1).sum(1)


def posterior_of(parameters: Tensor) -> Normal:
    """parameters: (…, 2Z) → Normal of (…, Z), std = softplus(a + 0.5) + 1e-8."""
    mean, a = parameters.float().chunk(2, -1)
    return Normal(mean, F.softplus(a + 0.5) + 1e-8, validate_args=False)


def prior_of(parameters: Tensor) -> Normal:
    """parameters: (…, 2Z) → Normal of (…, Z), bounded: mean by tanh, std = σ(a + 4) + 1e-4."""
    mean, a = parameters.float().chunk(2, -1)
    return Normal(mean.tanh(), (a + 4).sigmoid() + 1e-4, validate_args=False)


class GENESIS(SceneMethod):
    """GENESIS, with GECO.

    Deviations:
      - The deviation of the likelihood is 0.2 and not 0.7, as in the whole suite, with the goal of
        GECO converted.
      - Features and gates are normed by a GroupNorm of one group each in place of BatchNorm, as a
        batch may be computed in parts.
      - `genesis_narrow` has a quarter of the channels, for CPUs.
    """

    # Since 2: an evaluation draws its noise by example. Since 3: the published layers, the sampled
    # KL of masks, and a step of GECO that depends on the size.
    version = 3
    Settings = GENESISSettings
    Network = GENESISNetwork

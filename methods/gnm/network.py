"""The network of GNM: a global latent, from which the components of an image are drawn.

    p(x, z) = p(z_g) Π_k p(z_k | z_g) Normal(x; x̂, 0.2)        z_k: presence, where, depth, what

Scenes in colour have a background besides, with its latent z_b. The loss is the negative evidence
bound plus KLs of the posteriors against fixed priors, which favour few components, as small as an
object. These KLs are no part of the reported likelihood. Those of where, depth and what are
multiplied by the sampled presence, so that an absent component costs nothing there; the KLs against
the priors from z_g count in full for absent components too, as their latents are part of the model.

Presence is relaxed Bernoulli in training, and 0 or 1 in `log_weights` and `sample`, with the same
probabilities: the likelihood is a bound on a sharper model than that of the published program,
which keeps the relaxed presence there. Another deviation: standard deviations are at least 1e-4.

Letters: B images, C channels, H = W = size, F features, h = w = 4 cells, K = h·w components, S
posterior samples, G side of a glimpse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from baselines.scenes.example_noise import ExampleNoise, draw_from
from baselines.scenes.pixel_likelihood import log_normal, pixels
from baselines.scenes.scene_layers import ImageEncoder, kl, log_density
from baselines.scenes.scene_method import SceneNetwork
from methods.gnm import renderer
from methods.gnm.background import Background
from methods.gnm.components import ComponentHeads, Components, Latents
from methods.gnm.glimpses import ColourGlimpses, PointwiseDecoder, trimmed
from methods.gnm.settings import GNMSettings
from methods.gnm.struct_draw import GaussianGlobal, StructDRAW, standard

# The fixed prior of where: scale, ratio, shift x, shift y, before sigmoid, exp and tanh. Scenes in
# colour have another mean scale.
WHERE_MEAN, WHERE_STD = (-1.6, 0.0, 0.0, 0.0), (0.1, 0.3, 1.0, 1.0)
COLOUR_SCALE = -1.5
MOST_PRESENCE = 0.99  # while the alpha map is fixed, so that a logit of presence is not driven off


class GNMNetwork(SceneNetwork):
    """Encoder, global latent, components, glimpses and, for scenes in colour, the background.

    Grey scenes are sums of components on black; in colour, components have depth and lie in front
    of a background.
    """

    where_mean: Tensor
    where_std: Tensor

    def __init__(self, settings: GNMSettings, size: int, channels: int) -> None:
        super().__init__(settings, size, channels)
        self.schedule, self.colour = settings, channels > 1
        features, what = (128, 64) if self.colour else (64, 20)
        self.planes = 320 if self.colour else 64
        self.encoder = ImageEncoder(channels, size, features)
        latent = StructDRAW if settings.prior == "structdraw" else GaussianGlobal
        self.global_latent = latent(features, settings.steps, settings.interaction, settings.mlp)
        self.heads = ComponentHeads(features, what, settings.where_std, settings.what_gain)
        if self.colour:
            filters, upscales = (128, 64, 32, 16, 8, channels + 1), trimmed((2,) * 6, size // 2)
            self.glimpses: nn.Module = ColourGlimpses(what, filters, upscales)
            self.background = Background(features, self.global_latent.latent, channels, size)
        else:
            filters, upscales = (64, 64, 32, 16, 8, 1), trimmed((4, 2, 2, 2, 1, 1), size // 4)
            self.glimpses = glimpses = PointwiseDecoder(what, filters, upscales, spatial=2)
            assert glimpses.last.bias is not None
            with torch.no_grad():
                glimpses.last.bias += settings.glimpse_bias
        mean = (COLOUR_SCALE, *WHERE_MEAN[1:]) if self.colour else WHERE_MEAN
        self.register_buffer("where_mean", torch.tensor(mean).view(4, 1, 1))
        self.register_buffer("where_std", torch.tensor(WHERE_STD).view(4, 1, 1))

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `images` (B, H, W, C) uint8 → the mean loss in nats an image, and its parts."""
        schedule, x = self.schedule, pixels(batch)
        f_x = self.encoder(x)
        drawing = self.global_latent(f_x)
        posterior, prior = self.heads(f_x, drawing.drawn[-1])
        z, z_b = posterior.relaxed(schedule.temperature(step)), None
        curriculum = self.colour and step < schedule.alpha_steps
        if step < schedule.present_steps:
            z = replace(z, presence=torch.ones_like(z.presence))
        elif curriculum:
            z = replace(z, presence=z.presence.clamp(max=MOST_PRESENCE))
        kls = {"global": drawing.kl(), **posterior.kl(prior)}
        fixed_priors = self.fixed(posterior, schedule.presence_prior(step))
        fixed = posterior.kl(fixed_priors, z.presence)
        if self.colour:
            posterior_b = self.background.posterior(f_x)
            z_b = draw_from(posterior_b)
            kls["background"] = kl(posterior_b, self.background.prior(drawing.latent))
            fixed["background"] = kl(posterior_b, standard(z_b))
        alpha = schedule.alpha_fixed if curriculum else None
        nll = -log_normal(x, self.paint(z, z_b, alpha))
        ramps = schedule.kl_weights(step)
        weights = schedule.fixed_weights(step, self.colour)
        against_model = torch.stack([ramps.get(name, 1.0) * kls[name] for name in kls]).sum(0)
        against_fixed = torch.stack([weights.get(name, 1.0) * fixed[name] for name in fixed]).sum(0)
        kl_total = schedule.beta * against_model + against_fixed
        loss = (nll + schedule.warmth(step) * kl_total).mean()
        scalars = {
            "nll": nll.mean(),
            **{f"kl_{name}": kls[name].mean() for name in kls},
            "fixed": against_fixed.mean(),
            "present": z.presence.sum(1).mean(),
        }
        return loss, scalars

    def fixed(self, like: Components, logit: float) -> Components:
        """The fixed priors, in the shapes of `like`; logit: that of the probability of presence."""
        return Components(
            torch.full_like(like.logits, logit),
            Normal(self.where_mean, self.where_std, validate_args=False),
            standard(like.depth.mean),
            standard(like.what.mean),
        )

    def log_weights(self, x: Tensor, samples: int, noise: ExampleNoise | None = None) -> Tensor:
        """x: (B, C, H, W) → log p(x, z) − log q(z | x) in nats (S, B), where presence is 0 or 1."""
        f_x = self.encoder(x).repeat(samples, 1, 1, 1)
        drawing = self.global_latent(f_x, noise)
        posterior, prior = self.heads(f_x, drawing.drawn[-1])
        z, z_b = posterior.draw(noise), None
        ratio = drawing.log_ratio() + prior.log_density(z) - posterior.log_density(z)
        if self.colour:
            posterior_b = self.background.posterior(f_x)
            z_b = draw_from(posterior_b, noise)
            prior_b = self.background.prior(drawing.latent)
            ratio = ratio + log_density(prior_b, z_b) - log_density(posterior_b, z_b)
        likelihood = log_normal(x.repeat(samples, 1, 1, 1), self.paint(z, z_b))
        return (likelihood + ratio).view(samples, len(x))

    def sample(self, count: int, noise: ExampleNoise | None = None) -> Tensor:
        """Images from the prior, the means of their pixels: (count, C, H, W) in [0, 1]."""
        return self.paint(*self.draw(count, noise)).clamp(0, 1)

    def draw(self, count: int, noise: ExampleNoise | None = None) -> tuple[Latents, Tensor | None]:
        """Draw latents from the prior: the components', and z_b (count, 10) in scenes in colour."""
        drawing = self.global_latent.sample(count, noise)
        (prior,) = self.heads(drawing.drawn[-1])
        z = prior.draw(noise)
        z_b = draw_from(self.background.prior(drawing.latent), noise) if self.colour else None
        return z, z_b

    def paint(self, z: Latents, z_b: Tensor | None, alpha: float | None = None) -> Tensor:
        """The image x̂ of these latents (B, C, H, W); alpha: value of the alpha map everywhere."""
        glimpses, boxes = self.decode(z), renderer.boxes_of(z.where)
        if not self.colour:
            return renderer.add_up(glimpses, z.presence, boxes, self.size)
        assert z_b is not None
        blended = renderer.blend(glimpses, z.presence, z.depths, boxes, self.size)
        if alpha is not None:
            fixed = torch.full_like(blended[:, -1:], alpha)
            blended = torch.cat([blended[:, :-1], fixed], 1)
        return renderer.compose(blended, self.background(z_b))

    def contributions(self, z: Latents) -> Tensor:
        """Shares of the components in the image: (B, K, C, H, W)."""
        glimpses, boxes = self.decode(z), renderer.boxes_of(z.where)
        if not self.colour:
            return renderer.place(glimpses * z.presence[..., None, None, None], boxes, self.size)
        return renderer.shares(glimpses, z.presence, z.depths, boxes, self.size)

    def decode(self, z: Latents) -> Tensor:
        """Glimpses (B, K, C, G, G) in (0, 1); in colour C+1 channels, the last one alpha."""
        logits = self.glimpses(z.codes.flatten(0, 1))
        return logits.float().sigmoid().unflatten(0, z.presence.shape)

"""The encoder itself: a trajectory VAE whose latent is partly a program's output (section 3).

z = [neural z, k binary programs]. The decoder must explain the actions by both; capacities bound
what each may carry; an adversary that tries to read the programs' bits off the neural z keeps the
two apart.

Letters: B trajectories, T+1 states, T actions, D state features, F features of the DSL, K programs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.trajectories.trajectory_encoder import (
    Decoder,
    Encoder,
    Posterior,
    Scale,
    capacity,
    free_bits,
    kl_normal,
)
from methods.neurosymbolic_encoder.population import Population

TEMPERATURE = 0.5


def straight_through(logits: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """logits: any shape → a sampled bit 0 or 1 with the gradient of the relaxed sample.

    The binary Gumbel-softmax (Jang et al., ICLR 2017), the same as for JointVAE's binary latent.
    """
    uniform = torch.rand_like(logits).clamp_(1e-6, 1 - 1e-6)
    noisy = logits + torch.log(uniform) - torch.log1p(-uniform)
    soft = torch.sigmoid(noisy / temperature)
    return (noisy > 0).to(soft.dtype) + (soft - soft.detach())  # in this order 0 or 1 exactly


def kl_bernoulli(logits: Tensor) -> Tensor:
    """KL of Bernoulli(sigmoid(logits)) from Bernoulli(1/2), in nats, elementwise; at most log 2."""
    p = torch.sigmoid(logits)
    return math.log(2) + p * F.logsigmoid(logits) + (1 - p) * F.logsigmoid(-logits)


class Adversary(nn.Module):
    """Predicts each program's bit from the neural z: two hidden layers, one network a program."""

    def __init__(self, z: int, units: int, programs: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(z, units),
                nn.ReLU(),
                nn.Linear(units, units),
                nn.ReLU(),
                nn.Linear(units, 1),
            )
            for _ in range(programs)
        )

    def forward(self, z: Tensor, bits: Tensor) -> Tensor:
        """z: (B, Z), bits: (B, K) → the mean cross-entropy in nats, summed over programs."""
        said = torch.cat([network(z) for network in self.networks], 1)
        loss = F.binary_cross_entropy_with_logits(said, bits, reduction="none")
        return loss.sum(1).mean()


class NeurosymbolicNetwork(nn.Module):
    """Encoder, programs, decoder and adversary. programs: one population of one program each."""

    def __init__(
        self,
        settings: Any,
        scale: Scale,
        programs: Sequence[Population],
    ) -> None:
        super().__init__()
        self.settings, self.scale = settings, scale
        neural = settings.z - len(programs)
        self.encoder = Encoder(scale.inputs, settings)
        self.read = Posterior(settings.hidden, neural)
        self.decoder = Decoder(scale.states, settings.z, settings)
        self.programs = nn.ModuleList(programs)
        self.frozen = sum(not any(p.requires_grad for p in one.parameters()) for one in programs)
        self.adversary = Adversary(neural, settings.adversary_units, len(programs))

    def posterior(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the neural z: (B, z - K) each."""
        mu, log_variance = self.read(self.encoder(batch["inputs"]))
        return mu, log_variance

    def logits(self, batch: dict[str, Tensor]) -> Tensor:
        """What the programs say, before the sigmoid: (B, K)."""
        frames, features = batch["frames"], batch["features"]
        if not len(self.programs):
            return frames.new_zeros(len(frames), 0)
        return torch.cat([program(frames, features) for program in self.programs]).t()

    def forward(
        self, batch: dict[str, Tensor], step: int
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """The loss but for the adversary's term, a sampled z, the adversary's targets, scalars."""
        settings = self.settings
        mu, log_variance = self.posterior(batch)
        z = mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)
        logits = self.logits(batch)
        # A program that is frozen is a rule, and its bit is not sampled: noise on it could be
        # averaged away by a second program that says the same, and would be, instead of news.
        learning = logits[:, self.frozen :]
        bits = (logits > 0).to(z.dtype)
        code = torch.cat([z, bits[:, : self.frozen], straight_through(learning)], 1)
        states, actions = batch["states"], batch["actions"]
        # Of the raw actions, so that figures compare across methods.
        nll = self.decoder.nll(states, actions, code).mean()
        nll = nll + states.shape[1] * self.scale.log_jacobian
        kl = kl_normal(mu, log_variance)
        scalars = {"nll": nll, "kl": kl.sum(1).mean()}
        # Before any program there is nothing to share the actions with: the model is the TVAE.
        if settings.capacity_continuous is None or not len(self.programs):
            loss = nll + free_bits(kl, 1 / max(1, mu.shape[1])).sum(1).mean()
        else:
            reach = capacity(step, settings.capacity_continuous, settings.ramp)
            loss = nll + settings.gamma * (kl.sum(1).mean() - reach).abs()
        if learning.shape[1]:
            reach = capacity(step, settings.capacity_discrete, settings.ramp)
            information = kl_bernoulli(learning).mean(0)
            loss = loss + settings.gamma * (information - reach).abs().sum()
            scalars["kl_program"] = information.sum()
        # What the adversary is to predict: of a program that learns, the probability, so that the
        # model's side of the game reaches the program too. A bit that is always 1 is predicted
        # without looking at z; without this gradient nothing in the objective moves it.
        told = torch.cat([bits[:, : self.frozen], torch.sigmoid(learning)], 1)
        return loss, z, told, scalars

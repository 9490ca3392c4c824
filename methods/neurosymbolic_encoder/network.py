"""The network: a trajectory VAE, part of whose latent is the output of programs (section 3).

The decoder explains the actions by [neural z, bits of k programs]. Capacities bound the information
of each; an adversary that predicts the programs' bits from the neural z keeps the two apart.

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


def sample_bit(logits: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """logits: any shape → a sampled bit 0 or 1 with the gradient of the relaxed sample.

    This is the binary Gumbel-softmax (Jang et al., ICLR 2017), as for JointVAE's binary latent.
    """
    uniform = torch.rand_like(logits).clamp_(1e-6, 1 - 1e-6)
    noisy = logits + torch.log(uniform) - torch.log1p(-uniform)
    soft = torch.sigmoid(noisy / temperature)
    return (noisy > 0).to(soft.dtype) + (soft - soft.detach())  # in this order exactly 0 or 1


def kl_fair_bit(logits: Tensor) -> Tensor:
    """KL of Bernoulli(sigmoid(logits)) from Bernoulli(1/2) in nats, elementwise, at most log 2."""
    p = torch.sigmoid(logits)
    return math.log(2) + p * F.logsigmoid(logits) + (1 - p) * F.logsigmoid(-logits)


class Adversary(nn.Module):
    """Networks that predict each program's bit from the neural z, with two hidden layers each."""

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
        """z: (B, Z), bits: (B, K) → mean cross-entropy in nats, summed over programs."""
        said = torch.cat([network(z) for network in self.networks], 1)
        loss = F.binary_cross_entropy_with_logits(said, bits, reduction="none")
        return loss.sum(1).mean()


class NeurosymbolicNetwork(nn.Module):
    """Encoder, programs, decoder and adversary; programs: populations of one program each."""

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
        """Outputs of the programs before the sigmoid: (B, K)."""
        frames, features = batch["frames"], batch["features"]
        if not len(self.programs):
            return frames.new_zeros(len(frames), 0)
        return torch.cat([program(frames, features) for program in self.programs]).t()

    def forward(
        self, batch: dict[str, Tensor], step: int
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """The loss without the adversary's term, a sampled z, the adversary's targets, scalars."""
        settings = self.settings
        mu, log_variance = self.posterior(batch)
        z = mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)
        logits = self.logits(batch)
        # The bit of a frozen program is not sampled: a second program would otherwise learn to
        # repeat it, as this averages the noise away, and give no new information.
        learning = logits[:, self.frozen :]
        bits = (logits > 0).to(z.dtype)
        code = torch.cat([z, bits[:, : self.frozen], sample_bit(learning)], 1)
        states, actions = batch["states"], batch["actions"]
        # The likelihood is that of the raw actions, so that figures compare across methods.
        nll = self.decoder.nll(states, actions, code).mean()
        nll = nll + states.shape[1] * self.scale.log_jacobian
        kl = kl_normal(mu, log_variance)
        scalars = {"nll": nll, "kl": kl.sum(1).mean()}
        # Before any program z alone explains the actions: the model is the TVAE.
        if settings.capacity_continuous is None or not len(self.programs):
            loss = nll + free_bits(kl, 1 / max(1, mu.shape[1])).sum(1).mean()
        else:
            reach = capacity(step, settings.capacity_continuous, settings.ramp)
            loss = nll + settings.gamma * (kl.sum(1).mean() - reach).abs()
        if learning.shape[1]:
            reach = capacity(step, settings.capacity_discrete, settings.ramp)
            information = kl_fair_bit(learning).mean(0)
            loss = loss + settings.gamma * (information - reach).abs().sum()
            scalars["kl_program"] = information.sum()
        # The adversary's targets: for a program that learns, its probability, so that the game has
        # a gradient for the program too. A bit that is always 1 is predicted without z; without
        # this gradient no term of the objective would move it.
        told = torch.cat([bits[:, : self.frozen], torch.sigmoid(learning)], 1)
        return loss, z, told, scalars

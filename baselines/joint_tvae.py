"""JointVAE for trajectories: one binary latent beside the continuous ones, each with a capacity.

A baseline of Zhan et al. (TMLR 2022, arXiv 2107.13132), after Dupont (NeurIPS 2018, arXiv
1804.00104). The binary latent, a bit, is the cluster. A GRU of its own reads states and actions for
it, as in the published program, where the bit is that of a neurosymbolic encoder's first turn.

Letters: B trajectories of a batch, Z latent dimensions, of which the bit is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical, kl_divergence

from baselines.checks import number, whole
from baselines.trajectories.trajectory_encoder import (
    Posterior,
    Scale,
    capacity,
    free_bits,
    gaussian,
    kl_normal,
)
from baselines.trajectories.trajectory_method import TrajectoryMethod, TrajectoryNetwork
from baselines.tvae import TVAESettings
from benchmarks.protocol import SymbenchError

TEMPERATURE = 0.5


@dataclass(frozen=True)
class JointTVAESettings(TVAESettings):
    """gamma: weight of both |KL − C|; capacity_*: the last C of each latent in nats.

    ramp: updates in which C grows from 0. One of the z latent dimensions is the bit, as a program's
    bit is in the neurosymbolic encoder. The paper gives no continuous capacity for the synthetic
    data: where it is None, the continuous KL enters as in the TVAE, with weight 1 and 1/dim(z) free
    nats in each dimension. published: values by data set, Zhan et al. (TMLR 2022), appendix.
    """

    published: ClassVar[dict[str, dict[str, Any]]] = {
        "synthetic": {"gamma": 10.0, "capacity_discrete": 0.6, "ramp": 10_000},
        "calms21": {
            "gamma": 100.0,
            "capacity_discrete": 0.69,
            "capacity_continuous": 10.0,
            "ramp": 30_000,
        },
        "basketball": {
            "gamma": 10.0,
            "capacity_discrete": 0.6,
            "capacity_continuous": 4.0,
            "ramp": 20_000,
        },
    }

    gamma: float = 10.0
    capacity_discrete: float = 0.6
    capacity_continuous: float | None = None
    ramp: int = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "gamma", 0)
        number(self, "capacity_discrete", 0)
        if self.capacity_continuous is not None:
            number(self, "capacity_continuous", 0)
        whole(self, "ramp", 1)
        whole(self, "z", 2)
        if self.capacity_discrete > log(2):
            raise SymbenchError(
                f"capacity_discrete is {self.capacity_discrete}; a bit carries no more than "
                f"{log(2):.4f} nats."
            )


class JointTVAENetwork(TrajectoryNetwork):
    """NLL + γ |KL_continuous − C_continuous(t)| + γ |KL_discrete − C_discrete(t)|.

    Without a continuous capacity the second term is the KL itself. With one or without, the
    continuous KL has free nats as in the TVAE. Both KLs are means over the batch. The prior of the
    bit is ½. The capacity does not keep the bit from being the same for all trajectories, and this
    happens.
    """

    def __init__(self, settings: JointTVAESettings, scale: Scale) -> None:
        super().__init__(settings, scale)
        self.posterior = Posterior(settings.hidden, settings.z - 1)
        self.bit_rnn = nn.GRU(scale.inputs, settings.rnn, batch_first=True)
        self.bit = nn.Linear(settings.rnn, 1)
        self.settings = settings

    def posteriors(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """inputs: (B, T, I) → the summary of the continuous part (B, H), logits of the bit (B, 2).

        The bit is read from the last state of its GRU; the logit of 0 is 0.
        """
        last = self.bit_rnn(inputs)[0][:, -1]
        return self.encoder(inputs), F.pad(self.bit(last), (1, 0))

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of a batch in nats at a training step, and its parts."""
        states, actions, inputs = self.scale(batch)
        summary, logits = self.posteriors(inputs)
        mu, log_variance = self.posterior(summary)
        z = torch.cat([gaussian(mu, log_variance).rsample(), sample_bit(logits)], 1)
        nll = self.nll(states, actions, z).mean()

        gamma, ramp = self.settings.gamma, self.settings.ramp
        kl = free_bits(kl_normal(mu, log_variance), 1 / mu.shape[1])
        continuous, discrete = kl.sum(1).mean(), kl_uniform(logits).mean()
        loss = (
            nll + gamma * (discrete - capacity(step, self.settings.capacity_discrete, ramp)).abs()
        )
        if self.settings.capacity_continuous is None:
            loss = loss + continuous
        else:
            target = capacity(step, self.settings.capacity_continuous, ramp)
            loss = loss + gamma * (continuous - target).abs()
        scalars = {"nll": nll, "kl_continuous": continuous, "kl_discrete": discrete}
        return loss, scalars

    def answer(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """The continuous posterior's outputs (B, Z-1); `clusters`: the more probable bit (B,)."""
        summary, logits = self.posteriors(self.scale(batch)[2])
        return {**self.posterior.answer(summary), "clusters": logits.argmax(1)}


def sample_bit(logits: Tensor) -> Tensor:
    """logits: (B, 2) → a drawn bit 0 or 1 (B, 1), with the gradient of the Gumbel-softmax."""
    return F.gumbel_softmax(logits, tau=TEMPERATURE, hard=True)[:, 1:]


def kl_uniform(logits: Tensor) -> Tensor:
    """logits: (B, C) → KL to the uniform distribution in nats, (B,)."""
    posterior = Categorical(logits=logits, validate_args=False)
    prior = Categorical(logits=torch.zeros_like(logits), validate_args=False)
    return kl_divergence(posterior, prior)


class JointTVAE(TrajectoryMethod):
    """Trajectory VAE with a binary and a continuous latent."""

    version = 2
    betas = (0.5, 0.999)
    Settings = JointTVAESettings
    Network = JointTVAENetwork

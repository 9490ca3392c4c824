"""Beta-TVAE: a trajectory VAE whose KL is held at a capacity that grows while it learns.

A baseline of Zhan et al. (TMLR 2022, arXiv 2107.13132), after Burgess et al. (2018, arXiv
1804.03599).

Letters: B trajectories of a batch, Z latent dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

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


@dataclass(frozen=True)
class BetaTVAESettings(TVAESettings):
    """gamma: weight of |KL − C|; capacity: the last C in nats; ramp: updates until C is reached.

    The paper gives no capacity for the synthetic data; that of its basketball data is taken.
    published: values by data set, Zhan et al. (TMLR 2022), appendix.
    """

    published: ClassVar[dict[str, dict[str, Any]]] = {
        "synthetic": {"gamma": 10.0, "capacity": 5.0, "ramp": 10_000},
        "calms21": {"gamma": 100.0, "capacity": 20.0, "ramp": 10_000},
        "basketball": {"gamma": 10.0, "capacity": 5.0, "ramp": 20_000},
    }

    gamma: float = 10.0
    capacity: float = 5.0
    ramp: int = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "gamma", 0)
        number(self, "capacity", 0)
        whole(self, "ramp", 1)


class BetaTVAENetwork(TrajectoryNetwork):
    """NLL + γ |KL − C(t)|; KL is the batch's mean, with 1/Z free nats in each dimension of z.

    A dimension counts for 1/Z nats even where its KL is less, so that KL is never below 1. The free
    nats are those of the published program, as is their place inside the bars.
    """

    def __init__(self, settings: BetaTVAESettings, scale: Scale) -> None:
        super().__init__(settings, scale)
        self.posterior = Posterior(settings.hidden, settings.z)
        self.settings = settings

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of a batch in nats at a training step, and its parts."""
        states, actions, summary = self.encode(batch)
        mu, log_variance = self.posterior(summary)
        nll = self.nll(states, actions, gaussian(mu, log_variance).rsample()).mean()
        kl = free_bits(kl_normal(mu, log_variance), 1 / mu.shape[1]).sum(1).mean()
        target = capacity(step, self.settings.capacity, self.settings.ramp)
        return nll + self.settings.gamma * (kl - target).abs(), {"nll": nll, "kl": kl}

    def answer(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Means and standard deviations of the posterior: `embeddings`, `deviations` (B, Z)."""
        _, _, summary = self.encode(batch)
        return self.posterior.answer(summary)


class BetaTVAE(TrajectoryMethod):
    """Trajectory VAE with a capacity."""

    version = 2
    Settings = BetaTVAESettings
    Network = BetaTVAENetwork

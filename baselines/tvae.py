"""The trajectory VAE (TVAE), plain and with a k-means-friendly loss.

The first two baselines of Zhan et al. (TMLR 2022, arXiv 2107.13132). Neither has clusters of its
own: k-means finds them in the posterior means afterwards.

Letters: B trajectories of a batch, Z latent dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.checks import number, whole
from baselines.trajectories.trajectory_encoder import (
    Posterior,
    Scale,
    TrajectorySettings,
    free_bits,
    gaussian,
    kl_normal,
)
from baselines.trajectories.trajectory_method import TrajectoryMethod, TrajectoryNetwork
from benchmarks.protocol import SymbenchError


@dataclass(frozen=True)
class TVAESettings(TrajectorySettings):
    """published: the rate at which the published program trains; it never reads the table's."""

    published: ClassVar[dict[str, dict[str, Any]]] = {
        "synthetic": {"learning_rate": 1e-3},
        "calms21": {"learning_rate": 1e-3},
        "basketball": {"learning_rate": 1e-3},
    }


class TVAENetwork(TrajectoryNetwork):
    """NLL + KL, of which 1/Z nats are free in each example and dimension."""

    def __init__(self, settings: TrajectorySettings, scale: Scale) -> None:
        super().__init__(settings, scale)
        self.posterior = Posterior(settings.hidden, settings.z)

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean negative evidence bound of a batch in nats, and its parts."""
        states, actions, summary = self.encode(batch)
        mu, log_variance = self.posterior(summary)
        z = gaussian(mu, log_variance).rsample()
        nll = self.nll(states, actions, z).mean()
        kl = free_bits(kl_normal(mu, log_variance), 1 / mu.shape[1]).sum(1).mean()
        extra = self.penalty(mu)
        return nll + kl + sum(extra.values()), {"nll": nll, "kl": kl, **extra}

    def penalty(self, mu: Tensor) -> dict[str, Tensor]:
        """mu: (B, Z) posterior means → further terms of the loss by name."""
        return {}

    def answer(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Means and standard deviations of the posterior: `embeddings`, `deviations` (B, Z)."""
        _, _, summary = self.encode(batch)
        return self.posterior.answer(summary)


class TVAE(TrajectoryMethod):
    """Trajectory VAE."""

    version = 2
    Settings = TVAESettings
    Network = TVAENetwork


@dataclass(frozen=True)
class TVAEKMeansSettings(TVAESettings):
    """k: number of singular values that are penalised; weight: weight of the penalty."""

    k: int = 2
    weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "k", 1)
        number(self, "weight", 0)
        if self.k > self.z:
            raise SymbenchError(f"k is {self.k}; {self.z} latent dimensions allow 1 to {self.z}.")


class TVAEKMeansNetwork(TVAENetwork):
    """TVAE + weight · Σ_{i≤k} sqrt(λ_i), λ the singular values of zᵀz / B, the largest first.

    z are the posterior means, which k-means clusters afterwards, and not samples. sqrt(λ_i) is
    computed as the i-th singular value of z over sqrt(B), whose gradient is finite at 0.
    """

    def __init__(self, settings: TVAEKMeansSettings, scale: Scale) -> None:
        super().__init__(settings, scale)
        self.k, self.weight = settings.k, settings.weight

    def penalty(self, mu: Tensor) -> dict[str, Tensor]:
        """mu: (B, Z) → the k-means term; a NaN counts as 0 here, as LAPACK refuses it."""
        singular = torch.linalg.svdvals(mu.nan_to_num(0.0, 0.0, 0.0))
        return {"kmeans": self.weight * singular[: self.k].sum() / len(mu) ** 0.5}


class TVAEKMeans(TrajectoryMethod):
    """Trajectory VAE with the k-means loss.

    Deviations:
      - The penalty is on posterior means, which KMeans clusters afterwards; which of means and
        samples the source penalises is not published.
    """

    version = 2
    Settings = TVAEKMeansSettings
    Network = TVAEKMeansNetwork

"""VQ-TVAE: each trajectory is encoded as one code of a learned codebook, its cluster.

A baseline of Zhan et al. (TMLR 2022, arXiv 2107.13132), after van den Oord, Vinyals and Kavukcuoglu
(NeurIPS 2017, arXiv 1711.00937). Unused codes are not revived.

The loss is that of the published program, which differs from van den Oord et al., section 3.2: β is
the weight of the codebook's term, not of the commitment, and squares are averaged over the
dimensions of z, not summed.

Letters: B trajectories of a batch, K codes, Z latent dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from baselines.checks import number, whole
from baselines.trajectories.trajectory_encoder import Scale
from baselines.trajectories.trajectory_method import TrajectoryMethod, TrajectoryNetwork
from baselines.tvae import TVAESettings


@dataclass(frozen=True)
class VQTVAESettings(TVAESettings):
    """codes: K, by default the four classes of the synthetic data; beta: weight of the codebook.

    published: as many codes as a data set has classes; beta is known for basketball alone, whose
    value the others have too.
    """

    published: ClassVar[dict[str, dict[str, Any]]] = {
        "synthetic": {"codes": 4},
        "calms21": {"codes": 4},
        "basketball": {"codes": 2, "beta": 0.1},
    }

    codes: int = 4
    beta: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "codes", 2)
        number(self, "beta", 0)


class VQTVAENetwork(TrajectoryNetwork):
    """NLL + β · ‖sg[z] − e‖² / Z + ‖z − sg[e]‖² / Z, where e is the code nearest to z.

    The prior over codes is uniform, so that its KL is constant.
    """

    def __init__(self, settings: VQTVAESettings, scale: Scale) -> None:
        super().__init__(settings, scale)
        self.code = nn.Linear(settings.hidden, settings.z)
        bound = 1 / settings.codes
        self.codebook = nn.Parameter(torch.empty(settings.codes, settings.z))
        nn.init.uniform_(self.codebook, -bound, bound)
        self.beta = settings.beta

    def nearest(self, z: Tensor) -> Tensor:
        """z: (B, Z) → the index of the nearest code (B,)."""
        return (z[:, None] - self.codebook).square().sum(-1).argmin(1)

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of a batch, and its parts."""
        states, actions, summary = self.encode(batch)
        z = self.code(summary)
        code = self.codebook[self.nearest(z)]
        nll = self.nll(states, actions, straight_through(code, z)).mean()
        codebook = self.beta * (z.detach() - code).square().mean()
        commitment = (z - code.detach()).square().mean()
        scalars = {"nll": nll, "codebook": codebook, "commitment": commitment}
        return nll + codebook + commitment, scalars

    def answer(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """`embeddings`: z before quantisation (B, Z); `clusters`: the nearest code (B,)."""
        _, _, summary = self.encode(batch)
        z = self.code(summary)
        return {"embeddings": z, "clusters": self.nearest(z)}


def straight_through(code: Tensor, z: Tensor) -> Tensor:
    """code, z: (B, Z) → the values of the code, with the gradient of z."""
    return z + (code - z).detach()


class VQTVAE(TrajectoryMethod):
    """Trajectory autoencoder with one vector-quantised latent."""

    version = 2
    Settings = VQTVAESettings
    Network = VQTVAENetwork

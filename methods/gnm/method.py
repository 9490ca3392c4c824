"""GNM as a method of the suite: Jiang and Ahn, NeurIPS 2020, arXiv 2010.12152."""

from __future__ import annotations

from torch import Tensor

from baselines.scenes.scene_method import SceneMethod
from methods.gnm.illustrations import illustrate
from methods.gnm.network import GNMNetwork
from methods.gnm.settings import GNMSettings


class IllustratedGNM(GNMNetwork):
    """GNM's network with its pictures."""

    def illustrate(self, x: Tensor) -> dict[str, Tensor]:
        """x: (B, C, H, W) → the pictures that `SceneNetwork.illustrate` names."""
        return illustrate(self, x)


class GNM(SceneMethod):
    """Generative Neurosymbolic Machines.

    Deviations:
      - Presence is 0 or 1 in the reported likelihood, a bound on a sharper model than that of the
        published program, which keeps the relaxed presence.
      - Standard deviations are at least 1e-4.
    """

    # Since 2: an evaluation draws its noise by example. Since 3: the KLs against fixed priors are
    # weighed by presence, and the alpha map is a clamped sum, which the curriculum fixes.
    version = 3
    Settings = GNMSettings
    Network = IllustratedGNM

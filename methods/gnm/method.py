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
    """Generative Neurosymbolic Machines."""

    version = 2  # since 2: an evaluation draws its noise by example
    Settings = GNMSettings
    Network = IllustratedGNM

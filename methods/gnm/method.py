"""GNM as a method of the suite: Jiang and Ahn, NeurIPS 2020, arXiv 2010.12152."""

from __future__ import annotations

from baselines.scene_method import SceneMethod
from methods.gnm.network import GNMNetwork
from methods.gnm.settings import GNMSettings


class GNM(SceneMethod):
    """Generative Neurosymbolic Machines."""

    version = 2  # since 2: an evaluation draws its noise by example
    Settings = GNMSettings
    Network = GNMNetwork

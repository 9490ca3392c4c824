"""Generative Neurosymbolic Machines: Jiang and Ahn (NeurIPS 2020, arXiv 2010.12152).

A scene generator with a distributed and a symbolic latent. Read `network` (the model and its loss),
then `struct_draw` (the global latent), `components` (the symbols), `glimpses` and `renderer` (their
pictures), `background` (scenes in colour) and `settings` (the schedules).
"""

from methods.gnm.method import GNM
from methods.gnm.settings import GNMSettings

__all__ = ["GNM", "GNMSettings"]

"""DINO, self-distillation without labels: the teacher of `symbolic_sequences`, and a baseline."""

from baselines.dino.method import DINO

__all__ = ["DINO"]

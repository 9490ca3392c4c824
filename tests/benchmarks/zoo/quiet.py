"""Methods that other files of the zoo build on: one that disturbs nothing, and one that looks."""

import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch


@dataclass(frozen=True)
class Nothing:
    """Settings of methods that have none."""


class Quiet:
    """Guesses by the seed; the animals of the zoo change `disturb`."""

    Settings = Nothing

    def __init__(self, settings):
        self.settings = settings

    def fit(self, train, run):
        self.classes = int(np.asarray(train["labels"]).max()) + 1
        self.disturb()

    def disturb(self):
        pass

    def evaluate(self, inputs, run):
        light = np.asarray(inputs["images"]).reshape(inputs.count, -1).mean(1, keepdims=True)
        return {"logits": light * run.rng("evaluation").random(self.classes)}


class Probe(Quiet):
    """Shows all that a method before it may have changed in the process."""

    def evaluate(self, inputs, run):
        generator = torch.Generator().manual_seed(0)
        weights = torch.rand(inputs.count, self.classes, generator=generator).requires_grad_()
        weights.exp().sum().backward()
        with np.errstate():
            tiny = float(np.float32(1e-30) * np.float32(1e-30))
        self.explanation = getattr(self, "explanation", {}) | {
            "type": str(torch.zeros(1).dtype),
            "device": str(torch.zeros(1).device),
            "threads": torch.get_num_threads(),
            "tiny": [tiny, float(torch.tensor(1e-40) * 1)],
            "folder": str(Path.cwd()),
            "environment": sorted(os.environ.items()),
            "path": sys.path[:],
            "argv": sys.argv[:],
            "warnings": [str(one) for one in warnings.filters],
            "numpy": np.geterr(),
            "product": str((torch.ones(2, 2) @ torch.ones(2, 2)).dtype),
            "precision": torch.get_float32_matmul_precision(),
            "patched": torch.nn.Linear.__module__,
        }
        return {"logits": weights.grad.numpy()}

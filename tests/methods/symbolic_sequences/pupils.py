"""A teacher that was never taught, and small students, for the tests of `symbolic_sequences`."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from baselines.dino.teacher import Teacher
from benchmarks.protocol import Budget, Examples, Run
from methods.symbolic_sequences import SymbolicSettings
from methods.symbolic_sequences.network import SymbolicNetwork
from symdata import DataSources

# Where tokens are kept; a test that makes some sets a folder of its own.
SOURCES = DataSources()

SIZE, PATCHES, WIDTH = 8, 4, 12
TINY = {
    "vocabulary": 10,
    "width": 8,
    "heads": 2,
    "descriptor_depth": 2,
    "interpreter_depth": 1,
    "prototypes": 16,
    "head_hidden": 12,
    "head_bottleneck": 6,
    "views": 3,
    # As projectors need that begin with random weights.
    "teacher_temperature_first": 0.02,
    "teacher_temperature_last": 0.02,
}


class Patches(nn.Module):
    """Random features of 4×4 pixels; the class token is those of the whole image."""

    def __init__(self, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.local = nn.Parameter(torch.randn(48, WIDTH, generator=generator))
        self.whole = nn.Parameter(torch.randn(3 * SIZE**2, WIDTH, generator=generator))

    def forward(self, images):
        blocks = images.unfold(2, 4, 4).unfold(3, 4, 4)  # (B, 3, 2, 2, 4, 4)
        patches = blocks.permute(0, 2, 3, 1, 4, 5).reshape(len(images), PATCHES, 48)
        tokens = torch.cat([(images.flatten(1) @ self.whole)[:, None], patches @ self.local], 1)
        return nn.functional.layer_norm(tokens, (WIDTH,))


def teacher(seed=0, head=None, centre=None):
    return Teacher(Patches(seed), WIDTH, 2, {"name": "untaught"}, head, centre)


def settings(**changed):
    return SymbolicSettings(**{**TINY, **changed})


def network(seed=0, total=10, **changed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SymbolicNetwork(settings(**changed), WIDTH, total)


def batch(count=5, views=3, seed=0):
    """Tokens of views that are alike: (B, V, 1+P, D) float16."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 1, 1 + PATCHES, WIDTH, generator=generator)
    noise = torch.randn(count, views, 1 + PATCHES, WIDTH, generator=generator)
    return {"tokens": (images + 0.3 * noise).half()}


def images(count=12, seed=0):
    rng = np.random.default_rng(seed)
    return Examples({"images": rng.integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)})


def run(seed=0, steps=3, batch_size=4, **options):
    budget = Budget(steps=steps, batch_size=batch_size)
    return Run(seed=seed, budget=budget, sources=SOURCES, **options)

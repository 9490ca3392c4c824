"""Small scenes, and small networks of the generators of scenes, for their tests."""

from __future__ import annotations

import numpy as np
import torch

from baselines.convdraw import ConvDRAW
from baselines.genesis import GENESIS
from baselines.vae import VAE
from benchmarks.protocol import Budget, Examples, Run

SIZE = 32
# How far apart the nats of an image may be that were computed in another order in single precision;
# seen were 0.002. Other noise moves them by tens.
ROUNDING = {"rtol": 1e-5, "atol": 0.01}
TINY = {
    VAE: {"z": 4, "features": 4, "hidden": 8},
    ConvDRAW: {"side": 4, "hidden": 4, "z": 2, "mlp": 8, "steps": 2},
    GENESIS: {"width": 0.1, "components": 3, "mask_latent": 3, "component_latent": 2},
}


def images(count=4, channels=1, size=SIZE, seed=0):
    """Squares of an eighth of the side, bright on dark, at random places: (N, H, W, C) uint8."""
    rng = np.random.default_rng(seed)
    made = np.zeros((count, size, size, channels), np.uint8)
    side = size // 8
    for image in made:
        for x, y in rng.integers(0, size - side, (3, 2)):
            image[y : y + side, x : x + side] = rng.integers(128, 256, channels)
    return made


def batch(count=4, **options):
    return {"images": torch.tensor(images(count, **options))}


def examples(count=4, **options):
    return Examples({"images": images(count, **options)})


def network(method, size=SIZE, channels=1, seed=0, **settings):
    made = method.Settings(**{**TINY.get(method, {}), **settings})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return method.Network(made, size, channels)


def run(seed=0, steps=2, batch_size=4, **options):
    return Run(seed=seed, budget=Budget(steps=steps, batch_size=batch_size), **options)


def parameters(module):
    return sum(weight.numel() for weight in module.parameters())

"""A teacher small enough to be trained in a test, and images for it."""

from __future__ import annotations

import numpy as np

from benchmarks.protocol import Budget, DataSources, Run

# Where teachers are kept; a test that trains one sets a folder of its own.
SOURCES = DataSources()

SMALL = {
    "teacher_epochs": 2,
    "teacher_batch": 4,
    "teacher_width": 12,
    "teacher_depth": 1,
    "teacher_heads": 2,
    "local_crops": 3,
    "dino_prototypes": 16,
    "dino_hidden": 24,
    "dino_bottleneck": 8,
}


def images(count=8, seed=0, size=16):
    """Grey stripes of random direction and width, with noise: (N, size, size, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    angle, wave = rng.uniform(0, np.pi, (2, count, 1, 1))
    phase = (x * np.cos(angle) + y * np.sin(angle)) * (0.3 + wave / 2)
    grey = 127 + 90 * np.sin(phase) + rng.normal(0, 10, (count, size, size))
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, -1)


def a_run(seed=0, **changes):
    given = {"seed": seed, "budget": Budget(steps=1, batch_size=4), "sources": SOURCES}
    return Run(**(given | changes))

"""Noisy walks in the plane: `generate(seed)` draws the three splits.

A walk begins near (10, 10) with a small velocity of its own, and drifts along x and along y by what
two fair coins say. Whether it ends above or below 10 on an axis is what the coin of that axis said.

Source: Zhan, Sun, Kennedy, Yue and Chaudhuri, "Unsupervised Learning of Neurosymbolic Encoders"
(TMLR 2022), synthetic data set. Walks that end on the wrong side are drawn anew with the same
coins; the law is symmetric under exchanging the sides, so that drawing the coins anew too would
make no difference.

Letters: N walks, T = 25 steps.
"""

from __future__ import annotations

from functools import partial
from operator import index

import numpy as np

from symdata.errors import DataError
from symdata.sampling import Draw
from symdata.sources import DEFAULT, DataSources
from symdata.synthetic_trajectories import DATA
from symdata.trajectories import Trajectories, acceleration, length, speed

FEATURES = ("x", "y", "speed", "acceleration")

# Velocities drawn for one that is kept: one in thirteen has a length between the bounds.
_CANDIDATES = 14

_CONSTANTS = DATA.settings("default")
STEPS: int = _CONSTANTS["steps"]
CENTRE: float = _CONSTANTS["centre"]


def load(config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, Trajectories]:
    """The splits of the one configuration, whose constants are those of this module."""
    return generate(seed)


def generate(seed: int = 0) -> dict[str, Trajectories]:
    """The splits "train", "validation" and "test"; states in units of length, not normalised."""
    seed = index(seed)
    if seed < 0:
        raise DataError(f"a seed is an integer from 0 on, not {seed}.")
    return {
        split: _split(count, partial(Draw, DATA.name, DATA.version, split, seed=seed))
        for split, count in _CONSTANTS["sizes"].items()
    }


def features(states: np.ndarray) -> dict[str, np.ndarray]:
    """Position, and the speed and acceleration of the walk. states: (N, T+1, 2) → (N, T+1) each.

    Units of length a frame, and a frame² for the acceleration.
    """
    points = states.astype(np.float64)
    columns = (points[..., 0], points[..., 1], speed(points), acceleration(points))
    return {
        name: np.ascontiguousarray(column, dtype=np.float32)
        for name, column in zip(FEATURES, columns, strict=True)
    }


def _split(count: int, draw: partial[Draw]) -> Trajectories:
    """Draw N walks. draw: gives the stream of a purpose."""
    factors = draw("factors").below(2, 2 * count).reshape(count, 2)
    motion = draw("motion")
    states = np.empty((count, STEPS + 1, 2), dtype=np.float32)
    open_ = np.arange(count)
    while len(open_):
        walks = _walks(factors[open_], motion)
        good = ((walks[:, -1] > CENTRE) == (factors[open_] == 1)).all(axis=1)
        states[open_[good]] = walks[good]
        open_ = open_[~good]
    labels = 2 * factors[:, 0] + factors[:, 1]
    return Trajectories(states, features(states), labels, DATA.classes, factors)


def _walks(factors: np.ndarray, draw: Draw) -> np.ndarray:
    """Walks x_{t+1} = x_t + v + drift (2c - 1) + noise. factors: (N, 2) → (N, T+1, 2) float32."""
    count = len(factors)
    first = CENTRE + draw.normal(2 * count).reshape(count, 1, 2)
    velocity = _velocities(count, draw) + _CONSTANTS["drift"] * (2 * factors - 1)
    noise = _CONSTANTS["noise"] * draw.normal(count * STEPS * 2).reshape(count, STEPS, 2)
    steps = velocity[:, None] + noise
    return np.cumsum(np.concatenate([first, steps], axis=1), axis=1).astype(np.float32)


def _velocities(count: int, draw: Draw) -> np.ndarray:
    """Draw velocities (N, 2), standard normal given that the length lies between the bounds."""
    slowest, fastest = _CONSTANTS["speed"]
    kept = np.empty((0, 2))
    while len(kept) < count:
        fresh = draw.normal(2 * _CANDIDATES * (count - len(kept))).reshape(-1, 2)
        size = length(fresh)
        kept = np.concatenate([kept, fresh[(size > slowest) & (size < fastest)]])
    return kept[:count]

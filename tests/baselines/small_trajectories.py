"""Small trajectories, and all network methods of the suite, for their tests."""

from __future__ import annotations

import numpy as np
import torch

from baselines.beta_tvae import BetaTVAE
from baselines.joint_tvae import JointTVAE
from baselines.trajectories.trajectory_encoder import Scale
from baselines.trajectories.trajectory_method import columns_of
from baselines.tvae import TVAE, TVAEKMeans
from baselines.vq_tvae import VQTVAE
from benchmarks.protocol import Budget, Examples, Run

METHODS = [TVAE, TVAEKMeans, JointTVAE, VQTVAE, BetaTVAE]


def moving(count=24, frames=7, seed=0, noise=0.1):
    """Trajectories that go to the right where the label is 1 and to the left where it is 0."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    steps = rng.normal(0, noise, (count, frames, 2))
    steps[:, 1:, 0] += 0.5 * (2 * labels - 1)[:, None]
    states = (10 + np.cumsum(steps, 1)).astype(np.float32)
    return states, labels


def examples(states, validation=None):
    validation = np.zeros(len(states), bool) if validation is None else validation
    speed = np.linalg.norm(np.diff(states, axis=1, prepend=states[:, :1]), axis=-1)
    return Examples({
        "states": states,
        "feature.x": states[..., 0],
        "feature.speed": speed.astype(np.float32),
        "validation": validation,
    })  # fmt: skip


def columns(count=4, frames=6, seed=0, features=()):
    return columns_of(examples(moving(count, frames, seed)[0]), features)


def batch(**options):
    return {name: torch.tensor(column) for name, column in columns(**options).items()}


def network(method, seed=0, data=None, **settings):
    made = method.Settings(**settings)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return method.Network(made, Scale(data or columns(features=made.features)))


def run(seed=0, steps=3, batch_size=8):
    return Run(seed=seed, budget=Budget(steps=steps, batch_size=batch_size))

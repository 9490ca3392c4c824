"""Small problems and all network methods, for the tests of methods/ and baselines/."""

from __future__ import annotations

import numpy as np
import torch

from baselines.abstract_rules.sequence_classifier import Shape
from baselines.lstm import LSTMClassifier
from baselines.mnm import MNM
from baselines.ntm import NTM
from baselines.predinet import PrediNet
from baselines.relation_net import RelationNet, TemporalRelationNet
from baselines.transformer import Transformer
from benchmarks.protocol import Budget, Deduplicated, Examples, Run
from methods.esbn import ESBN, ESBNSettings

METHODS = [ESBN, LSTMClassifier, NTM, MNM, RelationNet, TemporalRelationNet, Transformer, PrediNet]


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32), dtype=np.uint8)


def same_different(problems=24, symbols=6, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, symbols, problems)
    labels = np.arange(problems) % 2
    index = np.stack([first, (first + labels * rng.integers(1, symbols, problems)) % symbols], 1)
    return Examples({"images": Deduplicated(pictures(symbols), index), "labels": labels})


def batch(length=2, classes=2, problems=4, symbols=5, seed=0):
    rng = np.random.default_rng(seed)
    images = Deduplicated(
        torch.from_numpy(pictures(symbols)),
        torch.from_numpy(rng.integers(0, symbols, (problems, length))),
    )
    return {"images": images, "labels": torch.from_numpy(rng.integers(0, classes, problems))}


def network(method, length=2, classes=2, seed=0, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        shape = Shape(length, classes, (0,) * length)
        return method.Network(method.Settings(**settings), shape)


def run(seed=0, steps=3, **budget):
    return Run(seed=seed, budget=Budget(steps=steps, batch_size=8, **budget))


__all__ = ["METHODS", "ESBNSettings", "batch", "network", "pictures", "run", "same_different"]

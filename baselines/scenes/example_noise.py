"""Random numbers of an evaluation that do not depend on the batch an example is computed in.

Torch draws for a batch from one stream, so that an example's numbers depend on its place in the
batch and on earlier draws. Here every posterior sample of every example has a stream of its
own: the counter-based generator Philox (Salmon et al., SC 2011), keyed by the seed, whose 256-bit
counter begins at (0, 0, sample, example). No two streams meet within 2^128 numbers. They are drawn
on the CPU in single precision, so that every device computes with the same numbers.

Training has no such streams: where `noise` is None, torch's own generator draws for the batch.

Letters: R rows of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal


class ExampleNoise:
    """The streams of a batch, one a row: the first samples of all examples, then the second ones.

    examples, samples: the numbers of the rows' examples and samples among all, counted from 0.
    """

    def __init__(self, seed: int, examples: Sequence[int], samples: Sequence[int] = (0,)) -> None:
        # Philox takes twice as long with Python's numbers as with arrays.
        key = np.array([seed, 0], np.uint64)
        counters = np.array([(0, 0, s, e) for s in samples for e in examples], np.uint64)
        self.streams = [np.random.Generator(np.random.Philox(key=key, counter=c)) for c in counters]

    def normal(self, like: Tensor) -> Tensor:
        """Standard Gaussian numbers of the shape of `like` (R, …), on its device."""
        return self._draw(np.random.Generator.standard_normal, like)

    def uniform(self, like: Tensor) -> Tensor:
        """Numbers uniform in [0, 1) of the shape of `like` (R, …), on its device."""
        return self._draw(np.random.Generator.random, like)

    def _draw(self, fill: Callable[..., object], like: Tensor) -> Tensor:
        drawn = np.empty((len(like), like[0].numel()), np.float32)
        for stream, row in zip(self.streams, drawn, strict=True):
            fill(stream, dtype=np.float32, out=row)
        return torch.from_numpy(drawn).view(like.shape).to(like)


def draw_from(distribution: Normal, noise: ExampleNoise | None = None) -> Tensor:
    """A draw (R, …) through which gradients pass; noise: None in training."""
    if noise is None:
        return distribution.rsample()
    return distribution.loc + distribution.scale * noise.normal(distribution.loc)


def flip(probability: Tensor, noise: ExampleNoise | None = None) -> Tensor:
    """probability: (R, …) of a 1 → drawn numbers 0 or 1 of the same shape."""
    if noise is None:
        return torch.bernoulli(probability)
    return (noise.uniform(probability) < probability).to(probability)

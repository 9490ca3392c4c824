"""The weighted k-nearest-neighbour classifier with which self-supervised features are probed.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers" (DINO, ICCV 2021, arXiv
2104.14294), after Wu et al. (CVPR 2018, arXiv 1805.01978): the k training examples of the largest
cosine similarity s vote for their class, each with the weight exp(s / 0.07).

Letters: N training examples, M test examples, R test examples of a chunk, D dimensions, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

VERSION = 1

TEMPERATURE = 0.07
# The number of similarities in memory at a time; all N × M would be too many.
CHUNK = 2**25


def knn(
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    ks: Sequence[int],
    classes: int,
    temperature: float = TEMPERATURE,
    device: str = "cpu",
) -> dict[int, np.ndarray]:
    """The votes for each class, for every k of `ks`: k → (M, C) float32.

    train: (N, D), labels: (N,) integers below C, test: (M, D). Where k is more than N, all N vote.
    Neighbours are searched once, for the largest k; a smaller k takes the first of them. A feature
    of zeros alone is equally far from all others.
    """
    bank = _unit(train, device)
    owners = torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int64)).to(device)
    wanted = {k: min(k, len(bank)) for k in ks}
    rows = max(1, CHUNK // len(bank))
    parts: dict[int, list[Tensor]] = {k: [] for k in wanted}
    with torch.inference_mode():
        for start in range(0, len(test), rows):
            similarities = _unit(test[start : start + rows], device) @ bank.T
            values, places = similarities.topk(max(wanted.values()), dim=1)
            weights, voters = (values / temperature).exp(), owners[places]
            for k, count in wanted.items():
                votes = weights.new_zeros(len(weights), classes)
                votes.scatter_add_(1, voters[:, :count], weights[:, :count])
                parts[k].append(votes)
    return {k: torch.cat(votes).cpu().numpy() for k, votes in parts.items()}


def top(scores: np.ndarray, labels: np.ndarray, count: int) -> float:
    """The share of rows of scores (M, C) in which labels (M,) are among the `count` highest.

    Where scores are equal, a row counts the probability that a random order of the equal ones would
    put the label there: a constant answer scores chance, count / C. This matters, as ten neighbours
    leave most of a hundred classes without a vote. NaN ranks last.
    """
    scores = np.nan_to_num(scores, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    own = scores[np.arange(len(labels)), labels][:, None]
    above, equal = (scores > own).sum(1), (scores == own).sum(1)
    return float(np.mean(np.clip((count - above) / equal, 0, 1)))


def _unit(features: np.ndarray, device: str) -> Tensor:
    """Normalise features (R, D) to length 1, on the device."""
    values = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
    return F.normalize(values.to(device), dim=1)

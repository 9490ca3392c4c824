"""Bijections from numbers to arrangements, so that draws of problems are exact and never repeat.

Letters: N codes, n symbols to choose from, k chosen.
"""

from __future__ import annotations

from itertools import permutations
from math import comb

import numpy as np

ORDERS = np.array(list(permutations(range(3))))
"""Orders of three things, (6, 3)."""

ARRANGEMENTS = np.array(
    [[(*order[:p], 0, *order[p:]) for order in permutations((1, 2, 3))] for p in range(4)]
)
"""Orders of four things, (4, 6, 4): thing 0 in place p, the other three in each of their orders."""


def skip(rank: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Symbol that has this rank among those not taken. rank: (N,); taken: (N, k) → (N,)."""
    symbol = rank.copy()
    for lower in np.sort(taken, axis=1).T:
        symbol += symbol >= lower
    return symbol


def ordered(code: np.ndarray, n: int, k: int) -> np.ndarray:
    """Ordered choice of k distinct symbols by its code below n!/(n-k)!: (N,) → (N, k)."""
    chosen = np.empty((len(code), k), dtype=np.int64)
    rest = code
    for place in range(k):
        rest, rank = np.divmod(rest, n - place)
        chosen[:, place] = skip(rank, chosen[:, :place])
    return chosen


def unordered(code: np.ndarray, n: int, k: int) -> np.ndarray:
    """Unordered choice of k distinct symbols by its code below C(n, k): (N,) → (N, k), falling."""
    chosen = np.empty((len(code), k), dtype=np.int64)
    rest = code
    for place in range(k):
        # Combinatorial number system: the largest x with C(x, k - place) at most the rest.
        sizes = np.array([comb(x, k - place) for x in range(n + 1)])
        chosen[:, place] = np.searchsorted(sizes, rest, side="right") - 1
        rest = rest - sizes[chosen[:, place]]
    return chosen

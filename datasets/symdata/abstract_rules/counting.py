"""Numbers to arrangements: the bijections that make draws of problems exact and free of duplicates.

Letters: N codes, n symbols to choose from, k chosen.
"""

from __future__ import annotations

from itertools import permutations
from math import comb

import numpy as np

ORDERS = np.array(list(permutations(range(3))))
"""(6, 3): the orders of three things."""

ARRANGEMENTS = np.array(
    [[(*order[:p], 0, *order[p:]) for order in permutations((1, 2, 3))] for p in range(4)]
)
"""(4, 6, 4): four things with thing 0 in place p and the other three in each of their orders."""


def skip(rank: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Rank among the symbols that are not taken → symbol. rank: (N,); taken: (N, k) → (N,)."""
    symbol = rank.copy()
    for lower in np.sort(taken, axis=1).T:
        symbol += symbol >= lower
    return symbol


def ordered(code: np.ndarray, n: int, k: int) -> np.ndarray:
    """Code below n!/(n-k)! → k distinct symbols in order. code: (N,) → (N, k)."""
    chosen = np.empty((len(code), k), dtype=np.int64)
    rest = code
    for place in range(k):
        rest, rank = np.divmod(rest, n - place)
        chosen[:, place] = skip(rank, chosen[:, :place])
    return chosen


def unordered(code: np.ndarray, n: int, k: int) -> np.ndarray:
    """Code below C(n, k) → k distinct symbols, falling. code: (N,) → (N, k)."""
    chosen = np.empty((len(code), k), dtype=np.int64)
    rest = code
    for place in range(k):
        # The combinatorial number system: the largest x with C(x, k - place) at most the rest.
        sizes = np.array([comb(x, k - place) for x in range(n + 1)])
        chosen[:, place] = np.searchsorted(sizes, rest, side="right") - 1
        rest = rest - sizes[chosen[:, place]]
    return chosen

"""Random draws that give the same numbers on every machine and with every NumPy.

The methods of NumPy's `Generator` may change their streams between versions; its bit generators
and `SeedSequence` may not (NEP 19). So only the raw 64-bit output of Philox is used here, and
everything above it is ours. Integers are exact: no bias from a modulus. Normal
numbers use only operations that IEEE 754 rounds in one way (+, -, *, /, square root), each over a
whole array, so that no mathematical library and no fused instruction can change a bit.

Letters: N numbers drawn.
"""

from __future__ import annotations

import numpy as np

# Largest space of which permuting the whole costs less than drawing without replacement.
_SMALL = 1 << 16

_LN_2 = 0.6931471805599453
_SQRT_HALF = 0.7071067811865476


class Draw:
    """One stream of random numbers, named by the integers and words that determine it.

    Streams with different names are independent; the seed comes last.
    """

    def __init__(self, *name: int | str, seed: int) -> None:
        words: list[int] = []
        for part in name:
            # A word's length goes before its letters, so that no two names run together alike.
            words += [part] if isinstance(part, int) else [len(part), *part.encode()]
        self._bits = np.random.Philox(np.random.SeedSequence([*words, seed]))

    def raw(self, count: int) -> np.ndarray:
        """(N,) uint64, all values equally likely."""
        return np.asarray(self._bits.random_raw(count), dtype=np.uint64)

    def below(self, bound: int, count: int) -> np.ndarray:
        """(N,) int64 in [0, bound), all values equally likely."""
        last = np.uint64((1 << 64) // bound * bound - 1)
        kept = np.empty(0, dtype=np.uint64)
        while len(kept) < count:
            fresh = self.raw(count - len(kept))
            kept = np.concatenate([kept, fresh[fresh <= last]])
        return (kept % np.uint64(bound)).astype(np.int64)

    def normal(self, count: int) -> np.ndarray:
        """(N,) float64, independent standard normal numbers.

        Marsaglia's polar method (SIAM Review 6, 1964) on odd multiples of 2^-53 in (-1, 1): a point
        (u, v) in the unit disc at squared radius s gives (u, v) sqrt(-2 ln(s) / s). Exact but for
        the grid and for rounding in the last places. A longer draw does not begin with a shorter.
        """
        kept = np.empty(0)
        while len(kept) < count:
            pairs = (count - len(kept) + 1) // 2
            grid = (self.raw(2 * pairs) >> np.uint64(11)).astype(np.int64)
            u, v = ((2 * grid + 1 - (1 << 53)) * 2.0**-53).reshape(2, pairs)
            s = u * u + v * v
            inside = s < 1
            u, v, s = u[inside], v[inside], s[inside]
            scale = np.sqrt(-2 * _log(s) / s)
            kept = np.concatenate([kept, u * scale, v * scale])
        return kept[:count]

    def permutation(self, count: int) -> np.ndarray:
        """(N,) int64, the numbers 0 … N-1 in random order."""
        return np.argsort(self.raw(count), kind="stable").astype(np.int64)

    def distinct(self, space: int, count: int) -> np.ndarray:
        """(N,) int64 in [0, space), without replacement, in random order; count <= space."""
        if count > space:
            raise ValueError(f"{count} distinct numbers asked of {space}")
        if space <= _SMALL or 2 * count > space:
            return self.permutation(space)[:count]
        drawn = np.empty(0, dtype=np.int64)
        while len(drawn) < count:
            drawn = np.concatenate([drawn, self.below(space, count)])
            # The first appearances of independent draws, in order, are a draw without replacement.
            drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
        return drawn[:count]


def _log(s: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive numbers, the same on every machine, unlike `np.log`.

    s = m 2^e with m in [sqrt(1/2), sqrt(2)) and ln m = 2 artanh z, z = (m-1)/(m+1), |z| < 0.172, of
    which eleven terms leave less than 1e-18.
    """
    m, e = np.frexp(s)
    low = m < _SQRT_HALF
    m, e = np.where(low, 2 * m, m), np.where(low, e - 1, e)
    z = (m - 1) / (m + 1)
    square = z * z
    series = np.zeros_like(z)
    for k in range(10, -1, -1):
        series = series * square + 1 / (2 * k + 1)
    return e * _LN_2 + 2 * z * series

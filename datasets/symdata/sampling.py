"""Random draws that give the same numbers on every machine and with every NumPy.

The methods of NumPy's `Generator` may change their streams between versions; its bit generators
and `SeedSequence` may not (NEP 19). So only the raw 64-bit output of Philox is used here, and
everything above it is ours. All draws are exact: no bias from a modulus.

Letters: N numbers drawn.
"""

from __future__ import annotations

import numpy as np

# Up to this size of a space, permuting it whole costs less than drawing without replacement.
_SMALL = 1 << 16


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

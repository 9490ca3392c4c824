"""Configurations and kinds of broken rules that the data sets of placed digits share, as literals.

The `__init__.py` of these data sets import this module, so that it imports nothing heavy.
"""

from __future__ import annotations

from typing import Any

# Sizes of the splits, by size of image in pixels: first the paper's, last one to try programs out.
_SIZES = {
    128: {"train": 60_000, "validation": 6_000, "test": 6_000},
    64: {"train": 12_000, "validation": 1_200, "test": 1_200},
    32: {"train": 600, "validation": 60, "test": 60},
}

# Origin of the digits, sides of image and digit in pixels, and sizes of the splits.
CONFIGS: dict[str, dict[str, Any]] = {
    f"{source}_{size}": {
        "digits": source,
        "size": size,
        "cell": size * 28 // 128,
        "sizes": sizes,
    }
    for size, sizes in _SIZES.items()
    for source in ("sklearn", "mnist")
}

BREAKS = (
    "wrong_class",
    "wrong_order",
    "wrong_position",
    "missing_digit",
    "added_digit",
    "smeared",
)
"""The kinds of broken rules; `digit_breaks` makes them."""

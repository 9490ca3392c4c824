"""What the data sets of placed digits have in common, as literals: configurations and breaks.

Imported by the packages' tops, so that it needs nothing heavy.
"""

from __future__ import annotations

from typing import Any

# By size in pixels. The paper has the first; the last is there to try programs out.
_SIZES = {
    128: {"train": 60_000, "validation": 6_000, "test": 6_000},
    64: {"train": 12_000, "validation": 1_200, "test": 1_200},
    32: {"train": 600, "validation": 60, "test": 60},
}

# Where the digits are from, the sides of image and digit in pixels, and the sizes of the splits.
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

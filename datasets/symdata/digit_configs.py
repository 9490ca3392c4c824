"""The configurations that the data sets of placed digits have in common: digit source and size.

Imported by the packages' tops, so that it needs nothing heavy.
"""

from __future__ import annotations

from typing import Any

from symdata.errors import DataError

CONFIGS = ("sklearn_128", "mnist_128", "sklearn_64", "mnist_64", "sklearn_32", "mnist_32")

# By size in pixels. The paper has the first; the last is there to try programs out.
_SIZES = {
    128: {"train": 60_000, "validation": 6_000, "test": 6_000},
    64: {"train": 12_000, "validation": 1_200, "test": 1_200},
    32: {"train": 600, "validation": 60, "test": 60},
}


def settings(name: str, config: str) -> dict[str, Any]:
    """Where the digits are from, the sizes of image and digit in pixels, those of the splits."""
    if config not in CONFIGS:
        raise DataError(f"{name} has no configuration '{config}'; there are: {', '.join(CONFIGS)}.")
    source, _, size = config.partition("_")
    return {
        "digits": source,
        "size": int(size),
        "cell": int(size) * 28 // 128,
        "sizes": dict(_SIZES[int(size)]),
    }

"""The rounds of the timing cases: each case's own number, or fewer to see that it works."""

from __future__ import annotations

import os
from typing import Any

import pytest

# The most rounds of each case; CI sets it to be quick, a comparison of speeds leaves it unset.
ROUNDS = os.environ.get("SYMBENCH_ROUNDS")


@pytest.fixture
def benchmark(benchmark: Any) -> Any:
    """pytest-benchmark's fixture, with `SYMBENCH_ROUNDS` as the most rounds of a case.

    Of rounds that only warm up there is one less at most.
    """
    if ROUNDS:
        most, pedantic = int(ROUNDS), benchmark.pedantic

        def fewer(*given: Any, rounds: int = 1, warmup_rounds: int = 0, **options: Any) -> Any:
            warm = min(warmup_rounds, most - 1)
            return pedantic(*given, rounds=min(rounds, most), warmup_rounds=warm, **options)

        benchmark.pedantic = fewer
    return benchmark

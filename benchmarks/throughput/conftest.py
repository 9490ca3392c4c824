"""The rounds of the timing cases: each case's own number, or fewer for a test that it works."""

from __future__ import annotations

import os
from typing import Any

import pytest

# The most rounds of each case; CI sets it to be quick, a comparison of speeds leaves it unset.
ROUNDS = os.environ.get("SYMBENCH_ROUNDS")


@pytest.fixture
def benchmark(benchmark: Any) -> Any:
    """pytest-benchmark's fixture, with `SYMBENCH_ROUNDS` as the most rounds of a case."""
    if ROUNDS:
        most, pedantic = int(ROUNDS), benchmark.pedantic

        def fewer(*arguments: Any, rounds: int = 1, **options: Any) -> Any:
            return pedantic(*arguments, rounds=min(rounds, most), **options)

        benchmark.pedantic = fewer
    return benchmark

"""Rounds of the timing cases: as many as each case says, or fewer where only its working counts."""

from __future__ import annotations

import os
from typing import Any

import pytest

# At most so many rounds of each case; CI sets it, and whoever compares speeds does not.
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

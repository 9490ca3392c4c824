"""A factory of records, so that a test names only what it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks.records import Record
from tests.records import make_record


def make_cell(method: str, scores: Sequence[float | None], **changes: Any) -> list[Record]:
    """A record for each score, on seeds 0, 1, 2 and so on."""
    return [
        make_record(score, method=method, seed=seed, **changes) for seed, score in enumerate(scores)
    ]


@pytest.fixture
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def cell() -> Callable[..., list[Record]]:
    return make_cell

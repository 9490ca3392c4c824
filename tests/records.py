"""A factory of records, so that a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.records import Failure, Record, content_hash

START = datetime(2024, 1, 1, tzinfo=UTC)


def make_record(score: float | None = 0.5, *, age: int = 0, **changes: Any) -> Record:
    """A record of one cell; score None makes a failure, age is in hours before START."""
    values: dict[str, Any] = {
        "suite": "abstract_rules",
        "task": "same_different",
        "regime": "m95",
        "task_version": 1,
        "method": "lstm",
        "kind": "baseline",
        "profile": "quick",
        "profile_seeds": 3,
        "seed": 0,
        "score_name": "accuracy",
        "chance": 0.5,
        "ceiling": 1.0,
        "percent": True,
        "higher_is_better": True,
        "path": "baselines.lstm:LSTM",
        "method_version": 1,
        "settings": {},
        "source_hash": "code",
        "budget": {"epochs": 1},
        "dataset": {"name": "abstract_rules", "version": 1},
        "protocol_version": 1,
        "environment": {"device": "cpu", "device_name": "a CPU", "threads": 2},
        "wall_seconds": 2.0,
        "fit_seconds": 1.0,
        "steps": 100,
        "examples": 3200,
        "peak_memory_bytes": 2**20,
        "created": START - timedelta(hours=age),
    } | changes
    values.setdefault("variant", f"{values['method']}-{values['source_hash']}")
    values.setdefault(
        "key", content_hash([values["variant"], values["seed"], str(values["created"])])
    )
    if score is None:
        values["status"] = "failed"
        values["error"] = Failure(
            type="DivergedError", message="the loss is nan\nand more", traceback="Traceback …"
        )
    else:
        values["status"] = "done"
        values["scores"] = {values["score_name"]: score}
    return Record(**values)

"""Tables of speed and memory of training; machines are never mixed in one table."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import median

from benchmarks.protocol import SymbenchError
from benchmarks.records import Record
from leaderboard.render import heading
from leaderboard.selection import CONTROL, Entrant, grouped, natural
from leaderboard.wording import NONE, grid, known_format, notes, plural

COLUMNS = ("steps/s", "examples/s", "peak memory, MiB", "fit, s", "parameters", "n")
CSV_COLUMNS = (
    "suite",
    "profile",
    "machine",
    "task",
    "regime",
    "task_version",
    "dataset",
    "method",
    "n",
    "steps_per_second",
    "examples_per_second",
    "peak_memory_bytes",
    "fit_seconds",
    "parameters",
)


def throughput(
    records: Iterable[Record],
    form: str = "terminal",
    width: int = 100,
    outdated: Callable[[Record], str] = lambda record: "",
) -> str:
    """Render a table for each suite, profile and machine: medians over seeds by task and method.

    Steps are parameter updates and examples training examples, both a second of `fit`. outdated: as
    in `grouped`.
    """
    known_format(form)
    machines: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "done":
            machines[machine(record)].append(record)
    if not machines:
        raise SymbenchError("No finished records here; make some with `python -m benchmarks run`.")
    rows = [row for name in sorted(machines) for row in _rows(name, machines[name], outdated)]
    if form == "csv":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, CSV_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return stream.getvalue()
    boards: dict[tuple[object, ...], list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        boards[row["suite"], row["profile"], row["machine"]].append(row)
    parts = []
    for (suite, profile, name), board in boards.items():
        parts.append(heading(1, f"{suite} · profile {profile} · {name}", form))
        parts.append(_grid(board, form, width))
    remark = (
        "Medians over seeds. Rows of one machine are only comparable where nothing else ran on it."
    )
    return "\n\n".join([*parts, notes([remark], form, width)]) + "\n"


def machine(record: Record) -> str:
    """The device that a record was made on, with its threads where it is a CPU."""
    environment = record.environment
    device = environment.get("device", "unknown device")
    name = environment.get("device_name") or device
    text = name if str(device).lower() in str(name).lower() else f"{device}: {name}"
    threads = environment.get("threads")
    return f"{text}, {plural(int(threads), 'thread')}" if threads is not None else str(text)


def _rows(
    name: str, records: list[Record], outdated: Callable[[Record], str]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for group, cells in grouped(records, outdated).items():
        for cell in sorted(cells.values(), key=lambda cell: (-_steps(cell), cell.method)):
            if cell.kind == CONTROL or not cell.done:
                continue
            rows.append(
                {
                    "suite": group.suite,
                    "profile": group.profile,
                    "machine": name,
                    "task": group.task,
                    "regime": group.regime,
                    "task_version": group.task_version,
                    "dataset": group.dataset_hash,
                    "method": cell.method,
                    "n": len(cell.done),
                    "steps_per_second": _median(cell, lambda record: record.steps_per_second),
                    "examples_per_second": _median(cell, lambda record: record.examples_per_second),
                    "peak_memory_bytes": _median(cell, lambda record: record.peak_memory_bytes),
                    "fit_seconds": _median(cell, lambda record: record.fit_seconds),
                    "parameters": _median(cell, lambda record: record.parameters),
                }
            )
    return rows


def _median(cell: Entrant, quantity: Callable[[Record], float | None]) -> float | None:
    values = [value for record in cell.done.values() if (value := quantity(record)) is not None]
    return median(values) if values else None


def _steps(cell: Entrant) -> float:
    return _median(cell, lambda record: record.steps_per_second) or 0.0


def _grid(board: list[dict[str, object]], form: str, width: int) -> str:
    """Lay out a row for each task and method."""
    versions: dict[tuple[object, object], set[tuple[object, object]]] = defaultdict(set)
    for row in board:
        versions[row["task"], row["regime"]].add((row["task_version"], row["dataset"]))
    body: list[list[str]] = []
    for row in sorted(board, key=lambda row: natural(f"{row['task']} {row['regime']}")):
        task = f"{row['task']} {row['regime']}"
        if len(versions[row["task"], row["regime"]]) > 1:
            task += f" v{row['task_version']} {str(row['dataset'])[:8]}"
        body.append(
            [
                task,
                str(row["method"]),
                _text(row["steps_per_second"], 1),
                _text(row["examples_per_second"], 0),
                _text(row["peak_memory_bytes"], 0, 2**20),
                _text(row["fit_seconds"], 1),
                _text(row["parameters"], 0),
                str(row["n"]),
            ]
        )
    align = ["left", "left", *["right"] * len(COLUMNS)]
    return grid(["task", "method", *COLUMNS], body, align, form, width, keys=(0, 1))


def _text(value: object, digits: int, unit: int = 1) -> str:
    return f"{value / unit:,.{digits}f}" if isinstance(value, int | float) else NONE

"""Drawing of one cell's pictures, as PNG beside its record."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.protocol import Outputs, Task, TaskData
from benchmarks.records import write_atomically

DPI = 150


def draw(
    task: Task,
    outputs: Outputs,
    data: TaskData,
    explanation: Mapping[str, Any],
    illustrations: Mapping[str, np.ndarray],
    record: Path,
) -> tuple[list[Path], list[str]]:
    """Draw the task's pictures; returns their paths, and a line for each that failed.

    record: the path of the record, `seed0-<key>.json`; a picture is `seed0-<key>.<name>.png`.
    """
    count = min([len(array) for array in outputs.values()], default=data.inputs.count)
    rows = slice(0, count)
    cut = TaskData(data.train, data.inputs.take(rows), data.targets.take(rows), data.fingerprint)
    paths, problems = list[Path](), list[str]()
    try:
        pictures = task.pictures(outputs, cut, explanation, illustrations)
    except Exception as error:
        return [], [f"no pictures: {_said(error)}"]
    for name, picture in pictures.items():
        path = record.with_suffix(f".{name}.png")
        try:
            import matplotlib  # heavy, and needed only where there is a picture

            content = io.BytesIO()
            # Figures are made without pyplot, which keeps state; saving one then uses Agg. Hinting
            # is off, as it rounds the widths of letters, by which programs are laid out.
            with matplotlib.rc_context({"text.hinting": "none"}):
                picture().savefig(content, format="png", dpi=DPI, metadata={"Software": None})
            write_atomically(path, content.getvalue())
        except Exception as error:
            problems.append(f"no picture '{name}': {_said(error)}")
        else:
            paths.append(path)
    return paths, problems


def _said(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__

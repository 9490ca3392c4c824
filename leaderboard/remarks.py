"""Remarks below a table: failures, budgets, warnings, and the commands that renew outdated rows."""

from __future__ import annotations

import re
from shlex import quote
from typing import Any

from benchmarks.records import Record
from leaderboard.selection import CONTROL, Entrant, Group, failure


def failures(cells: dict[str, Entrant]) -> list[str]:
    """A line for each method with failed seeds: which, and why the last of them failed."""
    lines = []
    for name, cell in sorted(cells.items()):
        if cell.failed:
            seeds = ", ".join(str(seed) for seed in cell.failed)
            plural = "seeds" if len(cell.failed) > 1 else "seed"
            reason = failure(cell.failed[max(cell.failed)])
            lines.append(f"{name} failed ({plural} {seeds}): {reason}")
    return lines


def notes(cells: dict[str, Entrant]) -> list[str]:
    """Notes below a table: records left out, other budgets, warnings."""
    notes = []
    older = sum(cell.older for cell in cells.values())
    if older:
        names = ", ".join(name for name, cell in sorted(cells.items()) if cell.older)
        plural = "records" if older > 1 else "record"
        notes.append(f"Left out: {older} {plural} of older code or settings ({names}).")
    return notes + _budgets(cells) + _flags(cells)


def renewals(group: Group, cells: dict[str, Entrant], out: str) -> list[str]:
    """Notes on outdated rows: the reason, and the command that makes them anew."""
    reasons: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, cell in sorted(cells.items()):
        if cell.outdated:
            changed = _settings_in(name)
            reasons.setdefault((cell.outdated, changed), []).append(name)
    notes = []
    for (why, changed), names in reasons.items():
        asked = [_asked_for(cells[name].newest) for name in names]
        words = [
            f"--suite {group.suite} --profile {group.profile} --task {group.task}/{group.regime}",
            *(f"--method {quote(method)}" for method in asked),
            *(f"--set {quote(one)}" for one in changed),
            f"--out {quote(out)}",
        ]
        notes.append(
            f"Outdated, and so not ranked: {', '.join(names)} ({why}). "
            f"Renew: python -m benchmarks run {' '.join(words)}"
        )
    return notes


def _settings_in(name: str) -> tuple[str, ...]:
    """The settings in the name of a row that `run --set` made: `m[a=1,2,b=3]` has a=1,2 and b=3."""
    inside = name.partition("[")[2].removesuffix("]")
    return tuple(re.split(r",(?=\w+=)", inside)) if inside else ()


def _asked_for(record: Record) -> str:
    """The word after `--method` that asks for the method of a record."""
    name, (location, _, in_file) = record.method.partition("[")[0], record.path.rpartition(":")
    if "sources" not in record.method_parts and not location.endswith(".py"):
        return name
    return record.path if name == in_file else f"{name}={record.path}"


def _budgets(cells: dict[str, Entrant]) -> list[str]:
    """Notes on rows that had another budget than most, by the profile or an older version of it."""
    given: dict[str, list[str]] = {}
    for name, cell in sorted(cells.items()):
        if _competes(cell):
            given.setdefault(_budget(cell.newest.budget), []).append(name)
    if len(given) < 2:
        return []
    usual = max(given, key=lambda budget: len(given[budget]))
    apart = "; ".join(
        f"{', '.join(names)}: {budget}" for budget, names in given.items() if budget != usual
    )
    return [f"Budgets differ. {apart}; all others: {usual}."]


def _budget(given: dict[str, Any]) -> str:
    steps, epochs, scored = (given.get(name) for name in ("steps", "epochs", "evaluate_on"))
    length = f"{epochs:,} epochs" if steps is None else f"{steps:,} updates"
    return f"{length} of {given.get('batch_size')}" + (f", {scored:,} scored" if scored else "")


def _flags(cells: dict[str, Entrant]) -> list[str]:
    """Warnings for readers of single scores, each once for a method."""
    notes = []
    for name, cell in sorted(cells.items()):
        seeds: dict[str, list[int]] = {}
        for seed, record in cell.done.items():
            for flag in record.flags:
                seeds.setdefault(flag, []).append(seed)
        for flag, found in seeds.items():
            plural = "seeds" if len(found) > 1 else "seed"
            notes.append(f"{name} ({plural} {', '.join(map(str, found))}): {flag}")
    return notes


def _competes(cell: Entrant) -> bool:
    return cell.kind != CONTROL

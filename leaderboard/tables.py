"""Records become tables: one for each task as it was run, a row for each method.

Tables never mix profiles, task versions, datasets or versions of the protocol. Methods, baselines
and ablations with all planned seeds are ranked; incomplete rows and controls are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.records import Record, content_hash
from benchmarks.stats import Interval, mean_interval, rank_intervals
from leaderboard.figures import Figure, published
from leaderboard.selection import CONTROL, Cell, Group, failure, newest, select

THEORY = "theory"
# The control that measures what theory gives, and the name of the row that stands in for it.
THEORIES = {"oracle": "ceiling (theory)", "chance": "chance (theory)"}


@dataclass(frozen=True)
class Row:
    """One method on one task: its scores by seed, their interval and its rank interval.

    interval is None where no seed is done; rank is None where the row is not ranked.
    """

    method: str
    kind: str
    scores: dict[int, float]
    planned: int
    interval: Interval | None
    rank: tuple[int, int] | None = None
    figures: tuple[Figure, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all planned seeds have a score."""
        return len(self.scores) >= self.planned

    @property
    def competes(self) -> bool:
        """Whether the row is ranked once it is complete; controls and theory never are."""
        return self.kind not in (CONTROL, THEORY)


@dataclass(frozen=True)
class Table:
    """One task of one profile, one version and one dataset; rows are in the order to be shown.

    planned: seeds of the profile. failures: a line for each method with failed seeds.
    figures_from: the profile whose protocol published figures follow.
    superseded: there is a newer version of the same question.
    """

    group: Group
    score: str
    percent: bool
    higher_is_better: bool
    planned: int
    rows: tuple[Row, ...]
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    figures_from: str | None = None
    sources: tuple[tuple[str, str], ...] = ()
    superseded: bool = False

    def row(self, method: str) -> Row | None:
        """The row of a method, or None where there is none."""
        return next((row for row in self.rows if row.method == method), None)


def build_tables(records: Iterable[Record], order: Sequence[str] = ()) -> list[Table]:
    """One table for each group of records; raises `SymbenchError` where there is no record.

    order: names of tasks as their suite lists them; tasks that are not in it follow by name.
    """
    tables: list[Table] = []
    for group, cells in select(records).items():
        older = any(table.group.question == group.question for table in tables)
        tables.append(replace(_table(group, cells), superseded=older))
    place = {task: number for number, task in enumerate(order)}
    return sorted(
        tables,
        key=lambda table: (
            table.group.suite,
            table.group.profile,
            place.get(table.group.task, len(place)),
        ),
    )


def _table(group: Group, cells: dict[str, Cell]) -> Table:
    latest = next(cell.newest for cell in cells.values() if cell.newest.created == newest(cells))
    planned = latest.profile_seeds
    suite_figures = published(group.suite)
    rows = []
    for cell in cells.values():
        figures: tuple[Figure, ...] = ()
        if suite_figures:
            figures = suite_figures.find(group.task, group.regime, cell.method)
        scores = cell.scores
        interval = mean_interval(list(scores.values())) if scores else None
        rows.append(Row(cell.method, cell.kind, scores, planned, interval, figures=figures))
    measured = {row.method for row in rows if row.scores and row.kind == CONTROL}
    for control, value in (("oracle", latest.ceiling), ("chance", latest.chance)):
        if control not in measured:
            rows.append(Row(THEORIES[control], THEORY, {}, 0, Interval(value, None, None)))
    rows = _ranked(rows, latest.higher_is_better)
    used = {figure.source for row in rows for figure in row.figures}
    return Table(
        group=group,
        score=latest.score_name,
        percent=latest.percent,
        higher_is_better=latest.higher_is_better,
        planned=planned,
        rows=tuple(rows),
        failures=tuple(_failures(cells)),
        notes=tuple(_notes(cells)),
        figures_from=suite_figures.profile if suite_figures and used else None,
        sources=tuple((name, text) for name, text in suite_figures.sources.items() if name in used)
        if suite_figures
        else (),
    )


def _ranked(rows: list[Row], higher_is_better: bool) -> list[Row]:
    """The rows with their ranks: ranked ones first, then incomplete ones, then controls."""
    running = [row for row in rows if row.competes and row.complete]
    ranks = rank_intervals([row.scores for row in running], higher_is_better)
    ranked = [replace(row, rank=rank) for row, rank in zip(running, ranks, strict=True)]
    rest = [row for row in rows if not (row.competes and row.complete)]

    def place(row: Row) -> tuple[Any, ...]:
        sign = -1 if higher_is_better else 1
        mean = sign * row.interval.mean if row.interval else float("inf")
        return (row.rank is None, not row.competes, round(mean, 12), row.method)

    return sorted([*ranked, *rest], key=place)


def _failures(cells: dict[str, Cell]) -> list[str]:
    """Which seeds failed, and why the last of them did."""
    lines = []
    for name, cell in sorted(cells.items()):
        if cell.failed:
            seeds = ", ".join(str(seed) for seed in cell.failed)
            plural = "seeds" if len(cell.failed) > 1 else "seed"
            reason = failure(cell.failed[max(cell.failed)])
            lines.append(f"{name} failed ({plural} {seeds}): {reason}")
    return lines


def _notes(cells: dict[str, Cell]) -> list[str]:
    """What a reader must know about this table beside its numbers."""
    notes = []
    older = sum(cell.older for cell in cells.values())
    if older:
        names = ", ".join(name for name, cell in sorted(cells.items()) if cell.older)
        plural = "records" if older > 1 else "record"
        notes.append(f"Left out: {older} {plural} of older code or settings ({names}).")
    budgets = {content_hash(cell.newest.budget) for cell in cells.values() if _competes(cell)}
    if len(budgets) > 1:
        notes.append("The rows were not given one budget: run the older ones again.")
    return notes


def _competes(cell: Cell) -> bool:
    return cell.kind != CONTROL

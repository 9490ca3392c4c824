"""Tables of records: one for each task as it was run, with a row for each method.

Tables never mix profiles, task versions, datasets or versions of the protocol. Methods, baselines
and ablations with all planned seeds are ranked; incomplete and outdated rows and controls are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from shlex import quote
from typing import Any

from benchmarks.protocol import SymbenchError
from benchmarks.records import Further, Record
from benchmarks.stats import Interval, mean_interval, rank_intervals
from leaderboard.figures import Figure, Published, published_figures
from leaderboard.selection import CONTROL, Entrant, Group, failure, grouped
from leaderboard.wording import decimals

THEORY = "theory"
# The most files of a data set that are named above a table.
FILES = 3
# Rows for scores that theory gives, and the controls that would measure the same.
CHANCE, CEILING = "chance (theory)", "ceiling (theory)"
THEORIES = {
    **{"oracle": CEILING, "real": CEILING},
    **{"chance": CHANCE, "random": CHANCE, "shuffled": CHANCE},
}


@dataclass(frozen=True)
class Row:
    """One method on one task: its scores by seed, their interval and its rank interval.

    interval is None where no seed is done; rank is None where the row is not ranked. outdated: the
    changes since the scores were made, "" where there are none. also: the further scores by name.
    figures: published figures for the score that ranks; further: those for the other scores.
    """

    method: str
    kind: str
    scores: dict[int, float]
    planned: int
    interval: Interval | None
    rank: tuple[int, int] | None = None
    outdated: str = ""
    figures: tuple[Figure, ...] = ()
    also: Mapping[str, Interval] = field(default_factory=dict)
    further: Mapping[str, tuple[Figure, ...]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all planned seeds have a score."""
        return len(self.scores) >= self.planned

    @property
    def valid(self) -> bool:
        """Whether the row may be ranked, if it competes: complete and not outdated."""
        return self.complete and not self.outdated

    @property
    def label(self) -> str:
        """The method's name, marked where the row is outdated."""
        return f"{self.method} (outdated)" if self.outdated else self.method

    @property
    def competes(self) -> bool:
        """Whether the row is ranked once it is valid; controls and theory never are."""
        return self.kind not in (CONTROL, THEORY)


@dataclass(frozen=True)
class Table:
    """One task of one profile, one version and one dataset; rows are in the order to be shown.

    planned: the number of seeds of the profile. failures: a line for each method with failed seeds.
    also: the further scores that have a column. data: the files from which the task is read, if
    any. figures_from: the profile whose protocol published figures follow. superseded: whether
    there is a newer version of the same question. digits: by score, the decimals of its column
    where it is not in percent.
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
    also: tuple[Further, ...] = ()
    data: str = ""
    digits: Mapping[str, int] = field(default_factory=dict)

    def row(self, method: str) -> Row | None:
        """The row of a method, or None where there is none."""
        return next((row for row in self.rows if row.method == method), None)


def build_tables(
    records: Iterable[Record],
    order: Sequence[str] = (),
    outdated: Callable[[Record], str] = lambda record: "",
    out: str = "results",
    columns: Sequence[str] = (),
) -> list[Table]:
    """One table for each group of records; raises `SymbenchError` where there is no record.

    order: names of tasks as their suite lists them; tasks that are not in it follow by name.
    outdated: a function that names the changes since a record was made, "" where there are none.
    out: the folder of the records, for the commands that renew outdated ones.
    columns: globs over names of further scores that have a column on request alone.
    """
    records = _with_columns(list(records), columns)
    tables: list[Table] = []
    for group, cells in grouped(records, outdated).items():
        older = any(table.group.question == group.question for table in tables)
        tables.append(replace(_table(group, cells, out), superseded=older))
    place = {task: number for number, task in enumerate(order)}
    return sorted(
        tables,
        key=lambda table: (
            table.group.suite,
            table.group.profile,
            place.get(table.group.task, len(place)),
        ),
    )


def _with_columns(records: list[Record], columns: Sequence[str]) -> list[Record]:
    """The records, with those further scores alone that have a column or match one of `columns`."""
    names = {one.name: None for record in records for one in record.also}
    for column in columns:
        if not any(fnmatchcase(name, column) for name in names):
            known = ", ".join(names) or "none"
            raise SymbenchError(f"these records have no further score '{column}'; known: {known}.")
    asked = {name for name in names for column in columns if fnmatchcase(name, column)}
    return [
        record.model_copy(
            update={"also": [one for one in record.also if one.shown or one.name in asked]}
        )
        for record in records
    ]


def _table(group: Group, cells: dict[str, Entrant], out: str) -> Table:
    latest = max(cells.values(), key=lambda cell: (not cell.outdated, cell.newest.created)).newest
    planned = latest.profile_seeds
    suite_figures = published_figures(group.suite)
    # Further scores of all methods together, as old records may lack some.
    also = {one.name: one for cell in cells.values() for one in cell.newest.also}.values()
    rows = [
        _row(cell, planned, also, _figures(suite_figures, group, cell.method, latest))
        for cell in cells.values()
    ]
    measured = {row.method for row in rows if row.scores and row.kind == CONTROL}
    for name, value in ((CEILING, latest.ceiling), (CHANCE, latest.chance)):
        known = any(THEORIES.get(control) == name for control in measured)
        if value is not None and not known:
            rows.append(Row(name, THEORY, {}, 0, Interval(value, None, None)))
    rows = _ranked(rows, latest.higher_is_better)
    used = {
        figure.source
        for row in rows
        for figures in (row.figures, *row.further.values())
        for figure in figures
    }
    return Table(
        group=group,
        score=latest.score_name,
        percent=latest.percent,
        higher_is_better=latest.higher_is_better,
        planned=planned,
        rows=tuple(rows),
        failures=tuple(_failures(cells)),
        notes=(
            *_notes(cells),
            *_renewals(group, cells, out),
            *(_published_data(suite_figures, group) if used else ()),
        ),
        figures_from=suite_figures.profile if suite_figures and used else None,
        sources=tuple((name, text) for name, text in suite_figures.sources.items() if name in used)
        if suite_figures
        else (),
        also=tuple(also),
        data=_data(latest),
        digits={
            name: _decimals(name, latest.score_name, cells, rows)
            for name in (latest.score_name, *(one.name for one in also))
        },
    )


Figures = Mapping[str, tuple[Figure, ...]]


def _figures(known: Published | None, group: Group, method: str, latest: Record) -> Figures:
    """The published figures of a method by score."""
    by_score: dict[str, tuple[Figure, ...]] = {}
    for figure in known.find(group.task, group.regime, method) if known else ():
        name = figure.score or latest.score_name
        by_score[name] = (*by_score.get(name, ()), figure)
    return by_score


def _row(cell: Entrant, planned: int, also: Iterable[Further], figures: Figures) -> Row:
    """The row of a method, not yet ranked."""
    scores, record = cell.scores, cell.newest
    further = {}
    for one in also:
        values = [done.scores[one.name] for done in cell.done.values() if one.name in done.scores]
        if values:
            further[one.name] = mean_interval(values)
    return Row(
        cell.method,
        cell.kind,
        scores,
        planned,
        mean_interval(list(scores.values())) if scores else None,
        outdated=cell.outdated,
        figures=figures.get(record.score_name, ()),
        also=further,
        further={name: found for name, found in figures.items() if name != record.score_name},
    )


def _decimals(score: str, main: str, cells: Mapping[str, Entrant], rows: Sequence[Row]) -> int:
    """The decimals of a column, by the scores of all seeds and the published figures."""
    records = [record for cell in cells.values() for record in cell.done.values()]
    values = [record.scores[score] for record in records if score in record.scores]
    for row in rows:
        for one in row.figures if score == main else row.further.get(score, ()):
            values += [*(one.values or ()), *(x for x in (one.value, one.minimum) if x is not None)]
    return decimals(values)


def _published_data(known: Published | None, group: Group) -> list[str]:
    """A note on the data of the published figures where they differ from ours; empty if not."""
    text = known.data.get(f"{group.task}/{group.regime}") if known else None
    return [f"Published figures are {text}."] if text else []


def _data(record: Record) -> str:
    """A description of data read from files: name, version, hashes, number of examples scored."""
    files = record.dataset.get("files")
    if not isinstance(files, dict):
        return ""
    names = [f"{name.rpartition('/')[2]} {str(value)[:8]}" for name, value in files.items()]
    shown = ", ".join(names[:FILES]) + (f" and {len(names) - FILES} more" if names[FILES:] else "")
    about = f"data: {record.dataset.get('name')} version {record.dataset.get('version')}"
    scored = f", {record.evaluated:,} test examples" if record.evaluated else ""
    return f"{about}{scored}, SHA-256 {shown}"


def _ranked(rows: list[Row], higher_is_better: bool) -> list[Row]:
    """The rows with their ranks: ranked ones first, then others that compete, then controls."""
    running = [row for row in rows if row.competes and row.valid]
    ranks = rank_intervals([row.scores for row in running], higher_is_better)
    ranked = [replace(row, rank=rank) for row, rank in zip(running, ranks, strict=True)]
    rest = [row for row in rows if not (row.competes and row.valid)]

    def place(row: Row) -> tuple[Any, ...]:
        sign = -1 if higher_is_better else 1
        mean = sign * row.interval.mean if row.interval else float("inf")
        return (row.rank is None, not row.competes, round(mean, 12), row.method)

    return sorted([*ranked, *rest], key=place)


def _failures(cells: dict[str, Entrant]) -> list[str]:
    """A line for each method with failed seeds: which, and why the last of them failed."""
    lines = []
    for name, cell in sorted(cells.items()):
        if cell.failed:
            seeds = ", ".join(str(seed) for seed in cell.failed)
            plural = "seeds" if len(cell.failed) > 1 else "seed"
            reason = failure(cell.failed[max(cell.failed)])
            lines.append(f"{name} failed ({plural} {seeds}): {reason}")
    return lines


def _notes(cells: dict[str, Entrant]) -> list[str]:
    """Notes below a table: records left out, other budgets, warnings."""
    notes = []
    older = sum(cell.older for cell in cells.values())
    if older:
        names = ", ".join(name for name, cell in sorted(cells.items()) if cell.older)
        plural = "records" if older > 1 else "record"
        notes.append(f"Left out: {older} {plural} of older code or settings ({names}).")
    return notes + _budgets(cells) + _flags(cells)


def _renewals(group: Group, cells: dict[str, Entrant], out: str) -> list[str]:
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

"""Tables of records: one for each task as it was run, with a row for each method.

Tables never mix profiles, task versions, datasets or versions of the protocol. Methods, baselines
and ablations with all planned seeds, two at least, are ranked; outdated rows and controls are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from benchmarks.protocol import SymbenchError
from benchmarks.records import Further, Record
from benchmarks.stats import ROUNDING, Interval, mean_interval, rank_intervals
from leaderboard.figures import Figure, Published, published_figures
from leaderboard.learning import Convergence, convergence, hangs_on_rounding, movement, note
from leaderboard.remarks import failures, notes, renewals
from leaderboard.selection import CONTROL, Entrant, Group, grouped
from leaderboard.verdicts import Verdict, against
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
    verdicts: by score, the verdict on each of its figures. reach: where the method cannot reach the
    ceiling of the task, the reason and the best score that it can. convergence: the updates until
    training had converged. movement: the change of the score in a second training from weights
    moved by a millionth. Both are None where no record tells them.
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
    verdicts: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)
    reach: tuple[str, float] | None = None
    convergence: Convergence | None = None
    movement: float | None = None

    @property
    def complete(self) -> bool:
        """Whether all planned seeds have a score."""
        return len(self.scores) >= self.planned

    @property
    def valid(self) -> bool:
        """Whether the row stands as it is: complete and not outdated."""
        return self.complete and not self.outdated

    @property
    def rankable(self) -> bool:
        """Whether the row may be ranked: it competes, is valid, and has more than one seed."""
        return self.competes and self.valid and len(self.scores) > 1

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
    where it is not in percent. converged: the scalar and its value at which a training counts as
    converged.
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
    converged: tuple[str, float] | None = None

    def row(self, method: str) -> Row | None:
        """The row of a method, or None where there is none."""
        return next((row for row in self.rows if row.method == method), None)


def build_tables(
    records: Iterable[Record],
    order: Sequence[str] = (),
    outdated: Callable[[Record], str] = lambda record: "",
    out: str = "results",
    reach: Callable[[Record], tuple[str, float] | None] = lambda record: None,
    columns: Sequence[str] = (),
) -> list[Table]:
    """One table for each group of records; raises `SymbenchError` where there is no record.

    order: names of tasks as their suite lists them; tasks that are not in it follow by name.
    outdated: a function that names the changes since a record was made, "" where there are none.
    out: the folder of the records, for the commands that renew outdated ones. reach: a function
    that gives `Row.reach` for the method of a record. columns: globs over names of further scores
    that have a column on request alone.
    """
    records = _with_columns(list(records), columns)
    tables: list[Table] = []
    for group, cells in grouped(records, outdated).items():
        older = any(table.group.question == group.question for table in tables)
        tables.append(replace(_table(group, cells, out, reach), superseded=older))
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


def _table(
    group: Group,
    cells: dict[str, Entrant],
    out: str,
    reach: Callable[[Record], tuple[str, float] | None],
) -> Table:
    latest = max(cells.values(), key=lambda cell: (not cell.outdated, cell.newest.created)).newest
    planned = latest.profile_seeds
    suite_figures = published_figures(group.suite)
    # Further scores of all methods together, as old records may lack some.
    also = {one.name: one for cell in cells.values() for one in cell.newest.also}.values()
    rows = [
        replace(
            _row(cell, planned, also, _figures(suite_figures, group, cell.method, latest)),
            verdicts=_verdicts(suite_figures, group, cell, planned),
            reach=_reach(cell, reach),
        )
        for cell in cells.values()
    ]
    measured = {row.method for row in rows if row.scores and row.kind == CONTROL}
    for name, value in ((CEILING, latest.ceiling), (CHANCE, latest.chance)):
        known = any(THEORIES.get(control) == name for control in measured)
        if value is not None and not known:
            rows.append(Row(name, THEORY, {}, 0, Interval(value, None, None)))
    limits = dict(row.reach for row in rows if row.reach)
    rows += [
        Row(f"ceiling of {what}", THEORY, {}, 0, Interval(most, None, None))
        for what, most in sorted(limits.items())
    ]
    rows = _ranked(rows, latest.higher_is_better, ROUNDING if latest.percent else 0.0)
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
        failures=tuple(failures(cells)),
        notes=(
            *notes(cells),
            *_limits(rows),
            *rounding_note(rows, latest.percent),
            *renewals(group, cells, out),
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
        converged=latest.converged,
    )


Figures = Mapping[str, tuple[Figure, ...]]


def _figures(known: Published | None, group: Group, method: str, latest: Record) -> Figures:
    """The published figures of a method by score."""
    by_score: dict[str, tuple[Figure, ...]] = {}
    for figure in known.find(group.task, group.regime, method) if known else ():
        name = figure.score or latest.score_name
        by_score[name] = (*by_score.get(name, ()), figure)
    return by_score


def _verdicts(
    known: Published | None, group: Group, cell: Entrant, planned: int
) -> dict[str, tuple[Verdict, ...]]:
    """The verdicts on the published figures of a method by score, in the order of the figures."""
    found: dict[str, tuple[Verdict, ...]] = {}
    gap = "outdated" if cell.outdated else ""
    for figure in known.find(group.task, group.regime, cell.method) if known else ():
        name = figure.score or cell.newest.score_name
        scores = [one.scores[name] for one in cell.done.values() if name in one.scores]
        assert known
        one = against(known, figure, group.profile, scores, planned, gap)
        found[name] = (*found.get(name, ()), one)
    return found


def _reach(
    cell: Entrant, reach: Callable[[Record], tuple[str, float] | None]
) -> tuple[str, float] | None:
    """The limit of a method below the ceiling of the task, in the mean over its seeds."""
    found = [one for record in cell.done.values() if (one := reach(record))]
    return (found[0][0], sum(most for _, most in found) / len(found)) if found else None


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
        convergence=convergence(cell.done.values()),
        movement=movement(cell.done.values()),
    )


def rounding_note(rows: Iterable[Row], percent: bool) -> list[str]:
    """The note on rows whose scores hang on rounding; empty where there are none."""
    return note(
        [row.method for row in rows if hangs_on_rounding(row.movement, row.interval, percent)]
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


def _ranked(rows: list[Row], higher_is_better: bool, floor: float) -> list[Row]:
    """The rows with their ranks: ranked ones first, then others that compete, then controls."""
    running = [row for row in rows if row.rankable]
    ranks = rank_intervals([row.scores for row in running], higher_is_better, floor=floor)
    ranked = [replace(row, rank=rank) for row, rank in zip(running, ranks, strict=True)]
    rest = [row for row in rows if not row.rankable]

    def place(row: Row) -> tuple[Any, ...]:
        sign = -1 if higher_is_better else 1
        mean = sign * row.interval.mean if row.interval else float("inf")
        return (row.rank is None, not row.competes, round(mean, 12), row.method)

    return sorted([*ranked, *rest], key=place)


def _limits(rows: Sequence[Row]) -> list[str]:
    """A note for each ceiling below that of the task, with the methods that it bounds."""
    bounded: dict[str, list[str]] = {}
    for row in rows:
        if row.reach:
            bounded.setdefault(row.reach[0], []).append(row.method)
    return [f"No more than {what}: {', '.join(names)}." for what, names in bounded.items()]

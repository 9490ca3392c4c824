"""The summary of a suite: a matrix of methods and tasks, in as many blocks as the terminal needs.

A cell is the mean and half the width of its 95 % interval; "rank" is the mean of a method's ranks
over all columns, among the methods that are ranked in all. Only the newest version of a task has a
column; its further scores have one where all methods tie in the first. Tasks without a method in
common are in separate blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from leaderboard.learning import hangs_on_rounding, note
from leaderboard.render import figure_notes, heading, score_name
from leaderboard.tables import THEORIES, THEORY, Row, Table
from leaderboard.wording import NONE, RULE, figure, grid, known_format, notes, number, plural

_HEADER = 11


@dataclass(frozen=True)
class _Standing:
    """A row of the matrix, a method; mean and rank are None unless every column is complete."""

    method: str
    competes: bool
    cells: tuple[Row | None, ...]
    mean: float | None
    rank: float | None


def summary(tables: Sequence[Table], width: int = 100, form: str = "terminal") -> str:
    """Render a matrix for each suite and profile, in blocks no wider than `width` columns.

    form: "terminal" or "markdown"; Markdown is never split.
    """
    known_format(form, ("terminal", "markdown"))
    parts = []
    for (suite, profile), board in groupby(
        tables, lambda table: (table.group.suite, table.group.profile)
    ):
        every = list(board)
        newest = [table for table in every if not table.superseded]
        parts.append(heading(1, f"{suite} · profile {profile}", form))
        columns = [column for table in newest for column in (table, *_further(table))]
        for related in _related(columns):
            parts.append(_matrix(related, width, form))
        parts.append(notes(_notes(columns, len(every) - len(newest)), form, width))
    return "\n\n".join(parts) + "\n"


def _further(table: Table) -> list[Table]:
    """Copies of the table, one for each further score, where all methods tie in the first."""
    if not _tied(table):
        return []
    return [
        replace(
            table,
            score=one.name,
            percent=one.percent,
            higher_is_better=one.higher_is_better,
            rows=tuple(
                replace(row, interval=row.also.get(one.name), figures=row.further.get(one.name, ()))
                for row in table.rows
            ),
        )
        for one in table.also
    ]


def _tied(table: Table) -> bool:
    """Whether several methods tie in the score that ranks: one value is in all their intervals."""
    running = [row.interval for row in table.rows if row.competes and row.interval]
    lows = [one.mean if one.low is None else one.low for one in running]
    highs = [one.mean if one.high is None else one.high for one in running]
    return len(running) > 1 and max(lows) <= min(highs) + 1e-12


def _summed(columns: Sequence[Table]) -> bool:
    """Whether these columns get a mean and a rank: there are several, and not all are tied."""
    first = _first(columns)
    return len(first) > 1 and not all(map(_tied, first))


def _first(columns: Sequence[Table]) -> list[Table]:
    """The columns of scores by which tasks rank, over which means and ranks are taken."""
    return [table for table in columns if all(one.name != table.score for one in table.also)]


def _related(columns: Sequence[Table]) -> list[list[Table]]:
    """Groups of columns linked by common methods, directly or not; controls alone come first."""
    groups: list[tuple[set[str], list[Table]]] = []
    for column in columns:
        names, together = {row.method for row in column.rows if row.competes}, [column]
        for group in [one for one in groups if not names or one[0] & names]:
            groups.remove(group)
            names, together = names | group[0], [*group[1], *together]
        groups.append((names, together))
    return [together for _, together in groups]


def _matrix(columns: list[Table], width: int, form: str) -> str:
    """The matrix as one table, or as several that fit."""
    standings = _standings(columns)
    labels = [standing.method for standing in standings]
    sums: list[tuple[str, list[str]]] = []
    first = _first(columns)
    if _summed(columns):
        if _one_scale(first):
            percent = first[0].percent
            digits = min(table.digits[table.score] for table in first)
            means = [
                NONE if one.mean is None else number(one.mean, percent, digits) for one in standings
            ]
            sums.append(("mean", means))
        ranks = [NONE if one.rank is None else f"{one.rank:.1f}" for one in standings]
        sums.append(("rank", ranks))
    scores = len({table.score for table in columns}) > 1
    tasks = [
        (_header(table, form, scores), [_cell(one.cells[place], table) for one in standings])
        for place, table in enumerate(columns)
    ]
    claims = list(dict.fromkeys(name for table in columns for name in _claims(table)))
    labels += [f"published: {name}" for name in claims]
    for table, (_, texts) in zip(columns, tasks, strict=True):
        texts += [_claims(table).get(name, "") for name in claims]
    for _, texts in sums:
        texts += [""] * len(claims)
    rules = [
        place
        for place in range(1, len(labels))
        if place == len(standings)
        or (place < len(standings) and _section(standings[place - 1]) != _section(standings[place]))
    ]
    headers, columns_ = zip(("method", labels), *sums, *tasks, strict=True)
    rows = [list(row) for row in zip(*columns_, strict=True)]
    for place in reversed(rules):
        rows.insert(place, RULE)
    return grid(headers, rows, ["left", *["right"] * (len(headers) - 1)], form, width)


def _standings(columns: list[Table]) -> list[_Standing]:
    """Methods with every column first, best first; then the others; then controls and theory."""
    names = list(dict.fromkeys(row.method for table in columns for row in table.rows))
    # A control that was run in some columns shares its row with the theory's values in the others.
    stand_in = {control: name for control, name in THEORIES.items() if control in names}
    names = [name for name in names if name not in stand_in.values()]
    first = _first(columns)
    ranks = _ranks(first)
    standings = []
    for name in names:
        cells = tuple(table.row(name) or table.row(stand_in.get(name, "")) for table in columns)
        present = [cell for cell in cells if cell is not None]
        last = present[-1]
        ranking = [cell for cell, table in zip(cells, columns, strict=True) if table in first]
        means = [cell.interval.mean for cell in ranking if cell and cell.interval and cell.valid]
        whole = len(means) == len(first)
        places = [known[name] for known in ranks if name in known]
        standings.append(
            _Standing(
                name,
                last.competes,
                cells,
                sum(means) / len(means) if whole and _one_scale(first) else None,
                sum(places) / len(places) if len(places) == len(first) else None,
            )
        )
    sign = -1 if columns[0].higher_is_better else 1

    def place_of(one: _Standing) -> tuple[bool, bool, float, str]:
        order = one.rank or 0.0 if one.mean is None else sign * one.mean
        return (not one.competes, one.competes and one.rank is None, round(order, 12), one.method)

    return sorted(standings, key=place_of)


def _ranks(tables: Sequence[Table]) -> list[dict[str, float]]:
    """The place of each method by its mean in each table, among methods that all of them rank.

    Rows that tie share the mean of their places. A method that a table lacks would push others back
    in the rest only, so that their means would be over unequal fields.
    """
    ranked = [{row.method for row in table.rows if row.rank} for table in tables]
    shared = set.intersection(*ranked) if ranked else set()
    places = []
    for table in tables:
        sign = 1 if table.higher_is_better else -1
        means = {
            row.method: round(sign * row.interval.mean, 12)
            for row in table.rows
            if row.method in shared and row.interval
        }
        values = list(means.values())
        places.append(
            {
                name: sum(other > mean for other in values) + (values.count(mean) + 1) / 2
                for name, mean in means.items()
            }
        )
    return places


def _one_scale(columns: list[Table]) -> bool:
    """Whether the columns have one score and direction, so that a mean over them makes sense."""
    return len({(table.score, table.percent, table.higher_is_better) for table in columns}) == 1


def _section(one: _Standing) -> int:
    return 2 if not one.competes else 1 if one.rank is None else 0


def _cell(row: Row | None, table: Table) -> str:
    """The text of a cell: `99.8 ± 0.5`, after `2/3` where seeds are missing, or `outdated`."""
    if row is None:
        return ""
    partial = "" if row.complete else f"{len(row.scores)}/{row.planned}  "
    partial = f"outdated  {partial}" if row.outdated else partial
    if row.interval is None:
        return f"{partial}{NONE}" if partial else NONE
    digits, half = table.digits[table.score], row.interval.half_width
    mean = number(row.interval.mean, table.percent, digits)
    if row.kind == THEORY:
        return mean
    width = NONE if half is None else number(half, table.percent, digits)
    return f"{partial}{mean} ±{width:>4}"


def _claims(table: Table) -> dict[str, str]:
    """The claims of papers for each method, without reference runs of the authors' programs.

    The verdict stands beside each where the profile is that of the figures; elsewhere a note says
    that none is comparable.
    """
    own = table.figures_from == table.group.profile
    return {
        row.method: figure(one, table.percent, table.digits[table.score])
        + (f" {said.word}" if own else "")
        for row in table.rows
        for one, said in zip(row.figures, row.verdicts.get(table.score, ()), strict=True)
        if one.kind == "claim"
    }


def _header(table: Table, form: str, scores: bool) -> str:
    """The header of a column: task over regime, broken at underscores to keep columns narrow.

    scores: whether to name the score too, as the columns have different ones.
    """
    score = [table.score] if scores else []
    if form == "markdown":
        return " ".join([table.group.task, table.group.regime, *score])
    lines: list[str] = []
    for word in table.group.task.split("_"):
        if lines and len(lines[-1]) + 1 + len(word) <= _HEADER:
            lines[-1] += f"_{word}"
        else:
            lines.append(word)
    broken = [*(f"{line}_" for line in lines[:-1]), lines[-1]]
    return "\n".join([*broken, table.group.regime, *score])


def _notes(columns: list[Table], superseded: int) -> list[str]:
    scores = " / ".join(dict.fromkeys(score_name(table) for table in columns))
    rows = [row for table in columns for row in table.rows]
    complete = {len(row.scores) for row in rows if row.complete and row.scores}
    seeds = sorted(complete or {table.planned for table in columns})
    over = plural(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    lines = [
        f"{scores}: mean over {over} ± half the width of the 95 % bootstrap interval, "
        "which is optimistic with few seeds."
    ]
    if any(map(_summed, _related(columns))):
        lines.append(
            "rank: the mean of a method's ranks over all columns, among the methods that have more "
            "than one seed in each; 1 is first in each."
        )
    further = [table.score for table in columns if table not in _first(columns)]
    if further:
        names = ", ".join(dict.fromkeys(further))
        lines.append(f"{names}: shown as all methods tie in the first score; they rank nobody.")
    if any(not row.complete for row in rows):
        lines.append(
            "A count such as 2/3: seeds done of seeds planned; incomplete rows are not ranked."
        )
    if any(row.outdated for row in rows):
        lines.append(
            "outdated: a version has changed since; not ranked. The full tables say which and how "
            "to renew it."
        )
    hanging: dict[str, list[str]] = {}
    for table in _first(columns):
        for row in table.rows:
            if hangs_on_rounding(row.movement, row.interval, table.percent):
                where = f"{table.group.task} {table.group.regime}"
                hanging.setdefault(row.method, []).append(where)
    lines += note([f"{name} ({', '.join(where)})" for name, where in hanging.items()])
    failed = sum(len(table.failures) for table in columns)
    if failed:
        lines.append(f"{plural(failed, 'cell')} with failures; the full tables say why.")
    if superseded:
        older = plural(superseded, "table")
        lines.append(
            f"{older} of older task versions or datasets left out; the full tables have them."
        )
    return lines + figure_notes([table for table in columns if _claims(table)])[:1]

"""The full tables as text: for a terminal, for Markdown, and as CSV for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap

from benchmarks.records import Further
from benchmarks.stats import Interval
from leaderboard.tables import Row, Table
from leaderboard.wording import (
    NONE,
    RULE,
    bounds,
    count,
    figures,
    grid,
    known_format,
    notes,
    number,
    rank,
    titled,
    wrapped,
)

INTERVALS = (
    "95 %: percentile bootstrap interval over seeds. With few seeds it is optimistic: it cannot "
    "reach beyond the lowest and the highest score (at 3 seeds it covers the mean 3 times in 4)."
)
RANKS = (
    "rank: the ranks that the seeds allow. All of a table's hold together with 95 %: paired t "
    "tests of all pairs, Holm-corrected. Controls, outdated rows, and rows with one seed or with "
    "missing ones are not ranked."
)
VERDICTS = (
    "verdict on the published figure: it agrees where it lies in our 95 % interval, or the "
    "interval within the tolerance of it; above, below: ours is. `leaderboard --published` has all."
)
LEARNING = (
    "updates to …: the first point of the learning curve whose mean since the point before is as "
    "high; the median and the range over seeds, controls have none. moved: the change of the first "
    "seed's score when first weights are moved by a millionth."
)
FURTHER = (
    "Columns after `kind`: further scores, ± half the width of their interval. Where a table goes "
    "on below itself, rows without any are left out."
)

CSV_COLUMNS = (
    "suite",
    "profile",
    "task",
    "regime",
    "task_version",
    "protocol_version",
    "dataset",
    "score",
    "method",
    "kind",
    "n",
    "n_planned",
    "outdated",
    "mean",
    "low",
    "high",
    "rank_low",
    "rank_high",
    "published",
    "published_minimum",
    "published_kind",
    "source",
    "verdict",
    "updates_to_converge",
    "moved",
)


def render(tables: Sequence[Table], form: str = "terminal", width: int = 100) -> str:
    """Render all tables; form: "terminal", "markdown" or "csv"; width: columns of the terminal."""
    if known_format(form) == "csv":
        return _csv(tables)
    parts: list[str] = []
    board = None
    for table in tables:
        here = (table.group.suite, table.group.profile)
        if here != board:
            board = here
            parts.append(heading(1, f"{here[0]} · profile {here[1]}", form))
        parts.append(_table(table, form, width))
    remarks = [INTERVALS, RANKS, *([FURTHER] if any(table.also for table in tables) else [])]
    rows = [row for table in tables for row in table.rows]
    remarks += (
        [LEARNING] if any(row.convergence or row.movement is not None for row in rows) else []
    )
    remarks += [VERDICTS] if any(map(_judged, tables)) else []
    parts.append(notes([*remarks, *figure_notes(tables)], form, width))
    return "\n\n".join(parts) + "\n"


def heading(level: int, text: str, form: str) -> str:
    """A heading of level 1 or 2."""
    if form == "markdown":
        return f"{'#' * (level + 1)} {text}"
    return f"{text}\n{'═' * len(text)}" if level == 1 else text


def figure_notes(tables: Sequence[Table]) -> list[str]:
    """Notes on the published figures: their meaning, their sources, their other budget."""
    lines: list[str] = []
    sources: dict[str, str] = {}
    for table in tables:
        sources |= dict(table.sources)
        other = table.figures_from
        if other and other != table.group.profile:
            lines.append(
                f"Published figures follow the {other} protocol; the {table.group.profile} profile "
                "has another training budget, so that none is comparable: they are context and no "
                "target."
            )
    lines += [f"published, {name}: {text}." for name, text in sources.items()]
    return list(dict.fromkeys(lines))


def score_name(table: Table) -> str:
    """The name of a table's score with its unit, and its direction where lower is better."""
    text = titled(table.score, table.percent)
    return text if table.higher_is_better else f"{text} (lower is better)"


def _table(table: Table, form: str, width: int) -> str:
    group = table.group
    about = (
        f"task version {group.task_version} · dataset {group.dataset_hash[:8]}"
        f" · protocol {group.protocol_version}"
    )
    title = f"{group.task} {group.regime}" + (" (superseded)" if table.superseded else "")
    lines = [heading(2, title, form)]
    if form == "terminal":
        lines = [wrapped(f"{title} · {about}", width)]
    if form == "markdown":
        lines += ["", about, ""]
    if table.data:
        lines += [notes([table.data], form, width)] + [""] * (form == "markdown")
    with_figures = any(row.figures for row in table.rows)
    headers = ["rank", "method", score_name(table), "95 % interval", "n"]
    align = ["left", "left", "right", "right", "right"]
    if with_figures:
        other = table.figures_from != group.profile
        headers.append(f"published ({table.figures_from})" if other else "published")
        align.append("left")
        if _judged(table):
            headers.append("verdict")
            align.append("left")
    headers.append("kind")
    align.append("left")
    beside = []
    for one in table.also:
        headers.append(_further_header(one))
        if _has_figures(table, one):
            for name in ("published", *["verdict"] * _judged(table)):
                beside.append(len(headers))
                headers.append(name)
    if any(row.convergence for row in table.rows) and table.converged:
        name, value = table.converged
        headers.append(f"updates to\n{100 * value:g} %\n{name}")
    if any(row.movement is not None for row in table.rows):
        headers.append("moved")
    align += ["right"] * (len(headers) - len(align))
    body: list[list[str]] = []
    for before, row in zip((None, *table.rows), table.rows, strict=False):
        if before is not None and _section(before) != _section(row):
            body.append(RULE)
        body.append(_line(row, table, with_figures))
    lines.append(grid(headers, body, align, form, width, keys=(1,), beside=beside))
    remarks = [*table.failures, *table.notes]
    if remarks:
        lines += [""] * (form == "markdown") + [notes(remarks, form, width)]
    return "\n".join(lines)


def _section(row: Row) -> int:
    return 0 if row.rank else 1 if row.competes else 2


def _line(row: Row, table: Table, with_figures: bool) -> list[str]:
    percent, digits = table.percent, table.digits[table.score]
    mean = number(row.interval.mean, percent, digits) if row.interval else NONE
    seeds = count(len(row.scores), row.planned) if row.planned else ""
    line = [rank(row.rank), row.label, mean, bounds(row.interval, percent, digits), seeds]
    if with_figures:
        line.append(figures(row.figures, percent, digits))
        line += [_verdict(row, table.score)] * _judged(table)
    line.append(row.kind)
    for one in table.also:
        digits = table.digits[one.name]
        line.append(_further(row.also.get(one.name), one.percent, digits) if row.planned else "")
        if _has_figures(table, one):
            line.append(figures(row.further.get(one.name, ()), one.percent, digits))
            line += [_verdict(row, one.name)] * _judged(table)
    if any(one.convergence for one in table.rows) and table.converged:
        line.append(row.convergence.text if row.convergence else "")
    if any(one.movement is not None for one in table.rows):
        moved = row.movement
        line.append("" if moved is None else number(moved, percent, table.digits[table.score]))
    return line


def _judged(table: Table) -> bool:
    """Whether a table says its verdicts row by row; a note says those of other profiles at once."""
    return table.figures_from == table.group.profile


def _verdict(row: Row, score: str) -> str:
    """The verdicts on the figures for a score, once where they are the same."""
    return "; ".join(dict.fromkeys(one.text for one in row.verdicts.get(score, ())))


def _further(interval: Interval | None, percent: bool, digits: int) -> str:
    """The mean of a further score, with half the width of its interval where it has one."""
    if interval is None:
        return NONE
    mean, half = number(interval.mean, percent, digits), interval.half_width
    return f"{mean} ± {number(half, percent, digits)}" if half else mean


def _further_header(one: Further) -> str:
    """The header of a further score, with unit and direction, in narrow lines."""
    name = titled(one.name, one.percent).replace("_", " ")
    text = name if one.higher_is_better else f"{name} (lower is better)"
    return "\n".join(wrap(text, 10, break_long_words=False))


def _has_figures(table: Table, one: Further) -> bool:
    return any(row.further.get(one.name) for row in table.rows)


def _csv(tables: Sequence[Table]) -> str:
    """All tables as one in CSV: numbers unrounded, scores as fractions, empty where missing."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for row in table.rows:
            writer.writerow(_record(table, row))
            for one in table.also:
                if one.name in row.also:
                    writer.writerow(_record(table, _as_ranking(row, one.name), one.name))
    return stream.getvalue()


def _as_ranking(row: Row, score: str) -> Row:
    """The row with a further score in place of the one that ranks."""
    figures = row.further.get(score, ())
    return replace(row, interval=row.also[score], rank=None, figures=figures)


def _record(table: Table, row: Row, score: str | None = None) -> dict[str, object]:
    group, interval, ranks = table.group, row.interval, row.rank or (None, None)
    numbers = [one.number for one in row.figures if one.number is not None]
    minima = [one.minimum for one in row.figures if one.minimum is not None]
    texts = dict(table.sources)
    return {
        "suite": group.suite,
        "profile": group.profile,
        "task": group.task,
        "regime": group.regime,
        "task_version": group.task_version,
        "protocol_version": group.protocol_version,
        "dataset": group.dataset_hash,
        "score": score or table.score,
        "method": row.method,
        "kind": row.kind,
        "n": len(row.scores),
        "n_planned": row.planned,
        "outdated": row.outdated,
        "mean": interval.mean if interval else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "rank_low": ranks[0],
        "rank_high": ranks[1],
        "published": numbers[0] if numbers else None,
        "published_minimum": minima[0] if minima else None,
        "published_kind": "+".join(dict.fromkeys(one.kind for one in row.figures)),
        "source": "; ".join(dict.fromkeys(texts[one.source] for one in row.figures)),
        "verdict": _verdict(row, score or table.score),
        "updates_to_converge": row.convergence.text if row.convergence else "",
        "moved": row.movement,
    }

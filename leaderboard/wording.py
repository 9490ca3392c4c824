"""The wording of numbers in tables, and the layout of tables in a terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from textwrap import fill

from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

from benchmarks.protocol import SymbenchError
from benchmarks.stats import Interval
from leaderboard.figures import Figure

FORMATS = ("terminal", "markdown", "csv")
NONE = "–"
# Units of scores that are neither shares nor pure numbers.
UNITS = {"ll": "nats", "elbo": "nats"}
# A row that asks for a line between two groups; Markdown has none and leaves it out.
RULE: list[str] = []
_ROW = DataRow("", "  ", "")
_PLAIN = TableFormat(
    lineabove=None,
    linebelowheader=Line("", "─", "  ", ""),
    linebetweenrows=None,
    linebelow=None,
    headerrow=_ROW,
    datarow=_ROW,
    padding=0,
    with_header_hide=None,
)


def decimals(values: Iterable[float]) -> int:
    """The decimals of scores that are no shares, the same for a whole column.

    Three where the largest is below 100, one below 1,000, else none; none where all are counts.
    """
    finite = [value for value in values if isfinite(value)]
    if counts(finite):
        return 0
    largest = max(map(abs, finite), default=0.0)
    return 3 if largest < 100 else 1 if largest < 1000 else 0


def counts(values: Sequence[float]) -> bool:
    """Whether all are whole numbers and one is beyond 1, as counts of steps are and shares not."""
    return any(abs(value) > 1 for value in values) and all(
        float(value).is_integer() for value in values
    )


def number(value: float, percent: bool, digits: int = 3) -> str:
    """Write a score: percent with one decimal, or as many decimals as its column has."""
    text = f"{100 * value:.1f}" if percent else f"{value:,.{digits}f}"
    return text.replace("-", "−")


def signed(value: float, percent: bool, digits: int = 3) -> str:
    """Write a difference of scores with its sign; one that rounds to zero has none."""
    text = number(abs(value), percent, digits)
    if not text.strip("0."):
        return text
    return f"{'−' if value < 0 else '+'}{text}"


def bounds(interval: Interval | None, percent: bool, digits: int = 3) -> str:
    """Write the two ends of an interval."""
    if interval is None or interval.low is None or interval.high is None:
        return NONE
    ends = (number(end, percent, digits) for end in (interval.low, interval.high))
    return f"[{', '.join(ends)}]"


def rank(interval: tuple[int, int] | None) -> str:
    """Write a rank, or the ranks from first to last."""
    if interval is None:
        return NONE
    low, high = interval
    return str(low) if low == high else f"{low}–{high}"


def count(done: int, planned: int) -> str:
    """Write the number of seeds done, as `2/3` where some are missing."""
    return str(done) if done >= planned else f"{done}/{planned}"


def figure(one: Figure, percent: bool, digits: int = 3) -> str:
    """Write a published figure: `≥ 95`, `83.0`, `10,964`, or the mean of its runs with a range."""
    scale = 100 if percent else 1
    if one.minimum is not None:
        return f"≥ {_short(scale * one.minimum)}"
    assert one.number is not None
    text = number(one.number, percent, digits)
    if one.values is None:
        return text
    low, high = scale * min(one.values), scale * max(one.values)
    return f"{text} ({_short(low)}–{_short(high)})" if low < high else text


def _short(value: float) -> str:
    """Write a number with four digits, or all before the point from 1,000 on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def figures(several: Sequence[Figure], percent: bool, digits: int = 3) -> str:
    """Write all published figures of a row."""
    return "; ".join(figure(one, percent, digits) for one in several)


def titled(score: str, percent: bool) -> str:
    """The name of a score with its unit, where it has one."""
    unit = "%" if percent else UNITS.get(score)
    return f"{score}, {unit}" if unit else score


def known_format(form: str, allowed: Sequence[str] = FORMATS) -> str:
    """The name of an output format; raises an error that lists them where it is unknown."""
    if form not in allowed:
        raise SymbenchError(f"There is no format '{form}'; choose one of {', '.join(allowed)}.")
    return form


def plural(amount: int, noun: str) -> str:
    """Write an amount with its noun: `1 record`, `2 records`."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def grid(
    headers: Sequence[str], rows: Sequence[Sequence[str]], align: Sequence[str], form: str
) -> str:
    """Lay out rows of text as a table for a form; align: "left" or "right" for each column."""
    if form == "markdown":
        body = [[escaped(cell) for cell in row] for row in rows if row]
        return tabulate(
            body,
            [escaped(header) for header in headers],
            tablefmt="pipe",
            colalign=align,
            disable_numparse=True,
        )
    # Headers are rows here, since tabulate makes a column wider than its header.
    deep = max(header.count("\n") for header in headers) + 1
    split = [header.split("\n") for header in headers]
    top = [[""] * (deep - len(lines)) + lines for lines in split]
    lines = [*map(list, zip(*top, strict=True)), SEPARATING_LINE]
    lines += [list(row) or SEPARATING_LINE for row in rows]
    text = tabulate(lines, tablefmt=_PLAIN, colalign=align, disable_numparse=True)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def escaped(text: str) -> str:
    """Escape text for a cell of a Markdown table, so that it is shown as written."""
    for special, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("*", "\\*")):
        text = text.replace(special, safe)
    return " ".join(text.split())


def notes(lines: Sequence[str], form: str, width: int) -> str:
    """Lay out remarks below a table: wrapped lines in a terminal, a list in Markdown."""
    if form == "markdown":
        return "\n".join(f"- {escaped(line)}" for line in lines)
    return "\n".join(fill(line, width, subsequent_indent="  ") for line in lines)

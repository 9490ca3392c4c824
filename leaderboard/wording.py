"""The wording of numbers in tables, and the layout of tables in a terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import isfinite
from textwrap import fill

from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

from benchmarks.protocol import SymbenchError
from benchmarks.stats import Interval
from leaderboard.figures import Figure

FORMATS = ("terminal", "markdown", "csv")
NONE = "–"
# Units of scores that are neither shares nor pure numbers.
UNITS = {"ll": "nats", "ll_5": "nats", "elbo": "nats"}
# A row that asks for a line between two groups; Markdown has none and leaves it out.
RULE: list[str] = []
GAP = "  "
_ROW = DataRow("", GAP, "")
_PLAIN = TableFormat(
    lineabove=None,
    linebelowheader=Line("", "─", GAP, ""),
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
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    align: Sequence[str],
    form: str,
    width: int | None = None,
    keys: Sequence[int] = (0,),
    beside: Collection[int] = (),
) -> str:
    """Lay out rows of text as a table for a form; align: "left" or "right" for each column.

    width: the columns of a terminal. A wider table becomes several below each other, each with the
    columns `keys`; those in `beside` stay with the column before them. None: one table.
    """
    if form == "markdown":
        body = [[escaped(cell) for cell in row] for row in rows if row]
        return tabulate(
            body,
            [escaped(header) for header in headers],
            tablefmt="pipe",
            colalign=align,
            disable_numparse=True,
        )
    blocks = list[str]()
    for columns in _blocks(headers, rows, width, keys, beside):
        own = [column for column in columns if column not in keys]
        shown = _with_content(rows, own) if blocks else rows
        if blocks and not shown:
            continue
        some = [[row[column] for column in columns] if row else RULE for row in shown]
        heads, sides = ([part[column] for column in columns] for part in (headers, align))
        blocks.append(_block(heads, some, sides))
    return "\n\n".join(blocks)


def _with_content(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> list[Sequence[str]]:
    """The rows that say something in these columns, and the lines between two groups of them."""
    kept: list[Sequence[str]] = []
    for row in rows:
        if any(row[column] not in ("", NONE) for column in columns) if row else kept and kept[-1]:
            kept.append(row)
    return kept if not kept or kept[-1] else kept[:-1]


def _blocks(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    keys: Sequence[int],
    beside: Collection[int],
) -> list[list[int]]:
    """The numbers of the columns in each table that `grid` writes."""
    wide = [
        max(len(line) for row in (headers, *filter(None, rows)) for line in row[place].split("\n"))
        for place in range(len(headers))
    ]
    groups: list[list[int]] = []
    for place in range(len(headers)):
        if place in beside:
            groups[-1].append(place)
        else:
            groups.append([place])
    blocks: list[list[int]] = []
    block = {*keys}
    for group in groups:
        wider = block.union(group)
        if (
            width
            and block > {*keys}
            and sum(wide[one] + len(GAP) for one in wider) > width + len(GAP)
        ):
            blocks.append(sorted(block))
            wider = {*keys, *group}
        block = wider
    return [*blocks, sorted(block)]


def _block(headers: Sequence[str], rows: Sequence[Sequence[str]], align: Sequence[str]) -> str:
    """Lay out one table for a terminal."""
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
    return "\n".join(wrapped(line, width) for line in lines)


def wrapped(text: str, width: int) -> str:
    """A text in lines of a terminal; words, such as the options of a command, stay whole."""
    return fill(text, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)

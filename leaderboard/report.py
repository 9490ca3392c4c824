"""The report of a comparison as text, for a terminal or as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.comparison import Change, Comparison, Unpaired
from leaderboard.render import heading
from leaderboard.selection import Group
from leaderboard.wording import NONE, decimals, grid, known_format, notes, number, plural, signed

HEADERS = (
    "cell",
    "method",
    "verdict",
    "base",
    "head",
    "difference",
    "95 % interval",
    "n",
    "p",
    "detectable",
)
ALIGN = (*["left"] * 3, *["right"] * 7)


def report(
    comparison: Comparison, form: str = "terminal", width: int = 100, min_effect: float = 0.0
) -> str:
    """The verdicts in one line, the cells that changed, then all cells (folded in Markdown)."""
    known_format(form, ("terminal", "markdown"))
    changed = [change for change in comparison.changes if change.verdict != "no evidence"]
    # Large regressions come first, as a reader of a pull request may read no further.
    changed.sort(key=lambda change: (change.verdict == "better", -abs(change.difference.mean)))
    boards = {(group.suite, group.profile) for group in _groups(comparison)}
    wide = len(boards) > 1
    line = headline(comparison)
    parts = [f"**{line}**" if form == "markdown" else line]
    if not wide:
        parts.insert(0, heading(1, "compare · {} · profile {}".format(*boards.pop()), form))
    if changed:
        parts.append(_grid(changed, form, width, wide))
    ignored = comparison.count("worse") - len(comparison.regressions(min_effect))
    if ignored:
        cells = plural(ignored, "cell")
        parts.append(
            f"{cells} worse by less than the smallest effect that counts ({min_effect:g})."
        )
    parts += _unpaired(comparison, form, width, wide)
    if comparison.changes:
        every = _grid(comparison.changes, form, width, wide)
        if form == "markdown":
            title = f"All {plural(len(comparison.changes), 'compared cell')}"
            parts.append(f"<details>\n<summary>{title}</summary>\n\n{every}\n\n</details>")
        else:
            parts += [heading(2, "All compared cells", form) + "\n" + every]
    return "\n\n".join([*parts, notes(_notes(comparison), form, width)]) + "\n"


def headline(comparison: Comparison) -> str:
    """The numbers of cells: `2 worse, 1 better, 45 no evidence, 0 missing`, and others above 0."""
    counts = [
        f"{comparison.count(verdict)} {verdict}" for verdict in ("worse", "better", "no evidence")
    ]
    counts.append(f"{len(comparison.missing)} missing")
    for cells, word in (
        (comparison.failed_cells, "failed"),
        (comparison.added, "new"),
        (comparison.incomparable, "not comparable"),
    ):
        if cells:
            counts.append(f"{len(cells)} {word}")
    return ", ".join(counts)


def _groups(comparison: Comparison) -> list[Group]:
    lists: list[Sequence[Change | Unpaired]] = [
        comparison.changes,
        comparison.missing,
        comparison.failed_cells,
        comparison.added,
        comparison.incomparable,
    ]
    return [cell.group for cells in lists for cell in cells]


def _name(group: Group, wide: bool) -> str:
    place = f"{group.task} {group.regime}"
    return f"{group.suite} {group.profile} {place}" if wide else place


def _grid(changes: Sequence[Change], form: str, width: int, wide: bool) -> str:
    lines = [_line(change, wide) for change in changes]
    return grid(HEADERS, lines, ALIGN, form, width, keys=(0, 1))


def _line(change: Change, wide: bool) -> list[str]:
    one, percent, digits = change.difference, change.percent, _digits(change)
    interval = NONE
    if one.low is not None and one.high is not None:
        ends = (signed(end, percent, digits) for end in (one.low, one.high))
        interval = f"[{', '.join(ends)}]"
    return [
        _name(change.group, wide),
        change.method,
        change.verdict,
        number(change.base, percent, digits),
        number(change.head, percent, digits),
        signed(one.mean, percent, digits),
        interval,
        str(one.n),
        NONE if change.p is None else _probability(change.p),
        _detectable(change),
    ]


def _detectable(change: Change) -> str:
    if change.smallest is None:
        return NONE
    # Two fractions differ by 1 at most: with these seeds no difference could be significant.
    if change.percent and change.smallest > 1:
        return ">100"
    return number(change.smallest, change.percent, _digits(change))


def _digits(change: Change) -> int:
    """The decimals of all numbers of one comparison."""
    return decimals((change.base, change.head))


def _probability(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _unpaired(comparison: Comparison, form: str, width: int, wide: bool) -> list[str]:
    parts = []
    for title, cells in (
        ("Missing", comparison.missing),
        ("Failed", comparison.failed_cells),
        ("Not comparable", comparison.incomparable),
        ("New", comparison.added),
    ):
        if cells:
            lines = [f"{_name(cell.group, wide)} {cell.method}: {cell.why}" for cell in cells]
            gap = "\n\n" if form == "markdown" else "\n"
            parts.append(heading(2, title, form) + gap + notes(lines, form, width))
    return parts


def _notes(comparison: Comparison) -> list[str]:
    tested = sum(change.p is not None and not change.unchanged for change in comparison.changes)
    level = f"{100 * comparison.alpha:g} %"
    lines = [
        f"Verdicts: paired t test over seeds at {level}, Holm-corrected over "
        f"{plural(tested, 'cell')}; the p shown is corrected, the interval is that of its "
        "cell alone. Scores are in % where the task's are.",
        "detectable: the smallest difference that these seeds, with their spread, could have shown "
        "at Holm's strictest level; a smaller one may be there unseen.",
    ]
    short = [change for change in comparison.changes if change.p is None]
    unchanged = sum(change.unchanged for change in comparison.changes)
    if unchanged:
        lines.append(
            f"{plural(unchanged, 'cell')} of the same code with the same scores: not tested."
        )
    if short:
        lines.append(f"{plural(len(short), 'cell')} with one paired seed: no test is possible.")
    return [*lines, *comparison.outdated]

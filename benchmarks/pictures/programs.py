"""Pictures of programs: their formulas and words, and the trees of the searches for them.

Both read a method's explanation; see `benchmarks.pictures.trajectories` for the other pictures.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from benchmarks.pictures.style import (
    ACCENT,
    COLOURS,
    FAINT,
    INK,
    LARGE,
    MUTED,
    NORMAL,
    PAPER,
    SMALL,
    line_height,
    mono,
    mono_width,
    sheet,
)

WIDTH = 7.5
MARGIN = 0.2
_COLUMNS = 84
_TOKEN = re.compile(r"(?P<number>[−-]?\d[\d.]*(?:e[+−-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<other>.)")


def program(explanation: Mapping[str, Any]) -> Figure:
    """Draw each learned program as a formula with its weights, and in words."""
    programs = explanation.get("programs", [])
    cards = [_card(one) for one in programs] or [(["no programs"], [])]
    heights = [_card_height(formula, words) for formula, words in cards]
    figure, axes = sheet(WIDTH, sum(heights) + MARGIN * (len(cards) + 1))
    y = MARGIN
    for place, ((formula, words), height) in enumerate(zip(cards, heights, strict=True)):
        _draw_card(axes, y, height, place, formula, words)
        y += height + MARGIN
    return figure


def _card(one: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The lines of a program's formula, and those of its words."""
    words = str(one.get("words", ""))
    return pretty(str(one.get("text", "")), _COLUMNS), wrap(words[:1].upper() + words[1:], 96)


def _card_height(formula: Sequence[str], words: Sequence[str]) -> float:
    gap = 0.12 if words else 0.0
    return 0.56 + (len(formula) + len(words)) * line_height(NORMAL) + gap


def _draw_card(
    axes: Axes, y: float, height: float, place: int, formula: list[str], words: list[str]
) -> None:
    ink = COLOURS[place % len(COLOURS)]
    frame = FancyBboxPatch(
        (MARGIN, y),
        WIDTH - 2 * MARGIN,
        height,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=PAPER,
        edgecolor="none",
    )
    axes.add_patch(frame)
    axes.plot([MARGIN, MARGIN], [y + 0.08, y + height - 0.08], color=ink, lw=3)
    left, y = MARGIN + 0.18, y + 0.2
    axes.text(
        left, y, f"Program {place + 1}", fontsize=LARGE, color=ink, weight="bold", va="center"
    )
    y += 0.27
    for line in formula:
        mono(axes, left, y, highlighted(line), NORMAL)
        y += line_height(NORMAL)
    y += 0.12
    for line in words:
        axes.text(left, y, line, fontsize=NORMAL, color=INK, style="italic", va="center_baseline")
        y += line_height(NORMAL)


def highlighted(line: str) -> list[tuple[str, str]]:
    """Split a line of a formula into (text, colour): weights, names of features, and the rest."""
    pieces = []
    for match in _TOKEN.finditer(line):
        text, kind = match.group(), match.lastgroup
        called = line[match.end() : match.end() + 1] == "("
        ink = COLOURS[0] if kind == "number" else INK if kind == "name" and not called else MUTED
        pieces.append((text, ink))
    return pieces


def pretty(text: str, columns: int) -> list[str]:
    """Break a nested formula into lines of at most `columns` characters, where its parts allow."""
    start = text.find("(")
    if len(text) <= columns or start < 0:
        return [text]
    depth, cuts, end = 0, [start], len(text)
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            end = place
            break
        if depth == 1 and text[place] == ",":
            cuts.append(place)
    lines = [text[: start + 1]]
    for first, last in zip(cuts, [*cuts[1:], end], strict=True):
        inner = pretty(text[first + 1 : last].strip(), columns - 2)
        comma = "," if last != end else ""
        lines += [f"  {line}" for line in inner[:-1]] + [f"  {inner[-1]}{comma}"]
    if text[end:] == ")":
        return [*lines[:-1], f"{lines[-1]})"]
    return [*lines, text[end:]]


# Lengths in the tree of a search, in inches: a row, the space between families, between columns;
# and the number of a candidate's best children that are shown off the way.
_ROW = 0.17
_FAMILY = 0.1
_GAP = 0.55
_SHOWN = 3


@dataclass
class _Row:
    """A line of a column: a candidate, or the number of candidates that are left out."""

    node: Mapping[str, Any] | None
    parent: Any
    text: str
    y: float = 0.0  # inches below the top of the tree

    @property
    def chosen(self) -> bool:
        return bool(self.node and self.node.get("chosen"))


def search(explanation: Mapping[str, Any]) -> Figure:
    """Draw the tree of each search: a column for each generation, the best candidates on top.

    Red: the way to the program. ●: a complete program. Struck through: not admitted, with the
    reason. Of the children of a candidate off the way only the best are shown.
    """
    searches = explanation.get("search", [])
    trees = [_columns(one.get("nodes", [])) for one in searches]
    widths = [sum(map(_column_width, columns)) + _GAP * (len(columns) - 1) for columns in trees]
    heights = [0.45 + max(map(_place, columns), default=0.0) for columns in trees]
    width = max([6.6, *widths]) + 2 * MARGIN
    height = sum(heights) + MARGIN * len(heights) + 0.5
    figure, axes = sheet(width, height)
    y = MARGIN
    for one, columns, tall in zip(searches, trees, heights, strict=True):
        title = f"Search for program {one.get('program', '')}"
        axes.text(MARGIN, y + 0.08, title, fontsize=LARGE, weight="bold", color=INK, va="center")
        _draw_tree(axes, columns, y + 0.4)
        y += tall + MARGIN
    legend = (
        "red: the way to the program   ● complete program   struck through: not admitted   "
        "numbers: cost + error = score"
    )
    axes.text(MARGIN, height - 0.2, legend, fontsize=SMALL, color=MUTED, va="center")
    return figure


def _columns(nodes: Sequence[Mapping[str, Any]]) -> list[list[_Row]]:
    """The rows of each generation, families in the order of their parents."""
    children: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for node in nodes:
        children[node.get("parent")].append(node)
    columns, generation = list[list[_Row]](), [_Row(None, None, "")]
    while generation:
        following = []
        for row in generation:
            if row.node is not None or not columns:
                following += _family(row, children[row.node["id"] if row.node else None])
        if following:
            columns.append(following)
        generation = following
    return columns


def _family(parent: _Row, nodes: list[Mapping[str, Any]]) -> list[_Row]:
    """The children of one candidate, best first; all of them only on the way to the program."""
    identity = parent.node["id"] if parent.node else None
    ordered = sorted(nodes, key=lambda node: (_excluded(node), _value(node), node["id"]))
    whole = parent.node is None or parent.chosen
    shown = ordered if whole else ordered[:_SHOWN]
    rows = [_Row(node, identity, str(node.get("rule", node.get("program")))) for node in shown]
    hidden = len(ordered) - len(shown)
    if hidden:
        rows.append(_Row(None, identity, f"… {hidden} more"))
    return rows


def _place(rows: list[_Row]) -> float:
    """Set the height of each row of a column, families apart; returns the column's in inches."""
    y = 0.0
    for before, row in zip([rows[0], *rows], rows, strict=False):
        y += _FAMILY if before.parent != row.parent else 0.0
        row.y = y
        y += _ROW
    return y


def _excluded(node: Mapping[str, Any]) -> bool:
    return node.get("excluded") is not None and node.get("score") is None


def _value(node: Mapping[str, Any]) -> float:
    score = node.get("score")
    return float("inf") if score is None else float(score)


def _note(node: Mapping[str, Any]) -> str:
    """Write a candidate's cost and error as `0.02 + 0.131 = 0.151`, or why it has none."""
    if node.get("score") is None:
        return str(node.get("excluded") or "")
    return f"{node.get('cost', 0.0):.2f} + {node.get('error') or 0.0:.3f} = {node['score']:.3f}"


def _column_width(rows: Sequence[_Row]) -> float:
    label = max(mono_width(row.text, SMALL) for row in rows)
    notes = max([mono_width(_note(row.node), SMALL) for row in rows if row.node], default=0.0)
    return 0.2 + label + 0.15 + notes


def _draw_tree(axes: Axes, columns: list[list[_Row]], top: float) -> None:
    left, before = MARGIN, dict[Any, tuple[float, float, bool]]()
    for rows in columns:
        wide = _column_width(rows)
        here = {}
        for row in rows:
            row.y += top
            if row.parent in before:
                x, y, _ = before[row.parent]
                _branch(axes, (x, y), (left, row.y), row.chosen)
            _draw_row(axes, row, left, wide)
            if row.node is not None:
                here[row.node["id"]] = (left + wide, row.y, row.chosen)
        before, left = here, left + wide + _GAP


def _branch(axes: Axes, start: tuple[float, float], end: tuple[float, float], chosen: bool) -> None:
    middle = (start[0] + end[0]) / 2
    points = [start, (middle, start[1]), (middle, end[1]), end]
    curve = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    ink, wide = (ACCENT, 1.8) if chosen else (FAINT, 0.6)
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=ink, lw=wide, zorder=2 + chosen))


def _draw_row(axes: Axes, row: _Row, left: float, wide: float) -> None:
    node, x = row.node, left + 0.2
    if node is None:
        mono(axes, x, row.y, [(row.text, MUTED)], SMALL)
        return
    excluded = node.get("excluded") is not None
    ink = ACCENT if row.chosen else MUTED if excluded else INK
    if row.chosen:
        frame = FancyBboxPatch(
            (left, row.y - _ROW / 2 + 0.01),
            wide,
            _ROW - 0.02,
            boxstyle="round,pad=0,rounding_size=0.04",
            facecolor="#FBEDEC",
            edgecolor="none",
            zorder=0,
        )
        axes.add_patch(frame)
    if node.get("complete"):
        axes.plot([left + 0.1], [row.y], "o", color=ink, ms=3.5)
    mono(axes, x, row.y, [(row.text, ink)], SMALL, bold=row.chosen)
    if excluded:
        axes.plot([x, x + mono_width(row.text, SMALL)], [row.y, row.y], color=MUTED, lw=0.8)
    note = _note(node)
    start = left + wide - mono_width(note, SMALL) - 0.04
    mono(axes, start, row.y, [(note, ink if row.chosen else MUTED)], SMALL)

"""The style of all pictures: colours, and a sheet on which lengths are inches.

Figures are made without pyplot, which keeps state between figures and is not for worker processes.
Colours are Paul Tol's "bright" scheme, which readers with any colour vision can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#EE7733", "#000000")
UNKNOWN = "#BBBBBB"
INK, MUTED, FAINT, PAPER = "#222222", "#777777", "#D5D5D5", "#F5F6F8"
ACCENT = "#C8443C"
SMALL, NORMAL, LARGE = 7.5, 9.0, 10.5
# The width of a character of DejaVu Sans Mono, and a line's height, as shares of the font's size.
_MONO, _LINE = 0.602, 1.55


def colour(label: int) -> str:
    """The colour of a class or cluster; negative numbers stand for an unknown one."""
    return UNKNOWN if label < 0 else COLOURS[label % len(COLOURS)]


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of this size in inches; (0, 0) is its upper left corner."""
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def mono_width(text: str, size: float) -> float:
    """The width of a text in the monospaced font, in inches."""
    return len(text) * _MONO * size / 72


def line_height(size: float) -> float:
    """The inches from one line of text to the next."""
    return _LINE * size / 72


def mono(
    axes: Axes,
    x: float,
    y: float,
    pieces: Sequence[tuple[str, str]],
    size: float,
    bold: bool = False,
) -> None:
    """Write (text, colour) pieces one after the other in the monospaced font; y: their middle."""
    for text, ink in pieces:
        axes.text(
            x,
            y,
            text,
            color=ink,
            fontsize=size,
            family="monospace",
            weight="bold" if bold else "normal",
            va="center_baseline",
            parse_math=False,
        )
        x += mono_width(text, size)

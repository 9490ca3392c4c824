"""Albums: small images in rows on one sheet, enlarged, framed, with boxes and captions.

Lengths on the sheet are dots, DPI to the inch. An image is enlarged by a whole factor and placed on
whole dots, so that all of its pixels are squares of one size, with sharp edges.

Letters: H, W, C: height, width and channels (1 grey, 3 RGB) of an image, in pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.textpath import text_to_path

from benchmarks.pictures.drawing import DPI
from benchmarks.pictures.style import INK, LARGE, MUTED, NORMAL, SMALL, line_height, sheet

MARGIN, GAP, FRAME = 30, 22, 6
NARROWEST = 560
CAPTION_LINES = 4
# The colour of a dark edge around the lines of boxes, so that they are seen on any ground.
_SHADE = "#000000"
_NAME_HEIGHT = 22
Place = tuple[float, float, float, float]


@dataclass(frozen=True)
class Box:
    """An outline in an image. at: x0, y0, x1, y1 in pixels; strength: the line's, in (0, 1]."""

    at: Sequence[float]
    ink: str
    strength: float = 1.0
    name: str = ""


@dataclass(frozen=True)
class Tile:
    """An image (H, W, C) uint8 with a frame of this colour, boxes, and a caption beneath."""

    image: np.ndarray
    frame: str | None = None
    caption: str = ""
    ink: str = MUTED
    boxes: tuple[Box, ...] = ()


def album(
    rows: Iterable[Sequence[Tile]],
    title: str,
    about: str = "",
    headings: Sequence[str] = (),
    names: Sequence[str] = (),
    side: int = 256,
) -> Figure:
    """Draw rows of images of one shape on a sheet as large as needed.

    about: a line below the title. headings: texts above the columns; names: texts above the rows.
    side: dots to which the longer side of an image is enlarged, as nearly as a whole factor allows.
    """
    rows = [row for row in rows if row]
    high, wide = rows[0][0].image.shape[:2] if rows else (1, 1)
    scale = max(1, round(side / max(high, wide)))
    high, wide = high * scale, wide * scale
    columns = max(map(len, rows), default=0)
    width = max(NARROWEST, 2 * MARGIN + columns * (wide + GAP) - GAP)
    captions = [[wrapped(one.caption, wide, SMALL) for one in row] for row in rows]
    top = _Column()
    top.add(wrapped(title, width - 2 * MARGIN, LARGE, bold=True), LARGE, INK, "bold")
    top.add(wrapped(about, width - 2 * MARGIN, SMALL), SMALL, MUTED)
    top.y += FRAME + 6
    deep = [max(map(len, lines)) * _line(SMALL) for lines in captions]
    deep = [lines + FRAME if lines else 0 for lines in deep]
    named = _line(NORMAL) + FRAME + 4 if names else 0
    headed = _line(SMALL) + 4 if headings else 0
    height = top.y + headed + sum(named + high + GAP + lines for lines in deep) + MARGIN - GAP
    figure, ground = sheet(width / DPI, height / DPI)
    ground.set(xlim=(0, width), ylim=(height, 0))
    top.write(ground)
    y = top.y
    for column, heading in enumerate(headings if rows else ()):
        middle = MARGIN + column * (wide + GAP) + wide / 2
        _write(ground, middle, y, heading, SMALL, MUTED, across="center")
    y += headed
    for place, (row, lines) in enumerate(zip(rows, captions, strict=True)):
        if names:
            _write(ground, MARGIN, y, names[place], NORMAL, INK)
        y += named
        for column, (tile, caption) in enumerate(zip(row, lines, strict=True)):
            x = MARGIN + column * (wide + GAP)
            if tile.frame:
                _frame(ground, x, y, wide, high, tile.frame)
            at = (x / width, 1 - (y + high) / height, wide / width, high / height)
            _draw(figure.add_axes(at), tile, scale)
            for number, line in enumerate(caption):
                below = y + high + FRAME + number * _line(SMALL)
                _write(ground, x, below, line, SMALL, tile.ink)
        y += high + GAP + deep[place]
    return figure


class _Column:
    """Lines of text below each other from the top of the sheet."""

    def __init__(self) -> None:
        self.y = MARGIN
        self.lines: list[tuple[int, str, float, str, str]] = []

    def add(self, lines: Sequence[str], size: float, ink: str, weight: str = "normal") -> None:
        """Add lines below the others."""
        for line in lines:
            self.lines.append((self.y, line, size, ink, weight))
            self.y += _line(size)

    def write(self, axes: Axes) -> None:
        """Write all lines on the sheet."""
        for y, line, size, ink, weight in self.lines:
            _write(axes, MARGIN, y, line, size, ink, weight)


def _line(size: float) -> int:
    """The dots from one line of text to the next."""
    return round(line_height(size) * DPI)


def _write(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    size: float,
    ink: str,
    weight: str = "normal",
    across: str = "left",
) -> None:
    """Write a line of text whose top is at y."""
    middle = y + _line(size) / 2
    axes.text(
        x,
        middle,
        text,
        fontsize=size,
        color=ink,
        weight=weight,
        ha=across,
        va="center_baseline",
        parse_math=False,
    )


def _frame(axes: Axes, x: float, y: float, wide: float, high: float, ink: str) -> None:
    """Draw a frame around an image without covering any of it."""
    corner, size = (x - FRAME, y - FRAME), (wide + 2 * FRAME, high + 2 * FRAME)
    axes.add_patch(Rectangle(corner, *size, facecolor=ink, edgecolor="none"))


def _draw(axes: Axes, tile: Tile, scale: int) -> None:
    """Draw the image with its boxes; the axes are in pixels of the image."""
    high, wide, _ = tile.image.shape
    axes.imshow(
        np.broadcast_to(tile.image, (high, wide, 3)),
        interpolation="nearest",
        extent=(0, wide, high, 0),
        aspect="auto",
    )
    axes.set_axis_off()
    taken: list[Place] = []
    for box in tile.boxes:
        x0, y0, x1, y1 = (float(end) for end in box.at)
        taken.append((x0, y0, x1, y1))
        line = 0.5 + 1.0 * box.strength
        axes.add_patch(
            Rectangle(
                (x0, y0),
                x1 - x0,
                y1 - y0,
                fill=False,
                edgecolor=box.ink,
                linewidth=line,
                alpha=box.strength,
                path_effects=[withStroke(linewidth=line + 1.2, foreground=_SHADE)],
            )
        )
    for box in tile.boxes:
        if box.name:
            place = _name_place(box, (wide, high), scale, taken)
            taken.append(place)
            _name(axes, box, place)


def _name_place(
    box: Box,
    size: tuple[int, int],
    scale: int,
    taken: Sequence[Place],
) -> Place:
    """Find a place for a name above its box or near it, where it covers least of the others.

    taken: the boxes and the names already placed; all in pixels, x0, y0, x1, y1.
    """
    x0, y0, x1, y1 = box.at
    wide, high = (text_width(box.name, SMALL) + 8) / scale, _NAME_HEIGHT / scale
    gap, places = 3 / scale, list[Place]()
    above, below = y0 - high - gap, y1 + gap
    tops = (above, below, above - high, below + high)
    corners = [(left, top) for top in tops for left in (x0, x1 - wide)]
    corners += [(x0 - wide - gap, y0), (x1 + gap, y0), (x0, y0), (x0, y1 - high)]
    for left, top in corners:
        across = min(max(left, 0.0), max(size[0] - wide, 0.0))
        down = min(max(top, 0.0), max(size[1] - high, 0.0))
        places.append((across, down, across + wide, down + high))
    return min(places, key=lambda place: sum(_overlap(place, other) for other in taken))


def _overlap(one: Place, other: Place) -> float:
    """The area that two rectangles share."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(across, 0.0) * max(down, 0.0)


def _name(axes: Axes, box: Box, place: Place) -> None:
    x0, y0, x1, y1 = place
    axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, facecolor=_SHADE, alpha=0.65, zorder=3))
    axes.text(
        (x0 + x1) / 2,
        (y0 + y1) / 2,
        box.name,
        fontsize=SMALL,
        color=box.ink,
        ha="center",
        va="center_baseline",
        parse_math=False,
        zorder=4,
    )


@cache
def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in dots."""
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    points, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(points) * DPI / 72


def wrapped(
    text: str, width: float, size: float, most: int = CAPTION_LINES, bold: bool = False
) -> list[str]:
    """Wrap text into at most `most` lines of at most `width` dots; a cut text ends in "…"."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while " " in last and text_width(f"{last} …", size, bold) > width:
        last = last.rpartition(" ")[0]
    return [*lines[: most - 1], f"{last} …"]

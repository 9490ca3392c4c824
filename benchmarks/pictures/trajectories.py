"""Pictures of the `trajectories` suite: clusters drawn as paths on a plane, court or cage; latents.

Letters: N examples, T+1 frames, D state features, d dimensions of a latent, F factors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Arc, Circle, Rectangle

from benchmarks.pictures.programs import program as program
from benchmarks.pictures.programs import search as search
from benchmarks.pictures.style import FAINT, INK, LARGE, MUTED, NORMAL, SMALL, colour

MOST_CLUSTERS = 8
MOST_POINTS = 2000
FRAME = np.array([1024.0, 570.0])
BASKET = (5.25, 25.0)


def clusters(
    states: np.ndarray,
    clusters: np.ndarray,
    labels: np.ndarray,
    ground: str,
    classes: Sequence[str] = (),
) -> Figure:
    """Draw examples of the largest clusters as paths, coloured by true class.

    states: (N, T+1, D) as the suite has them; clusters, labels: (N,) integers, a negative label
    is unknown. ground: "plane", "court" or "cage". A path grows darker with time and ends in a
    dot. The bar under a cluster shows which classes it holds.
    """
    draw, across, overlaid = GROUNDS[ground]
    numbers, counts = np.unique(clusters, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_CLUSTERS]
    columns = across or min(4, len(order))
    rows = len(order) if across else -(-len(order) // columns)
    aspect = {"plane": 1.0, "court": 50 / 47, "cage": FRAME[1] / FRAME[0]}[ground]
    wide = min(2.6, 10.5 / columns) if ground != "cage" else min(3.6, 12.0 / columns)
    figure = Figure(figsize=(columns * wide, rows * (wide * aspect + 0.42) + 0.4))
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.06)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for place, cluster in enumerate(np.sort(numbers[order])):
        members = np.flatnonzero(clusters == cluster)
        line = grid[place] if across else [grid.flat[place]]
        shown = _spread(members, overlaid * len(line)).reshape(-1)
        for column, axes in enumerate(line):
            draw(axes, states, shown[column :: len(line)], labels)
        title = f"cluster {cluster}  ·  {100 * len(members) / len(clusters):.0f} %"
        line[0].set_title(title, fontsize=NORMAL, color=INK, loc="left", weight="bold")
        _composition(line[0], labels[members])
    hidden = len(numbers) - len(order)
    handles = [
        Line2D([], [], color=colour(int(label)), lw=2.5, label=_class(int(label), classes))
        for label in np.unique(labels)
    ]
    if ground == "cage":
        handles.append(Line2D([], [], color=MUTED, lw=1.2, label="intruder"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=max(1, min(len(handles), int(columns * wide / 1.3))),
        frameon=False,
        fontsize=SMALL,
        title=f"{hidden} smaller clusters are not shown" if hidden else None,
        title_fontsize=SMALL,
    )
    return figure


def _class(label: int, classes: Sequence[str]) -> str:
    if label < 0:
        return "unknown"
    return classes[label].replace("_", " ") if label < len(classes) else f"class {label}"


def _spread(members: np.ndarray, count: int) -> np.ndarray:
    """Choose at most `count` members, evenly spread; the same outputs give the same picture."""
    places = np.linspace(0, len(members) - 1, min(count, len(members)))
    return members[np.round(places).astype(int)]


def _composition(axes: Axes, labels: np.ndarray) -> None:
    """Draw a bar with the shares of the classes in a cluster."""
    bar = axes.inset_axes((0.0, -0.075, 1.0, 0.035))
    start = 0.0
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        share = count / len(labels)
        bar.barh([0], [share], left=[start], color=colour(int(label)), height=1.0)
        start += share
    bar.set(xlim=(0, 1), ylim=(-0.5, 0.5))
    bar.set_axis_off()


def _path(axes: Axes, points: np.ndarray, ink: str, width: float = 1.0, alpha: float = 0.9) -> None:
    """Draw a path of points (T+1, 2), faint at the start and full at the end, which has a dot."""
    segments = np.stack([points[:-1], points[1:]], 1)
    shades = np.tile(to_rgba(ink), (len(segments), 1))
    shades[:, 3] = np.linspace(0.1, alpha, len(segments))
    axes.add_collection(LineCollection(list(segments), colors=shades, linewidths=width))
    axes.plot(*points[-1], "o", color=ink, ms=2.2 * width**0.5, alpha=alpha, mec="none")


def _plane(axes: Axes, states: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> None:
    """Draw paths in the plane, with a cross at their mean start."""
    points = states[..., :2]
    centre = points[:, 0].mean(0)
    reach = 1.05 * np.quantile(np.abs(points[:, -1] - centre), 0.995)
    axes.axhline(centre[1], color=FAINT, lw=0.8, zorder=0)
    axes.axvline(centre[0], color=FAINT, lw=0.8, zorder=0)
    for row in rows:
        _path(axes, points[row], colour(int(labels[row])), 0.9, 0.75)
    axes.set(
        xlim=(centre[0] - reach, centre[0] + reach), ylim=(centre[1] - reach, centre[1] + reach)
    )
    _framed(axes)


def _framed(axes: Axes) -> None:
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[], aspect="equal")
    for spine in axes.spines.values():
        spine.set(color=FAINT, linewidth=0.8)


def _court(axes: Axes, states: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> None:
    """Draw five players on a half-court, in feet; states are (x - 25) / 94 and (y - 25) / 50."""
    _court_lines(axes)
    for row in rows:
        feet = states[row].reshape(len(states[row]), -1, 2) * np.array([94.0, 50.0]) + 25.0
        for player in np.swapaxes(feet, 0, 1):
            _path(axes, player, colour(int(labels[row])), 1.6)


def _court_lines(axes: Axes) -> None:
    style: dict[str, Any] = {
        "edgecolor": "#B9A98F",
        "facecolor": "none",
        "linewidth": 0.9,
        "zorder": 0,
    }
    axes.add_patch(Rectangle((0, 0), 47, 50, **{**style, "facecolor": "#FBF7F0"}))
    axes.add_patch(Rectangle((0, 17), 19, 16, **style))
    axes.add_patch(Circle((19, 25), 6, **style))
    axes.add_patch(Arc((47, 25), 12, 12, theta1=90, theta2=270, **style))
    # The three-point line: 22 feet from the basket in the corners, 23.75 elsewhere.
    corner = float(np.degrees(np.arcsin(22 / 23.75)))
    reach = BASKET[0] + (23.75**2 - 22**2) ** 0.5
    axes.add_patch(Arc(BASKET, 47.5, 47.5, theta1=-corner, theta2=corner, **style))
    for y in (3, 47):
        axes.plot([0, reach], [y, y], color=style["edgecolor"], lw=0.9, zorder=0)
    axes.plot([4, 4], [22, 28], color=style["edgecolor"], lw=1.6, zorder=0)
    axes.add_patch(Circle(BASKET, 0.75, **{**style, "edgecolor": "#C8443C"}))
    axes.set(xlim=(-0.5, 47.5), ylim=(-0.5, 50.5), aspect="equal")


def _cage(axes: Axes, states: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> None:
    """Draw the paths of resident and intruder, in pixels; states are scaled by half the frame."""
    axes.set(xlim=(0, FRAME[0]), ylim=(FRAME[1], 0))
    for row in rows:
        for first, ink, width in ((9, MUTED, 0.8), (0, colour(int(labels[row])), 1.4)):
            pixels = (states[row][:, first : first + 2] + 1) * FRAME / 2
            _path(axes, pixels, ink, width)
    _framed(axes)


Ground = Callable[[Axes, np.ndarray, np.ndarray, np.ndarray], None]
# Grounds by name: the function that draws a panel, the number of panels of a cluster (0: one, and
# clusters side by side), and the number of examples in a panel.
GROUNDS: dict[str, tuple[Ground, int, int]] = {
    "plane": (_plane, 0, 60),
    "court": (_court, 4, 1),
    "cage": (_cage, 0, 30),
}


def latents(latents: Sequence[np.ndarray], factors: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw the neural latent before any program and after each, a row for each factor's colours.

    latents: arrays (N, d), where d may differ; factors: (N, F) or (N,) integers; names: those of
    the F factors. d > 2 is shown by two principal components; d = 1 gets a second axis of jitter.
    """
    factors = factors.reshape(len(factors), -1)
    rows = _spread(np.arange(len(factors)), MOST_POINTS)
    planes = [_plane_of(np.asarray(latent))[rows] for latent in latents]
    size = (2.4 * len(planes) + 0.9, 2.4 * len(names) + 0.3)
    figure = Figure(figsize=size)
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.06)
    grid = figure.subplots(len(names), len(planes), squeeze=False)
    order = np.random.Generator(np.random.Philox(0)).permutation(len(rows))
    for line, (name, values) in enumerate(zip(names, factors[rows].T, strict=True)):
        for column, points in enumerate(planes):
            axes = grid[line, column]
            shades = [colour(int(value)) for value in values[order]]
            axes.scatter(*points[order].T, s=4, c=shades, alpha=0.55, linewidths=0)
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set(color=FAINT, linewidth=0.8)
            if line == 0:
                axes.set_title(_stage(column), fontsize=LARGE, color=INK)
            if column == 0:
                axes.set_ylabel(name, fontsize=LARGE, color=INK)
        handles = [
            Line2D([], [], marker="o", ls="", ms=4, color=colour(int(value)), label=str(value))
            for value in np.unique(values)
        ]
        grid[line, -1].legend(
            handles=handles,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize=SMALL,
            handletextpad=0.1,
        )
    return figure


def _stage(place: int) -> str:
    if place == 0:
        return "no program"
    return f"after {place} program" + "s" * (place > 1)


def _plane_of(latent: np.ndarray) -> np.ndarray:
    """Project a latent (N, d) to (N, 2), centred."""
    count, size = latent.shape
    if size > 2 and not np.ptp(latent, axis=0).any():
        return np.zeros((count, 2))  # collapsed to a point
    if size > 2:
        from sklearn.decomposition import PCA

        return np.asarray(PCA(2, random_state=0).fit_transform(latent))
    jitter = np.random.Generator(np.random.Philox(1)).uniform(-1, 1, (count, 2))
    points = np.concatenate([latent, jitter], 1)[:, :2]
    return np.asarray(points - points.mean(0))

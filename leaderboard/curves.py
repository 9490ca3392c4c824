"""Pictures of learning curves: all methods of a task, with a band for their seeds."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.errors import SymbenchError
from benchmarks.pictures.drawing import DPI
from benchmarks.pictures.style import COLOURS, FAINT, INK, LARGE, MUTED, NORMAL
from benchmarks.records import Record, write_atomically
from leaderboard.selection import CONTROL, Entrant, Group, grouped

WIDTH, HEIGHT, BAND = 7.5, 4.2, 0.15
# Styles of lines; with them a colour serves several methods.
STYLES = ("-", "--", ":", "-.")


def draw(records: Iterable[Record], folder: Path) -> list[Path]:
    """Draw the curves of each group of records that has any; returns the files, one a group.

    Raises `SymbenchError` where no record has a curve.
    """
    drawn = []
    for group, entrants in grouped(records, lambda record: "").items():
        shown = {name: _curves(one) for name, one in entrants.items() if one.kind != CONTROL}
        shown = {name: seeds for name, seeds in shown.items() if seeds}
        if not shown:
            continue
        newest = next(iter(entrants.values())).newest
        scalar, goal = newest.converged or ("loss", None)
        name = f"{group.suite}-{group.profile}-{group.task}-{group.regime}.png"
        content, path = io.BytesIO(), folder / name
        figure(group, shown, scalar, goal).savefig(
            content, format="png", dpi=DPI, metadata={"Software": None}
        )
        try:
            write_atomically(path, content.getvalue())
        except OSError as error:
            raise SymbenchError(
                f"cannot write the curves below '{folder}': {error.strerror}; give another folder."
            ) from error
        drawn.append(path)
    if not drawn:
        raise SymbenchError("no record here has a learning curve; run its cells with --force.")
    return drawn


def figure(
    group: Group,
    shown: dict[str, list[tuple[list[float], list[float]]]],
    scalar: str,
    goal: float | None,
) -> Figure:
    """A figure with a line for each method, the mean over seeds, in a band from least to most.

    shown: for each method and seed, the updates and the values of the scalar. goal: the value at
    which a training counts as converged.
    """
    picture = Figure(figsize=(WIDTH, HEIGHT), facecolor="white", layout="constrained")
    axes = picture.add_subplot()
    order = sorted(shown, key=lambda name: _mean_of_last(shown[name]), reverse=goal is not None)
    for number, name in enumerate(order):
        _line(axes, name, shown[name], number)
    if goal is not None:
        axes.axhline(goal, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.set_ylim(top=1.02)
    longest = max(at[-1] for seeds in shown.values() for at, _ in seeds)
    if longest > 1000:
        axes.set_xscale("log")
    axes.set_xlabel("updates", fontsize=NORMAL, color=INK)
    axes.set_ylabel(f"{scalar} in training", fontsize=NORMAL, color=INK)
    title = f"{group.task} {group.regime}, {group.profile}"
    axes.set_title(title, fontsize=LARGE, color=INK, loc="left")
    axes.grid(color=FAINT, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=NORMAL, colors=MUTED)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=NORMAL)
    return picture


def _line(
    axes: Axes, name: str, seeds: Sequence[tuple[list[float], list[float]]], number: int
) -> None:
    colour = COLOURS[number % len(COLOURS)]
    style = STYLES[number // len(COLOURS) % len(STYLES)]
    at = np.unique(np.concatenate([updates for updates, _ in seeds]))
    values = np.stack([np.interp(at, *seed) for seed in seeds])
    axes.plot(at, values.mean(0), style, color=colour, linewidth=1.5, label=name)
    if len(seeds) > 1:
        axes.fill_between(at, values.min(0), values.max(0), color=colour, alpha=BAND, linewidth=0)


def _mean_of_last(seeds: Sequence[tuple[list[float], list[float]]]) -> float:
    return float(np.mean([values[-1] for _, values in seeds]))


def _curves(entrant: Entrant) -> list[tuple[list[float], list[float]]]:
    """The updates and values of an entrant's seeds, without points that lack the scalar."""
    scalar = (entrant.newest.converged or ("loss", None))[0]
    found = []
    for record in entrant.done.values():
        pairs = zip(record.curve.get("updates", []), record.curve.get(scalar, []), strict=False)
        whole = [(float(at or 0), float(value)) for at, value in pairs if value is not None]
        if whole:
            found.append(([at for at, _ in whole], [value for _, value in whole]))
    return found

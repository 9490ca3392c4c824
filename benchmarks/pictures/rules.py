"""Pictures of the `abstract_rules` suite: the keys that a memory network writes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from benchmarks.pictures.style import INK, LARGE, MUTED, NORMAL, SMALL

# The inches of a cell of the matrix, and those beside it.
CELL, BESIDE = 0.52, 1.3
# The value from which on a cell is so dark that its number is written in white.
DARK = 0.6


def key_similarity(similarity: np.ndarray) -> Figure:
    """Draw similarities of keys (T, T): rows are steps with training symbols, columns with others.

    A bright diagonal of ones says that the keys do not depend on the images.
    """
    steps = len(similarity)
    side = steps * CELL + BESIDE
    figure = Figure(figsize=(max(side, 3.2), side + 0.4), facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(similarity, cmap="Blues", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(similarity):
        ink = "white" if value > DARK else INK
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=SMALL)
    ticks = range(steps)
    axes.set_xticks(ticks, [str(step + 1) for step in ticks])
    axes.set_yticks(ticks, [str(step + 1) for step in ticks])
    axes.set_xlabel("step, withheld symbols", fontsize=NORMAL, color=INK)
    axes.set_ylabel("step, training symbols", fontsize=NORMAL, color=INK)
    axes.set_title("cosine of written keys", fontsize=LARGE, color=INK, loc="left")
    axes.tick_params(labelsize=SMALL, colors=MUTED)
    return figure

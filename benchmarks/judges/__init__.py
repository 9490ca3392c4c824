"""Judges: programs that decide whether the scene in an image obeys the rule of its data set.

The authors counted the structure accuracy by hand. A judge does this automatically: it parses an
image back into a scene graph, and asks the data set's own `rule.violations` about it. Judges are
fixed and versioned, and the weights that they need lie beside them, so that a score means the same
for everybody; a training script beside each makes its weights anew. The suite scores the judges
themselves, on fresh images and on images with exactly one rule broken.

A judge is a function `load(data) -> Judges`; a data set names the judge that reads its images, and
other packages register theirs under `symbench.judges`. Letters: N images, H = W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

import symdata
from benchmarks.errors import SymbenchError
from symdata.registration import loaded, registered

__all__ = ["Found", "Judges", "Verdict", "checked_images", "load", "module"]

JUDGES = {
    "digits": "benchmarks.judges.digits:load",
    "arrow_room": "benchmarks.judges.arrow_room:load",
}
"""Judges by name: the paths of the functions that load them."""

ENTRY_POINTS = "symbench.judges"
SMALLEST = 32


@dataclass(frozen=True)
class Found:
    """An object that a judge sees: name, box (x0, y0, x1, y1) in pixels, confidence in [0, 1]."""

    name: str
    box: tuple[float, float, float, float]
    confidence: float


@dataclass(frozen=True)
class Verdict:
    """A judge's decision on one image; `reason` is its first objection, "" if the image obeys."""

    obeys: bool
    reason: str
    found: tuple[Found, ...]


Judges: TypeAlias = Callable[[np.ndarray], list[Verdict]]


def load(data: str) -> Judges:
    """The judge of a data set: images uint8 (N, H, W, C) → a verdict for each."""
    name = symdata.dataset(data).judge
    judges: Judges = loaded(_path(data), Callable, f"judge '{name}'")(data)
    return judges


def module(data: str) -> str:
    """The name of the module that judges a data set.

    Its `VERSION` is raised with any change of code or weights that may change a verdict.
    """
    return _path(data).partition(":")[0]


def _path(data: str) -> str:
    """The path of the function that loads the judge of a data set, `module:function`."""
    known = registered(ENTRY_POINTS, JUDGES)
    judge = symdata.dataset(data).judge
    if not judge:
        judged = [name for name in symdata.names() if symdata.dataset(name).judge]
        raise SymbenchError(f"'{data}' has no judge; there are judges for: {', '.join(judged)}.")
    if judge not in known:
        raise SymbenchError(
            f"no judge '{judge}', which '{data}' names; there are: {', '.join(known)}."
        )
    return known[judge]


def checked_images(images: np.ndarray, channels: int, smallest: int = SMALLEST) -> np.ndarray:
    """The images, unchanged; raises unless uint8 (N, H, H, `channels`) with H >= `smallest`."""
    shape, dtype = np.shape(images), getattr(images, "dtype", None)
    square = len(shape) == 4 and shape[1] == shape[2] >= smallest and shape[3] == channels
    if not square or dtype != np.uint8:
        raise SymbenchError(
            f"images to judge have shape {shape} and dtype {dtype}; expected uint8 "
            f"(N, H, H, {channels}) with H at least {smallest}: scale pixels to 0…255 and round."
        )
    return images

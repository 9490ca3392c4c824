"""A judge as a method, for the tasks that measure how good the judges themselves are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.judges import load
from benchmarks.protocol import Examples, Run


@dataclass(frozen=True)
class JudgeSettings:
    """The settings of a judge: `data`, its data set; `published` sets it to that of the task."""

    published: ClassVar[dict[str, dict[str, str]]] = {
        "mnist4": {"data": "mnist4"},
        "mnist10": {"data": "mnist10"},
        "arrow_room": {"data": "arrow_room"},
    }

    data: str = "mnist4"


class Judge:
    """The fixed judge of a data set; there is nothing to learn, and the seed changes nothing.

    Deviations:
      - The paper judges images by hand; this judge is a program, whose agreement with true scenes
        its record shows.
    """

    version = 1
    Settings: ClassVar[type] = JudgeSettings
    deterministic: ClassVar[bool] = True

    def __init__(self, settings: JudgeSettings) -> None:
        self.judge = load(settings.data)

    def fit(self, train: Examples, run: Run) -> None:
        """Do nothing: the judge's weights come with the package."""

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Judge the images: `verdicts` (N,) bool, True where an image obeys the rule."""
        verdicts = self.judge(np.asarray(inputs["images"]))
        return {"verdicts": np.array([verdict.obeys for verdict in verdicts], dtype=bool)}

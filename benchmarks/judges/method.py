"""A judge as a method: the entry of the tasks that ask how good the judges themselves are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.judges import load
from benchmarks.protocol import Examples, Run


@dataclass(frozen=True)
class JudgeSettings:
    """data: the data set whose judge it is."""

    data: str = "mnist4"


class Judge:
    """The fixed judge of a data set; there is nothing to learn, and the seed changes nothing."""

    Settings: ClassVar[type] = JudgeSettings
    deterministic: ClassVar[bool] = True

    def __init__(self, settings: JudgeSettings) -> None:
        self.judge = load(settings.data)

    def fit(self, train: Examples, run: Run) -> None:
        """Nothing: its weights lie beside it."""

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`verdicts`: (N,) bool, whether each image obeys the rule."""
        verdicts = self.judge(np.asarray(inputs["images"]))
        return {"verdicts": np.array([verdict.obeys for verdict in verdicts], dtype=bool)}

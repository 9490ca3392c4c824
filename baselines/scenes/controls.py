"""Controls of the `scenes` suite: the best that samples can be, and real objects by no rule.

`Real` gives the test images themselves: the ceiling, if the judge and the classifier are just.
`Shuffled` gives images of real objects put together at random, as a generator would that has
learned objects and no structure.

Letters: N examples, C channels, H = W = size in pixels.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from baselines.scenes.scene_method import images_of
from benchmarks.protocol import Examples, NoSettings, Run


class Real:
    """The test images as samples."""

    version = 1
    deterministic: ClassVar[bool] = True
    Settings: ClassVar[type] = NoSettings
    reads: ClassVar[tuple[str, ...]] = ()
    column: ClassVar[str] = "images"

    def __init__(self, settings: NoSettings) -> None:
        self.settings = settings

    def fit(self, train: Examples, run: Run) -> None:
        """Do nothing, as there is nothing to learn."""

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Answer with the images themselves: `samples` (N, H, W, C) uint8."""
        return {"samples": images_of(inputs, self.column)}


class Shuffled(Real):
    """Objects of the test images put together at random, from the privileged column `shuffled`."""

    version = 1
    reads: ClassVar[tuple[str, ...]] = ("shuffled",)
    column: ClassVar[str] = "shuffled"

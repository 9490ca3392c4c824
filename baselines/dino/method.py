"""DINO's own features: the class token of the teacher from which the other methods learn.

Caron et al. (ICCV 2021, arXiv 2104.14294). `fit` obtains the teacher, which is trained once for all
methods and seeds; the seed of the run makes no difference.

Letters: N images, D width of a token.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from baselines.dino.teacher import TaughtSettings, Teacher, checked_colour_images, obtain
from baselines.dino.view_tokens import class_tokens_of
from benchmarks.protocol import Examples, Run, SymbenchError


class DINO:
    """The frozen teacher as a method.

    Deviations:
      - `dino_tiny`, where no published teacher can be had, is a small network that DINO trains on
        the task's own images, without blur and with crops of the image's size and of half of it.
    """

    version = 1
    rests_on = ("baselines.dino.teacher",)
    Settings: ClassVar[type] = TaughtSettings
    reads: ClassVar[tuple[str, ...]] = ()
    deterministic: ClassVar[bool] = True

    def __init__(self, settings: TaughtSettings) -> None:
        self.settings = settings
        self.teacher: Teacher | None = None
        self.explanation: dict[str, Any] = {}

    @property
    def parameters(self) -> int | None:
        """The number of weights of the encoder; None before `fit`."""
        return None if self.teacher is None else self.teacher.about["parameters"]

    def fit(self, train: Examples, run: Run) -> None:
        """Obtain the teacher of `images` (N, H, W, 3) uint8."""
        self.teacher = obtain(np.asarray(train["images"]), self.settings, run)
        self.explanation = {"teacher": self.teacher.about}

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`features` (N, D) float32: the class tokens."""
        if self.teacher is None:
            raise SymbenchError("DINO has not learned yet; call fit first.")
        images = checked_colour_images(np.asarray(inputs["images"]))
        return {"features": class_tokens_of(images, self.teacher, run)}

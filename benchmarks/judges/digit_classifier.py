"""The classifier of digits: it reads crops with the trained network, unsure ones several times.

Letters: M crops, W = H their side in pixels, J = 11 classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from benchmarks.judges.digit_network import NO_DIGIT, DigitNetwork, normalised

# Views of an unsure crop, whose probabilities are averaged: zoom, rotation (radians), slant.
VIEWS = ((1.0, 0.0, 0.0), (0.92, 0.0, 0.0), (1.08, 0.0, 0.0), (1.0, 0.1, 0.0), (1.0, -0.1, 0.0),
         (1.0, 0.0, 0.15), (1.0, 0.0, -0.15))  # fmt: skip
PLAIN = 0.98
AT_ONCE = 512


class Classifier:
    """The trained network with a method that gives probabilities for windows of an image."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.network = DigitNetwork()
        state = {name: torch.from_numpy(array) for name, array in weights.items()}
        self.network.load_state_dict(state, strict=False)
        self.network.to(memory_format=torch.channels_last).eval()

    def probabilities(self, windows: np.ndarray, size: int) -> np.ndarray:
        """Probabilities (M, J) float32 for windows uint8 (M, W, W) of images of this size.

        A window whose best class has less than PLAIN is read in all VIEWS and averaged.
        """
        found = [
            self._of(torch.from_numpy(windows[start : start + AT_ONCE]).float() / 255, size)
            for start in range(0, len(windows), AT_ONCE)
        ]
        return np.concatenate(found) if found else np.zeros((0, NO_DIGIT + 1), np.float32)

    @torch.inference_mode()
    def _of(self, windows: Tensor, size: int) -> np.ndarray:
        said = self._look(windows, size)
        unsure = (said.amax(1) < PLAIN).nonzero()[:, 0]
        if len(unsure):
            again = [self._look(windows[unsure], size, *view) for view in VIEWS[1:]]
            said[unsure] = torch.stack([said[unsure], *again]).mean(0)
        return np.asarray(said.numpy())

    def _look(
        self, windows: Tensor, size: int, zoom: float = 1.0, turn: float = 0.0, slant: float = 0.0
    ) -> Tensor:
        crops = normalised(windows, size, zoom, turn, slant)
        logits: Tensor = self.network(crops.contiguous(memory_format=torch.channels_last))
        return logits.softmax(1)

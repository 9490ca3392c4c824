"""Controls of the `trajectories` suite: guessing, the raw states, and the features of the data.

Letters: N examples, T+1 states of a trajectory, D numbers of a state, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np
from einops import rearrange

from baselines.checks import whole
from baselines.trajectories.trajectory_encoder import moments
from baselines.trajectories.trajectory_method import centre_features, states_of, training_split
from benchmarks.protocol import Examples, NoSettings, Run, SymbenchError


@dataclass(frozen=True)
class RandomSettings:
    """clusters: the number of clusters; published: the number of classes of a data set."""

    published: ClassVar[dict[str, dict[str, Any]]] = {"basketball": {"clusters": 2}}

    clusters: int = 4

    def __post_init__(self) -> None:
        whole(self, "clusters", 1)


class Random:
    """A uniformly random cluster that depends on the seed and the states, not on their order."""

    version = 1
    Settings: ClassVar[type] = RandomSettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: RandomSettings) -> None:
        self.settings = settings

    def fit(self, examples: Examples, run: Run) -> None:
        """Do nothing, as there is nothing to learn."""

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Draw a cluster for each trajectory: `clusters` (N,)."""
        key = run.seed_for("evaluation").to_bytes(8, "little")
        drawn = [
            int.from_bytes(blake2b(row.tobytes(), digest_size=8, key=key).digest(), "little")
            for row in states_of(inputs)
        ]
        return {"clusters": np.array([number % self.settings.clusters for number in drawn])}


class KMeansRaw:
    """All states in a row, standardised by the training split; the task runs k-means on them."""

    version = 1
    deterministic: ClassVar[bool] = True
    Settings: ClassVar[type] = NoSettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: NoSettings) -> None:
        self.mean: np.ndarray | None = None
        self.shape: tuple[int, ...] = ()

    def fit(self, examples: Examples, run: Run) -> None:
        """Learn the mean and deviation of each feature."""
        states = states_of(training_split(examples))
        self.shape = states.shape[1:]
        self.mean, self.std = moments(states)

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`embeddings` (N, (T+1)·D) float32."""
        if self.mean is None:
            raise SymbenchError("KMeansRaw has not learned yet; call fit first.")
        states = states_of(inputs)
        if states.shape[1:] != self.shape:
            raise SymbenchError(
                f"a trajectory has shape {states.shape[1:]} here; KMeansRaw learned from those of "
                f"{self.shape}."
            )
        normal = ((states - self.mean) / self.std).astype(np.float32)
        return {"embeddings": rearrange(normal, "n t d -> n (t d)")}


class Features:
    """All features of the data in the centre frame; a classifier of behaviour learns on them alone.

    The Features baseline of Zhan et al. (TMLR 2022), after Sun et al. (CVPR 2021).

    Deviations:
      - The features of Sun et al. are others than those of this benchmark's languages.
    """

    version = 1
    deterministic: ClassVar[bool] = True
    Settings: ClassVar[type] = NoSettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: NoSettings) -> None:
        pass

    def fit(self, examples: Examples, run: Run) -> None:
        """Do nothing, as there is nothing to learn."""

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`embeddings` (N, F) float32."""
        return {"embeddings": centre_features(inputs)}

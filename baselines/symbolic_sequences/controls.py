"""Controls of the `symbolic_sequences` suite: symbols at random, by clustering, and no symbols.

`RandomSymbols` shows which scores the probes give where symbols mean nothing. `KMeansCodes` gives
as many symbols, from as large a vocabulary, as the students, without training a student: by
residual k-means of the teacher's class token. `Pixels` shows which scores raw images give.

Letters: N images, H = W, D width of the teacher's tokens, L = 8 symbols, K vocabulary, G = 4
prefixes, of 1, 2, 4 and 8 symbols, W dimensions of a representation.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from hashlib import shake_128
from typing import Any, ClassVar

import numpy as np

from baselines.checks import whole
from baselines.dino.frozen_teacher import Teacher, checked_colour_images
from baselines.dino.teacher import obtain
from baselines.dino.teacher_settings import TaughtSettings
from baselines.dino.view_tokens import class_tokens_of
from benchmarks.protocol import Examples, NoSettings, Run, SymbenchError

SYMBOLS, PREFIXES = 8, (1, 2, 4, 8)
NEAREST_AT_ONCE = 4096


@dataclass(frozen=True)
class RandomSymbolsSettings:
    """vocabulary: K; width: W, dimensions of the random vectors that stand for symbols."""

    vocabulary: int = 256
    width: int = 128

    def __post_init__(self) -> None:
        whole(self, "vocabulary", 1)
        whole(self, "width", 1)


class RandomSymbols:
    """Uniformly random symbols that depend on the seed and the pixels, not on the images' order.

    Each symbol at each place has a random vector; the representation is the sum of the eight.
    """

    version = 2
    Settings: ClassVar[type] = RandomSymbolsSettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: RandomSymbolsSettings) -> None:
        self.settings = settings

    def fit(self, train: Examples, run: Run) -> None:
        """Do nothing, as there is nothing to learn."""

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`features` (N, W) and `prefixes` (N, G, W) float32, `symbols` (N, L), `vocabulary`."""
        images = checked_colour_images(np.asarray(inputs["images"]))
        key = run.seed_for("symbols").to_bytes(8, "little")
        drawn = [shake_128(key + image.tobytes()).digest(8 * SYMBOLS) for image in images]
        numbers = np.frombuffer(b"".join(drawn), "<u8").reshape(len(images), SYMBOLS)
        symbols = (numbers % self.settings.vocabulary).astype(np.int64)
        shape = (SYMBOLS, self.settings.vocabulary, self.settings.width)
        vectors = run.rng("vectors").standard_normal(shape, dtype=np.float32)
        return _summed(symbols, vectors)


@dataclass(frozen=True)
class KMeansSettings(TaughtSettings):
    """vocabulary: K, the clusters of each of the eight levels; and the settings of the teacher."""

    vocabulary: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "vocabulary", 1)


class KMeansCodes:
    """The teacher's class token by residual k-means: each level clusters the last one's residuals.

    The first symbol is the number of the nearest of K centroids, as plain k-means has it, the
    second that of the residual, and so on; the representation is the sum of the eight centroids.
    Each level is scikit-learn's MiniBatchKMeans. With fewer than K images each is its own centroid.
    """

    version = 2
    rests_on = ("baselines.dino.teacher",)
    Settings: ClassVar[type] = KMeansSettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: KMeansSettings) -> None:
        self.settings = settings
        self.teacher: Teacher | None = None
        self.centroids: list[np.ndarray] = []
        self.explanation: dict[str, Any] = {}

    @property
    def parameters(self) -> int | None:
        """The numbers in the centroids; None before `fit`."""
        return sum(level.size for level in self.centroids) or None

    def fit(self, train: Examples, run: Run) -> None:
        """Obtain the teacher of `images` (N, H, W, 3), and cluster its tokens."""
        images = checked_colour_images(np.asarray(train["images"]))
        self.teacher = obtain(images, self.settings, run)
        self.explanation = {"teacher": self.teacher.about}
        residual = class_tokens_of(images, self.teacher, run, run.at_once)
        self.centroids = []
        for level in range(SYMBOLS):
            seed = run.seed_for(f"level {level}") % 2**32
            self.centroids.append(kmeans(residual, self.settings.vocabulary, seed))
            residual = residual - self.centroids[-1][nearest(residual, self.centroids[-1])]

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`features` (N, D) and `prefixes` (N, G, D) float32, `symbols` (N, L), `vocabulary`."""
        if self.teacher is None:
            raise SymbenchError("KMeansCodes has not learned yet; call fit first.")
        images = checked_colour_images(np.asarray(inputs["images"]))
        residual = class_tokens_of(images, self.teacher, run, run.at_once)
        symbols = np.empty((len(images), SYMBOLS), np.int64)
        for level, centroids in enumerate(self.centroids):
            symbols[:, level] = nearest(residual, centroids)
            residual = residual - centroids[symbols[:, level]]
        return _summed(symbols, self.centroids)


def kmeans(points: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """points: (N, D) → centroids (K, D) float32, or as many as there are points."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    learner = MiniBatchKMeans(min(clusters, len(points)), n_init=1, random_state=seed)
    with warnings.catch_warnings():
        # Fewer distinct residuals than clusters are left where an earlier level fits exactly.
        warnings.simplefilter("ignore", ConvergenceWarning)
        learner.fit(points)
    return np.asarray(learner.cluster_centers_, dtype=np.float32)


def nearest(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """points: (N, D), centroids: (K, D) → the number of the nearest centroid (N,)."""
    half = (centroids.astype(np.float64) ** 2).sum(1) / 2
    found = [
        (half - points[start : start + NEAREST_AT_ONCE].astype(np.float64) @ centroids.T).argmin(1)
        for start in range(0, len(points), NEAREST_AT_ONCE)
    ]
    return np.concatenate(found)


def _summed(symbols: np.ndarray, vectors: Any) -> dict[str, np.ndarray]:
    """symbols: (N, L), vectors (K, W) for each of L places → all outputs."""
    vocabulary = max(len(one) for one in vectors)
    total = np.zeros((len(symbols), vectors[0].shape[1]), np.float32)
    prefixes = []
    for place in range(SYMBOLS):
        total = total + vectors[place][symbols[:, place]]
        if place + 1 in PREFIXES:
            prefixes.append(total)
    return {
        "features": total,
        "prefixes": np.stack(prefixes, 1),
        "symbols": symbols,
        "vocabulary": np.full(len(symbols), vocabulary),
    }


class Pixels:
    """All pixels of the raw image in a row, as the image's features."""

    version = 1
    deterministic: ClassVar[bool] = True
    Settings: ClassVar[type] = NoSettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: NoSettings) -> None:
        self.settings = settings

    def fit(self, train: Examples, run: Run) -> None:
        """Do nothing, as there is nothing to learn."""

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`features` (N, H·W·3) float32 in [0, 1]."""
        images = checked_colour_images(np.asarray(inputs["images"]))
        return {"features": images.reshape(len(images), -1).astype(np.float32) / 255}

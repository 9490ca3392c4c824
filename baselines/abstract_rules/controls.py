"""Controls of the `abstract_rules` suite: guessing, raw pixels, and known symbols.

`Chance` shows that a task is balanced, `NearestNeighbour` which score pixels alone give, and
`Oracle`, which knows the symbols and the rules, that the answer of every problem is right.

Letters: N problems, T images of a problem, S distinct images, C classes.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import ClassVar

import numpy as np
from einops import rearrange

from baselines.abstract_rules.sequence_classifier import deduplicated
from benchmarks.protocol import Examples, NoSettings, Run, SymbenchError

AT_ONCE = 64


class Chance:
    """Random logits that depend on the seed and the pixels, not on the order of problems."""

    version = 1
    Settings: ClassVar[type] = NoSettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: NoSettings) -> None:
        self.classes: int | None = None

    def fit(self, train: Examples, run: Run) -> None:
        """Learn how many classes there are."""
        self.classes = _classes(train)

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Logits (N, C), uniform in [0, 1)."""
        classes = _learned(self, self.classes)
        images = deduplicated(inputs["images"])
        key = run.seed_for("evaluation").to_bytes(8, "little")
        names = [
            blake2b(image.tobytes(), digest_size=8, key=key).digest() for image in images.table
        ]
        rows = np.stack([names[s] for s in images.index.flat]).reshape(images.index.shape)
        logits = [
            np.frombuffer(blake2b(row.tobytes(), digest_size=8 * classes, key=key).digest(), "<u8")
            for row in rows
        ]
        return {"logits": (np.stack(logits) / 2.0**64).astype(np.float32)}


class NearestNeighbour:
    """The class of the training problem whose pixels, all T images in a row, are nearest.

    Logits are minus the squared distance to the nearest problem of each class, pixels in [0, 1].
    """

    version = 1
    deterministic: ClassVar[bool] = True
    Settings: ClassVar[type] = NoSettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: NoSettings) -> None:
        self.classes: int | None = None

    def fit(self, train: Examples, run: Run) -> None:
        """Keep the training problems."""
        self.classes = _classes(train)
        self.images = deduplicated(train["images"])
        self.labels = np.asarray(train["labels"])

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Logits (N, C)."""
        classes = _learned(self, self.classes)
        images = deduplicated(inputs["images"])
        # The distance of two problems is a sum over positions of distances of distinct images:
        # by_position[t]: (S_test, N_train), whole numbers of squared grey levels and thus exact.
        between = _squared_distances(images.table, self.images.table)
        by_position = [between[:, column] for column in self.images.index.T]
        members = [np.flatnonzero(self.labels == label) for label in range(classes)]
        nearest = np.empty((len(images), classes))
        for start in range(0, len(images), AT_ONCE):
            index = images.index[start : start + AT_ONCE]
            distance = sum(
                table[column] for table, column in zip(by_position, index.T, strict=True)
            )
            for label, rows in enumerate(members):
                part = np.asarray(distance)[:, rows]
                nearest[start : start + AT_ONCE, label] = part.min(1, initial=np.inf)
        # A class without training problems is infinitely far; logits must be numbers.
        return {"logits": -np.minimum(nearest / 255.0**2, 1e9).astype(np.float32)}


class Oracle:
    """The right answer, by the rules of the four tasks and the symbols that images show.

    It reads the privileged column `symbols` (N, T), and tells the tasks apart by their lengths.
    """

    version = 1
    deterministic: ClassVar[bool] = True
    Settings: ClassVar[type] = NoSettings
    reads: ClassVar[tuple[str, ...]] = ("symbols",)

    def __init__(self, settings: NoSettings) -> None:
        self.classes: int | None = None

    def fit(self, train: Examples, run: Run) -> None:
        """Learn how many classes there are."""
        self.classes = _classes(train)

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Logits (N, C): 1 for the answer, 0 elsewhere."""
        classes = _learned(self, self.classes)
        symbols = np.asarray(inputs["symbols"])
        length = symbols.shape[1]
        if length == 2:
            hits = _same_different(symbols)
        elif length == 6:
            hits = _relational_match(symbols)
        elif length == 5 + classes:
            hits = _row_rule(symbols)
        else:
            raise SymbenchError(
                f"problems of {length} symbols and {classes} classes follow no rule that Oracle "
                "knows; it knows 2, 6 and 5 + classes symbols."
            )
        return {"logits": hits.astype(np.float32)}


def _same_different(symbols: np.ndarray) -> np.ndarray:
    """symbols: (N, 2) → (N, 2) bool: whether they are the same, whether they differ."""
    same = symbols[:, 0] == symbols[:, 1]
    return np.stack([same, ~same], 1)


def _relational_match(symbols: np.ndarray) -> np.ndarray:
    """symbols: (N, 6), source pair and two targets → (N, 2): targets with the source's relation."""
    pairs = rearrange(symbols, "n (pair two) -> two n pair", two=2)
    same = pairs[0] == pairs[1]
    return same[:, 1:] == same[:, :1]


def _row_rule(symbols: np.ndarray) -> np.ndarray:
    """symbols: (N, 5 + C), a row, two symbols of the next row, choices → (N, C).

    Where the first row has three distinct symbols, the second is completed by the one of them that
    it lacks (distribution of three); otherwise it continues like the first (identity rules: ABA,
    ABB or AAA).
    """
    a, b, c, d, e = symbols[:, :5].T
    distinct = (a != b) & (b != c) & (a != c)
    missing = np.select([(a != d) & (a != e), (b != d) & (b != e)], [a, b], c)
    alike = np.where(c == a, d, e)
    return symbols[:, 5:] == np.where(distinct, missing, alike)[:, None]


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a: (S, 32, 32), b: (R, 32, 32) uint8 → (S, R) in squared grey levels, exact."""
    x, y = (rearrange(images.astype(np.float64), "s h w -> s (h w)") for images in (a, b))
    return (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T


def _classes(train: Examples) -> int:
    """The number of classes in the labels of a training set."""
    return int(np.asarray(train["labels"]).max()) + 1


def _learned(control: object, classes: int | None) -> int:
    """The number of classes; raises SymbenchError where `fit` has not set it."""
    if classes is None:
        raise SymbenchError(f"{type(control).__name__} has not learned yet; call fit first.")
    return classes

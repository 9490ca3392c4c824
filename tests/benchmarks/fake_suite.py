"""A suite that uses all that the contract offers: points on a line, to be split at zero."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from benchmarks.protocol import (
    Budget,
    Entry,
    Examples,
    OutputError,
    Profile,
    Score,
    Suite,
    Task,
    TaskData,
)

COUNT = 30


@dataclass(frozen=True)
class Split(Task):
    """Which side of zero a point lies on, without labels; `reason` is why the data are missing."""

    name: str
    regime: str = "clusters"
    version = 1
    score = Score("purity", None)
    also = (Score("nmi", percent=False), Score("largest_cluster", higher_is_better=False))
    needs = (("clusters", "embeddings"),)
    reason: Callable[[], str | None] = field(default=lambda: None, compare=False)

    def skip(self, sources=None) -> str | None:
        return self.reason()

    def dataset(self, sources=None) -> dict[str, Any]:
        return {"name": self.name, "version": 1, "sha256": "0" * 64}

    def load(self, seed: int, sources=None) -> TaskData:
        states = np.random.Generator(np.random.Philox(seed)).standard_normal(COUNT)
        columns = {"states": states.astype(np.float32)}
        labels = {"labels": (states > 0).astype(np.int64)}
        return TaskData(Examples(columns), Examples(columns), Examples(labels), f"draw {seed}")

    def check(self, outputs, count: int) -> None:
        if "clusters" in outputs and outputs["clusters"].dtype.kind not in "iu":
            raise OutputError("clusters are not whole numbers.")

    def evaluate(self, outputs, targets, device="cpu") -> dict[str, float]:
        first = outputs["clusters" if "clusters" in outputs else "embeddings"]
        clusters = first.reshape(len(first), -1)[:, 0] > 0
        labels = np.asarray(targets["labels"])
        right = float((clusters.astype(np.int64) == labels).mean())
        share = float(np.bincount(clusters.astype(np.int64)).max() / len(clusters))
        return {"purity": max(right, 1 - right), "nmi": 0.5, "largest_cluster": share}

    def flags(self, scores) -> list[str]:
        whole = scores["largest_cluster"] == 1
        return ["largest cluster holds 100 % of the examples"] if whole else []

    def pictures(self, outputs, data, explanation, illustrations):
        def line():
            from matplotlib.figure import Figure

            figure = Figure(figsize=(1, 1))
            figure.add_subplot().plot(np.asarray(data.inputs["states"]), outputs["clusters"], ".")
            return figure

        def broken():
            raise RuntimeError("out of paint")

        def curve():
            from matplotlib.figure import Figure

            figure = Figure(figsize=(1, 1))
            figure.add_subplot().plot(illustrations["curve"])
            return figure

        drawn = {"line": line, "broken": broken}
        return drawn | {"curve": curve} if "curve" in illustrations else drawn


@dataclass(frozen=True)
class SideSettings:
    threshold: float = 0.0
    scale: float = 1.0


class Side:
    """Clusters by a threshold, and says so."""

    Settings = SideSettings
    deterministic = True

    def __init__(self, settings):
        self.settings = settings

    def fit(self, train, run):
        run.report(1, 1, train.count)

    def evaluate(self, inputs, run):
        above = np.asarray(inputs["states"]) > self.settings.threshold
        words = f"above {self.settings.threshold}"
        self.explanation = {"programs": [{"text": "x > t", "words": words}]}
        return {"clusters": above.astype(np.int64)}


class Embeds(Side):
    def evaluate(self, inputs, run):
        return {"embeddings": np.asarray(inputs["states"])[:, None] * self.settings.scale}


class Silent(Side):
    def evaluate(self, inputs, run):
        return {"bits": np.zeros(inputs.count)}


class Unspeakable(Side):
    def evaluate(self, inputs, run):
        outputs = super().evaluate(inputs, run)
        self.explanation = {"programs": [np.arange(3)]}
        return outputs


class Shows(Side):
    """Gives arrays for pictures, one of each kind of number."""

    def evaluate(self, inputs, run):
        self.illustrations = {
            "curve": np.linspace(0, 1, 7, dtype=np.float32),
            "images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
            "present": np.array([[True], [False]]),
            "alone": np.array(3),
        }
        return super().evaluate(inputs, run)


class Words(Side):
    illustrations: ClassVar[dict] = {"x": np.array(["a"])}


class Resumed(Side):
    def fit(self, train, run):
        super().fit(train, run)
        run.earlier_seconds = 1000.0


class Infinite(Unspeakable):
    def evaluate(self, inputs, run):
        outputs = super().evaluate(inputs, run)
        self.explanation = {"cost": float("nan")}
        return outputs


class Draws(Side):
    """Its clusters are drawn, and have nothing to do with the inputs."""

    deterministic = False

    def stream(self, run):
        return run.rng("samples")

    def evaluate(self, inputs, run):
        return {"clusters": self.stream(run).integers(0, 2, inputs.count)}


class DrawsAndEmbeds(Draws):
    def embeddings(self, inputs):
        return np.asarray(inputs["states"])[:, None]

    def evaluate(self, inputs, run):
        return {**super().evaluate(inputs, run), "embeddings": self.embeddings(inputs)}


class DrawsAndCounts(DrawsAndEmbeds):
    def embeddings(self, inputs):
        return np.arange(inputs.count, dtype=np.float32)[:, None]


class DrawsUnseeded(Draws):
    def stream(self, run):
        return np.random.default_rng()


def _path(name: str) -> str:
    return f"{__file__}:{name}"


MISSING: dict[str, str] = {}
TASKS = tuple(
    Split(name, reason=lambda name=name: MISSING.get(name))
    for name in ("plane", "basketball", "calms21")
)
ENTRIES = (
    Entry("side", _path("Side"), family="side"),
    Entry("side_far", _path("Side"), {"threshold": 100.0}, "ablation", family="side"),
    Entry("embeds", _path("Embeds"), kind="baseline", tasks=("plane/*",)),
)


def profile(name: str, steps: int) -> Profile:
    ids = tuple(task.id for task in TASKS)
    changes = {"side": {"plane": {"threshold": 0.5, "scale": 2.0}}}
    budgets = {"*": Budget(steps=steps, evaluate_on=20)}
    names = tuple(entry.name for entry in ENTRIES)
    return Profile(name, ids, names, 2, budgets, changes=changes)


SUITE = Suite(
    "planted",
    "Points on a line",
    "nobody",
    TASKS,
    ENTRIES,
    (profile("smoke", 1), profile("quick", 2)),
)

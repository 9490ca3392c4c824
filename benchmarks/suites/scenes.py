"""The `scenes` suite: generative models whose samples are to obey the rules of scenes.

Source: Jiang, Ahn, "Generative Neurosymbolic Machines" (NeurIPS 2020, arXiv 2010.12152). Each data
set has two tasks: in the first, called like the data, a model draws images, and an automatic judge
counts those that obey the rule of the data; in the second, `…_judge`, the judge itself is tested on
fresh images and on images with exactly one rule broken. A regime is a configuration of the data:
the source of the objects, and the size in pixels. Add a method: its file, and one `Entry` in
`scene_entries`.

This module is imported for every list, so that heavy modules are imported where they are used.

Letters: N images of height H, width W and C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, ClassVar

import symdata
from benchmarks.protocol import (
    Examples,
    OutputError,
    Outputs,
    Score,
    Suite,
    Task,
    TaskData,
)
from benchmarks.suites.scene_entries import ENTRIES
from benchmarks.suites.scene_profiles import PROFILES
from symdata import DataSet
from symdata.sources import DEFAULT, DataSources

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from benchmarks.judges import Found

# The highest log-density of Normal(·, 0.2), at its mean: -log(0.2 sqrt(2 pi)) nats.
MOST_NATS = 0.6904993792294276
D_STEPS_CAP = {128: 20_000, 64: 1_000, 32: 100}
STEPS_A_SAMPLE = 4

# The number of images of which S-Acc is the share that obeys (Jiang, Ahn 2020).
JUDGED = 250
# The least size of images for judging: at 32 pixels a digit has 5 by 7, and cannot be read.
LEAST_JUDGED = 64
# The number of posterior samples of an image that the published likelihoods have.
PUBLISHED_SAMPLES = 100
# The `spread` below which samples count as collapsed.
COLLAPSED = 0.1


@dataclass(frozen=True)
class SceneTask(Task):
    """The base of both kinds of task: data of one configuration, the same for every seed of a run.

    The published sets are fixed, and rendering one takes hours: all runs use the data of seed 0.
    """

    data: str
    regime: str
    version = 1
    measured_by: ClassVar[tuple[str, ...]] = ()

    @property
    def source(self) -> DataSet:
        """The descriptor of the data set."""
        return symdata.dataset(self.data)

    @property
    def size(self) -> int:
        """The side of the images in pixels, H = W."""
        return int(self.source.settings(self.regime)["size"])

    def skip(self, sources: DataSources = DEFAULT) -> str | None:
        """See `Task.skip`: MNIST or the renderer may not be there, or not be asked for."""
        return self.source.missing(self.regime, sources)

    def dataset(self, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """See `Task.dataset`."""
        return self.source.identity(sources) | {"config": self.regime}

    @property
    def rests_on(self) -> tuple[str, ...]:  # type: ignore[override]
        """The judge, and in `Generation` the classifier of D-Steps."""
        from benchmarks.judges import module

        return (module(self.data), *self.measured_by)


class Generation(SceneTask):
    """The task to draw images like those of the training set.

    train: `images` (N, H, W, C) uint8. inputs: `images` of the test split, and `shuffled`, for a
    control alone: the right objects put together by no rule. targets: `real`, the validation split.
    Outputs: `samples` (N, H, W, C) uint8, which answer no input; if known, `log_likelihood` and
    `elbo` (N,) of the inputs, in nats, and `posterior_samples` (N,), from how many they come.

    s_acc: the share of the first 250 samples that obey the rule, by the judge. agreement: the mean
    number of their objects that fit into one scene of the rule, whatever else is wrong; it tells
    models apart that never get a whole scene right. Both are missing below 64 pixels, where digits
    cannot be read, and d_steps ranks. d_steps: the steps after which a classifier tells samples
    from real images. ll, elbo: means over the inputs; ll is of 100 posterior samples an image, and
    its name says where there are others, such as ll_5. spread: the variation of the samples' pixels
    as a share of that of real images.
    """

    needs = ("samples",)
    generated = ("samples",)
    privileged = ("shuffled",)
    # Since 2: another classifier for D-Steps. Since 3: agreement, ll_5, no judge below 64 pixels.
    version = 3
    measured_by = ("benchmarks.metrics.discrimination",)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the data set."""
        return self.data

    @property
    def judged(self) -> bool:
        """Whether images are large enough for a judge."""
        return self.size >= LEAST_JUDGED

    @property
    def score(self) -> Score:  # type: ignore[override]
        """S-Acc, or D-Steps where nothing is judged."""
        return Score("s_acc") if self.judged else self._d_steps

    @property
    def _d_steps(self) -> Score:
        return Score("d_steps", percent=False, ceiling=self.cap)

    @property
    def rests_on(self) -> tuple[str, ...]:  # type: ignore[override]
        """See `SceneTask.rests_on`; there is no judge of small images."""
        return super().rests_on if self.judged else self.measured_by

    @property
    def channels(self) -> int:
        """The number of channels C, 1 for grey and 3 for RGB."""
        return self.source.channels

    @property
    def also(self) -> tuple[Score, ...]:  # type: ignore[override]
        """The further scores; likelihoods end at the most nats that Normal(·, 0.2) can give."""
        most = MOST_NATS * self.channels * self.size**2
        judged = (
            Score("agreement", percent=False, ceiling=self.source.objects),
            self._d_steps,
        )
        likelihoods = ("ll", "ll_5", "elbo")
        return (
            *(judged if self.judged else ()),
            *(Score(name, percent=False, ceiling=most) for name in likelihoods),
        )

    @property
    def cap(self) -> int:
        """The most steps of D-Steps' classifier: those of the largest size up to this one."""
        smaller = (size for size in D_STEPS_CAP if size <= self.size)
        return D_STEPS_CAP[max(smaller, default=min(D_STEPS_CAP))]

    def load(self, seed: int, sources: DataSources = DEFAULT) -> TaskData:
        """See `Task.load`."""
        from symdata.scenes import fingerprint

        splits = self.source.load(self.regime, sources=sources)
        test, real = splits["test"].images, splits["validation"].images
        shuffled = self.source.shuffled(self.regime, len(test), sources=sources).images
        return TaskData(
            Examples({"images": splits["train"].images}),
            Examples({"images": test, "shuffled": shuffled}),
            Examples({"real": real}),
            fingerprint(splits),
        )

    def check(self, outputs: Outputs, count: int) -> None:
        """See `Task.check`."""
        samples = outputs["samples"]
        expected = (count, self.size, self.size, self.channels)
        if samples.shape != expected or samples.dtype != "uint8":
            raise OutputError(
                f"samples have shape {samples.shape} and dtype {samples.dtype}; expected "
                f"{expected} and uint8."
            )
        for name in ("log_likelihood", "elbo", "posterior_samples"):
            if name in outputs and outputs[name].shape != (count,):
                raise OutputError(f"{name} has shape {outputs[name].shape}; expected ({count},).")

    def evaluate(
        self, outputs: Outputs, targets: Examples, device: str = "cpu"
    ) -> dict[str, float]:
        """See `Task.evaluate`."""
        import numpy as np

        from benchmarks.metrics.discrimination import d_steps

        samples, real = np.asarray(outputs["samples"]), np.asarray(targets["real"])
        # A long training on few samples would learn them by heart and say nothing.
        cap = min(self.cap, STEPS_A_SAMPLE * len(samples))
        scores = {
            **(self._judgement(samples[:JUDGED]) if self.judged else {}),
            "d_steps": float(d_steps(samples, real, cap, device)),
            "spread": float(samples.std(0).mean() / max(real.std(0).mean(), 1e-9)),
        }
        drawn = int(np.max(outputs.get("posterior_samples", PUBLISHED_SAMPLES)))
        ll = "ll" if drawn == PUBLISHED_SAMPLES else f"ll_{drawn}"
        names = {"log_likelihood": ll, "elbo": "elbo"}
        given = {short: outputs[name] for name, short in names.items() if name in outputs}
        return scores | {short: float(np.mean(values)) for short, values in given.items()}

    def _judgement(self, samples: np.ndarray) -> dict[str, float]:
        """The scores that the judge gives, by name."""
        import numpy as np

        from benchmarks.judges import load

        verdicts = load(self.data)(samples)
        scores = {"s_acc": float(np.mean([verdict.obeys for verdict in verdicts]))}
        if self.source.agreement:
            agreement = resolve_name(self.source.agreement)
            agreeing = [agreement(*named(verdict.found), self.size) for verdict in verdicts]
            scores["agreement"] = float(np.mean(agreeing))
        return scores

    def flags(self, scores: Mapping[str, float]) -> list[str]:
        """Warn of samples that are all alike, and say where D-Steps is only a lower bound."""
        found = []
        if scores["spread"] < COLLAPSED:
            share = 100 * scores["spread"]
            found.append(f"collapse: the samples vary {share:.0f} % as much as real images do")
        if scores["d_steps"] >= self.cap:
            found.append(f"d_steps is at its cap of {self.cap:,}: not told apart within it")
        return found

    def pictures(
        self,
        outputs: Outputs,
        data: TaskData,
        explanation: Mapping[str, Any],
        illustrations: Mapping[str, np.ndarray] = {},
    ) -> Mapping[str, Callable[[], Figure]]:
        """See `Task.pictures`: samples with verdicts, and those of the model's illustrations."""
        from benchmarks.judges import load
        from benchmarks.pictures import scenes as pictures

        drawn: dict[str, Callable[[], Figure]] = {}
        if "samples" in outputs and outputs["samples"].shape[1] >= LEAST_JUDGED:
            samples = outputs["samples"][:JUDGED].copy()  # arrays read from a file are read-only
            judged = load(self.data)(samples)
            verdicts = [(verdict.obeys, verdict.reason) for verdict in judged]
            founds = [
                [(found.name, found.box, found.confidence) for found in verdict.found]
                for verdict in judged
            ]
            drawn["samples"] = lambda: pictures.samples(samples, verdicts)
            drawn["judged"] = lambda: pictures.judged(samples, founds, verdicts)
        return drawn | pictures.of_a_model(illustrations)


def named(found: Sequence[Found]) -> tuple[list[str], np.ndarray]:
    """The names of K things that a judge found, and the centres of their boxes (K, 2) in pixels."""
    import numpy as np

    boxes = np.array([one.box for one in found]).reshape(-1, 2, 2)
    return [one.name for one in found], boxes.mean(1)


class Judging(SceneTask):
    """The task to tell images that obey the rule of the data from images that break one part of it.

    train: `images` (N, H, W, C) uint8. inputs: `images`, equally many of each kind: the test split,
    and each way to break the rule. targets: `kind` (N,), 0 where the rule is obeyed.
    Outputs: `verdicts` (N,) bool, True where an image obeys.

    accepts: the share of obeying images that are accepted; rejects_<kind>: the share of images of
    this kind that are rejected. worst_kind: the least of all these.
    """

    needs = ("verdicts",)
    score = Score("worst_kind", 0.0)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the data set with the ending `_judge`."""
        return f"{self.data}_judge"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the ways to break the rule."""
        return self.source.breaks

    @property
    def also(self) -> tuple[Score, ...]:  # type: ignore[override]
        """The further scores: the share of correct verdicts for each kind."""
        return (Score("accepts"), *(Score(f"rejects_{kind}") for kind in self.kinds))

    def load(self, seed: int, sources: DataSources = DEFAULT) -> TaskData:
        """See `Task.load`; kinds take turns, so that any first part of the images has all."""
        import numpy as np

        from symdata.scenes import Scenes, fingerprint

        count = self.source.break_tests
        splits = self.source.load(self.regime, sources=sources)
        broken = self.source.broken(self.regime, count, sources=sources)
        count = min(count, len(splits["test"]))
        stacks = [splits["test"].images, *(broken[kind].images for kind in self.kinds)]
        images = np.stack([stack[:count] for stack in stacks], axis=1)
        images = images.reshape(-1, *images.shape[2:])
        return TaskData(
            Examples({"images": splits["train"].images}),
            Examples({"images": images}),
            Examples({"kind": np.tile(np.arange(len(stacks)), count)}),
            fingerprint({"judged": Scenes(images, {})}),
        )

    def check(self, outputs: Outputs, count: int) -> None:
        """See `Task.check`."""
        verdicts = outputs["verdicts"]
        if verdicts.shape != (count,) or verdicts.dtype != bool:
            raise OutputError(
                f"verdicts have shape {verdicts.shape} and dtype {verdicts.dtype}; expected "
                f"({count},) and bool."
            )

    def evaluate(
        self, outputs: Outputs, targets: Examples, device: str = "cpu"
    ) -> dict[str, float]:
        """See `Task.evaluate`."""
        import numpy as np

        verdicts, kind = outputs["verdicts"], np.asarray(targets["kind"])
        scores = {"accepts": float(verdicts[kind == 0].mean())}
        for number, name in enumerate(self.kinds, 1):
            scores[f"rejects_{name}"] = float(1 - verdicts[kind == number].mean())
        return {"worst_kind": min(scores.values()), **scores}

    def pictures(
        self,
        outputs: Outputs,
        data: TaskData,
        explanation: Mapping[str, Any],
        illustrations: Mapping[str, np.ndarray] = {},
    ) -> Mapping[str, Callable[[], Figure]]:
        """See `Task.pictures`: images of each kind with their verdicts."""
        import numpy as np

        from benchmarks.pictures import scenes as pictures

        if not outputs:
            return {}
        images, kind = np.asarray(data.inputs["images"]), np.asarray(data.targets["kind"])
        chosen = {
            name: np.flatnonzero(kind == number)
            for number, name in enumerate(("obeys", *self.kinds))
        }
        return {
            "kinds": lambda: pictures.kinds(
                {name: images[rows] for name, rows in chosen.items()},
                {name: outputs["verdicts"][rows] for name, rows in chosen.items()},
            )
        }


DATA = ("mnist4", "mnist10", "arrow_room")
_ALL = tuple((data, config) for data in DATA for config in symdata.dataset(data).configs)
TASKS = (
    *(Generation(data, config) for data, config in _ALL),
    *(task for data, config in _ALL if (task := Judging(data, config)).size >= LEAST_JUDGED),
)

SUITE = Suite(
    name="scenes",
    title="Images of scenes that obey the rule of their data",
    source="Jiang, Ahn (NeurIPS 2020), arXiv 2010.12152",
    tasks=TASKS,
    entries=ENTRIES,
    profiles=PROFILES,
    datasets=DATA,
)

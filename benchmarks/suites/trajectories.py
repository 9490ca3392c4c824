"""The `trajectories` suite: clusters and programs in trajectories, found without labels.

Source: Zhan, Sun, Kennedy, Yue, Chaudhuri, "Unsupervised Learning of Neurosymbolic Encoders" (TMLR
2022, arXiv 2107.13132). Each data set has two tasks: `clusters` asks whether the clusters that a
method finds agree with labels it has never seen; `behaviour`, how good a classifier of behaviour
becomes on its representation with few labels. Add a method: its file, and one `Entry` in
`trajectory_entries`.

This module is imported for every list, so that heavy modules are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
from benchmarks.suites.trajectory_entries import ENTRIES, most_clusters
from benchmarks.suites.trajectory_profiles import PROFILES
from symdata import DataSet
from symdata.sources import DEFAULT, DataSources

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from symdata.trajectories import Trajectories

COLLAPSED_CLUSTER = 0.95
FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class TrajectoryTask(Task):
    """The base of both kinds of task: data of the default configuration.

    data: the name of the data set, where it is not that of the task.

    train: `states` (N, T+1, D) float32, `feature.<name>` (N, T+1) in natural units, and
    `validation` (N,) bool. inputs: states and features of the test split. targets: `labels` (N,),
    and, where they are known, the `factors` (N, F) that generated each.
    """

    name: str
    data: str = ""
    version = 1

    @property
    def source(self) -> DataSet:
        """The descriptor of the data set."""
        return symdata.dataset(self.data or self.name)

    @property
    def config(self) -> str:
        """The configuration of the data, the first that the data set has."""
        return next(iter(self.source.configs))

    def skip(self, sources: DataSources = DEFAULT) -> str | None:
        """See `Task.skip`: data that users bring may not be there."""
        return self.source.missing(self.config, sources)

    def dataset(self, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """See `Task.dataset`; it has the hashes of files that users bring."""
        return self.source.identity(sources)

    def load(self, seed: int, sources: DataSources = DEFAULT) -> TaskData:
        """See `Task.load`; data read from files are the same whatever the seed."""
        import numpy as np

        from symdata.trajectories import fingerprint

        splits = self.source.load(self.config, seed, sources)
        learned = [self._columns(splits[name]) for name in ("train", "validation")]
        train = {name: np.concatenate([part[name] for part in learned]) for name in learned[0]}
        train["validation"] = np.repeat([False, True], [len(part["states"]) for part in learned])
        test = splits["test"]
        inputs, targets = self._asked(splits)
        return TaskData(
            Examples(train),
            Examples(inputs),
            Examples(targets),
            fingerprint(splits),
            test.classes,
            test.warnings,
        )

    def _asked(
        self, splits: Mapping[str, Trajectories]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Inputs and targets of the evaluation."""
        test = splits["test"]
        factors = {} if test.factors is None else {"factors": test.factors}
        return self._columns(test), {"labels": test.labels, **factors}

    @staticmethod
    def _columns(split: Trajectories) -> dict[str, np.ndarray]:
        named = {f"feature.{name}": values for name, values in split.features.items()}
        return {"states": split.states, **named}

    def check(self, outputs: Outputs, count: int) -> None:
        """See `Task.check`."""
        import numpy as np

        for name in ("embeddings", "deviations"):
            if name in outputs and np.asarray(outputs[name]).ndim != 2:
                raise OutputError(
                    f"{name} have shape {outputs[name].shape}; expected ({count}, d)."
                )
        if "deviations" in outputs:
            given = {name: outputs[name].shape for name in ("embeddings", "deviations")}
            if given["deviations"] != given["embeddings"]:
                raise OutputError(f"deviations and embeddings differ in shape: {given}.")
        if "clusters" in outputs:
            clusters = outputs["clusters"]
            if clusters.shape != (count,) or clusters.dtype.kind not in "iu":
                raise OutputError(
                    f"clusters have shape {clusters.shape} and dtype {clusters.dtype}; expected "
                    f"({count},) whole numbers."
                )


class Clusters(TrajectoryTask):
    """The task to cluster without labels: a method gives clusters, or embeddings for KMeans.

    purity: the share of examples that bear their cluster's most frequent label. nmi_arithmetic, the
    one of the published figures, nmi_geometric, rand_index: see `benchmarks.metrics.clustering`.
    largest_cluster: the share of examples in it, 1 where the method has collapsed. For embeddings
    also active_units, and where binary factors are known, probe_<factor>, the accuracy of a linear
    model of each on samples of the latent, and factor_nmi, the clusters' agreement with the nearest
    of the factors alone (arithmetic mean). best_purity_<k>: the most that k clusters can reach on
    these labels.
    """

    regime = "clusters"
    needs = (("clusters", "embeddings"),)
    rests_on = ("benchmarks.metrics.clustering", "benchmarks.metrics.probes")

    @property
    def score(self) -> Score:  # type: ignore[override]
        """The score that ranks, purity."""
        return Score("purity", self.source.chance)

    @property
    def also(self) -> tuple[Score, ...]:  # type: ignore[override]
        """The further scores."""
        shared = (
            Score("nmi_arithmetic", 0.0),
            Score("nmi_geometric", 0.0),
            Score("rand_index"),
            Score("largest_cluster", higher_is_better=False),
            Score("active_units", percent=False),
        )
        if not self.source.factors:
            return shared
        probes = (Score(f"probe_{factor}", 0.5) for factor in self.source.factors)
        return (*shared, Score("factor_nmi", 0.0), *probes)

    def clusters_of(self, outputs: Outputs) -> np.ndarray:
        """The clusters (N,) that are scored: the method's, or KMeans on its embeddings."""
        from benchmarks.metrics import clustering

        if "clusters" in outputs:
            return outputs["clusters"]
        return clustering.kmeans(outputs["embeddings"], self.source.clusters)

    def evaluate(
        self, outputs: Outputs, targets: Examples, device: str = "cpu"
    ) -> dict[str, float]:
        """See `Task.evaluate`."""
        import numpy as np

        from benchmarks.metrics import clustering, probes

        labels, clusters = np.asarray(targets["labels"]), self.clusters_of(outputs)
        scores = {
            "purity": clustering.purity(clusters, labels),
            **{
                f"nmi_{mean}": clustering.normalized_mutual_information(clusters, labels, mean)
                for mean in ("arithmetic", "geometric")
            },
            "rand_index": clustering.rand_index(clusters, labels),
            "largest_cluster": clustering.largest_cluster(clusters),
        }
        # The purity of k clusters is highest where each holds one of the k most frequent classes.
        shares = np.sort(np.unique(labels, return_counts=True)[1])[::-1] / len(labels)
        for k in range(2, len(shares)):
            scores[f"best_purity_{k}"] = float(shares[:k].sum())
        if "embeddings" in outputs:
            scores["active_units"] = clustering.active_units(outputs["embeddings"])
        if "factors" in targets:
            factors = np.asarray(targets["factors"])
            scores["factor_nmi"] = max(
                clustering.normalized_mutual_information(clusters, factors[:, column], "arithmetic")
                for column in range(factors.shape[1])
            )
            if "embeddings" in outputs:
                drawn = probes.sample(outputs["embeddings"], outputs.get("deviations"))
                for column, name in enumerate(self.source.factors):
                    probed = probes.linear_probe(drawn, factors[:, column])
                    scores[f"probe_{name}"] = probed
        return scores

    def reach(
        self, method: str, settings: Mapping[str, Any], scores: Mapping[str, float]
    ) -> tuple[str, float] | None:
        """The clusters of a method that gives fewer than there are classes, and their best purity.

        None: a method can reach the ceiling, or the scores are of before there was `best_purity`.
        """
        most = most_clusters(method, settings)
        best = scores.get(f"best_purity_{most}")
        return None if best is None else (f"{most} clusters", best)

    def flags(self, scores: Mapping[str, float]) -> list[str]:
        """Warn of clusters or a posterior that have collapsed."""
        found = []
        if scores["largest_cluster"] > COLLAPSED_CLUSTER:
            share = 100 * scores["largest_cluster"]
            found.append(f"collapse: the largest cluster holds {share:.1f} % of the examples")
        if scores.get("active_units") == 0:
            found.append("posterior collapse: no unit of the latent is active")
        return found

    def pictures(
        self,
        outputs: Outputs,
        data: TaskData,
        explanation: Mapping[str, Any],
        illustrations: Mapping[str, np.ndarray] = {},
    ) -> Mapping[str, Callable[[], Figure]]:
        """See `Task.pictures`: clusters, latents before and after each program, program, search."""
        import numpy as np

        from benchmarks.metrics import probes
        from benchmarks.pictures import trajectories as pictures

        labels = np.asarray(data.targets["labels"])
        drawn: dict[str, Callable[[], Figure]] = {}
        if explanation.get("programs"):
            drawn["program"] = lambda: pictures.program(explanation)
            drawn["search"] = lambda: pictures.search(explanation)
        if not outputs:
            return drawn
        drawn["clusters"] = lambda: pictures.clusters(
            np.asarray(data.inputs["states"]),
            self.clusters_of(outputs),
            labels,
            self.source.ground,
            data.classes,
        )
        stages = [name for name in sorted(outputs) if name.startswith("latent_")]
        latents = [
            probes.sample(outputs[name], outputs.get(name.replace("latent", "deviation")))
            for name in stages or ["embeddings"]
            if name in outputs
        ]
        if latents:
            known = "factors" in data.targets
            factors = np.asarray(data.targets["factors"]) if known else labels[:, None]
            names = self.source.factors if known else ("label",)
            drawn["latents"] = lambda: pictures.latents(latents, factors, names)
        return drawn


class Behaviour(TrajectoryTask):
    """The task to learn a representation without labels on which behaviour can be classified.

    A classifier learns from 1 % to all labels of the training split (of mice, from the windows of
    Task 1's training file) and is tested on the test split, as published. It is a logistic
    regression, where the published one is a network of two hidden layers a class, and it learns
    each fraction once, not nine times. average_precision is the mean over classes and over the
    fractions. Inputs are the examples of both splits; the target `tested` (N,) bool marks those of
    the test.
    """

    regime = "behaviour"
    version = 2
    needs = ("embeddings",)
    rests_on = ("benchmarks.metrics.probes",)

    @property
    def score(self) -> Score:  # type: ignore[override]
        """The score that ranks: mean average precision, over classes and fractions of labels."""
        return Score("average_precision", self.source.chance)

    @property
    def also(self) -> tuple[Score, ...]:  # type: ignore[override]
        """The further scores: mean average precision at each fraction of the labels."""
        return tuple(
            Score(f"labels_{100 * fraction:.0f}", self.source.chance) for fraction in FRACTIONS
        )

    @property
    def config(self) -> str:
        """The configuration that has a split of labelled examples, where there is one."""
        return "labelled" if "labelled" in self.source.configs else super().config

    def _asked(
        self, splits: Mapping[str, Trajectories]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """See the class; the splits are mixed evenly, so that the first rows are of both."""
        import numpy as np

        parts = splits.get("labelled", splits["train"]), splits["test"]
        columns = [self._columns(part) for part in parts]
        places = np.concatenate([np.linspace(0, 1, len(part)) for part in parts])
        order = np.argsort(places, kind="stable")
        inputs = {
            name: np.concatenate([one[name] for one in columns])[order] for name in columns[0]
        }
        labels = np.concatenate([part.labels for part in parts])
        tested = np.repeat([False, True], [len(part) for part in parts])
        return inputs, {"labels": labels[order], "tested": tested[order]}

    def evaluate(
        self, outputs: Outputs, targets: Examples, device: str = "cpu"
    ) -> dict[str, float]:
        """See `Task.evaluate`."""
        import numpy as np

        from benchmarks.metrics import probes

        tested, labels = np.asarray(targets["tested"]), np.asarray(targets["labels"])
        learned, test = outputs["embeddings"][~tested], outputs["embeddings"][tested]
        known, asked = labels[~tested], labels[tested]
        found = {}
        for fraction, rows in probes.label_fractions(known, FRACTIONS).items():
            found[f"labels_{100 * fraction:.0f}"] = probes.average_precision(
                learned[rows], known[rows], test, asked
            )
        return {"average_precision": float(np.mean(list(found.values()))), **found}


# Data sets by the names of their tasks.
DATA = {"synthetic": "synthetic_trajectories", "basketball": "basketball", "calms21": "calms21"}
TASKS = tuple(task(*pair) for task in (Clusters, Behaviour) for pair in DATA.items())

SUITE = Suite(
    name="trajectories",
    title="Clusters and programs in trajectories, without labels",
    source="Zhan, Sun, Kennedy, Yue, Chaudhuri (TMLR 2022), arXiv 2107.13132",
    tasks=TASKS,
    entries=ENTRIES,
    profiles=PROFILES,
    datasets=tuple(DATA.values()),
)

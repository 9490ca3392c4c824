"""The `abstract_rules` suite: relations between images of symbols never seen in training.

Source: Webb, Sinha, Cohen, "Emergent Symbols through Binding in External Memory", ICLR 2021
(arXiv 2012.14601). Four tasks, each with regimes: of 100 symbols `m` are withheld for the test.
Add a method: its file in `methods/` or `baselines/`, and one `Entry` below.

This module is imported for every list, so that heavy modules are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.protocol import (
    Budget,
    Deduplicated,
    Entry,
    Examples,
    OutputError,
    Outputs,
    Profile,
    Score,
    Suite,
    Task,
    TaskData,
    Watch,
)
from symdata.abstract_rules import DATA
from symdata.abstract_rules import tasks as rules
from symdata.sources import DEFAULT, DataSources

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from symdata.abstract_rules.problems import Problems


@dataclass(frozen=True)
class AbstractRule(Task):
    """One task at one regime. A problem is T images and one of C classes; the score is accuracy.

    Columns: `images` (N, T, 32, 32) uint8; `segments` (N, T), for each image the part of the
    problem within which context is normalised (the pair in `rmts`); `labels` (N,); `symbols`
    (N, T), the identities of the glyphs, for the oracle alone. most: the largest number of training
    problems.
    """

    name: str
    withheld: int
    most: int = rules.CAP
    version = DATA.version
    needs = ("logits",)
    rests_on = ("benchmarks.metrics.classification",)
    # The published claim is about the accuracy in training.
    converged = ("accuracy", 0.95)
    privileged = ("symbols",)

    @property
    def classes(self) -> int:
        """C, the number of classes."""
        return len(rules.TASKS[self.name].classes)

    @property
    def segments(self) -> tuple[int, ...]:
        """The part of the problem, for each of the T images, within which context is normalised."""
        task = rules.TASKS[self.name]
        return tuple(k // (task.together or task.length) for k in range(task.length))

    @property
    def regime(self) -> str:  # type: ignore[override]
        """The regime's name, such as `m95` where 95 of the 100 symbols are withheld.

        More training problems than the published 10,000 are named: `m0_100k`.
        """
        return f"m{self.withheld}" + (f"_{self.most // 1000}k" if self.most != rules.CAP else "")

    @property
    def score(self) -> Score:  # type: ignore[override]
        """Accuracy; the classes are balanced, so chance is 1/C."""
        return Score("accuracy", chance=1 / self.classes)

    @property
    def workload(self) -> str:
        """The name that regimes share: problems are as long in each, and so are updates."""
        return self.name

    def sizes(self) -> dict[str, int]:
        """The numbers of problems that "train" and "test" have."""
        from symdata.abstract_rules import problems

        return problems.sizes(self.name, self.withheld, self.most)

    def dataset(self, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """See `Task.dataset`."""
        identity = DATA.identity(sources) | {"task": self.name, "withheld": self.withheld}
        return identity if self.most == rules.CAP else identity | {"problems": self.most}

    def load(self, seed: int, sources: DataSources = DEFAULT) -> TaskData:
        """See `Task.load`."""
        from symdata.abstract_rules import problems

        splits = problems.generate(self.name, self.withheld, seed, self.most)
        train, test = (self._columns(splits[name]) for name in ("train", "test"))
        inputs = Examples({name: test[name] for name in ("images", "segments", "symbols")})
        targets = Examples({"labels": test["labels"]})
        return TaskData(train, inputs, targets, problems.fingerprint(splits))

    def held_out(self, seed: int, count: int, sources: DataSources = DEFAULT) -> TaskData:
        """See `Task.held_out`; problems of the training symbols."""
        from symdata.abstract_rules import problems

        split = problems.held_out(self.name, self.withheld, seed, count, self.most)
        columns = self._columns(split)
        inputs = columns.select(("images", "segments", "symbols"))
        found = problems.fingerprint({"held out": split})
        return TaskData(columns, inputs, columns.select(("labels",)), found)

    def _columns(self, split: Problems) -> Examples:
        import numpy as np

        table, index = split.images()
        count = len(split.labels)
        return Examples(
            {
                "images": Deduplicated(table, index),
                "segments": np.broadcast_to(np.array(self.segments), (count, len(self.segments))),
                "symbols": split.symbols,
                "labels": split.labels.astype(np.int64),
            }
        )

    def check(self, outputs: Outputs, count: int) -> None:
        """See `Task.check`."""
        shape = outputs["logits"].shape
        if shape != (count, self.classes):
            raise OutputError(f"logits have shape {shape}; expected {(count, self.classes)}.")

    def evaluate(
        self, outputs: Outputs, targets: Examples, device: str = "cpu"
    ) -> dict[str, float]:
        """See `Task.evaluate`."""
        import numpy as np

        from benchmarks.metrics.classification import accuracy

        return {"accuracy": accuracy(outputs["logits"], np.asarray(targets["labels"]))}

    def pictures(
        self,
        outputs: Outputs,
        data: TaskData,
        explanation: Mapping[str, Any],
        illustrations: Mapping[str, np.ndarray] = {},
    ) -> Mapping[str, Callable[[], Figure]]:
        """See `Task.pictures`: `keys` where a method tells how similar the keys are it writes."""
        if "key_similarity" not in illustrations:
            return {}

        def keys() -> Figure:
            from benchmarks.pictures.rules import key_similarity

            return key_similarity(illustrations["key_similarity"])

        return {"keys": keys}


TASKS = tuple(
    AbstractRule(task.name, withheld) for task in rules.TASKS.values() for withheld in task.regimes
)
# With ten times as many training problems: the paper's analysis of what Relation Net lacks.
MORE_PROBLEMS = AbstractRule("distribution_of_three", 0, 100_000)

_CLASSIFIER = "classifier"  # the family of methods whose context normalisation can be switched off


def _entry(name: str, path: str, summary: str, kind: str = "baseline") -> Entry:
    return Entry(name, path, kind=kind, summary=summary, family=_CLASSIFIER)


METHODS = (
    _entry("esbn", "methods.esbn:ESBN", "Emergent Symbol Binding Network", "method"),
    _entry("lstm", "baselines.lstm:LSTMClassifier", "recurrent network"),
    _entry("ntm", "baselines.ntm:NTM", "Neural Turing Machine"),
    _entry("mnm", "baselines.mnm:MNM", "metalearned neural memory"),
    _entry("relation_net", "baselines.relation_net:RelationNet", "all pairs"),
    _entry(
        "trn",
        "baselines.relation_net:TemporalRelationNet",
        "temporal relation network: sorted pairs and triples",
    ),
    _entry("transformer", "baselines.transformer:Transformer", "one encoder layer"),
    _entry("predinet", "baselines.predinet:PrediNet", "32 relation heads"),
    # A start that the paper does not have, and that generalises better; see docs/settings.md.
    *(
        Entry(
            f"{name}_torch_init", path, {"weights": "torch"}, "baseline", f"{name}, torch's start"
        )
        for name, path in (
            ("transformer", "baselines.transformer:Transformer"),
            ("predinet", "baselines.predinet:PrediNet"),
        )
    ),
)
CONTROLS = (
    Entry("chance", "baselines.abstract_rules.controls:Chance", kind="control", summary="guesses"),
    Entry(
        "nearest_neighbour",
        "baselines.abstract_rules.controls:NearestNeighbour",
        kind="control",
        summary="the label of the training problem with the nearest pixels",
    ),
    Entry(
        "oracle",
        "baselines.abstract_rules.controls:Oracle",
        kind="control",
        summary="reads the glyph identities; proves the dataset at 100 %",
    ),
)
ABLATIONS = (
    *(
        Entry(f"esbn_{name}", "methods.esbn:ESBN", settings, "ablation", summary)
        for name, settings, summary in (
            ("without_confidence", {"confidence": False}, "retrieved keys come without confidence"),
            (
                "default_memory",
                {"confidence": False, "default_memory": True},
                "a learned entry in place of confidence",
            ),
            ("mlp", {"encoder": "mlp"}, "a multi-layer perceptron as encoder"),
            ("random", {"encoder": "random"}, "a frozen random projection as encoder"),
        )
    ),
    *(
        Entry(
            f"{entry.name}_without_tcn",
            entry.path,
            {"context_norm": False},
            "ablation",
            f"{entry.name} without temporal context normalisation",
        )
        for entry in METHODS
        if entry.family == _CLASSIFIER
    ),
)

_COMPARED = tuple(entry.name for entry in (*METHODS, *CONTROLS))
_HARDEST = (
    "same_different/m95",
    "same_different/m98",
    "rmts/m95",
    "distribution_of_three/m95",
    "identity_rules/m95",
)

SUITE = Suite(
    name="abstract_rules",
    title="Abstract rules over withheld symbols",
    source="Webb, Sinha, Cohen (ICLR 2021), arXiv 2012.14601",
    tasks=(*TASKS, MORE_PROBLEMS),
    entries=(*METHODS, *CONTROLS, *ABLATIONS),
    profiles=(
        Profile(
            "smoke",
            tasks=tuple(name for name in _HARDEST if name != "same_different/m98"),
            methods=_COMPARED,
            seeds=1,
            budgets={"*": Budget(steps=5, evaluate_on=100)},
            summary="seconds a cell, to see that everything runs",
        ),
        Profile(
            "quick",
            tasks=_HARDEST,
            methods=_COMPARED,
            seeds=3,
            # ESBN converges within these updates; see docs/settings.md.
            budgets={"*": Budget(steps=150, evaluate_on=2000)},
            summary="the hardest withheld regimes, 150 updates for all, minutes on 2 cores",
            watch={"*": Watch(every=75, examples=32)},
            moved_seeds=1,
        ),
        Profile(
            "ablations",
            tasks=_HARDEST,
            methods=tuple(entry.name for entry in (*METHODS, *ABLATIONS, CONTROLS[0])),
            seeds=3,
            budgets={"*": Budget(steps=150, evaluate_on=2000)},
            summary="encoders, confidence, default memory, context normalisation off; as quick",
            watch={"*": Watch(every=75, examples=32)},
        ),
        Profile(
            "sizes",
            tasks=("distribution_of_three/m0", MORE_PROBLEMS.id),
            methods=("esbn", "relation_net", "chance"),
            seeds=3,
            budgets={"*": Budget(steps=15_650)},
            summary="Relation Net with 10,000 and 100,000 training problems, as many updates each",
            watch={"*": Watch(every=300, examples=200)},
        ),
        Profile(
            "paper",
            tasks=tuple(task.id for task in TASKS),
            methods=_COMPARED,
            seeds=10,
            budgets={
                "*": Budget(epochs=50),
                "same_different/m95": Budget(epochs=100),
                "same_different/m98": Budget(epochs=100),
                "rmts/m95": Budget(epochs=200),
                "distribution_of_three/m95": Budget(epochs=150),
            },
            summary="all regimes with the published epochs and 10 seeds",
            watch={"*": Watch(every=300, examples=200)},
        ),
    ),
    datasets=(DATA.name,),
)

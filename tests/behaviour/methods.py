"""Tiny deterministic runs: three updates and sixteen answers of each method class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import registry
from benchmarks.protocol import Budget, Examples, Run
from symdata.sampling import Draw
from symdata.sources import DataSources

UPDATES, BATCH, ANSWERS = 3, 8, 16
# Not `rmts`: normalised pair by pair, an encoder's gradient there is rounding alone.
RULES = "distribution_of_three/m95"
WALKS = "synthetic/clusters"
PAINTED = "painted_digits/tiny_dino_tiny"

TEACHER = {
    "teacher_epochs": 1,
    "teacher_width": 24,
    "teacher_depth": 1,
    "teacher_batch": 16,
    "local_crops": 1,
    "dino_prototypes": 64,
    "dino_hidden": 32,
    "dino_bottleneck": 16,
}
_PUPIL = {**TEACHER, "views": 2, "width": 24, "descriptor_depth": 1, "interpreter_depth": 1}
_SEARCH = {"neural_epochs": 0.2, "symbolic_epochs": 0.2, "frontier": 2, "max_depth": 1}
_CODES = "baselines.symbolic_sequences.controls"
_DRAWN = {"importance_samples": 2}


@dataclass(frozen=True)
class Case:
    """One run: the class at `path` with settings that make it small, on data of a kind.

    label: tells two cases of one class on the same data apart.
    """

    path: str
    data: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def name(self) -> str:
        """The class and its data, unique."""
        return f"{self.path.rpartition(':')[2]}{self.label} on {self.data}"


CASES = (
    *(
        Case(path, "rules")
        for path in (
            "methods.esbn:ESBN",
            "baselines.lstm:LSTMClassifier",
            "baselines.ntm:NTM",
            "baselines.mnm:MNM",
            "baselines.relation_net:RelationNet",
            "baselines.relation_net:TemporalRelationNet",
            "baselines.transformer:Transformer",
            "baselines.predinet:PrediNet",
            "baselines.abstract_rules.controls:Chance",
            "baselines.abstract_rules.controls:NearestNeighbour",
            "baselines.abstract_rules.controls:Oracle",
        )
    ),
    Case("baselines.transformer:Transformer", "rules", {"weights": "torch"}, " (torch)"),
    Case("baselines.predinet:PrediNet", "rules", {"weights": "torch"}, " (torch)"),
    Case("methods.esbn:ESBN", "rules", {"encoder": "mlp"}, " (mlp)"),
    Case("methods.esbn:ESBN", "rules", {"encoder": "random"}, " (random)"),
    Case("methods.esbn:ESBN", "rules", {"confidence": False, "default_memory": True}, " (memory)"),
    *(
        Case(path, "walks")
        for path in (
            "baselines.tvae:TVAE",
            "baselines.tvae:TVAEKMeans",
            "baselines.joint_tvae:JointTVAE",
            "baselines.vq_tvae:VQTVAE",
            "baselines.beta_tvae:BetaTVAE",
            "baselines.trajectories.controls:Random",
            "baselines.trajectories.controls:KMeansRaw",
            "baselines.trajectories.controls:Features",
        )
    ),
    Case("methods.neurosymbolic_encoder:NeurosymbolicEncoder", "walks", _SEARCH),
    Case("methods.task_programming:TaskProgramming", "walks", _SEARCH),
    Case(
        "methods.task_programming:TaskProgramming",
        "walks",
        {"programs_by": "expert", "with_features": True, "decoding": 1.0},
        " (expert)",
    ),
    Case("methods.gnm:GNM", "squares", {**_DRAWN, "steps": 2, "mlp": 16}),
    Case("methods.gnm:GNM", "colours", {**_DRAWN, "steps": 2, "mlp": 16}),
    *(
        Case("methods.gnm:GNM", "squares", {**_DRAWN, "steps": 2, "mlp": 16, **own}, label)
        for own, label in (
            ({"prior": "gaussian"}, " (gaussian)"),
            ({"interaction": False}, " (no mlp)"),
        )
    ),
    Case("baselines.genesis:GENESIS", "squares", {**_DRAWN, "width": 0.25, "components": 3}),
    Case("baselines.convdraw:ConvDRAW", "squares", {**_DRAWN, "steps": 2, "hidden": 8, "mlp": 8}),
    Case("baselines.vae:VAE", "squares", {**_DRAWN, "hidden": 32}),
    Case("baselines.scenes.controls:Real", "squares"),
    Case("baselines.scenes.controls:Shuffled", "squares"),
    Case("benchmarks.judges.method:Judge", "large", {"data": "mnist4"}),
    Case("methods.symbolic_sequences:SymbolicSequences", "painted", _PUPIL),
    *(
        Case(
            "methods.symbolic_sequences:SymbolicSequences",
            "painted",
            {**_PUPIL, **own},
            label,
        )
        for own, label in (
            ({"discretisation": "ss"}, " (ss)"),
            ({"discretisation": "vq"}, " (vq)"),
            ({"discretisation": "rvq", "class_weight": 0.3}, " (rvq, class token)"),
            ({"exploration": "combined"}, " (combined)"),
            ({"exploration": "marginal"}, " (marginal)"),
        )
    ),
    Case("baselines.dino:DINO", "painted", TEACHER),
    Case("baselines.vqvae:VQVAE", "painted", {"width": 8, "pool": 4}),
    Case(
        "baselines.symbolic_sequences.controls:KMeansCodes", "painted", {**TEACHER, "vocabulary": 8}
    ),
    Case(f"{_CODES}:RandomSymbols", "painted"),
    Case(f"{_CODES}:Pixels", "painted"),
)


def squares(channels: int) -> Examples:
    """48 images of 32 pixels with three bright squares each; `shuffled`: the same in reverse."""
    count, side = 48, 32
    draw = Draw("behaviour", "squares", channels, seed=0)
    corners = draw.below(side - 4, 6 * count).reshape(count, 3, 2)
    light = 128 + draw.below(128, 3 * count * channels).reshape(count, 3, channels)
    images = np.zeros((count, side, side, channels), np.uint8)
    for image, places, values in zip(images, corners, light, strict=True):
        for (x, y), value in zip(places, values, strict=True):
            image[y : y + 4, x : x + 4] = value
    return Examples({"images": images, "shuffled": images[::-1]})


def _task(suite: str, name: str, count: int) -> tuple[Examples, Examples]:
    task = next(one for one in registry.suite(suite).tasks if one.id == name)
    data = task.load(0)
    every = max(1, data.train.count // count)  # so that validation rows are among them
    rows = np.arange(0, data.train.count, every)[:count]
    return data.train.take(rows), data.inputs.take(slice(0, ANSWERS))


def _scenes(channels: int, scale: int = 1) -> tuple[Examples, Examples]:
    small = squares(channels)
    images = Examples(
        {name: np.asarray(small[name]).repeat(scale, 1).repeat(scale, 2) for name in small}
    )
    return images.take(slice(0, 32)), images.take(slice(32, 48))


_DATA: dict[str, Callable[[], tuple[Examples, Examples]]] = {
    "rules": lambda: _task("abstract_rules", RULES, 64),
    "walks": lambda: _task("trajectories", WALKS, 96),
    "squares": lambda: _scenes(1),
    "colours": lambda: _scenes(3),
    "large": lambda: _scenes(1, 2),
    "painted": lambda: _task("symbolic_sequences", PAINTED, 48),
}


@cache
def data(kind: str) -> tuple[Examples, Examples]:
    """What to learn from and what to answer, the same for all cases of a kind."""
    return _DATA[kind]()


@contextmanager
def plain_arithmetic():
    """One thread and no bfloat16, whatever the machine has, until the block ends."""
    import torch
    from threadpoolctl import threadpool_limits

    from benchmarks import training

    threads, known = torch.get_num_threads(), training.has_bfloat16
    torch.set_num_threads(1)
    training.has_bfloat16 = lambda device: False
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)
        training.has_bfloat16 = known


# Values of a report that say where a training is, and not what it computes.
PROGRESS = ("step", "of", "program", "turn")


def run(case: Case) -> dict[str, Any]:
    """The arrays that a case answers, and the losses that it reports, by name."""
    method_class = registry.load_class(case.path)
    train, inputs = data(case.data)
    scalars: dict[str, float] = {}

    def reporter(**values: float) -> None:
        scalars.update({name: float(v) for name, v in values.items() if name not in PROGRESS})

    budget = Budget(steps=UPDATES, batch_size=BATCH)
    # An empty cache, so that a teacher is trained here, whatever was kept before.
    with plain_arithmetic(), TemporaryDirectory() as folder:
        sources = DataSources(cache=Path(folder))
        method = method_class(method_class.Settings(**case.settings))
        told = Run(seed=0, budget=budget, reporter=reporter, sources=sources)
        method.fit(train, told)
        outputs = method.evaluate(inputs, told)
    return {**scalars, **{f"output {name}": np.asarray(value) for name, value in outputs.items()}}

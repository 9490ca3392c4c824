"""The algorithm of the paper's section 3, which learns VAE and programs in turns.

Programs are learned one at a time. Each begins as a fully neural one. A turn trains the VAE with
it, labels the data with its bit, expands its first nonterminal in all ways, trains every child on
the labels, and goes on with the best, until no nonterminal is left. Then the VAE is trained once
more, the program is frozen, and the next begins. Every training draws fresh weights, except for
those of frozen programs.

Choices that the paper leaves open, with their reasons in `network`: a frozen program's bit is not
sampled and has no KL term; the adversary's loss has a gradient for the learning program's
probability as well as for z; before any program the model is the plain TVAE, which is trained only
to show its latent beside the later ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from baselines.checks import number, whole
from baselines.trajectories.trajectory_encoder import Scale, TrajectorySettings
from benchmarks.protocol import Examples, Run, SymbenchError
from benchmarks.training import rows_of
from methods.neurosymbolic_encoder import dsl as languages
from methods.neurosymbolic_encoder.network import NeurosymbolicNetwork
from methods.neurosymbolic_encoder.population import Population
from methods.neurosymbolic_encoder.programs import Program, check_depth
from methods.neurosymbolic_encoder.search import Search
from methods.neurosymbolic_encoder.training import AT_ONCE, Training, batch_of, prepared
from methods.neurosymbolic_encoder.wording import Writer


@dataclass(frozen=True)
class NeurosymbolicSettings(TrajectorySettings):
    """Settings of VAE, programs and search; the defaults are those of the synthetic data.

    programs: K; dsl: a name of `dsl.DSLS`, or `file.py:NAME`. gamma: weight of the capacity terms;
    capacity_discrete, capacity_continuous: C in nats, reached after `ramp` updates; 0 leaves
    gamma · KL, None the KL alone with free bits. adversary: weight of its loss; adversary_units:
    units of its hidden layers.
    neural_epochs, symbolic_epochs: epochs in which a child with nonterminals, and one without,
    learns the labels; program_learning_rate: rate of Adam for them. frontier, penalty, max_depth:
    see `search`. most_hidden, least_hidden: units of a nonterminal's network at depth 0, and at
    least.
    published: values by data set, Zhan et al., appendix; the sizes are those of
    `TrajectorySettings`, but for z on calms21. A capacity that their table gives as "–" is 0 here,
    for a reason in docs/settings.md.
    """

    published: ClassVar[dict[str, dict[str, Any]]] = {
        "synthetic": {
            "dsl": "synthetic",
            "gamma": 10.0,
            "capacity_discrete": 0.6,
            "capacity_continuous": 0.0,
            "ramp": 10_000,
            "adversary": 10.0,
            "neural_epochs": 10.0,
            "symbolic_epochs": 10.0,
            "program_learning_rate": 1e-3,
            "frontier": 30,
            "max_depth": 2,
            "most_hidden": 16,
            "least_hidden": 8,
        },
        "calms21": {
            "z": 8,
            "dsl": "calms21_1",
            "gamma": 100.0,
            "capacity_discrete": 0.69,
            "capacity_continuous": 10.0,
            "ramp": 30_000,
            "adversary": 100.0,
            "neural_epochs": 6.0,
            "symbolic_epochs": 10.0,
            "program_learning_rate": 1e-3,
            "frontier": 8,
            "max_depth": 5,
            "most_hidden": 10,
            "least_hidden": 4,
        },
        "basketball": {
            "dsl": "basketball",
            "gamma": 10.0,
            "capacity_discrete": 0.6,
            "capacity_continuous": 4.0,
            "ramp": 20_000,
            "adversary": 10.0,
            "neural_epochs": 8.0,
            "symbolic_epochs": 8.0,
            "program_learning_rate": 1e-2,
            "frontier": 30,
            "max_depth": 3,
            "most_hidden": 12,
            "least_hidden": 4,
        },
    }

    programs: int = 1
    dsl: str = "synthetic"
    gamma: float = 10.0
    capacity_discrete: float = 0.6
    capacity_continuous: float | None = 0.0
    ramp: int = 10_000
    adversary: float = 10.0
    adversary_units: int = 8
    neural_epochs: float = 10.0
    symbolic_epochs: float = 10.0
    program_learning_rate: float = 1e-3
    frontier: int = 30
    penalty: float = 0.01
    max_depth: int = 2
    most_hidden: int = 16
    least_hidden: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in (
            "programs",
            "ramp",
            "adversary_units",
            "frontier",
            "max_depth",
            "most_hidden",
            "least_hidden",
        ):
            whole(self, name, 1)
        for name in ("gamma", "adversary", "penalty"):
            number(self, name, 0)
        number(self, "capacity_discrete", 0, above=True)
        if self.capacity_continuous is not None:
            number(self, "capacity_continuous", 0)
        for name in ("neural_epochs", "symbolic_epochs", "program_learning_rate"):
            number(self, name, 0, above=True)
        if self.programs >= self.z:
            raise SymbenchError(
                f"programs is {self.programs}; with z = {self.z} there is room for {self.z - 1}, "
                "as the neural part keeps one dimension."
            )
        if self.capacity_discrete >= math.log(2):
            raise SymbenchError(
                f"capacity_discrete is {self.capacity_discrete}; a bit holds less than "
                f"{math.log(2):.3f} nats."
            )
        check_depth(languages.load(self.dsl), self.max_depth)


class NeurosymbolicEncoder:
    """Neurosymbolic encoder: clusters are the programs' bits read as a binary number.

    Embeddings are the means of the neural z.

    Deviations:
      - The neural KL of synthetic walks has weight gamma and no capacity; the published program
        gives it weight 1 with free bits.
      - Inputs are standardised on synthetic walks too, and the rate of the VAE is the paper's
        table's; the published program takes them raw and trains at 1e-3.
      - A frozen program's bit is not sampled, and the adversary's loss has a gradient for the
        learning program; in the published program bit and target are sampled.
      - The search on synthetic walks is the paper's, with a neural heuristic; the published program
        takes two Monte-Carlo samples a child there, of at most four children a node.
    """

    version = 1
    Settings: ClassVar[type] = NeurosymbolicSettings

    def __init__(self, settings: NeurosymbolicSettings) -> None:
        self.settings = settings
        self.dsl = languages.load(settings.dsl)
        self.stages: list[NeurosymbolicNetwork] = []
        self.explanation: dict[str, Any] = {}

    @property
    def parameters(self) -> int | None:
        """The number of weights of the last network; None before `fit`."""
        if not self.stages:
            return None
        return sum(weight.numel() for weight in self.stages[-1].parameters())

    def fit(self, examples: Examples, run: Run) -> None:
        """Learn from `states` (N, T+1, D) and the features that the DSL reads."""
        training = Training(self.settings, self.dsl, examples, run)
        learned: list[Program] = []
        frozen: list[Population] = []
        written, trees = [], []
        self.stages = [training.train([], "before any program")]
        for k in range(self.settings.programs):
            program, network, search = self._learn(k + 1, frozen, learned, training)
            population = network.programs[-1]
            assert isinstance(population, Population)
            population.requires_grad_(False)
            learned.append(program)
            frozen.append(population)
            self.stages.append(network)
            writer = Writer(population, self.dsl, training.feature_mean, training.feature_std)
            written.append({"text": writer.text(), "words": writer.words()})
            trees.append({"program": k + 1, "nodes": search.as_json()})
        training.end()
        self.training_scale = training.feature_mean, training.feature_std
        self.shape = np.asarray(examples["states"]).shape[1:]
        self.explanation = {"dsl": self.dsl.name, "programs": written, "search": trees}

    def _learn(
        self, k: int, frozen: list[Population], learned: list[Program], training: Training
    ) -> tuple[Program, NeurosymbolicNetwork, Search]:
        """Learn the k-th program, from a fully neural one to one without nonterminals."""
        settings = self.settings
        search = Search(self.dsl, settings.penalty, settings.max_depth, settings.frontier, learned)
        turn = 0
        while True:
            candidate, turn = search.best(), turn + 1
            name = f"program {k}, turn {turn}"
            training.stage = {"program": k, "turn": turn}
            current = training.population([candidate.program], name)
            network = training.train([*frozen, current], name)
            if candidate.program.complete:
                search.choose(candidate)
                return candidate.program, network, search
            labels = training.labels(network)
            candidate.share = float(labels.float().mean())
            children = search.children(candidate)
            for one, error in zip(children, training.errors(children, labels, name), strict=True):
                one.error = error
            search.keep(children)

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Answer `clusters` (N,), `bits` (N, K), and `embeddings`, `deviations` (N, z - K).

        The last two are mean and deviation of the neural z; latent_k, deviation_k: (N, z - k), the
        same after k programs.
        """
        if not self.stages:
            raise SymbenchError("NeurosymbolicEncoder has not learned yet; call fit first.")
        shape = np.asarray(inputs["states"]).shape[1:]
        if shape != self.shape:
            raise SymbenchError(
                f"a trajectory has shape {shape} here; NeurosymbolicEncoder learned from those of "
                f"{self.shape}."
            )
        scale = self.stages[0].scale
        assert isinstance(scale, Scale)
        data = prepared(inputs, self.settings, self.dsl, scale, *self.training_scale, run.device)
        outputs = defaultdict[str, list[Tensor]](list)
        bits = []
        with torch.inference_mode():
            for start in range(0, inputs.count, AT_ONCE):
                batch = batch_of(rows_of(data, slice(start, start + AT_ONCE)))
                for k, network in enumerate(self.stages):
                    mu, log_variance = network.posterior(batch)
                    outputs[f"latent_{k}"].append(mu)
                    outputs[f"deviation_{k}"].append(torch.exp(0.5 * log_variance))
                bits.append(self.stages[-1].logits(batch) > 0)
        arrays = {name: torch.cat(parts).cpu().numpy() for name, parts in outputs.items()}
        last = len(self.stages) - 1
        said = torch.cat(bits).cpu().numpy().astype(np.int64)
        return {
            "clusters": said @ (1 << np.arange(said.shape[1])),
            "embeddings": arrays[f"latent_{last}"],
            "deviations": arrays[f"deviation_{last}"],
            "bits": said,
            **arrays,
        }


__all__ = ["NeurosymbolicEncoder", "NeurosymbolicSettings"]

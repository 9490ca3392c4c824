"""Task programming: a trajectory VAE whose z must also predict the outputs of given programs.

Sun, Kennedy, Zhan, Anderson, Yue and Perona, "Task Programming: Learning Data Efficient Behavior
Representations" (CVPR 2021). There an expert writes programs that compute attributes of behaviour,
and a trajectory VAE learns from them without labels (TREBA). Zhan et al. (TMLR 2022, arXiv
2107.13132) replace the expert's ten programs by one learned program of a neurosymbolic encoder.

Two of TREBA's losses are here, trajectory generation and attribute decoding. Two are left out:
attribute consistency, for which trajectories are generated and measured, and the contrastive loss,
which draws together trajectories with the same attributes.

Letters: N examples, B trajectories of a batch, T+1 frames, Z latent dimensions, A attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.checks import number, one_of
from baselines.trajectories.trajectory_encoder import Scale, free_bits, gaussian, kl_normal
from baselines.trajectories.trajectory_method import TrajectoryMethod, columns_of, training_split
from baselines.tvae import TVAENetwork
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Examples, Run
from benchmarks.training import seeded, train
from methods.neurosymbolic_encoder import NeurosymbolicEncoder, NeurosymbolicSettings, wording
from methods.neurosymbolic_encoder import dsl as languages

PROGRAMS = ("none", "expert", "learned")
EXPERTS = 10


@dataclass(frozen=True)
class TaskProgrammingSettings(NeurosymbolicSettings):
    """programs_by: "none" (a plain TVAE), "expert" or "learned"; weight: of the attributes' loss.

    dsl: the language, whose features programs read. The other settings of programs and their search
    are those of the neurosymbolic encoder behind "learned", with one program by default; each
    program gives one attribute.
    """

    programs_by: str = "none"
    weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "weight", 0)
        one_of(self, "programs_by", PROGRAMS)


class TaskProgrammingNetwork(TVAENetwork):
    """TVAE + weight · cross-entropy of a linear head that predicts the attributes from a sampled z.

    The head is drawn last, so that all other weights begin as in a TVAE with the same seed.
    """

    def __init__(self, settings: TaskProgrammingSettings, scale: Scale, attributes: int) -> None:
        super().__init__(settings, scale)
        self.weight = settings.weight
        self.head = nn.Linear(settings.z, attributes)

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss in nats of a batch with `attributes` (B, A), and its parts."""
        states, actions, summary = self.encode(batch)
        mu, log_variance = self.posterior(summary)
        z = gaussian(mu, log_variance).rsample()
        nll = self.nll(states, actions, z).mean()
        kl = free_bits(kl_normal(mu, log_variance), 1 / mu.shape[1]).sum(1).mean()
        attributes = self.decoding(z, batch["attributes"])
        loss = nll + kl + self.weight * attributes
        return loss, {"nll": nll, "kl": kl, "attributes": attributes}

    def decoding(self, z: Tensor, attributes: Tensor) -> Tensor:
        """z: (B, Z), attributes: (B, A) of 0, 1 → nats, summed over attributes, batch mean."""
        said = F.binary_cross_entropy_with_logits(self.head(z), attributes, reduction="none")
        return said.sum(1).mean()


class TaskProgramming(TrajectoryMethod):
    """A TVAE that learns from programs; `explanation` lists them."""

    version = 1
    Settings = TaskProgrammingSettings
    Network = TVAENetwork

    def __init__(self, settings: TaskProgrammingSettings) -> None:
        super().__init__(settings)
        self.settings: TaskProgrammingSettings = settings
        self.explanation: dict[str, Any] = {}

    def fit(self, examples: Examples, run: Run) -> None:
        """Learn from `states` (N, T+1, D) and the features of the DSL, where not `validation`."""
        if self.settings.programs_by == "none":
            super().fit(examples, run)
            return
        learned = training_split(examples)
        columns = columns_of(learned, self.settings.features)
        if self.settings.programs_by == "expert":
            attributes, self.explanation = expert(learned, languages.load(self.settings.dsl))
        else:
            encoder = NeurosymbolicEncoder(self.settings)
            encoder.fit(examples, run)
            attributes = encoder.evaluate(learned, run)["bits"]
            self.explanation = encoder.explanation
        self.shape = np.asarray(learned["states"]).shape[1:]
        with seeded(run, "weights"):
            network = TaskProgrammingNetwork(self.settings, Scale(columns), attributes.shape[1])
        self.network = network.to(run.device)
        columns["attributes"] = attributes.astype(np.float32)
        # The updates that found the program are updates of this method too.
        steps, seen = run.steps, run.examples
        how = Optimisation(learning_rate=self.settings.learning_rate)
        train(self.network, Examples(columns), run, how)
        run.steps, run.examples = run.steps + steps, run.examples + seen


def expert(learned: Examples, dsl: languages.DSL) -> tuple[np.ndarray, dict[str, Any]]:
    """Attributes (N, A) bool of programs as an expert might write them, and their explanation.

    There is one program for each of the first ten features of the DSL: 1 where the feature's
    average over the T+1 frames is above the median of these averages in the training split. Only
    the medians come from the data, and no label is used.
    """
    averages = dsl.columns(learned).mean(1, dtype=np.float64)[:, :EXPERTS]
    medians = np.median(averages, axis=0)
    written = []
    for feature, median in zip(dsl.features, medians.tolist(), strict=False):
        value = wording.formatted(median)
        words = f"1 where the average over time of {feature.words} is above {value} {feature.unit}"
        text = f"1[> {value}] map_average({feature.name})"
        written.append({"text": text, "words": words.rstrip()})
    return averages > medians, {"dsl": dsl.name, "programs": written}

"""Task programming: a trajectory VAE whose z must also reflect the outputs of given programs.

Sun, Kennedy, Zhan, Anderson, Yue and Perona, "Task Programming: Learning Data Efficient Behavior
Representations" (CVPR 2021). There an expert writes programs that compute attributes of behaviour,
and a trajectory VAE learns from them without labels (TREBA). Zhan et al. (TMLR 2022, arXiv
2107.13132) replace the expert's ten programs by one learned program of a neurosymbolic encoder.

Letters: N examples, B trajectories of a batch, T+1 frames, D numbers of a state, Z latent
dimensions, A attributes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.checks import number, one_of, true_or_false
from baselines.trajectories.trajectory_encoder import (
    Encoder,
    Scale,
    TrajectorySettings,
    free_bits,
    gaussian,
    kl_normal,
)
from baselines.trajectories.trajectory_method import (
    TrajectoryMethod,
    centre_features,
    columns_of,
    training_split,
)
from baselines.tvae import TVAENetwork
from benchmarks.protocol import Budget, Examples, Run
from benchmarks.training import seeded, train
from methods.neurosymbolic_encoder import NeurosymbolicEncoder, NeurosymbolicSettings, wording
from methods.neurosymbolic_encoder import dsl as languages

PROGRAMS = ("none", "expert", "learned")
EXPERTS = 10
# Temperatures of generated actions and of the contrastive loss, as in TREBA's program.
ROLLOUT_TEMPERATURE, CONTRAST_TEMPERATURE = 0.1, 0.07
# The approximator learns for 100 epochs and then the rest for 300 in TREBA's program.
APPROXIMATOR_SHARE = 1 / 3


@dataclass(frozen=True)
class TaskProgrammingSettings(NeurosymbolicSettings):
    """programs_by: "none" (a plain TVAE), "expert" or "learned".

    consistency, contrastive, decoding: weights of the losses, 0 for none; the defaults are those of
    TREBA's program for mice, whose contrastive weight is 10 beside sums over batches of 128.
    with_features: append the features of the centre frame to z in the answer, as the published
    classifiers of behaviour see both. dsl: the language, whose features programs read. The other
    settings of programs and their search are those of the neurosymbolic encoder behind "learned",
    with one program by default; each program gives one attribute.
    """

    programs_by: str = "none"
    consistency: float = 1.0
    contrastive: float = 0.078125
    decoding: float = 0.0
    with_features: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("consistency", "contrastive", "decoding"):
            number(self, name, 0)
        one_of(self, "programs_by", PROGRAMS)
        true_or_false(self, "with_features")


class Approximator(nn.Module):
    """Attributes from a trajectory, a differentiable stand-in for the programs."""

    def __init__(self, settings: TrajectorySettings, scale: Scale, attributes: int) -> None:
        super().__init__()
        self.scale = scale
        self.encoder = Encoder(2 * scale.states, settings)
        self.attributes = nn.Linear(settings.hidden, attributes)

    def forward(self, states: Tensor, actions: Tensor) -> Tensor:
        """states, actions: (B, T, D) standardised → logits (B, A)."""
        logits: Tensor = self.attributes(self.encoder(torch.cat([states, actions], -1)))
        return logits

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss in nats of a batch with `attributes` (B, A)."""
        states, actions, _ = self.scale(batch)
        return bits_nll(self(states, actions), batch["attributes"]), {}


class TaskProgrammingNetwork(TVAENetwork):
    """TVAE + weighted losses of consistency, contrast and decoding.

    consistency: the approximator, whose weights stay, must find the attributes of a trajectory in
    one that the decoder generates from its z and first state. contrastive: see `contrastive`, on a
    projection of the posterior mean for each attribute. decoding: the attributes are predicted from
    the posterior mean. What these losses need is drawn last, so that all other weights begin as in
    a TVAE with the same seed.
    """

    def __init__(
        self,
        settings: TaskProgrammingSettings,
        scale: Scale,
        attributes: int,
        approximator: Approximator | None = None,
    ) -> None:
        super().__init__(settings, scale)
        self.settings, self.approximator = settings, approximator
        contrasts = attributes if settings.contrastive else 0
        heads = attributes if settings.decoding else 0
        self.contrasts = nn.ModuleList(two_layers(settings.z, settings.z) for _ in range(contrasts))
        self.heads = nn.ModuleList(two_layers(settings.z, 1) for _ in range(heads))

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss in nats of a batch with `attributes` (B, A), and its parts, weighted."""
        states, actions, summary = self.encode(batch)
        mu, log_variance = self.posterior(summary)
        z = gaussian(mu, log_variance).rsample()
        nll = self.nll(states, actions, z).mean()
        kl = free_bits(kl_normal(mu, log_variance), 1 / mu.shape[1]).sum(1).mean()
        parts = {"nll": nll, "kl": kl}
        attributes, settings = batch["attributes"], self.settings
        if self.approximator is not None:
            again = gaussian(mu, log_variance).rsample()
            found = self.approximator(*self.rollout(states, again))
            parts["consistency"] = settings.consistency * bits_nll(found, attributes)
        if len(self.contrasts):
            pairs = zip(self.contrasts, attributes.unbind(1), strict=True)
            terms = [contrastive(project(mu), attribute) for project, attribute in pairs]
            parts["contrastive"] = settings.contrastive * torch.stack(terms).sum()
        if len(self.heads):
            said = torch.cat([head(mu) for head in self.heads], 1)
            parts["decoding"] = settings.decoding * bits_nll(said, attributes)
        return torch.stack(list(parts.values())).sum(), parts

    def rollout(self, states: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Generated states and actions (B, T, D) from the first of states (B, T, D), z: (B, Z)."""
        steps, first = states.shape[1], states[:, 0]
        return self.decoder.rollout(first, z, steps, self.scale, ROLLOUT_TEMPERATURE)


def two_layers(z: int, outputs: int) -> nn.Sequential:
    """Two linear layers with a ReLU between them: (B, Z) → (B, outputs)."""
    return nn.Sequential(nn.Linear(z, z), nn.ReLU(), nn.Linear(z, outputs))


def bits_nll(logits: Tensor, bits: Tensor) -> Tensor:
    """logits: (B, A), bits: (B, A) of 0, 1 → nats, summed over attributes, batch mean."""
    return F.binary_cross_entropy_with_logits(logits, bits, reduction="none").sum(1).mean()


def contrastive(features: Tensor, attribute: Tensor) -> Tensor:
    """Supervised contrastive loss of Khosla et al. (NeurIPS 2020). (B, Z), (B,) → nats.

    Of an example, the mean over the others with the same attribute of -log of their share, by
    exp(cosine / temperature), in all others; then the mean over the examples that have such others.
    """
    near = F.normalize(features, dim=1)
    itself = torch.eye(len(near), dtype=torch.bool, device=near.device)
    # Not -inf, with which an example alone in its batch has no gradient.
    logits = (near @ near.T / CONTRAST_TEMPERATURE).masked_fill(itself, -1e9)
    same = (attribute[:, None] == attribute) & ~itself
    shares = torch.where(same, logits.log_softmax(1), 0.0)
    nats = -shares.sum(1) / same.sum(1).clamp(min=1)
    return nats.sum() / same.any(1).sum().clamp(min=1)


class TaskProgramming(TrajectoryMethod):
    """A TVAE that learns from programs; `explanation` lists them.

    Deviations:
      - In TREBA's program the consistency term has no effect, as trajectories are generated without
        gradients; here they have them, as in the paper.
      - One network approximates all attributes, not one each, and the encoder does not see them.
      - There are no augmented views of a trajectory, which depend on the data set.
      - Sizes and rate are those of the neurosymbolic encoder.
      - The expert's attributes have two values, not three, and other thresholds.
    """

    version = 2
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
        columns["attributes"] = attributes.astype(np.float32)
        scale, count = Scale(columns), attributes.shape[1]
        # The updates that found program and approximator are updates of this method too.
        steps, seen = run.steps, run.examples
        approximator = None
        if self.settings.consistency:
            with seeded(run, "weights of the approximator"):
                approximator = Approximator(self.settings, scale, count).to(run.device)
            length = math.ceil(APPROXIMATOR_SHARE * run.budget.total_steps(learned.count))
            budget = Budget(steps=length, batch_size=run.budget.batch_size)
            part = replace(run, budget=budget, checkpoint=None)
            train(approximator, Examples(columns), part, self.optimisation, "the approximator")
            approximator.requires_grad_(False)
            steps, seen = steps + part.steps, seen + part.examples
        with seeded(run, "weights"):
            network = TaskProgrammingNetwork(self.settings, scale, count, approximator)
        self.network = network.to(run.device)
        train(self.network, Examples(columns), run, self.optimisation)
        run.steps, run.examples = run.steps + steps, run.examples + seen

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`embeddings` (N, Z), with the features (N, Z + F) where the settings ask for them."""
        outputs = super().evaluate(inputs, run)
        if not self.settings.with_features:
            return outputs
        return {"embeddings": np.concatenate([outputs["embeddings"], centre_features(inputs)], 1)}


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

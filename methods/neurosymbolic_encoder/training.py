"""The trainings of a neurosymbolic encoder: networks against their adversaries, and children.

One search trains many networks in one run. Each training has random streams of its own, by its
name, and adds its updates to those of the trainings before it. None keeps a checkpoint, as a file
for one of them would not restore the others.

Letters: N trajectories, B of a batch, T+1 states, T actions, D state features, F features of the
DSL.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from baselines.trajectories.trajectory_encoder import Scale, moments
from baselines.trajectories.trajectory_method import columns_of, states_of, training_split
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Budget, Examples, Run, SymbenchError
from benchmarks.training import rows_of, seeded, to_device, train
from methods.neurosymbolic_encoder.dsl import DSL
from methods.neurosymbolic_encoder.network import NeurosymbolicNetwork
from methods.neurosymbolic_encoder.population import Population
from methods.neurosymbolic_encoder.programs import Program
from methods.neurosymbolic_encoder.search import Candidate, distil

AT_ONCE = 1024
BETAS, CLIP = (0.5, 0.999), 10.0
# Share of the data held out for validation where they mark no validation split.
HELD_OUT = 1 / 6


def prepared(
    examples: Examples,
    settings: Any,
    dsl: DSL,
    scale: Scale,
    feature_mean: np.ndarray,
    feature_std: np.ndarray,
    device: str,
) -> dict[str, Tensor]:
    """All columns of a data set, standardised, on the device.

    states, features (of the DSL): (N, T+1, ·); actions, appended (features that the encoder sees):
    (N, T, ·), all float32.
    """
    columns = columns_of(examples, settings.features)
    states = torch.from_numpy(states_of(examples)).to(device)
    raw = to_device(Examples(columns), device)
    features = torch.from_numpy((dsl.columns(examples) - feature_mean) / feature_std)
    return {
        "states": (states - scale.state_mean) / scale.state_std,
        "actions": (raw["actions"] - scale.action_mean) / scale.action_std,
        "appended": (raw["features"] - scale.feature_mean) / scale.feature_std,
        "features": features.float().to(device),
    }


def batch_of(data: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inputs of the network for B trajectories, from columns of `prepared`."""
    states = data["states"]
    now = states[:, :-1]
    return {
        "states": now,
        "actions": data["actions"],
        "inputs": torch.cat([now, data["actions"], data["appended"]], -1),
        "frames": torch.cat([states, data["features"]], -1),
        "features": data["features"],
    }


class Game(nn.Module):
    """A network and its adversary, in the form of one module with one loss a step.

    In a step the adversary learns first, on the step's z, and then the model, against the updated
    adversary. The training loop has one optimiser, for the model; the adversary's optimiser is kept
    here, and its weights are frozen for the loop.
    """

    def __init__(self, network: NeurosymbolicNetwork, learning_rate: float) -> None:
        super().__init__()
        self.network, self.weight = network, network.settings.adversary
        against = list(network.adversary.requires_grad_(False).parameters())
        self.opponent = None
        if against:
            self.opponent = torch.optim.Adam(against, lr=learning_rate, betas=BETAS, fused=True)

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: columns from `prepared` → the model's mean loss in nats, and its parts."""
        loss, z, told, scalars = self.network(batch_of(batch), step)
        if self.opponent is None:
            return loss, scalars
        adversary = self.network.adversary.requires_grad_(True)
        self.opponent.zero_grad(set_to_none=True)
        adversary(z.detach(), told.detach()).backward()
        self.opponent.step()
        scalars["adversary"] = adversary.requires_grad_(False)(z, told)
        return loss - self.weight * scalars["adversary"], scalars


class Training:
    """The data on the device, and the trainings that use them."""

    def __init__(self, settings: Any, dsl: DSL, examples: Examples, run: Run) -> None:
        self.settings, self.dsl, self.run = settings, dsl, run
        if "validation" in examples:
            training_split(examples)  # for its checks of the column
            validation = np.asarray(examples["validation"])
        else:
            validation = run.rng("validation").random(examples.count) < HELD_OUT
        if validation.all() or not validation.any():
            raise SymbenchError(
                "the search needs examples to learn from and others to validate on; `validation` "
                f"marks {int(validation.sum())} of {len(validation)}."
            )
        rows = np.flatnonzero(~validation)
        learned = examples.take(rows)
        self.scale = Scale(columns_of(learned, settings.features)).to(run.device)
        self.feature_mean, self.feature_std = moments(dsl.columns(learned))
        self.data = prepared(
            examples, settings, dsl, self.scale, self.feature_mean, self.feature_std, run.device
        )
        self.train_rows = torch.from_numpy(rows).to(run.device)
        self.validation_rows = torch.from_numpy(np.flatnonzero(validation)).to(run.device)
        self.learned = rows_of(self.data, self.train_rows)
        self.frame_width = self.data["states"].shape[2] + self.data["features"].shape[2]
        self.updates = self.seen = 0
        self.stage = dict[str, float]()  # what the trainings are for, told with their progress

    def population(self, programs: list[Program], name: str) -> Population:
        """Fresh programs, whose weights depend on the run's seed and this name."""
        settings = self.settings
        with seeded(self.run, f"weights of {name}"):
            fresh = Population(
                programs, self.dsl, self.frame_width, settings.most_hidden, settings.least_hidden
            )
        return fresh.to(self.run.device)

    def train(self, programs: list[Population], name: str) -> NeurosymbolicNetwork:
        """A fresh network around these programs, trained for the run's budget."""
        rate = self.settings.learning_rate
        with seeded(self.run, f"weights of {name}, network"):
            network = NeurosymbolicNetwork(self.settings, self.scale, programs).to(self.run.device)
        how = Optimisation(learning_rate=rate, clip=CLIP, betas=BETAS)
        train(Game(network, rate), Examples(self.learned), self._part(self.run.budget), how, name)
        return network

    def labels(self, network: NeurosymbolicNetwork) -> Tensor:
        """The bit of the network's last program for all examples (N,), training and validation."""
        with torch.inference_mode():
            parts = [
                network.logits(batch_of(rows_of(self.data, slice(start, start + AT_ONCE))))[:, -1]
                for start in range(0, len(self.data["states"]), AT_ONCE)
            ]
        return (torch.cat(parts) > 0).clone()

    def errors(self, children: list[Candidate], labels: Tensor, name: str) -> list[float]:
        """Validation errors of the children; those with and without nonterminals train apart."""
        settings, batch_size = self.settings, self.run.budget.batch_size
        found = dict[int, float]()
        columns: dict[str, Any] = {
            "frames": torch.cat([self.data["states"], self.data["features"]], -1),
            "features": self.data["features"],
            "labels": labels.to(self.data["states"].dtype),
        }
        learned, validation = (
            Examples(rows_of(columns, rows)) for rows in (self.train_rows, self.validation_rows)
        )
        per_epoch = learned.count / min(batch_size, learned.count)
        for complete, epochs in ((False, settings.neural_epochs), (True, settings.symbolic_epochs)):
            chosen = [one for one in children if one.program.complete == complete]
            if not chosen:
                continue
            full_name = f"{name}, {'complete' if complete else 'partial'} children"
            fresh = self.population([one.program for one in chosen], full_name)
            run = self._part(Budget(steps=math.ceil(epochs * per_epoch), batch_size=batch_size))
            rate = settings.program_learning_rate
            scores = distil(fresh, learned, validation, run, rate, full_name)
            found |= zip((one.number for one in chosen), scores, strict=True)
        return [found[one.number] for one in children]

    def _part(self, budget: Budget) -> Run:
        """The run of one training, whose reports add to the updates of the trainings before it.

        The number of turns of a search is not known beforehand: one more is always assumed.
        """
        updates, seen = self.updates, self.seen
        next_turn = self.run.budget.total_steps(len(self.train_rows))

        def reporter(step: int, of: int, **scalars: float) -> None:
            self.updates, self.seen = updates + step, seen + part.examples
            total = updates + of + next_turn
            self.run.report(self.updates, total, self.seen, **self.stage, **scalars)

        part = replace(self.run, budget=budget, reporter=reporter, checkpoint=None)
        return part

    def end(self) -> None:
        """Report that no further turn comes."""
        self.run.report(self.updates, self.updates, self.seen)

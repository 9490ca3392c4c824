"""How weights are updated: the optimiser, its rate and decay, clipping, precision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import cos, pi

import torch

from benchmarks.errors import SymbenchError

OPTIMISERS = ("adam", "adamw", "rmsprop")


@dataclass(frozen=True)
class Optimisation:
    """How weights are updated.

    learning_rate: rises linearly from 0 for `warm_up` updates, then falls along half a cosine to
    `final_rate` at the last update; None: it stays. weight_decay: of "adamw" alone, decoupled, on
    what has two axes or more, so on no bias and no norm; moves along half a cosine to
    `final_weight_decay`. clip: the largest norm that all gradients together may have, 0 for any.
    mixed_precision: compute in bfloat16 on devices made for it; weights and loss are float32
    nevertheless.
    """

    optimiser: str = "adam"
    learning_rate: float = 1e-4
    clip: float = 0.0
    mixed_precision: bool = True
    warm_up: int = 0
    final_rate: float | None = None
    weight_decay: float = 0.0
    final_weight_decay: float | None = None

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            allowed = ", ".join(OPTIMISERS)
            raise SymbenchError(f"no optimiser '{self.optimiser}'; there are: {allowed}.")
        if not self.learning_rate > 0:
            raise SymbenchError(f"learning_rate is {self.learning_rate}; it must be above 0.")
        if not self.clip >= 0:
            raise SymbenchError(f"clip is {self.clip}; it must be at least 0, which clips nothing.")
        for name in ("warm_up", "final_rate", "weight_decay", "final_weight_decay"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise SymbenchError(f"{name} is {value}; it must be at least 0.")
        if (self.weight_decay or self.final_weight_decay) and self.optimiser != "adamw":
            raise SymbenchError(f"weight decay needs the optimiser 'adamw', not {self.optimiser}.")

    def rate(self, step: int, total: int) -> float:
        """The learning rate of an update, counted from 0, of so many."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        if self.final_rate is None:
            return self.learning_rate
        done = (step - self.warm_up) / max(1, total - 1 - self.warm_up)
        return half_cosine(self.learning_rate, self.final_rate, done)

    def decay(self, step: int, total: int) -> float:
        """The weight decay of an update, counted from 0, of so many."""
        if self.final_weight_decay is None:
            return self.weight_decay
        return half_cosine(self.weight_decay, self.final_weight_decay, step / max(1, total - 1))


def half_cosine(first: float, last: float, done: float) -> float:
    """From `first`, where done is 0, to `last`, where it is 1, slowly at both ends."""
    return last + (first - last) * (1 + cos(pi * min(1.0, done))) / 2


def optimiser_of(learned: Iterable[torch.nn.Parameter], how: Optimisation) -> torch.optim.Optimizer:
    """The optimiser; of "adamw", the second group of parameters is the one without decay."""
    learned = list(learned)
    if how.optimiser == "rmsprop":
        return torch.optim.RMSprop(learned, lr=how.learning_rate, foreach=True)
    if how.optimiser == "adam":
        return torch.optim.Adam(learned, lr=how.learning_rate, fused=True)
    groups = [
        {"params": [one for one in learned if one.dim() > 1], "decays": True},
        {"params": [one for one in learned if one.dim() < 2], "decays": False},
    ]
    return torch.optim.AdamW(groups, lr=how.learning_rate, weight_decay=0.0, fused=True)


def schedule(optimiser: torch.optim.Optimizer, how: Optimisation, step: int, total: int) -> None:
    """Set rate and decay for an update, counted from 0, of so many."""
    rate, decay = how.rate(step, total), how.decay(step, total)
    for group in optimiser.param_groups:
        group["lr"] = rate
        if group.get("decays"):
            group["weight_decay"] = decay

"""GECO: a weight of the KL that is adapted until the reconstruction reaches a goal.

Rezende and Viola, "Taming VAEs" (arXiv 1810.00597), as GENESIS (arXiv 1907.13052) uses it: the loss
is NLL + β KL, and after each update β falls where the NLL is above its goal and grows where it is
below. The published goal, 0.5655 nats a value, is for a likelihood with σ = 0.7. Here σ is 0.2, for
which no goal is published. It is converted by the mean squared error (mse) that a goal stands for:

    nats(σ) = log(σ √(2π)) + mse / (2 σ²),

so 0.5655 nats at 0.7 are an error of 0.0032, and at 0.2 the same error is a goal of −0.6509 nats a
value. The distance of the NLL from its goal is also converted to nats at σ = 0.7, by the factor
(0.2/0.7)², so that the published step acts as strongly on the same error.
"""

from __future__ import annotations

from math import log, pi

import torch
from torch import Tensor, nn

PUBLISHED_SIGMA = 0.7
LEAST_BETA = 1e-10
AVERAGE = 0.99


class GECO(nn.Module):
    """The weight β of the KL, a buffer, and its update.

    goal: nats a value at σ = 0.7; values: pixels times channels of an image; sigma: σ of the
    likelihood in use. step: change of log β for each nat; speedup: factor of the step while the
    goal is met. beta: the first β.
    """

    beta: Tensor
    average: Tensor
    updates: Tensor

    def __init__(
        self, goal: float, values: int, sigma: float, step: float, speedup: float, beta: float
    ) -> None:
        super().__init__()
        self.step, self.speedup = step, speedup
        error = 2 * PUBLISHED_SIGMA**2 * (goal - log(PUBLISHED_SIGMA) - 0.5 * log(2 * pi))
        self.goal = values * (log(sigma) + 0.5 * log(2 * pi) + error / (2 * sigma**2))
        self.scale = (sigma / PUBLISHED_SIGMA) ** 2
        self.register_buffer("beta", torch.tensor(beta))
        self.register_buffer("average", torch.tensor(0.0))
        self.register_buffer("updates", torch.tensor(0))

    def update(self, nll: Tensor) -> None:
        """Move β, in place, after an update whose mean NLL in nats an image is `nll`."""
        met = self.scale * (self.goal - nll)  # above 0 where the goal is met
        moved = AVERAGE * self.average + (1 - AVERAGE) * met
        self.average.copy_(torch.where(self.updates == 0, met, moved))
        self.updates.add_(1)
        rate = torch.where(self.average > 0, self.speedup * self.step, self.step)
        self.beta.mul_((rate * self.average).exp()).clamp_(min=LEAST_BETA)

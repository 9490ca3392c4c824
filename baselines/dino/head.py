"""The parts of DINO on top of an encoder: projector, two distributions, and their schedules.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers" (ICCV 2021, arXiv
2104.14294), section 3.1 and appendix. A student learns to give the distribution over prototypes
that a teacher gives for another view. The teacher is a moving average of the student. Its outputs
are centred, which keeps them from collapsing to a single prototype, and sharpened, which keeps them
from the uniform distribution. The published head has 65,536 prototypes; small data need fewer.

Letters: B examples, D inputs, K prototypes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.optimisation import half_cosine

STUDENT_TEMPERATURE = 0.1
CENTRE_MOMENTUM = 0.9


class DINOHead(nn.Module):
    """Three linear layers with GELU between → L2 norm → cosine with each prototype.

    The last layer is linear without bias, its weights normed to 1 for each prototype, which equals
    weight normalisation with its gain fixed at 1.
    """

    def __init__(
        self, inputs: int, prototypes: int, hidden: int = 2048, bottleneck: int = 256
    ) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(inputs, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        self.prototypes = nn.Parameter(torch.empty(prototypes, bottleneck))
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=layer.in_features**-0.5)
                nn.init.zeros_(layer.bias)
        nn.init.normal_(self.prototypes)

    def forward(self, x: Tensor, fixed: bool = False) -> Tensor:
        """x: (..., D) → logits (..., K) in [-1, 1].

        fixed: give the prototypes no gradient, as DINO does in its first epoch.
        """
        prototypes = self.prototypes.detach() if fixed else self.prototypes
        points = functional.normalize(self.mlp(x).float(), dim=-1)
        return functional.linear(points, functional.normalize(prototypes, dim=-1))


def sharpened(logits: Tensor, centre: Tensor, temperature: float) -> Tensor:
    """The teacher's distribution, without gradient: logits (..., K), centre (K,) → (..., K)."""
    return ((logits.detach().float() - centre) / temperature).softmax(-1)


def balanced(logits: Tensor, temperature: float, rounds: int = 3) -> Tensor:
    """The teacher's distributions, balanced so that a batch uses all prototypes equally.

    logits: (B, K) → (B, K), without gradient. Rounds of Sinkhorn and Knopp replace the centre, as
    in SwAV (Caron et al. 2020, arXiv 2006.09882) and DINOv2 (Oquab et al. 2023, arXiv 2304.07193).
    """
    said = logits.detach().float() / temperature
    for _ in range(rounds):
        said = said - said.logsumexp(0, keepdim=True)
        said = said - said.logsumexp(1, keepdim=True)
    return said.exp()


def cross_entropy(
    target: Tensor, logits: Tensor, temperature: float = STUDENT_TEMPERATURE
) -> Tensor:
    """target: (B, K) the teacher's distribution; logits: (B, K) the student's → (B,) in nats."""
    return -(target * (logits.float() / temperature).log_softmax(-1)).sum(-1)


def move_centre(centre: Tensor, batch_mean: Tensor, momentum: float = CENTRE_MOMENTUM) -> None:
    """Move centre (K,), in place, towards the mean of the teacher's logits in a batch (K,)."""
    centre.lerp_(batch_mean.to(centre.dtype), 1 - momentum)


@torch.no_grad()
def ema(target: nn.Module, source: nn.Module, momentum: float | Tensor) -> None:
    """Move the weights of `target`, in place, to momentum · target + (1 - momentum) · source."""
    for moved, towards in zip(target.parameters(), source.parameters(), strict=True):
        moved.lerp_(towards, 1 - momentum)


def momentum_at(step: int, total: int, first: float = 0.996, last: float = 1.0) -> float:
    """Momentum of the moving average at update `step` (from 0): half a cosine to `last`."""
    return half_cosine(first, last, step / max(1, total - 1))


def warmed(step: int, first: float, last: float, warm_up: int) -> float:
    """Temperature at update `step`: a straight line from `first` to `last` over `warm_up`."""
    return last if step >= warm_up else first + (last - first) * step / warm_up

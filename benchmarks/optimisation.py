"""Updates of weights: the optimiser, its rate and decay, clipping, precision.

Letters: m rows and n columns of a kernel as a matrix; m is the number of its outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

import torch
from torch import Tensor, nn

from benchmarks.errors import SymbenchError

OPTIMISERS = ("adam", "adamw", "muon", "rmsprop")
BETAS = 0.9, 0.999


@dataclass(frozen=True)
class Optimisation:
    """The optimiser of a training and its options; the defaults are plain Adam.

    optimiser: one of OPTIMISERS; "muon" is Adam except for hidden convolutions, see `Muon`.
    betas: Adam's decay rates of the two moments; for "adam" alone.
    learning_rate: rises linearly from 0 for `warm_up` updates, then falls along half a cosine to
    `final_rate` at the last update; where `final_rate` is None it stays. weight_decay: decoupled,
    for "adamw" alone, on parameters with two axes or more, so on no bias and no norm; moves along
    half a cosine to `final_weight_decay`. clip: the largest norm that all gradients together may
    have, 0 for any. mixed_precision: compute in bfloat16 on devices made for it; weights and loss
    stay float32. channels_last: the memory order of kernels that suits convolutions. in_parts:
    allow a batch to be computed `run.at_once` examples at a time; for losses that are means over
    examples.
    """

    optimiser: str = "adam"
    learning_rate: float = 1e-4
    clip: float = 0.0
    mixed_precision: bool = False
    warm_up: int = 0
    final_rate: float | None = None
    weight_decay: float = 0.0
    final_weight_decay: float | None = None
    betas: tuple[float, float] = BETAS
    channels_last: bool = False
    in_parts: bool = False

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
        if self.betas != BETAS and self.optimiser != "adam":
            raise SymbenchError(f"betas need the optimiser 'adam', not {self.optimiser}.")

    def rate(self, step: int, total: int) -> float:
        """The learning rate of update `step`, counted from 0, of `total` updates."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        if self.final_rate is None:
            return self.learning_rate
        done = (step - self.warm_up) / max(1, total - 1 - self.warm_up)
        return half_cosine(self.learning_rate, self.final_rate, done)

    def decay(self, step: int, total: int) -> float:
        """The weight decay of update `step`, counted from 0, of `total` updates."""
        if self.final_weight_decay is None:
            return self.weight_decay
        return half_cosine(self.weight_decay, self.final_weight_decay, step / max(1, total - 1))


ADAM = Optimisation()


def half_cosine(first: float, last: float, done: float) -> float:
    """A value between `first`, at done = 0, and `last`, at done = 1, along half a cosine."""
    return last + (first - last) * (1 + cos(pi * min(1.0, done))) / 2


class Muon(torch.optim.Adam):
    """Adam, except that updates of the kernels of hidden convolutions are made orthogonal.

    An update of such a kernel, as a matrix (m, n), is its momentum with all singular values brought
    near 1 by Newton-Schulz iterations: weak directions of the gradient count as much as strong
    ones. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); scaled by
    0.2 √max(m, n), after Liu et al. (2025, arXiv 2502.16982), so that a rate that suits Adam suits
    it; no weight decay. Torch's own Muon takes matrices alone, no kernels, and computes in
    bfloat16, which many CPUs imitate slowly.
    """

    MOMENTUM, SCALE = 0.95, 0.2

    def __init__(self, network: nn.Module, learning_rate: float) -> None:
        super().__init__(learned(network), lr=learning_rate, fused=True)
        self.kernels = [kernel for kernel in hidden_kernels(network) if kernel.requires_grad]

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make one update; sets the gradients of the hidden kernels to None."""
        for kernel in self.kernels:
            if kernel.grad is not None:
                self._orthogonal(kernel, kernel.grad, self.param_groups[0]["lr"])
                kernel.grad = None  # Adam skips parameters without a gradient
        super().step()

    def _orthogonal(self, kernel: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[kernel]
        if not state:  # Adam expects the name "step" in every state that it loads
            state |= {"step": torch.zeros(()), "momentum": torch.zeros_like(kernel)}
        state["step"] += 1
        momentum = state["momentum"].lerp_(gradient, 1 - self.MOMENTUM)
        ahead = gradient.lerp(momentum, self.MOMENTUM).flatten(1)  # as Nesterov looks ahead
        scale = self.SCALE * max(ahead.shape) ** 0.5
        kernel.sub_(orthogonal(ahead).reshape(kernel.shape), alpha=rate * scale)


def hidden_kernels(network: nn.Module) -> list[Tensor]:
    """The kernels of convolutions that another layer follows in an `nn.Sequential`.

    Kernels of output layers are not among them; a shuffle of pixels does not count as a layer.
    """
    kernels: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            layers = [layer for layer in module if not isinstance(layer, nn.PixelShuffle)]
            kernels += [layer.weight for layer in layers[:-1] if isinstance(layer, nn.Conv2d)]
    return kernels


def orthogonal(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Approximate U Vᵀ (m, n) of a matrix (m, n) with the singular value decomposition U S Vᵀ.

    Singular values that are not tiny beside the largest end between 0.65 and 1.2.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = 3.4445 * x + (2.0315 * gram @ gram - 4.7750 * gram) @ x
    return x if wide is matrix else x.T


def learned(network: nn.Module) -> list[nn.Parameter]:
    """The parameters that training changes."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def optimiser_of(network: nn.Module, how: Optimisation) -> torch.optim.Optimizer:
    """The optimiser of a network; for "adamw" its second group of parameters has no decay."""
    if how.optimiser == "muon":
        return Muon(network, how.learning_rate)
    parameters = learned(network)
    if how.optimiser == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=how.learning_rate, foreach=True)
    if how.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=how.learning_rate, betas=how.betas, fused=True)
    groups = [
        {"params": [one for one in parameters if one.dim() > 1], "decays": True},
        {"params": [one for one in parameters if one.dim() < 2], "decays": False},
    ]
    return torch.optim.AdamW(groups, lr=how.learning_rate, weight_decay=0.0, fused=True)


def schedule(optimiser: torch.optim.Optimizer, how: Optimisation, step: int, total: int) -> None:
    """Set rate and decay for update `step`, counted from 0, of `total` updates."""
    rate, decay = how.rate(step, total), how.decay(step, total)
    for group in optimiser.param_groups:
        group["lr"] = rate
        if group.get("decays"):
            group["weight_decay"] = decay

"""Parts of all trajectory autoencoders: settings, standardisation, encoder, decoder, KL terms.

The trajectory VAE of Zhan, Sun, Kennedy, Yue and Chaudhuri (TMLR 2022, arXiv 2107.13132). A
trajectory is a sequence of states; its actions are the differences of neighbours. The encoder
summarises states and actions; a latent z is held for the whole trajectory, and the decoder gives a
Gaussian over the action of each step. The decoder is fed the true states, so that its recurrence is
one call over the whole trajectory, and the rest one product over all its steps.

Letters: B trajectories of a batch, T actions of a trajectory, D features of a state, F appended
features, I = 2D + F inputs of the encoder, H hidden units, R recurrent units, Z latent dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from baselines.checks import number, one_of, whole
from benchmarks.protocol import SymbenchError

DECODERS = ("linear", "recurrent")
LOG_VARIANCE = 16.0


@dataclass(frozen=True)
class TrajectorySettings:
    """Sizes of a model; the defaults are those of the synthetic data.

    z, hidden, rnn: latent dimensions, units of the hidden layers, units of each GRU.
    decoder: "linear" (no hidden layer, no recurrence) or "recurrent"; learning_rate: rate of Adam.
    features: names of `feature.<name>` columns that the encoder sees beside states and actions.
    published: values of Zhan et al. (TMLR 2022), appendix, by data set, with the rates of their
    table.
    """

    published: ClassVar[dict[str, dict[str, Any]]] = {
        "synthetic": {
            "z": 4,
            "hidden": 16,
            "rnn": 16,
            "decoder": "linear",
            "learning_rate": 2e-4,
        },
        "calms21": {
            "z": 32,
            "hidden": 256,
            "rnn": 256,
            "decoder": "recurrent",
            "learning_rate": 1e-4,
        },
        "basketball": {
            "z": 8,
            "hidden": 128,
            "rnn": 128,
            "decoder": "recurrent",
            "learning_rate": 2e-3,
        },
    }

    z: int = 4
    hidden: int = 16
    rnn: int = 16
    decoder: str = "linear"
    learning_rate: float = 2e-4
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("z", "hidden", "rnn"):
            whole(self, name, 1)
        number(self, "learning_rate", 0, above=True)
        one_of(self, "decoder", DECODERS)
        names = self.features
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise SymbenchError(f"features is {names!r}; it must be a list of names.")
        if len(set(names)) < len(names):
            raise SymbenchError(f"features {', '.join(names)} repeat; name each one once.")
        object.__setattr__(self, "features", tuple(names))  # a list where it comes from JSON


class Scale(nn.Module):
    """Standardisation: mean and deviation of each state, action and feature in the training split.

    A column that never changes is only centred. log_jacobian: nats by which the NLL of one raw
    action exceeds that of a standardised one; with it a likelihood refers to the units of the data.
    """

    state_mean: Tensor
    state_std: Tensor
    action_mean: Tensor
    action_std: Tensor
    feature_mean: Tensor
    feature_std: Tensor
    log_jacobian: Tensor

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        for kind in ("state", "action", "feature"):
            mean, std = moments(columns[f"{kind}s"])
            self.register_buffer(f"{kind}_mean", torch.tensor(mean, dtype=torch.float32))
            self.register_buffer(f"{kind}_std", torch.tensor(std, dtype=torch.float32))
        self.register_buffer("log_jacobian", self.action_std.log().sum())

    @property
    def states(self) -> int:
        """D, the number of features of a state and of an action."""
        return len(self.state_mean)

    @property
    def inputs(self) -> int:
        """I, the number of inputs of the encoder at one step."""
        return 2 * self.states + len(self.feature_mean)

    def after(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state. state, action: (B, D) standardised → (B, D) standardised."""
        return state + (action * self.action_std + self.action_mean) / self.state_std

    def forward(self, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Standardised states and actions (B, T, D), and the encoder's inputs (B, T, I)."""
        states = (batch["states"] - self.state_mean) / self.state_std
        actions = (batch["actions"] - self.action_mean) / self.action_std
        parts = [states, actions]
        if len(self.feature_mean):
            parts.append((batch["features"] - self.feature_mean) / self.feature_std)
        return states, actions, torch.cat(parts, -1)


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """values: (N, T, D) → mean and deviation (D,) in float64; the deviation of a constant is 1.

    Variation below a millionth of the values' size is taken for rounding, and thus for constant.
    """
    flat = rearrange(values, "n t d -> (n t) d")
    mean, std = flat.mean(0, dtype=np.float64), flat.std(0, dtype=np.float64)
    size = np.maximum(flat.max(0), -flat.min(0))
    return mean, np.where(std > 1e-6 * size, std, 1.0)


class Encoder(nn.Module):
    """Bidirectional GRU, mean over time, two hidden layers: (B, T, I) → summary (B, H)."""

    def __init__(self, inputs: int, settings: TrajectorySettings) -> None:
        super().__init__()
        self.rnn = nn.GRU(inputs, settings.rnn, batch_first=True, bidirectional=True)
        self.hidden = hidden_layers(2 * settings.rnn, settings.hidden)

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs: (B, T, I) standardised → (B, H)."""
        return self.hidden(self.rnn(inputs)[0].mean(1))


class Posterior(nn.Module):
    """A diagonal Gaussian from a summary: (B, H) → mean and log-variance, each (B, Z)."""

    def __init__(self, hidden: int, z: int) -> None:
        super().__init__()
        self.both = nn.Linear(hidden, 2 * z)

    def forward(self, summary: Tensor) -> tuple[Tensor, Tensor]:
        """summary: (B, H) → mean (B, Z), log-variance (B, Z)."""
        mu, log_variance = self.both(summary).chunk(2, -1)
        return mu, log_variance

    def answer(self, summary: Tensor) -> dict[str, Tensor]:
        """Means of the posterior, `embeddings`, and their `deviations`, (B, Z) each."""
        mu, log_variance = self(summary)
        return {"embeddings": mu, "deviations": torch.exp(0.5 * log_variance)}


class Decoder(nn.Module):
    """A Gaussian over the standardised action of each step, given its state and z.

    "linear": mean and log-variance are linear in [state, z]. "recurrent": two hidden layers come
    before, which also see the state of a GRU that has read states and actions of earlier steps.
    """

    def __init__(self, states: int, z: int, settings: TrajectorySettings) -> None:
        super().__init__()
        self.rnn: nn.GRU | None = None
        self.hidden: nn.Module = nn.Identity()
        width = states + z
        if settings.decoder == "recurrent":
            self.rnn = nn.GRU(2 * states, settings.rnn, batch_first=True)
            self.hidden = hidden_layers(width + settings.rnn, settings.hidden)
            width = settings.hidden
        self.action = nn.Linear(width, 2 * states)

    def forward(self, states: Tensor, actions: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """states, actions: (B, T, D), z: (B, Z) → mean and log-variance (B, T, D).

        The output for step t depends on no action at t or later.
        """
        held = repeat(z, "b z -> b t z", t=states.shape[1])
        seen = [states, held]
        if self.rnn is not None:
            after, _ = self.rnn(torch.cat([states, actions], -1))
            seen.append(torch.cat([torch.zeros_like(after[:, :1]), after[:, :-1]], 1))
        return self._gaussian(seen)

    def rollout(
        self, state: Tensor, z: Tensor, steps: int, scale: Scale, temperature: float
    ) -> tuple[Tensor, Tensor]:
        """Generate from a first state (B, D), z: (B, Z) → states, actions (B, steps, D).

        All are standardised. temperature: the factor of each action's deviation. Gradients pass
        through states and actions.
        """
        states, actions, memory = [], [], None
        for _ in range(steps):
            seen = [state, z]
            if self.rnn is not None:
                if memory is None:
                    memory = state.new_zeros(1, len(state), self.rnn.hidden_size)
                seen.append(memory[0])
            mean, log_variance = self._gaussian(seen)
            action = mean + temperature * (0.5 * log_variance).exp() * torch.randn_like(mean)
            if self.rnn is not None:
                memory = self.rnn(torch.cat([state, action], -1)[:, None], memory)[1]
            states.append(state)
            actions.append(action)
            state = scale.after(state, action)
        return torch.stack(states, 1), torch.stack(actions, 1)

    def _gaussian(self, seen: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of actions, from parts (..., n) that are joined."""
        mean, log_variance = self.action(self.hidden(torch.cat(seen, -1))).chunk(2, -1)
        return mean, log_variance.clamp(-LOG_VARIANCE, LOG_VARIANCE)

    def nll(self, states: Tensor, actions: Tensor, z: Tensor) -> Tensor:
        """states, actions: (B, T, D) standardised, z: (B, Z) → nats of a trajectory (B,)."""
        return -gaussian(*self(states, actions, z)).log_prob(actions).sum((1, 2))


def hidden_layers(inputs: int, hidden: int) -> nn.Sequential:
    """Two linear layers, a ReLU after each: (..., inputs) → (..., H)."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())


def gaussian(mu: Tensor, log_variance: Tensor) -> Normal:
    """A Normal of this mean and log-variance, not validated, so that a NaN reaches the loss.

    The training loop then reports that training diverged, and after how many updates.
    """
    return Normal(mu, (0.5 * log_variance).exp(), validate_args=False)


def kl_normal(mu: Tensor, log_variance: Tensor) -> Tensor:
    """mu, log_variance: (B, Z) → KL to the standard normal in nats, (B, Z)."""
    prior = Normal(torch.zeros_like(mu), torch.ones_like(mu), validate_args=False)
    return kl_divergence(gaussian(mu, log_variance), prior)


def free_bits(kl: Tensor, floor: float) -> Tensor:
    """kl: (B, Z) → max(kl, floor) in nats (B, Z): KL up to the floor is free."""
    return kl.clamp(min=floor)


def capacity(step: int, maximum: float, ramp: int) -> float:
    """Target of a latent's KL in nats at update `step`: from 0 to `maximum` within `ramp`."""
    return maximum * min(step / ramp, 1.0)

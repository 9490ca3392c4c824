"""The protocol of every learner of the `trajectories` suite: read, standardise, train, encode.

A method trains on the states of the training split; the validation split, which comes with it and
is marked, is not used. Labels are never seen. The answer is the encoder's latent.

Letters: N examples, B trajectories of a batch, T actions of a trajectory, D features of a state,
F appended features, H hidden units, Z latent dimensions.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from baselines.trajectories.trajectory_encoder import Decoder, Encoder, Scale, TrajectorySettings
from benchmarks.optimisation import BETAS, Optimisation
from benchmarks.protocol import Examples, Run, SymbenchError
from benchmarks.training import seeded, to_device, train

EVALUATE_AT_ONCE = 1024
# The largest norm of all gradients together, as in the published program.
CLIP = 10.0


class TrajectoryNetwork(nn.Module):
    """Standardisation, encoder and decoder; a subclass adds the latent between them, and a loss."""

    def __init__(self, settings: TrajectorySettings, scale: Scale) -> None:
        super().__init__()
        self.scale = scale
        self.encoder = Encoder(scale.inputs, settings)
        self.decoder = Decoder(scale.states, settings.z, settings)

    def encode(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Encode a batch: standardised states and actions (B, T, D), and the summary (B, H)."""
        states, actions, inputs = self.scale(batch)
        return states, actions, self.encoder(inputs)

    def nll(self, states: Tensor, actions: Tensor, z: Tensor) -> Tensor:
        """states, actions: (B, T, D) standardised, z: (B, Z) → nats of the raw actions (B,)."""
        return self.decoder.nll(states, actions, z) + states.shape[1] * self.scale.log_jacobian

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `states` and `actions` (B, T, D), `features` (B, T, F) → mean loss in nats."""
        raise NotImplementedError

    def answer(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """`embeddings` (B, Z) and, by the kind of latent, `deviations` (B, Z), `clusters` (B,).

        Nothing is sampled.
        """
        raise NotImplementedError


class TrajectoryMethod:
    """`fit` and `evaluate` of a `TrajectoryNetwork`; a subclass names its Settings and Network.

    betas: decay rates of Adam's two moments.

    Deviations:
      - Inputs are standardised on synthetic walks too, where the published program takes them raw;
        nats are of the raw actions.
    """

    Settings: ClassVar[type] = TrajectorySettings
    Network: ClassVar[type[TrajectoryNetwork]]
    betas: ClassVar[tuple[float, float]] = BETAS
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: TrajectorySettings) -> None:
        self.settings = settings
        self.network: TrajectoryNetwork | None = None
        self.shape: tuple[int, ...] = ()

    @property
    def parameters(self) -> int | None:
        """The number of weights; None before `fit`."""
        if self.network is None:
            return None
        return sum(weight.numel() for weight in self.network.parameters())

    @property
    def optimisation(self) -> Optimisation:
        """The optimiser of the network, Adam at the rate of the settings."""
        return Optimisation(learning_rate=self.settings.learning_rate, clip=CLIP, betas=self.betas)

    def fit(self, examples: Examples, run: Run) -> None:
        """Learn from `states` (N, T+1, D) where `validation` (N,) is False."""
        learned = training_split(examples)
        columns = columns_of(learned, self.settings.features)
        self.shape = np.asarray(learned["states"]).shape[1:]
        # Weights are drawn on the CPU, so that a run starts with the same ones on every device.
        with seeded(run, "weights"):
            network = self.Network(self.settings, Scale(columns))
        self.network = network.to(run.device)
        train(self.network, Examples(columns), run, self.optimisation)

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`embeddings` (N, Z) float32, and `clusters` (N,) int64 where the latent is discrete."""
        name = type(self).__name__
        if self.network is None:
            raise SymbenchError(f"{name} has not learned yet; call fit first.")
        columns = Examples(columns_of(inputs, self.settings.features))
        shape = np.asarray(inputs["states"]).shape[1:]
        if shape != self.shape:
            raise SymbenchError(
                f"a trajectory has shape {shape} here; {name} learned from those of {self.shape}."
            )
        network = self.network.eval()
        parts = []
        with torch.inference_mode():
            for start in range(0, columns.count, EVALUATE_AT_ONCE):
                part = columns.take(slice(start, start + EVALUATE_AT_ONCE))
                answer = network.answer(to_device(part, run.device))
                parts.append({key: value.cpu().numpy() for key, value in answer.items()})
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def training_split(examples: Examples) -> Examples:
    """The examples where `validation` (N,) is False."""
    marked = _column(examples, "validation")
    if marked.shape != (examples.count,) or marked.dtype != np.bool_:
        raise SymbenchError(
            f"validation has shape {marked.shape} and dtype {marked.dtype}; it must be "
            f"({examples.count},) and bool."
        )
    if marked.all():
        raise SymbenchError("validation is True in every row; there is nothing to learn from.")
    return examples.take(np.flatnonzero(~marked))


def columns_of(examples: Examples, features: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """`states` and `actions` (N, T, D) and `features` (N, T, F), float32, raw, checked.

    Step t has the state before action t, so that the last of T+1 states enters by the last action
    alone. Raises SymbenchError where a column is missing, has a wrong shape, or holds a NaN.
    """
    states = states_of(examples)
    count, frames, _ = states.shape
    appended = [_feature(examples, name, (count, frames)) for name in features]
    steps = [feature[:, :-1] for feature in appended]
    return {
        "states": states[:, :-1],
        "actions": np.diff(states, axis=1),
        "features": np.stack(steps, -1) if steps else np.empty((count, frames - 1, 0), np.float32),
    }


def states_of(examples: Examples) -> np.ndarray:
    """The column `states` (N, T+1, D) as float32, checked."""
    states = _column(examples, "states")
    if states.ndim != 3 or 0 in states.shape or states.shape[1] < 2:
        raise SymbenchError(
            f"states have shape {states.shape}; they must be (N, T+1, D) with two frames or more."
        )
    return _numbers("states", states)


def centre_features(examples: Examples) -> np.ndarray:
    """Every column `feature.<name>` in the centre frame, checked: (N, F) float32."""
    shape = np.asarray(examples["states"]).shape[:2]
    names = [name.removeprefix("feature.") for name in examples if name.startswith("feature.")]
    if not names:
        raise SymbenchError("the data have no columns 'feature.<name>', which are asked for.")
    return np.stack([_feature(examples, name, shape)[:, shape[1] // 2] for name in names], -1)


def _feature(examples: Examples, name: str, shape: tuple[int, int]) -> np.ndarray:
    """The column `feature.<name>` (N, T+1) as float32, checked."""
    feature = _column(examples, f"feature.{name}")
    if feature.shape != shape:
        raise SymbenchError(f"feature.{name} has shape {feature.shape}; it must be {shape}.")
    return _numbers(f"feature.{name}", feature)


def _column(examples: Examples, name: str) -> np.ndarray:
    """The column of this name; raises SymbenchError where it is missing."""
    if name not in examples:
        given = ", ".join(examples) or "nothing"
        raise SymbenchError(f"there is no column '{name}', which trajectories need; got: {given}.")
    return np.asarray(examples[name])


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    """The values as float32; raises SymbenchError where they are no finite numbers."""
    if values.dtype.kind not in "fiu":
        raise SymbenchError(f"{name} have dtype {values.dtype}; they must be numbers.")
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise SymbenchError(f"{name} hold {bad} values that are NaN or infinite; leave them out.")
    return values.astype(np.float32, copy=False)

"""The protocol of every learner of the `scenes` suite: train, draw scenes, measure likelihood.

All have the likelihood of `pixel_likelihood`, so that their log-likelihoods can be compared.

Letters: N examples, B images of a batch, C channels, H = W = size in pixels, S posterior samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from baselines.checks import number, one_of, true_or_false, whole
from baselines.scenes.example_noise import ExampleNoise
from baselines.scenes.importance import estimate
from baselines.scenes.pixel_likelihood import pixels
from baselines.scenes.scene_layers import SIZES
from benchmarks.device import out_of_memory_says
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import DivergedError, Examples, Run, SymbenchError
from benchmarks.training import seeded, train

OPTIMISERS = ("adam", "muon", "rmsprop")
EVALUATION_BYTES = 2**29
SHOWN, DRAWN = 8, 16
# Outputs of `illustrate` that are numbers and no images: boxes in pixels, and their presence.
NUMBERS = ("boxes", "presence", "drawn_boxes", "drawn_presence")


@dataclass(frozen=True)
class SceneSettings:
    """Settings of training and evaluation that all generators have.

    beta: weight of the KL in the loss; the reported likelihood does not depend on it.
    optimiser: "adam", "rmsprop" or "muon" (`benchmarks.optimisation.Muon`), with its learning_rate;
    clip: largest norm of the gradient, 0 for any.
    warm_up: updates in which the weight of all KLs together rises from 0 to its full value, so that
    a short training leaves the black image that is learned first. Published: 0, none.
    importance_samples: posterior samples of an image, for its log-likelihood.
    mixed_precision: train in bfloat16 where the device has it; the evaluation never does.
    """

    beta: float = 1.0
    optimiser: str = "adam"
    learning_rate: float = 1e-4
    clip: float = 1.0
    warm_up: int = 0
    importance_samples: int = 100
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        number(self, "beta", 0)
        number(self, "learning_rate", 0, above=True)
        number(self, "clip", 0)
        whole(self, "warm_up", 0)
        whole(self, "importance_samples", 1)
        one_of(self, "optimiser", OPTIMISERS)
        for name, field in self.__dataclass_fields__.items():
            if isinstance(field.default, bool):
                true_or_false(self, name)

    def warmth(self, step: int) -> float:
        """The factor of all KLs at an update: from 0 to 1 within `warm_up`, and 1 afterwards."""
        return min(1.0, step / self.warm_up) if self.warm_up else 1.0


class SceneNetwork(nn.Module):
    """A generator of images; a subclass defines its latents.

    planes: about how many maps of the image's size one sample needs in memory; it decides how many
    samples the evaluation computes at once.
    """

    planes: int = 64

    def __init__(self, settings: SceneSettings, size: int, channels: int) -> None:
        super().__init__()
        self.settings, self.size, self.channels = settings, size, channels

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `images` (B, H, W, C) uint8 → the mean loss in nats an image, and its parts."""
        raise NotImplementedError

    def log_weights(self, x: Tensor, samples: int, noise: ExampleNoise | None = None) -> Tensor:
        """x: (B, C, H, W) → log p(x, z) − log q(z | x) in nats (S, B), for S samples of each.

        noise: the source of all random numbers, with S · B rows: the first samples of all images,
        then the second ones; None: torch's own generator, as in training.
        """
        raise NotImplementedError

    def sample(self, count: int, noise: ExampleNoise | None = None) -> Tensor:
        """Images from the prior, the means of their pixels: (count, C, H, W) in [0, 1].

        noise: the source of all random numbers, with `count` rows; None: torch's own generator.
        """
        raise NotImplementedError

    def illustrate(self, x: Tensor) -> dict[str, Tensor]:
        """Pictures of the trained network for images x (B, C, H, W), by the names the suite knows.

        Images are (…, C, H, W) in [0, 1]: `reconstructions`, `components` (B, K), `steps` (B, T),
        `drawn`, `traversal_global` and `traversal_position` (R, 9). `boxes` and `drawn_boxes`
        (…, K, 4) are in pixels, `presence` and `drawn_presence` (…, K) in [0, 1].
        """
        return {}

    def elbo_loss(self, nll: Tensor, kl: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """nll, kl: (B,) nats → the mean of nll + β kl, and both as scalars."""
        scalars = {"nll": nll.mean(), "kl": kl.mean()}
        weight = self.settings.warmth(step) * self.settings.beta
        return scalars["nll"] + weight * scalars["kl"], scalars


class SceneMethod:
    """`fit` and `evaluate` of a `SceneNetwork`; a subclass names its Settings and Network."""

    Settings: ClassVar[type] = SceneSettings
    Network: ClassVar[type[SceneNetwork]]
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: SceneSettings) -> None:
        self.settings = settings
        self.network: SceneNetwork | None = None
        self.illustrations: dict[str, np.ndarray] = {}

    @property
    def parameters(self) -> int | None:
        """The number of weights; None before `fit`."""
        if self.network is None:
            return None
        return sum(weight.numel() for weight in self.network.parameters())

    def fit(self, examples: Examples, run: Run) -> None:
        """Learn from `images` (N, H, W, C)."""
        images = images_of(examples)
        # Weights are drawn on the CPU, so that a run starts with the same ones on every device.
        with seeded(run, "weights"):
            network = self.Network(self.settings, images.shape[1], images.shape[3])
        self.network = network.to(run.device)
        how = Optimisation(
            optimiser=self.settings.optimiser,
            learning_rate=self.settings.learning_rate,
            clip=self.settings.clip,
            mixed_precision=self.settings.mixed_precision,
            channels_last=True,
            in_parts=True,
        )
        train(self.network, Examples({"images": images}), run, how)

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Draw `samples` (N, H, W, C) uint8 and measure `log_likelihood` and `elbo` (N,) of inputs.

        Both are in nats an image, from `posterior_samples` (N,) draws of each. Noise is a function
        of the run's seed and an example's number, so that `at_once` changes nothing but rounding.
        """
        name = type(self).__name__
        if self.network is None:
            raise SymbenchError(f"{name} has not learned yet; call fit first.")
        network, images = self.network.eval(), images_of(inputs)
        learned = (network.size, network.size, network.channels)
        if images.shape[1:] != learned:
            raise SymbenchError(
                f"an image has shape {images.shape[1:]} here; {name} learned from those of "
                f"{learned}."
            )
        at_once = run.at_once or default_at_once(network)
        advice = f"{at_once} samples were computed at once; give --at-once a smaller number"
        with torch.inference_mode(), out_of_memory_says(advice):
            drawn = self._draw(len(images), at_once, run)
            likelihood, elbo = self._measure(images, at_once, run)
            with seeded(run, "illustrations"):
                self.illustrations = self._illustrate(images[:SHOWN], run)
        return {
            "samples": drawn,
            "log_likelihood": likelihood,
            "elbo": elbo,
            "posterior_samples": np.full(len(images), self.settings.importance_samples),
        }

    def _draw(self, count: int, at_once: int, run: Run) -> np.ndarray:
        """Draw `count` images from the prior: (count, H, W, C) uint8."""
        assert self.network is not None
        seed, parts = run.seed_for("samples"), []
        for start in range(0, count, at_once):
            numbers = range(start, min(start + at_once, count))
            drawn = self.network.sample(len(numbers), ExampleNoise(seed, numbers))
            parts.append(as_bytes(drawn, "samples"))
        return np.concatenate(parts)

    def _measure(self, images: np.ndarray, at_once: int, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """images: (N, H, W, C) uint8 → their log-likelihoods and bounds (N,) float32."""
        assert self.network is not None
        pairs = [
            estimate(
                self.network.log_weights,
                on_device(images[start : start + at_once], run.device),
                self.settings.importance_samples,
                at_once,
                run.seed_for("likelihood"),
                first=start,
            )
            for start in range(0, len(images), at_once)
        ]
        ll, elbo = (torch.cat(parts).float().cpu().numpy() for parts in zip(*pairs, strict=True))
        _finite(ll, "log_likelihood")
        return ll, elbo

    def _illustrate(self, images: np.ndarray, run: Run) -> dict[str, np.ndarray]:
        """images: (B, H, W, C) uint8 → the same images, and the network's pictures of them."""
        assert self.network is not None
        shown = self.network.illustrate(on_device(images, run.device))
        return {"images": images} | {
            name: value.float().cpu().numpy() if name in NUMBERS else as_bytes(value, name)
            for name, value in shown.items()
        }


def images_of(examples: Examples, name: str = "images") -> np.ndarray:
    """The column `name` (N, H, W, C) uint8, checked."""
    if name not in examples:
        given = ", ".join(examples) or "nothing"
        raise SymbenchError(f"there is no column '{name}', which scenes need; got: {given}.")
    images = np.asarray(examples[name])
    if images.dtype != np.uint8:
        raise SymbenchError(f"{name} are {images.dtype}; they must be uint8, 0 to 255.")
    fits = images.ndim == 4 and len(images) and images.shape[1] == images.shape[2]
    if not fits or images.shape[1] not in SIZES or images.shape[3] not in (1, 3):
        sizes = ", ".join(map(str, SIZES))
        raise SymbenchError(
            f"{name} have shape {images.shape}; they must be (N, size, size, C) with size one of "
            f"{sizes} and C 1 or 3."
        )
    return images


def default_at_once(network: SceneNetwork) -> int:
    """Number of samples that the evaluation computes at once, within about 512 MiB."""
    return max(1, EVALUATION_BYTES // (4 * network.planes * network.size**2))


def as_bytes(images: Tensor, name: str) -> np.ndarray:
    """images: (…, C, H, W) in [0, 1] → (…, H, W, C) uint8; raises DivergedError for a NaN."""
    values = rearrange(images.float().cpu().numpy(), "... c h w -> ... h w c")
    _finite(values, name)
    return np.rint(values.clip(0, 1) * 255).astype(np.uint8)


def _finite(values: np.ndarray, name: str) -> None:
    """Raise DivergedError where values are NaN or infinite."""
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise DivergedError(
            f"{name} hold {bad} values that are NaN or infinite: the training has diverged; "
            "lower the learning rate."
        )


def on_device(images: np.ndarray, device: str) -> Tensor:
    """images: (B, H, W, C) uint8 → (B, C, H, W) in [0, 1] on the device."""
    return pixels({"images": torch.from_numpy(np.ascontiguousarray(images)).to(device)})

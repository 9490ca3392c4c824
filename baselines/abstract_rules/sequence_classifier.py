"""The protocol of every learner of the `abstract_rules` suite: encode, normalise, reason, classify.

A problem is a sequence of images and one class. A network encodes each image by itself, normalises
the sequence (TCN), and `reason` turns it into logits; nothing else differs between the rivals.

Letters: N examples, B problems of a batch, T images of a problem, S distinct images, D features,
C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from baselines.abstract_rules.encoders import ENCODERS, FEATURES, SIDE, ContextNorm
from baselines.checks import one_of, true_or_false
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Column, Deduplicated, Examples, Run, SymbenchError
from benchmarks.training import seeded, to_device, train

EVALUATE_AT_ONCE = 512


@dataclass(frozen=True)
class SequenceSettings:
    """encoder: conv, mlp or random; context_norm: whether TCN is used; learning_rate: of Adam."""

    learning_rate: float = 5e-4
    context_norm: bool = True
    encoder: str = "conv"

    def __post_init__(self) -> None:
        one_of(self, "encoder", ENCODERS)
        if not 0 < self.learning_rate < float("inf"):
            raise SymbenchError(f"learning_rate is {self.learning_rate}; it must be above 0.")
        for name in self.__dataclass_fields__:
            if isinstance(self.__dataclass_fields__[name].default, bool):
                true_or_false(self, name)


@dataclass(frozen=True)
class StartSettings(SequenceSettings):
    """weights: how all but the encoder starts: as published, or as torch draws a linear layer."""

    weights: str = "published"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "weights", ("published", "torch"))


@dataclass(frozen=True)
class Shape:
    """The shape of a task: T, C, and the TCN segment of each image."""

    length: int
    classes: int
    segments: tuple[int, ...]


class SequenceNetwork(nn.Module):
    """Encoder → TCN → `reason`: (B, T, D) → (B, C), trained by cross-entropy."""

    def __init__(self, settings: SequenceSettings, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = ENCODERS[settings.encoder]()
        self.context_norm = ContextNorm(shape.segments) if settings.context_norm else nn.Identity()

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) encoded and normalised images → logits (B, C)."""
        raise NotImplementedError

    def encode(self, images: Tensor) -> Tensor:
        """images: (S, 32, 32) uint8 → (S, D)."""
        pixels = rearrange(images, "s h w -> s 1 h w").to(torch.get_default_dtype()) / 255
        return self.encoder(pixels)

    def encode_sequences(self, images: Deduplicated) -> Tensor:
        """images: a deduplicated batch (B, T, 32, 32) → (B, T, D), each distinct image once."""
        table, index = images.table, images.index
        if not table.is_cuda:
            distinct, index = torch.unique(index, return_inverse=True)
            table = table[distinct]
        elif len(table) > index.numel():
            # On a GPU, finding the distinct images would make the device wait for the host.
            table, index = (
                table[index.flatten()],
                torch.arange(index.numel(), device=index.device).view_as(index),
            )
        return F.embedding(index, self.encode(table))

    def forward(self, images: Deduplicated) -> Tensor:
        """images: (B, T, 32, 32) → logits (B, C)."""
        return self.reason(self.context_norm(self.encode_sequences(images)))

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `images`, `labels` → mean cross-entropy in nats, and accuracy."""
        logits = self(batch["images"])
        return self.score(logits, batch["labels"])

    @staticmethod
    def score(logits: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """logits: (B, C), labels: (B,) → mean cross-entropy in nats, and accuracy."""
        hits = (logits.detach().argmax(-1) == labels).to(logits.dtype)
        return F.cross_entropy(logits, labels), {"accuracy": hits.mean()}


class SequenceClassifier:
    """`fit` and `evaluate` of a `SequenceNetwork`; a subclass names its Settings and Network."""

    Settings: ClassVar[type] = SequenceSettings
    Network: ClassVar[type[SequenceNetwork]]
    watchable: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: SequenceSettings) -> None:
        self.settings = settings
        self.network: SequenceNetwork | None = None

    @property
    def parameters(self) -> int | None:
        """The number of weights, frozen ones included; None before `fit`."""
        if self.network is None:
            return None
        return sum(weight.numel() for weight in self.network.parameters())

    def fit(self, examples: Examples, run: Run) -> None:
        """Learn from `images` (N, T, 32, 32), `labels` (N,) and, where given, `segments` (N, T)."""
        images = deduplicated(examples["images"])
        labels = np.asarray(examples["labels"]).astype(np.int64)
        shape = Shape(images.shape[1], int(labels.max()) + 1, _segments(examples, images.shape[1]))
        # Weights are drawn on the CPU, so that a run starts with the same ones on every device.
        with seeded(run, "weights"):
            network = self.Network(self.settings, shape)
        self.network = network.to(run.device)
        how = Optimisation(learning_rate=self.settings.learning_rate)
        train(self.network, Examples({"images": images, "labels": labels}), run, how)

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Logits (N, C) for `images` (N, T, 32, 32)."""
        if self.network is None:
            raise SymbenchError(f"{type(self).__name__} has not learned yet; call fit first.")
        images = deduplicated(inputs["images"])
        length = self.network.shape.length
        if images.shape[1] != length:
            raise SymbenchError(
                f"a problem has {images.shape[1]} images here; {type(self).__name__} learned from "
                f"problems of {length}."
            )
        network = self.network.eval()
        columns = to_device(Examples({"images": images}), run.device)["images"]
        with torch.inference_mode():
            codes = torch.cat([network.encode(part) for part in columns.table.split(1024)])
            logits = [
                network.reason(network.context_norm(F.embedding(index, codes)))
                for index in columns.index.split(EVALUATE_AT_ONCE)
            ]
        return {"logits": torch.cat(logits).float().cpu().numpy()}


def deduplicated(images: Column) -> Deduplicated:
    """images: (N, T, 32, 32) uint8, as they are or deduplicated → deduplicated, checked."""
    if images.shape[2:] != (SIDE, SIDE) or len(images.shape) != 4:
        raise SymbenchError(f"images have shape {images.shape}; they must be (N, T, 32, 32).")
    held = images.table if isinstance(images, Deduplicated) else images
    if held.dtype != np.uint8:
        raise SymbenchError(f"images are {held.dtype}; they must be uint8, 0 to 255.")
    if isinstance(images, Deduplicated):
        return Deduplicated(held, images.index.astype(np.int64))
    flat = rearrange(np.asarray(images), "n t h w -> (n t) (h w)")
    table, index = np.unique(flat, axis=0, return_inverse=True)
    return Deduplicated(
        rearrange(table, "s (h w) -> s h w", h=SIDE), index.reshape(images.shape[:2])
    )


def _segments(examples: Examples, length: int) -> tuple[int, ...]:
    """The TCN segment of each of the T images; one for all where there is no column `segments`."""
    if "segments" not in examples:
        return (0,) * length
    segments = np.asarray(examples["segments"])
    if segments.shape[1:] != (length,) or (segments != segments[:1]).any():
        raise SymbenchError(
            f"segments have shape {segments.shape}; they must be (N, {length}) and alike in "
            "every problem."
        )
    return tuple(int(segment) for segment in segments[0])


__all__ = [
    "FEATURES",
    "SequenceClassifier",
    "SequenceNetwork",
    "SequenceSettings",
    "Shape",
    "StartSettings",
    "deduplicated",
]

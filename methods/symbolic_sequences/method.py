"""`SymbolicSequences` as a method of the suite: teacher, views, training, answers.

Letters: N images, B of them at a time, H = W their size, P patches, D width of the teacher, L = 8
symbols, G = 4 prefixes.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from baselines.dino.augmentation import Augmentation, crop_and_flip
from baselines.dino.head import DINOHead
from baselines.dino.teacher import AT_ONCE, Teacher, as_pixels, checked_colour_images, obtain
from baselines.dino.view_tokens import tokens_of, view_tokens
from benchmarks.device import out_of_memory_says
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import DivergedError, Examples, Run, SymbenchError
from benchmarks.training import seeded, train
from methods.symbolic_sequences.network import Draw, SymbolicNetwork
from methods.symbolic_sequences.settings import RANDOM, SymbolicSettings

# Number of inputs whose attention is kept for pictures.
SHOWN = 512
# Number of training images at whose vectors VQ's codes begin.
CODE_IMAGES = 1024


class SymbolicSequences:
    """A student that writes eight symbols about an image (Martinez Pozos, Meza Ruiz 2025).

    Deviations:
      - Choices that the paper leaves open: sizes, weights of the prefixes, which view teacher and
        student see, and how the strategies are combined.
      - `gs_256_marginal`, `gs_256_class`, `gs_256_headed` and `ss_256_soft` are no rows of the
        paper.
    """

    version = 2
    rests_on = ("baselines.dino.teacher", "baselines.dino.view_tokens")
    Settings: ClassVar[type] = SymbolicSettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: SymbolicSettings) -> None:
        self.settings = settings
        self.teacher: Teacher | None = None
        self.network: SymbolicNetwork | None = None
        self.explanation: dict[str, Any] = {}
        self.illustrations: dict[str, np.ndarray] = {}

    @property
    def parameters(self) -> int | None:
        """The number of weights that are learned; None before `fit`."""
        if self.network is None:
            return None
        return sum(one.numel() for one in self.network.parameters() if one.requires_grad)

    def fit(self, examples: Examples, run: Run) -> None:
        """Learn from `images` (N, H, W, 3), without labels."""
        images = images_of(examples)
        teacher = self.teacher = obtain(images, self.settings, run)
        total = run.budget.total_steps(len(images))
        draw = fresh_views(teacher, augmentation(self.settings, images.shape[1]))
        # Weights are drawn on the CPU, so that a run starts with the same ones on every device.
        with seeded(run, "weights"):
            start = start_of(self.settings, teacher)
            network = SymbolicNetwork(self.settings, teacher.width, total, draw, start)
            self.network = network.to(run.device)
            some = tokens_of(images[:CODE_IMAGES], teacher, run)[:, 1:]
            network.begin(torch.from_numpy(some).to(run.device))
        if not total:  # the control that learns nothing
            return
        columns = {"images": images}
        if self.settings.views:
            augment = augmentation(self.settings, images.shape[1])
            columns = {"tokens": view_tokens(images, teacher, self.settings.views, augment, run)}
        train(self.network, Examples(columns), run, optimisation(self.settings, total))

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`symbols` (N, L), the most likely ones, of a `vocabulary` (N,); `prefixes` (N, G, D).

        A prefix's embedding depends on its hard symbols alone; `features` (N, D) sum all four.
        """
        if self.network is None or self.teacher is None:
            raise SymbenchError("SymbolicSequences has not learned yet; call fit first.")
        images, at_once = images_of(inputs), run.at_once or AT_ONCE
        advice = f"{at_once} images were computed at once; give --at-once a smaller number"
        with torch.inference_mode(), out_of_memory_says(advice):
            parts = list(self._answers(images, at_once, run))
        symbols, prefixes, attention = (np.concatenate(part) for part in zip(*parts, strict=True))
        bad = int((~np.isfinite(prefixes)).sum())
        if bad:
            raise DivergedError(
                f"prefixes hold {bad} values that are NaN or infinite: the training has diverged; "
                "lower the learning rate."
            )
        self.illustrations = {"attention": attention[:SHOWN]}
        self.explanation = {"teacher": self.teacher.about}
        return {
            "features": prefixes.sum(1),
            "prefixes": prefixes,
            "symbols": symbols,
            "vocabulary": np.full(len(symbols), self.settings.vocabulary),
        }

    def _answers(
        self, images: np.ndarray, at_once: int, run: Run
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield symbols (B, L), prefixes (B, G, D) and attention (B, L, P) of B images at a time.

        The attention, float16, is given for the first SHOWN images alone, as only pictures need it.
        """
        assert self.network is not None
        assert self.teacher is not None
        network = self.network.eval()
        for start in range(0, len(images), at_once):
            tokens = self.teacher.tokens(as_pixels(images[start : start + at_once], run.device))
            written = network.write(tokens[:, 1:].float())
            prefixes = network.interpreter(written.embeddings)
            attention = written.attention[: max(0, SHOWN - start)].half()
            yield (
                written.symbols.cpu().numpy(),
                prefixes.float().cpu().numpy(),
                attention.cpu().numpy(),
            )


def images_of(examples: Examples) -> np.ndarray:
    """The column `images`, checked: (N, H, W, 3) uint8."""
    if "images" not in examples:
        given = ", ".join(examples) or "nothing"
        raise SymbenchError(
            f"there is no column 'images', from which symbols are written; got: {given}."
        )
    return checked_colour_images(np.asarray(examples["images"]))


def start_of(settings: SymbolicSettings, teacher: Teacher) -> tuple[DINOHead, Tensor] | None:
    """Head and centre of the teacher, on the CPU, where projectors start; None for random ones."""
    if settings.projector == RANDOM or teacher.head is None or teacher.centre is None:
        return None
    return deepcopy(teacher.head).cpu(), teacher.centre.cpu()


def optimisation(settings: SymbolicSettings, total: int) -> Optimisation:
    """AdamW with DINO's schedules; the warm-up is a share of all updates."""
    return Optimisation(
        "adamw",
        settings.learning_rate,
        settings.clip,
        settings.mixed_precision,
        warm_up=round(settings.warm_up * total),
        final_rate=settings.final_rate,
        weight_decay=settings.weight_decay,
        final_weight_decay=settings.final_weight_decay,
        in_parts=True,
    )


def augmentation(settings: SymbolicSettings, size: int) -> Augmentation:
    """Crops and flips; a crop shows at least as much as the large crops in the teacher's training.

    The class token of a smaller crop, which the student learns to match, says little but its
    colours.
    """
    return replace(crop_and_flip(size, settings.teacher_flip), scale=(settings.dino_scale, 1.0))


def fresh_views(teacher: Teacher, augment: Augmentation) -> Draw:
    """A function that draws two new views of each image and gives the teacher's tokens of both."""

    def draw(images: Tensor) -> Tensor:
        pixels = rearrange(images, "b h w c -> b c h w").float() / 255
        return teacher.tokens(augment(pixels.repeat(2, 1, 1, 1))).float()

    return draw

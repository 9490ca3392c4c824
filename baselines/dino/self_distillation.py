"""DINO: a vision transformer that learns from its own moving average, without labels.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers" (ICCV 2021, arXiv
2104.14294). The student sees two large and several small crops of an image, the teacher the large
ones; the student learns to give for each crop the distribution that the teacher gives for another.
Deviations, as images are small here: crops of the image's size and of half of it, no blur, no
stochastic depth, fewer prototypes, the same augmentation of both large crops, and, where classes do
not depend on colour, stronger changes of it.

Letters: B images, G = 2 large crops, V crops in all, K prototypes, S size in pixels, D width.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from baselines.dino.augmentation import Augmentation
from baselines.dino.head import (
    STUDENT_TEMPERATURE,
    DINOHead,
    balanced,
    ema,
    momentum_at,
    move_centre,
    sharpened,
)
from baselines.dino.teacher_settings import SINKHORN, TaughtSettings
from baselines.dino.vit import ViT
from benchmarks.optimisation import Optimisation

LARGE = 2
# Share of all updates in which the rate rises; published: 10 of 100 epochs.
WARM_UP = 0.1


def optimisation(settings: TaughtSettings, total: int) -> Optimisation:
    """AdamW as published; its rate is given for 256 images and grows with the batch."""
    return Optimisation(
        "adamw",
        learning_rate=settings.teacher_rate * settings.teacher_batch / 256,
        clip=3.0,
        mixed_precision=True,
        warm_up=round(WARM_UP * total),
        final_rate=1e-6,
        weight_decay=0.04,
        final_weight_decay=0.4,
        in_parts=True,
    )


def encoder_of(settings: TaughtSettings, size: int) -> ViT:
    """The transformer of the teacher `dino_tiny`, with random weights."""
    return ViT(
        size,
        settings.teacher_patch,
        settings.teacher_width,
        settings.teacher_depth,
        settings.teacher_heads,
        settings.teacher_norm,
    )


class Projected(nn.Module):
    """An encoder with a DINO head on its class token."""

    def __init__(self, encoder: ViT, head: DINOHead) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head


def head_of(settings: TaughtSettings) -> DINOHead:
    """The head that these settings describe, with random weights."""
    sizes = settings.dino_prototypes, settings.dino_hidden, settings.dino_bottleneck
    return DINOHead(settings.teacher_width, *sizes)


class DINONetwork(nn.Module):
    """Student, teacher and centre.

    total: updates of the whole training, for the momentum's schedule; epoch: updates of the first
    epoch, during which the prototypes are not changed.
    """

    centre: Tensor

    def __init__(self, settings: TaughtSettings, size: int, total: int, epoch: int) -> None:
        super().__init__()
        self.settings, self.total, self.epoch = settings, total, epoch
        self.student = Projected(encoder_of(settings, size), head_of(settings))
        self.teacher = deepcopy(self.student).requires_grad_(False)
        self.register_buffer("centre", torch.zeros(settings.dino_prototypes))
        self.large = settings.augmentation(size, (settings.dino_scale, 1.0))
        least = min(settings.dino_least, settings.dino_scale)
        self.small = settings.augmentation(size // 2, (least, settings.dino_scale))

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `images` (B, S, S, 3) uint8 → the mean cross-entropy in nats, and scalars.

        The mean is over images and over pairs of one crop of the teacher and another of the
        student. `centre` (K,) among the scalars is the mean of the teacher's logits, for `adapt`.
        """
        images = rearrange(batch["images"], "b h w c -> b c h w").float() / 255
        large = views(self.large, images, LARGE)
        tokens = [self.student.encoder.class_token(large)]
        if self.settings.local_crops:
            small = views(self.small, images, self.settings.local_crops)
            tokens.append(self.student.encoder.class_token(small))
        logits = self.student.head(torch.cat(tokens), fixed=step < self.epoch)
        with torch.no_grad():
            taught = self.teacher.head(self.teacher.encoder.class_token(large)).float()
            if self.settings.dino_centring == SINKHORN:
                target = balanced(taught, self.settings.dino_temperature)
            else:
                target = sharpened(taught, self.centre, self.settings.dino_temperature)
        loss = pairs(target, logits, LARGE)
        used = target.mean(0)
        momentum = momentum_at(step, self.total, self.settings.dino_momentum)
        return loss, {
            "entropy": -(used * used.clamp(min=1e-12).log()).sum(),
            "momentum": torch.tensor(momentum),
            "centre": taught.mean(0),
        }

    def adapt(self, scalars: dict[str, Tensor]) -> None:
        """After an update: the teacher follows the student, the centre the teacher's logits."""
        ema(self.teacher, self.student, scalars["momentum"])
        move_centre(self.centre, scalars["centre"])

    def distribution(self, images: Tensor) -> Tensor:
        """The teacher's distributions for whole images (B, 3, S, S) in [0, 1]: (B, K)."""
        logits = self.teacher.head(self.teacher.encoder.class_token(images))
        return sharpened(logits, self.centre, self.settings.dino_temperature)


def views(augmentation: Augmentation, images: Tensor, count: int) -> Tensor:
    """images: (B, 3, S, S) → `count` views of each (count · B, 3, s, s): all first ones first."""
    return augmentation(images.repeat(count, 1, 1, 1))


def pairs(target: Tensor, logits: Tensor, large: int) -> Tensor:
    """The mean cross-entropy in nats over all pairs of two different crops.

    target: (G · B, K) the teacher's distributions of the large crops; logits: (V · B, K) the
    student's, the large crops first and in the same order.
    """
    target = rearrange(target, "(g b) k -> g b k", g=large)
    said = (logits.float() / STUDENT_TEMPERATURE).log_softmax(-1)
    said = rearrange(said, "(v b) k -> v b k", b=target.shape[1])
    with torch.autocast(target.device.type, enabled=False):
        entropies = -torch.einsum("gbk,vbk->gvb", target, said).mean(-1)
    others = ~torch.eye(*entropies.shape, dtype=torch.bool, device=entropies.device)
    return (entropies * others).sum() / (large * (len(said) - 1))

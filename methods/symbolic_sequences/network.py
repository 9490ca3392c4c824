"""The student: patches → eight symbols → four prefixes → the teacher's space, and its loss.

    loss = Σ_g w_g · CE(teacher(other view), student(first g symbols)) + cost of the symbols

The student writes from the patch tokens of one view of an image; its prefixes learn to match the
teacher's class token of another view, and the other way round, both in one pass. The paper leaves
open which view goes where. Teacher and student have a DINO head each; the teacher's is a moving
average of the student's, and nothing else of the teacher ever changes.

The penalties of exploration, of which the paper gives the idea, are here in nats:
- entropy: log K minus the entropy of a prediction p_t, mean over positions and images. It is 0
  where each prediction is uniform, so that the noise of "gs" tries all symbols, and log K where
  each is certain.
- information: log L minus the information of a symbol about its position, H(mean p_t) - mean
  H(p_t), in each sequence. It is 0 where a sequence repeats no symbol, and log L where all are the
  same.
- combined: the sum of both. The paper's discussion tells of 60 % for strategies combined, without
  saying how; this is our reading.
- marginal, which is no part of the paper: log K minus the entropy of a position's mean distribution
  over the batch, averaged over positions. It is 0 where the batch as a whole uses all symbols
  equally. It belongs to a batch; where a batch is computed in parts, it is their mean.

A loss on the teacher's class token, which is no part of the paper either, can be added to each
prefix's: half the squared distance to the class token of the other view, with weight class_weight.

Scalars that show a collapse: `perplexity` of a position's hard symbols in the batch (1: all images
have the same one); `used`, the share of the vocabulary in the batch's symbols; `target_entropy`,
the mean entropy of the teacher's distributions, and `target_spread`, the entropy of their mean, in
nats (both 0: all images have one prototype; both log M: every distribution is uniform).

Letters: B images, V views, P patches, D width of the teacher, L = 8 symbols, K vocabulary, G = 4
prefixes, M prototypes.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from math import log
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from baselines.dino.head import (
    DINOHead,
    cross_entropy,
    ema,
    momentum_at,
    move_centre,
    sharpened,
    warmed,
)
from methods.symbolic_sequences.descriptor import Descriptor, Written
from methods.symbolic_sequences.discretisation import (
    DISCRETISATIONS,
    LENGTH,
    Choice,
    VectorQuantiser,
)
from methods.symbolic_sequences.interpreter import PREFIXES, Interpreter
from methods.symbolic_sequences.settings import SymbolicSettings

Draw = Callable[[Tensor], Tensor]
"""Tokens (2B, 1+P, D) of a random view of each image (B, H, W, C) uint8, then of another."""


class SymbolicNetwork(nn.Module):
    """Descriptor, discretisation, interpreter, projector, and the teacher's projector.

    inputs: D. total: updates of the whole training, for the schedules. draw: gives tokens of fresh
    views, for batches of images in place of tokens. start: first weights of the projectors, a head
    and the centre of its logits (M,); None: random ones.
    """

    centre: Tensor
    prefix_weights: Tensor

    def __init__(
        self,
        settings: SymbolicSettings,
        inputs: int,
        total: int,
        draw: Draw | None = None,
        start: tuple[DINOHead, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.settings, self.total, self.draw = settings, total, draw
        width, heads = settings.width, settings.heads
        self.descriptor = Descriptor(inputs, width, heads, settings.descriptor_depth)
        self.choose = DISCRETISATIONS[settings.discretisation](width, settings.vocabulary)
        self.interpreter = Interpreter(inputs, width, heads, settings.interpreter_depth)
        if start is None:
            sizes = settings.prototypes, settings.head_hidden, settings.head_bottleneck
            start = DINOHead(inputs, *sizes), torch.zeros(settings.prototypes)
        self.projector = deepcopy(start[0]).requires_grad_(True).train()
        self.teacher_projector = deepcopy(self.projector).requires_grad_(False)
        self.register_buffer("centre", start[1].clone())
        self.register_buffer(
            "prefix_weights", torch.tensor(settings.prefix_weights), persistent=False
        )

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `tokens` (B, V, 1+P, D), or `images` → the mean loss in nats, and scalars.

        `centre` (M,) among the scalars is the mean of the teacher's logits, for `adapt`.
        """
        patches, classes = self.pair(batch)
        # The target of each view is the class token of the other.
        classes = classes.roll(len(classes) // 2, 0)
        target, logits = self.target(classes, step)
        written = self.write(patches, self.settings.temperature(step, self.total))
        prefixes = self.interpreter(written.embeddings)
        entropies = cross_entropy(target[:, None], self.projector(prefixes)).mean(0)
        cost = written.cost.mean() + self.penalty(written.logits)
        scalars = {f"prefix{g}": entropies[i] for i, g in enumerate(PREFIXES)}
        scalars |= {"symbol_cost": cost, **self.use(written.symbols), **spread(target)}
        momentum = momentum_at(step, self.total, self.settings.momentum)
        scalars |= {"momentum": torch.tensor(momentum), "centre": logits.mean(0)}
        if self.settings.class_weight:
            apart = distance(prefixes, classes[:, None]).mean(0)
            scalars["class_token"] = apart[-1]
            entropies = entropies + self.settings.class_weight * apart
        return (self.prefix_weights * entropies).sum() + cost, scalars

    @torch.no_grad()
    def begin(self, patches: Tensor) -> None:
        """Set the codes of "vq" and "rvq" to the student's vectors for patches (B, P, D)."""
        if not isinstance(self.choose, VectorQuantiser):
            return
        vectors: list[Tensor] = []
        written = self.choose.sequence(None)

        def choose(h: Tensor) -> Choice:
            vectors.append(h)
            return written(h)

        self.descriptor(patches, choose)
        self.choose.start(torch.stack(vectors, 1))

    def pair(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Two different views of each image: patches (2B, P, D) and class tokens (2B, D).

        The first views of all images come first, then the second ones in the same order.
        """
        if "images" in batch:
            assert self.draw is not None
            tokens = self.draw(batch["images"])
            return tokens[:, 1:], tokens[:, 0]
        tokens = batch["tokens"]
        count, views = tokens.shape[:2]
        first = torch.randint(views, (count,), device=tokens.device)
        second = (first + torch.randint(1, views, (count,), device=tokens.device)) % views
        where = torch.arange(count, device=tokens.device).repeat(2), torch.cat([first, second])
        return tokens[:, :, 1:][where].float(), tokens[:, :, 0][where].float()

    @torch.no_grad()
    def target(self, classes: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """classes: (B, D), class tokens → the teacher's distributions and its logits (B, M)."""
        logits = self.teacher_projector(classes)
        how = self.settings
        temperature = warmed(
            step,
            how.teacher_temperature_first,
            how.teacher_temperature_last,
            round(how.teacher_temperature_share * self.total),
        )
        return sharpened(logits, self.centre, temperature), logits

    def write(
        self,
        patches: Tensor,
        temperature: float | None = None,
        length: int = LENGTH,
        cached: bool = True,
    ) -> Written:
        """Write symbols about patches (B, P, D); temperature: None: the most likely ones."""
        return self.descriptor(patches, self.choose.sequence(temperature), length, cached)

    def penalty(self, logits: Tensor) -> Tensor:
        """logits: (B, L, K) → the weighted penalty of exploration in nats, 0 for "base"."""
        told = logits.new_zeros(())
        for lacking in PENALTIES[self.settings.exploration]:
            told = told + lacking(logits)
        return self.settings.exploration_weight * told

    @torch.no_grad()
    def use(self, symbols: Tensor) -> dict[str, Tensor]:
        """symbols: (B, L) → `perplexity` and `used`, which tell how much vocabulary they use."""
        shares = one_hot(symbols, self.settings.vocabulary).float().mean(0)
        return {
            "perplexity": entropy(shares).exp().mean(),
            "used": (shares.sum(0) > 0).float().mean(),
        }

    def adapt(self, scalars: dict[str, Tensor]) -> None:
        """After an update: the teacher's projector follows the student's, the centre its logits."""
        ema(self.teacher_projector, self.projector, scalars["momentum"])
        move_centre(self.centre, scalars["centre"])


def entropy(shares: Tensor) -> Tensor:
    """shares: (..., K) → entropy in nats (...,)."""
    return -torch.special.xlogy(shares, shares).sum(-1)


def distance(prefixes: Tensor, classes: Tensor) -> Tensor:
    """Half the squared distance of prefixes and class tokens (..., D) → (...,).

    These are the nats of a class token under Normal(prefix, 1), but for a constant.
    """
    return (prefixes.float() - classes).square().sum(-1) / 2


def lacking_entropy(logits: Tensor) -> Tensor:
    """logits: (B, L, K) → penalty `entropy` of the module's docstring, mean over B and L, nats."""
    return log(logits.shape[-1]) - entropy(logits.softmax(-1)).mean()


def lacking_marginal(logits: Tensor) -> Tensor:
    """logits: (B, L, K) → penalty `marginal` of the module's docstring, in nats."""
    return log(logits.shape[-1]) - entropy(logits.softmax(-1).mean(0)).mean()


def lacking_information(logits: Tensor) -> Tensor:
    """logits: (B, L, K) → penalty `information` of the module's docstring, mean over B, in nats."""
    shares = logits.softmax(-1)
    told = entropy(shares.mean(1)) - entropy(shares).mean(1)
    return log(logits.shape[1]) - told.mean()


PENALTIES: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "base": (),
    "entropy": (lacking_entropy,),
    "information": (lacking_information,),
    "combined": (lacking_entropy, lacking_information),
    "marginal": (lacking_marginal,),
}


@torch.no_grad()
def spread(target: Tensor) -> dict[str, Tensor]:
    """target: (B, M), the teacher's distributions → their mean entropy, and that of their mean."""
    return {
        "target_entropy": entropy(target).mean(),
        "target_spread": entropy(target.mean(0)),
    }

"""The settings of `SymbolicSequences` and its schedules, which go by the share of training done.

The paper gives: 8 symbols, vocabularies of 128, 256 and 512, AdamW, clip 2, 140 epochs of batch 64,
DINO's schedules. DINO's are given here as shares of those 140 epochs: a warm-up of 10, a
temperature of the teacher that rises for 30. Everything else was chosen on training images held
out; docs/settings.md tells what was tried. A prefix's loss has a weight proportional to its number
of symbols. The student's projector starts at random, and that of the teacher, which follows it,
starts as its copy. To start both as the head that DINO trained with the encoder is an entry of its
own, and falls back to random weights for a teacher without its head. "Very low", as the paper calls
the temperature of "ss", is here 0.01.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from baselines.checks import number, one_of, true_or_false, whole
from baselines.dino.teacher import TaughtSettings
from benchmarks.protocol import SymbenchError
from methods.symbolic_sequences.discretisation import DISCRETISATIONS
from methods.symbolic_sequences.interpreter import PREFIXES

EXPLORATIONS = ("base", "entropy", "information", "combined", "marginal")
OF_TEACHER, RANDOM = "teacher", "random"
PROJECTORS = (OF_TEACHER, RANDOM)


@dataclass(frozen=True)
class SymbolicSettings(TaughtSettings):
    """Sizes and schedules of the student, and the settings of its teacher.

    discretisation: "gs", "ss", "vq" or "rvq"; see `discretisation`. vocabulary: K. exploration, for
    "gs": "base", "entropy", "information", "combined" or "marginal"; all but the first add a
    penalty with weight exploration_weight; see `network`. class_weight: weight of the loss on the
    teacher's class token, which the paper does not have. width, heads, descriptor_depth,
    interpreter_depth: sizes of the transformers. projector: starts "random", with sizes prototypes,
    head_hidden and head_bottleneck, or as the head of the "teacher", where that is kept. views:
    views of each training image that are drawn and encoded in advance; 0 draws fresh ones for every
    update.
    gumbel_*: the temperature falls from first to last, each update by the same factor.
    softmax_temperature: temperature of "ss", for logits whose first weights have a gain of 5.
    teacher_temperature_*: the teacher's temperature goes along a straight line from first to last
    within the share teacher_temperature_share of training.
    momentum: first momentum of the teacher's projector; it rises to 1.
    learning_rate: it rises within the share warm_up of training and falls to final_rate.
    weight_decay rises to final_weight_decay. prefix_weights: weights of the prefixes' losses.
    mixed_precision: train in bfloat16 where the device has it; the evaluation never does.
    """

    discretisation: str = "gs"
    vocabulary: int = 256
    exploration: str = "base"
    exploration_weight: float = 0.1
    class_weight: float = 0.0
    width: int = 128
    heads: int = 4
    descriptor_depth: int = 2
    interpreter_depth: int = 2
    projector: str = RANDOM
    prototypes: int = 1024
    head_hidden: int = 512
    head_bottleneck: int = 256
    views: int = 4
    gumbel_first: float = 2.0
    gumbel_last: float = 0.5
    softmax_temperature: float = 0.01
    teacher_temperature_first: float = 0.04
    teacher_temperature_last: float = 0.04
    teacher_temperature_share: float = 30 / 140
    momentum: float = 0.996
    learning_rate: float = 1e-3
    final_rate: float = 1e-6
    warm_up: float = 10 / 140
    weight_decay: float = 0.04
    final_weight_decay: float = 0.4
    clip: float = 2.0
    prefix_weights: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0)
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (
            ("discretisation", DISCRETISATIONS),
            ("exploration", EXPLORATIONS),
            ("projector", PROJECTORS),
        ):
            one_of(self, name, known)
        if self.exploration != "base" and self.discretisation != "gs":
            raise SymbenchError(
                f"exploration is {self.exploration!r}; with discretisation "
                f"{self.discretisation!r} it must be 'base': the penalties are those of 'gs'."
            )
        whole(self, "vocabulary", 2)
        for name in ("width", "heads", "descriptor_depth", "interpreter_depth", "head_hidden"):
            whole(self, name, 1)
        whole(self, "head_bottleneck", 1)
        whole(self, "prototypes", 2)
        whole(self, "views", 0)
        if self.views == 1:
            raise SymbenchError("views is 1; it must be 2 or more, or 0 for fresh ones each time.")
        if self.width % self.heads:
            raise SymbenchError(
                f"width is {self.width}; it must be a multiple of heads ({self.heads})."
            )
        for name in self.__dataclass_fields__:
            if name.startswith(("gumbel_", "softmax_")) or name.endswith("temperature_first"):
                number(self, name, 0, above=True)
        for name in ("teacher_temperature_last", "learning_rate"):
            number(self, name, 0, above=True)
        for name in ("exploration_weight", "class_weight", "final_rate", "weight_decay", "clip"):
            number(self, name, 0)
        number(self, "final_weight_decay", 0)
        for name in ("momentum", "warm_up", "teacher_temperature_share"):
            number(self, name, 0)
            if getattr(self, name) > 1:
                raise SymbenchError(f"{name} is {getattr(self, name)}; it must be at most 1.")
        true_or_false(self, "mixed_precision")
        self._check_weights()

    def _check_weights(self) -> None:
        """Refuse weights of prefixes that are not one number of 0 or more for each prefix."""
        given, count = self.prefix_weights, len(PREFIXES)
        known = isinstance(given, list | tuple) and len(given) == count
        fits = known and all(isinstance(one, int | float) and 0 <= one < inf for one in given)
        if not fits or not any(given):
            raise SymbenchError(
                f"prefix_weights are {given!r}; they must be {count}, one for each of the prefixes "
                f"of {', '.join(map(str, PREFIXES))} symbols, none below 0 and not all 0."
            )
        # JSON gives a list.
        object.__setattr__(self, "prefix_weights", tuple(given))

    def temperature(self, step: int, total: int) -> float:
        """Temperature of the discretisation at update `step` (from 0) of `total`."""
        if self.discretisation == "ss":
            return self.softmax_temperature
        done = min(1.0, step / max(1, total - 1))
        return self.gumbel_first * (self.gumbel_last / self.gumbel_first) ** done

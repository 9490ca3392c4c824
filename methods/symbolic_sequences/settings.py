"""The settings of `SymbolicSequences` and its schedules, which go by the share of training done.

The paper gives: 8 symbols, vocabularies of 128, 256 and 512, AdamW, clip 2, 140 epochs of batch 64,
DINO's schedules. DINO's are given here as shares of those 140 epochs: a warm-up of 10, a
temperature of the teacher that rises for 30. Everything else that stands here is chosen, on
training images held out. A prefix's loss counts as many times as it has symbols: where all four
counted alike, the last symbols added little to the first. Where the projectors begin the paper does
not say. DINO has trained a head with the encoder, and both begin as this head: what it tells apart
is what stayed the same from view to view. Projectors with random weights, the only choice for a
teacher without its head, tell apart what varies most, and need half of DINO's temperature, 0.02: at
0.04 their targets stay nearly uniform for a training of a few epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from baselines.checks import number, one_of, true_or_false, whole
from baselines.dino.teacher import TaughtSettings
from benchmarks.protocol import SymbenchError
from methods.symbolic_sequences.discretisation import DISCRETISATIONS
from methods.symbolic_sequences.interpreter import PREFIXES

EXPLORATIONS = ("base", "entropy", "information")
OF_TEACHER, RANDOM = "teacher", "random"
PROJECTORS = (OF_TEACHER, RANDOM)


@dataclass(frozen=True)
class SymbolicSettings(TaughtSettings):
    """How the student is built and learns.

    discretisation: "gs", "ss" or "vq"; see `discretisation`. vocabulary: K. exploration: of "gs",
    "base", "entropy" or "information"; the latter two add a penalty with weight exploration_weight.
    width, heads, descriptor_depth, interpreter_depth: of the transformers. projector: begins as the
    head of the "teacher", where that has kept it, or "random", with prototypes, head_hidden and
    head_bottleneck. views: how many views of each training image are drawn and
    encoded in advance; 0 draws fresh ones for every update.
    gumbel_*: the temperature falls from first to last, each update by the same factor.
    softmax_temperature: of "ss"; logits begin with a gain of 5, by which it is to be read.
    teacher_temperature_*: rises along a straight line within the share teacher_temperature_share.
    momentum: of the teacher's projector, rises to 1.
    learning_rate: warm_up is its share of training; falls to final_rate. weight_decay rises to
    final_weight_decay. prefix_weights: of the loss of each prefix. mixed_precision: train in
    bfloat16 where the device has it; the evaluation never does.
    """

    discretisation: str = "gs"
    vocabulary: int = 256
    exploration: str = "base"
    exploration_weight: float = 0.1
    width: int = 128
    heads: int = 4
    descriptor_depth: int = 2
    interpreter_depth: int = 2
    projector: str = OF_TEACHER
    prototypes: int = 1024
    head_hidden: int = 512
    head_bottleneck: int = 256
    views: int = 4
    gumbel_first: float = 2.0
    gumbel_last: float = 0.5
    softmax_temperature: float = 0.5
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
        for name in ("exploration_weight", "final_rate", "weight_decay", "clip"):
            number(self, name, 0)
        number(self, "final_weight_decay", 0)
        for name in ("momentum", "warm_up", "teacher_temperature_share"):
            number(self, name, 0)
            if getattr(self, name) > 1:
                raise SymbenchError(f"{name} is {getattr(self, name)}; it must be at most 1.")
        true_or_false(self, "mixed_precision")
        self._check_weights()

    def _check_weights(self) -> None:
        given, count = self.prefix_weights, len(PREFIXES)
        known = isinstance(given, list | tuple) and len(given) == count
        fits = known and all(isinstance(one, int | float) and 0 <= one < inf for one in given)
        if not fits or not any(given):
            raise SymbenchError(
                f"prefix_weights are {given!r}; they must be {count}, one for each of the prefixes "
                f"of {', '.join(map(str, PREFIXES))} symbols, none below 0 and not all 0."
            )
        # From JSON they come as a list.
        object.__setattr__(self, "prefix_weights", tuple(given))

    def temperature(self, step: int, total: int) -> float:
        """Of the discretisation, at an update counted from 0, of so many."""
        if self.discretisation == "ss":
            return self.softmax_temperature
        done = min(1.0, step / max(1, total - 1))
        return self.gumbel_first * (self.gumbel_last / self.gumbel_first) ** done

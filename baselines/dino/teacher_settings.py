"""Settings of the teacher, shared by all methods that learn from one.

Methods whose settings inherit these and give their fields the same values learn from the same
frozen network; further settings of a method make no difference to its teacher.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from baselines.checks import number, one_of, whole
from baselines.dino.augmentation import Augmentation
from baselines.dino.vit import FIXED, NORMS
from benchmarks.protocol import SymbenchError

DINO_TINY, DINO_VITB16 = "dino_tiny", "dino_vitb16"
TEACHERS = (DINO_TINY, DINO_VITB16)
MEAN, SINKHORN = "mean", "sinkhorn"
CENTRINGS = (MEAN, SINKHORN)


@dataclass(frozen=True)
class TaughtSettings:
    """The settings that determine a teacher.

    teacher: "dino_tiny" or "dino_vitb16"; all other fields describe "dino_tiny" alone.
    teacher_epochs, teacher_batch, teacher_rate: its training; the rate is given for 256 images.
    teacher_patch, teacher_width, teacher_depth, teacher_heads: sizes of its transformer.
    teacher_norm: normalisation of pixels, "fixed", or "image": each image gets the same contrast.
    teacher_flip: probability that a crop is mirrored; 0 where mirror images are of another class.
    local_crops: small crops that the student sees beside the two large ones.
    dino_prototypes, dino_hidden, dino_bottleneck: sizes of the head; published 65,536, 2048, 256.
    dino_centring: "mean", DINO's own, or "sinkhorn", which uses all prototypes equally.
    dino_temperature: the teacher's; dino_momentum: the first one of its moving average.
    dino_scale: smallest area of a large crop and largest of a small one, as a share of the image;
    dino_least: smallest area of a small one. dino_jitter, dino_hue, dino_grey, dino_solarise: see
    `Augmentation`; none of them may change the class.
    published: the teacher of each data set, and of a task that has another one. Crops of digits are
    not mirrored, as a digit in the mirror is another sign, or none.
    """

    published: ClassVar[dict[str, dict[str, Any]]] = {
        "painted_digits": {"teacher": "dino_tiny", "teacher_flip": 0.0},
        "cifar10": {"teacher": "dino_tiny"},
        "cifar10/full_dino_vitb16": {"teacher": "dino_vitb16"},
    }

    teacher: str = DINO_TINY
    teacher_epochs: int = 100
    teacher_batch: int = 256
    teacher_rate: float = 5e-4
    teacher_patch: int = 4
    teacher_width: int = 192
    teacher_depth: int = 6
    teacher_heads: int = 3
    teacher_norm: str = FIXED
    teacher_flip: float = 0.5
    local_crops: int = 4
    dino_prototypes: int = 4096
    dino_hidden: int = 1024
    dino_bottleneck: int = 256
    dino_centring: str = MEAN
    dino_temperature: float = 0.04
    dino_momentum: float = 0.996
    dino_scale: float = 0.4
    dino_least: float = 0.05
    dino_jitter: float = 0.8
    dino_hue: float = 0.1
    dino_grey: float = 0.2
    dino_solarise: float = 0.1

    def __post_init__(self) -> None:
        for name, known in (
            ("teacher", TEACHERS),
            ("teacher_norm", NORMS),
            ("dino_centring", CENTRINGS),
        ):
            one_of(self, name, known)
        for field in fields(TaughtSettings):
            least = 0 if field.name in ("local_crops", "teacher_epochs") else 1
            if isinstance(field.default, int):
                whole(self, field.name, least)
            elif isinstance(field.default, float):
                above = field.name in ("teacher_rate", "dino_temperature", "dino_scale")
                number(self, field.name, 0, above=above or field.name == "dino_least")
        self.augmentation(1, (self.dino_scale, 1.0))
        if self.dino_momentum > 1:
            raise SymbenchError(f"dino_momentum is {self.dino_momentum}; it must be 1 at most.")

    def augmentation(self, size: int, scale: tuple[float, float]) -> Augmentation:
        """Augmentation to crops of `size` pixels that show a share of the image within `scale`."""
        return Augmentation(
            size,
            scale,
            flip=self.teacher_flip,
            jitter=self.dino_jitter,
            hue=self.dino_hue,
            grey=self.dino_grey,
            solarise=self.dino_solarise,
        )

    def of_teacher(self) -> dict[str, Any]:
        """The fields of this class alone, which determine the teacher, and their values."""
        return {field.name: getattr(self, field.name) for field in fields(TaughtSettings)}

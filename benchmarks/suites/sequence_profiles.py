"""The profiles of `symbolic_sequences`: their tasks and budgets, and settings by family of methods.

Published protocol: Martinez Pozos, Meza Ruiz (arXiv 2503.04900): CIFAR-10, 140 epochs, batch 64, 8
symbols; the sizes that it leaves open are the defaults of the methods. Families: "taught" is a
teacher alone, "student" learns from one, "headed" is a student whose projector starts as the
teacher's head, "untrained" is a student that makes no update, and "autoencoder" has no teacher.
Read a family's settings from the general ("*", all data sets) to the special (one data set, one
task). How the values were found is told in `docs/settings.md`.
"""

from __future__ import annotations

from typing import Any

from benchmarks.protocol import Budget, Profile
from benchmarks.suites.sequence_entries import ENTRIES

_ALL = tuple(entry.name for entry in ENTRIES)
_BATCH = 64

ByData = dict[str, dict[str, Any]]


def _over(under: ByData, over: ByData) -> ByData:
    """Merge two tables of settings by data set, the second over the first."""
    return {key: under.get(key, {}) | over.get(key, {}) for key in (under | over)}


def _changes(
    taught: ByData, student: ByData, autoencoder: ByData, headed: ByData
) -> dict[str, ByData]:
    """Settings by family; all families with a teacher get the same settings of it, and share it."""
    learns = _over(taught, student)
    return {
        "taught": taught,
        "student": learns,
        "headed": _over(learns, headed),
        "untrained": learns,
        "autoencoder": autoencoder,
    }


def _untrained() -> dict[str, dict[str, Budget]]:
    return {"untrained": {"*": Budget(steps=0, batch_size=_BATCH)}}


_SMOKE = _changes(
    taught={
        "*": {
            "teacher_epochs": 1,
            "teacher_width": 24,
            "teacher_depth": 1,
            "teacher_batch": 64,
            "dino_prototypes": 64,
            "dino_hidden": 32,
            "dino_bottleneck": 16,
        }
    },
    student={"*": {"views": 2, "width": 16, "descriptor_depth": 1, "interpreter_depth": 1}},
    autoencoder={"*": {"width": 8, "pool": 4}},
    headed={},
)
_QUICK = _changes(
    taught={
        "*": {
            "teacher_batch": 64,
            "teacher_patch": 8,
            "local_crops": 0,
            "dino_hidden": 256,
            "dino_bottleneck": 64,
            "dino_momentum": 0.98,
        },
        # Crops keep their hue, as the hue of a digit says much of its class.
        "painted_digits": {
            "teacher_epochs": 13,
            "teacher_rate": 8e-3,
            "teacher_width": 64,
            "teacher_depth": 2,
            "teacher_heads": 2,
            "teacher_norm": "image",
            "dino_prototypes": 512,
            "dino_temperature": 0.06,
            "dino_scale": 0.8,
            "dino_hue": 0.0,
            "dino_grey": 0.0,
            "dino_solarise": 0.0,
        },
        "cifar10": {
            "teacher_epochs": 80,
            "teacher_rate": 4e-3,
            "teacher_width": 128,
            "teacher_depth": 4,
            "teacher_heads": 4,
            "dino_prototypes": 1024,
            "dino_temperature": 0.05,
            "dino_scale": 0.5,
        },
    },
    # Projectors have the sizes of the teacher's head.
    # views: the number of views of each training image, of which the student sees pairs.
    # temperatures: projectors with random weights need a low one in a short training; the teacher's
    # head has that at which it has learned, its dino_temperature.
    student={
        "*": {
            "width": 96,
            "heads": 3,
            "descriptor_depth": 1,
            "interpreter_depth": 1,
            "teacher_temperature_first": 0.02,
            "teacher_temperature_last": 0.02,
            "head_hidden": 256,
            "head_bottleneck": 64,
        },
        "painted_digits": {"views": 4, "prototypes": 512},
        "cifar10": {"views": 6, "prototypes": 1024},
    },
    headed={
        "painted_digits": {"teacher_temperature_first": 0.06, "teacher_temperature_last": 0.06},
        "cifar10": {"teacher_temperature_first": 0.05, "teacher_temperature_last": 0.05},
    },
    autoencoder={
        "*": {"width": 64},
        "painted_digits": {"learning_rate": 1e-2},
        "cifar10": {"learning_rate": 3e-3},
    },
)
_PAPER = _changes(
    taught={},
    student={
        # DINO's published rate is 5e-4 for 256 images; a batch has 64.
        "*": {
            "learning_rate": 1.25e-4,
            "prototypes": 4096,
            "head_hidden": 2048,
            "head_bottleneck": 256,
        },
        # Fresh views: 196 tokens of 768 numbers for each view of 50,000 images do not fit memory.
        "cifar10/full_dino_vitb16": {"views": 0},
    },
    # Maps are averaged over 4 × 4 places, as whole maps of 50,000 images would fill a gigabyte.
    autoencoder={"*": {"pool": 4}},
    headed={},
)

PROFILES = (
    Profile(
        "smoke",
        tasks=("painted_digits/tiny_dino_tiny",),
        methods=_ALL,
        seeds=1,
        budgets={"*": Budget(steps=2, batch_size=_BATCH)},
        summary="seconds a cell, to see that everything runs",
        changes=_SMOKE,
        own_budgets=_untrained(),
    ),
    Profile(
        "quick",
        tasks=("painted_digits/10k_dino_tiny", "cifar10/10k_dino_tiny"),
        methods=_ALL,
        seeds=1,
        further_seeds=2,
        budgets={
            "painted_digits": Budget(steps=1_200, batch_size=_BATCH),
            "cifar10": Budget(steps=3_000, batch_size=_BATCH),
        },
        summary="a small teacher, minutes on 2 cores",
        changes=_QUICK,
        own_budgets={**_untrained(), "autoencoder": {"*": Budget(steps=600, batch_size=32)}},
    ),
    Profile(
        "paper",
        tasks=(
            "painted_digits/10k_dino_tiny",
            "cifar10/full_dino_tiny",
            "cifar10/full_dino_vitb16",
        ),
        methods=_ALL,
        seeds=3,
        budgets={"*": Budget(epochs=140, batch_size=_BATCH)},
        summary="140 epochs, 3 seeds",
        changes=_PAPER,
        own_budgets=_untrained(),
    ),
)

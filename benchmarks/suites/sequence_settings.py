"""How the entries of `symbolic_sequences` are set in each profile, and how much of it runs.

Published protocol: Martinez Pozos, Meza Ruiz (arXiv 2503.04900): CIFAR-10, 140 epochs, batch 64,
8 symbols; the sizes that it leaves open are the defaults of the methods.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import symdata
from benchmarks.protocol import Budget, Entry
from benchmarks.suites.sequence_entries import UNTRAINED

TINY, LARGE = "dino_tiny", "dino_vitb16"
TASKS = {
    "smoke": ("painted_digits/tiny_dino_tiny",),
    "quick": ("painted_digits/10k_dino_tiny", "cifar10/10k_dino_tiny"),
    "paper": (
        "painted_digits/10k_dino_tiny",
        "cifar10/full_dino_tiny",
        "cifar10/full_dino_vitb16",
    ),
}
SUMMARIES = {
    "smoke": "seconds a cell, to see that everything runs",
    "quick": "a small teacher, minutes on 2 cores",
    "paper": "140 epochs, 3 seeds",
}
SEEDS = {"smoke": 1, "quick": 1, "paper": 3}
BATCH, EPOCHS = 64, 140

# CIFAR-10, whose teacher alone takes half an hour, is not what a first look runs.
QUICK_STEPS = {"painted_digits": 1_200, "cifar10": 3_000}

# Of the teacher: what all entries that have one are given, so that they share it.
TEACHER: dict[str, dict[str, Any]] = {
    "smoke": {
        "teacher_epochs": 1,
        "teacher_width": 24,
        "teacher_depth": 1,
        "teacher_batch": 64,
        "dino_prototypes": 64,
        "dino_hidden": 32,
        "dino_bottleneck": 16,
    },
    "quick": {
        "teacher_batch": 64,
        "teacher_patch": 8,
        "local_crops": 0,
        "dino_hidden": 256,
        "dino_bottleneck": 64,
        "dino_momentum": 0.98,
    },
    "paper": {},
}
# What is best for one data set, found on held-out training images. The hue of a digit says much of
# its class, and most of a small crop of it says nothing.
TEACHER_OF: dict[tuple[str, str], dict[str, Any]] = {
    ("quick", "painted_digits"): {
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
    ("quick", "cifar10"): {
        "teacher_epochs": 80,
        "teacher_rate": 4e-3,
        "teacher_width": 128,
        "teacher_depth": 4,
        "teacher_heads": 4,
        "dino_prototypes": 1024,
        "dino_temperature": 0.05,
        "dino_scale": 0.5,
    },
}
STUDENT: dict[str, dict[str, Any]] = {
    "smoke": {
        "views": 2,
        "width": 16,
        "descriptor_depth": 1,
        "interpreter_depth": 1,
    },
    "quick": {
        "width": 96,
        "heads": 3,
        "descriptor_depth": 1,
        "interpreter_depth": 1,
    },
    # DINO's published rate is 5e-4 for 256 images. The head is for a teacher without its own.
    "paper": {
        "learning_rate": 1.25e-4,
        "prototypes": 4096,
        "head_hidden": 2048,
        "head_bottleneck": 256,
    },
}
# Of so many views of each training image the student sees pairs. With two, its neighbours on
# held-out training images were one or two points worse.
VIEWS = {"painted_digits": 4, "cifar10": 6}
# In `paper` maps are averaged over 4 × 4 places: those of 50,000 images, whole, would fill a
# gigabyte.
AUTOENCODER: dict[str, dict[str, Any]] = {
    "smoke": {"width": 8, "pool": 4},
    "quick": {"width": 64},
    "paper": {"pool": 4},
}
AUTOENCODER_STEPS, AUTOENCODER_BATCH = 600, 32
# For few updates: of four, on held-out training images, those that gave the best neighbours.
AUTOENCODER_RATES = {"painted_digits": 1e-2, "cifar10": 3e-3}


def settings(entry: Entry, task: str, profile: str) -> dict[str, Any]:
    """The settings that a profile gives an entry on a task, under the entry's own."""
    data, _, regime = task.partition("/")
    teacher = regime.partition("_")[2]
    module = entry.path.partition(":")[0]
    if module == "baselines.vqvae":
        fast = {"learning_rate": AUTOENCODER_RATES[data]} if profile == "quick" else {}
        return AUTOENCODER[profile] | fast
    taught = module in ("methods.symbolic_sequences", "baselines.dino") or entry.path.endswith(
        ":KMeansCodes"
    )
    if not taught:
        return {}
    given: dict[str, Any] = {"teacher": teacher}
    if teacher == TINY:
        given |= TEACHER[profile] | TEACHER_OF.get((profile, data), {})
        if not symdata.dataset(data).mirrored:
            given["teacher_flip"] = 0.0
    if module == "methods.symbolic_sequences":
        given |= STUDENT[profile]
        if profile == "quick":
            given["views"] = VIEWS[data]
        if "dino_temperature" in given:  # at which the head has learned
            for name in ("teacher_temperature_first", "teacher_temperature_last"):
                given[name] = given["dino_temperature"]
        if teacher == LARGE:
            # 196 tokens of 768 numbers for each view of 50,000 images do not fit: fresh views.
            given["views"] = 0
    return given


def all_settings(entries: Iterable[Entry], profile: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Task id → entry name → settings, for a `Profile`."""
    entries = tuple(entries)
    return {
        task: {
            entry.name: settings(entry, task, profile) for entry in entries if entry.runs_on(task)
        }
        for task in TASKS[profile]
    }


def budget(task: str, profile: str) -> Budget:
    """The budget of a task; the teacher has its own, in its settings."""
    if profile == "paper":
        return Budget(epochs=EPOCHS, batch_size=BATCH)
    steps = QUICK_STEPS[task.partition("/")[0]] if profile == "quick" else 2
    return Budget(steps=steps, batch_size=BATCH)


def own_budgets(entries: Iterable[Entry], profile: str) -> dict[str, dict[str, Budget]]:
    """Task id → entry → budget: none for the untrained control; in `quick` VQ-VAE has its own."""
    own = {UNTRAINED: Budget(steps=0, batch_size=BATCH)}
    if profile == "quick":
        shorter = Budget(steps=AUTOENCODER_STEPS, batch_size=AUTOENCODER_BATCH)
        own |= {
            entry.name: shorter for entry in entries if entry.path.startswith("baselines.vqvae:")
        }
    return dict.fromkeys(TASKS[profile], own)

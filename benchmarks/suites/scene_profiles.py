"""The profiles of the `scenes` suite: their tasks and budgets, and settings by family of methods.

Read a family's settings in a profile from the general ("*", all data sets) to the special (one data
set). Settings that are not named here are as published: see the method's `Settings`. How the values
were found, and what else was tried, is told in `docs/settings.md`.
"""

from __future__ import annotations

from typing import Any

from benchmarks.protocol import Budget, Profile
from benchmarks.suites.scene_entries import ENTRIES, SWEPT

# Changes of settings: family → "*" or a data set → settings.
Changes = dict[str, dict[str, dict[str, Any]]]

# GENESIS has the published size in `paper`, and a narrower row in the shorter profiles.
_ALL = tuple(entry.name for entry in ENTRIES if entry.name != "genesis_narrow")
_WITHOUT_SWEEPS = tuple(entry.name for entry in ENTRIES if entry.name not in {"genesis", *SWEPT})

# The budget of the tasks about judges: a judge learns nothing, and answers all test examples.
_JUDGED = Budget(steps=1)

# Changes of `quick`, which `smoke` shares: 64 pixels, a 1900th of the published updates, a quarter
# of the batch. Rates are higher, GNM's schedules shorter, the two slowest baselines narrower. What
# these profiles add to GNM as published: a warm-up of all KLs; on digits Muon, dark first glimpses,
# steady first boxes and wide first codes; in the room a ramp of the KLs of `what`.
_SHORT: Changes = {
    "gnm": {
        "*": {
            "optimiser": "muon",
            "learning_rate": 1e-3,
            "clip": 0.0,
            "mlp": 128,
            "glimpse_bias": -1.0,
            "where_std": 0.05,
            "what_gain": 5.0,
            "warm_up": 4_000,
            "temperature_begin": 100,
            "temperature_end": 2_000,
            "presence_prior_end": 500,
            "global_ramp": 10_000,
        },
        "arrow_room": {
            "optimiser": "adam",
            "learning_rate": 5e-4,
            "clip": 1.0,
            "mlp": 512,
            "where_std": 0.6931471805599453,  # log 2, the published value
            "what_gain": 1.0,
            "warm_up": 2_000,
            "alpha_steps": 200,
            "background_weight": 1.0,
            "presence_prior_first": 0.5,
            "presence_prior_last": 0.01,
            "presence_prior_end": 3_000,
            "what_ramp": 4_000,
        },
    },
    "genesis": {
        "*": {"optimiser": "muon", "learning_rate": 1e-3, "clip": 1.0},
        "arrow_room": {"optimiser": "adam", "learning_rate": 3e-4},
    },
    "convdraw": {
        "*": {
            "optimiser": "muon",
            "learning_rate": 1e-3,
            "side": 4,
            "hidden": 32,
            "mlp": 128,
            "warm_up": 2_000,
        },
        "arrow_room": {"optimiser": "adam", "mlp": 512, "warm_up": 4_000},
    },
    "vae": {"*": {"learning_rate": 5e-4, "warm_up": 2_000}, "arrow_room": {"warm_up": 4_000}},
}


def _short(importance_samples: int) -> Changes:
    """The changes `_SHORT` with fewer posterior samples an image for its log-likelihood."""
    fewer = {"importance_samples": importance_samples}
    return {family: {**by, "*": {**by["*"], **fewer}} for family, by in _SHORT.items()}


PROFILES = (
    Profile(
        "smoke",
        tasks=(
            "mnist4/sklearn_32",
            "mnist4/mnist_32",
            "mnist10/sklearn_32",
            "mnist10/mnist_32",
            "mnist4_judge/sklearn_64",
            "mnist4_judge/mnist_64",
            "mnist10_judge/sklearn_64",
            "mnist10_judge/mnist_64",
        ),
        methods=_WITHOUT_SWEEPS,
        seeds=1,
        budgets={
            "*": Budget(steps=2, batch_size=4, evaluate_on=8),
            **dict.fromkeys(("mnist4_judge", "mnist10_judge"), Budget(steps=1, evaluate_on=70)),
        },
        summary="seconds a cell, to see that everything runs",
        changes=_short(importance_samples=2),
    ),
    Profile(
        "quick",
        # `mnist10` is left out: the time goes to training on four digits.
        tasks=(
            "mnist4/sklearn_64",
            "mnist4/mnist_64",
            "arrow_room/rendered_64",
            "mnist4_judge/sklearn_64",
            "mnist4_judge/mnist_64",
            "mnist10_judge/sklearn_64",
            "mnist10_judge/mnist_64",
            "arrow_room_judge/rendered_64",
        ),
        methods=_WITHOUT_SWEEPS,
        seeds=1,
        further_seeds=2,
        budgets={
            "*": Budget(steps=600, batch_size=8, evaluate_on=250),
            "arrow_room": Budget(steps=1_400, batch_size=8, evaluate_on=600),
            **dict.fromkeys(("mnist4_judge", "mnist10_judge", "arrow_room_judge"), _JUDGED),
        },
        summary="64 pixels, minutes on 2 cores",
        changes=_short(importance_samples=5),
        # A suite's `quick` takes minutes, whatever is installed.
        on_request={
            "arrow_room/rendered_64": "it renders 4,000 images first; ask for --task arrow_room.",
            "arrow_room_judge/rendered_64": (
                "it renders 4,800 images; ask for --task arrow_room_judge."
            ),
        },
    ),
    Profile(
        "paper",
        tasks=(
            "mnist4/sklearn_128",
            "mnist4/mnist_128",
            "mnist10/sklearn_128",
            "mnist10/mnist_128",
            "arrow_room/rendered_128",
            "mnist4_judge/sklearn_128",
            "mnist4_judge/mnist_128",
            "mnist10_judge/sklearn_128",
            "mnist10_judge/mnist_128",
            "arrow_room_judge/rendered_128",
        ),
        methods=_ALL,
        seeds=3,
        budgets={
            "*": Budget(epochs=600, batch_size=32),
            **dict.fromkeys(("mnist4_judge", "mnist10_judge", "arrow_room_judge"), _JUDGED),
        },
        summary="128 pixels, the published sizes and epochs, 3 seeds",
        # Engelcke et al. (ICLR 2020) publish GENESIS' budget apart.
        own_budgets={"genesis": {"*": Budget(steps=500_000, batch_size=32)}},
    ),
)

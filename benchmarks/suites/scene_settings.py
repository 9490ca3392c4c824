"""How the entries of the `scenes` suite are set in each profile, and how much of it runs.

Published values: Jiang, Ahn (NeurIPS 2020), appendix; GENESIS: Engelcke et al. (ICLR 2020).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from typing import Any

import symdata
from benchmarks.protocol import Budget, Entry

SIZES = {"smoke": 32, "quick": 64, "paper": 128}

# -log(0.2 sqrt(2 pi)): what Normal(., 0.2) gives a value that is met exactly.
MOST_NATS = 0.6904993792294276

D_STEPS_CAP = {128: 20_000, 64: 1_000, 32: 100}
STEPS_A_SAMPLE = 4

SUMMARIES = {
    "smoke": "seconds a cell, to see that everything runs",
    "quick": "64 pixels, minutes on 2 cores",
    "paper": "128 pixels, the published sizes and epochs, 3 seeds",
}
SEEDS = {"smoke": 1, "quick": 1, "paper": 3}
# A suite's `quick` takes minutes, whatever is installed.
ON_REQUEST = {
    "quick": {
        "arrow_room/rendered_64": "it renders 4,000 images first; ask for --task arrow_room.",
        "arrow_room_judge/rendered_64": "it renders 4,800 images; ask for --task arrow_room_judge.",
    }
}

TRAIN = 60_000
EPOCHS = 600
GENESIS_STEPS = 500_000
BATCH = 32


# quick: 64 pixels, a 1900th of the updates, a quarter of the batch, a higher rate, GNM's schedules
# shorter, the two slowest baselines narrower, and so the MLPs of StructDRAW and ConvDRAW. A warm-up
# of the KLs, and in GNM glimpses that begin dark, take a short training out of the black image;
# found on training images and seeds from 100 on, as was each method's optimiser:
# GNM learns its digits' shapes late, as the encoder is busy with their positions: with Adam after
# 800 to 1,000 updates or more. Muon lets the weaker gradient through, and shapes begin after 400 to
# 550, by the seed; codes that differ much from the first, and boxes that hardly shake, make it
# earlier. ConvDRAW (LL 2,536, not 2,498) and GENESIS (2,505, not 2,466) gain from it too, at 1e-3;
# the VAE loses at that rate (2,458, not 2,473).
QUICK_STEPS, QUICK_BATCH, QUICK_TESTS = 600, 8, 250
QUICK_SAMPLES = 5
QUICK: dict[str, dict[str, Any]] = {
    "gnm": {
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
    # With Adam GENESIS is stuck at 1e-3, in the first updates, with a black image.
    "genesis": {"optimiser": "muon", "learning_rate": 1e-3, "clip": 1.0, "width": 0.25},
    "convdraw": {
        "optimiser": "muon",
        "learning_rate": 1e-3,
        "side": 4,
        "hidden": 32,
        "mlp": 128,
        "warm_up": 2_000,
    },
    "vae": {"learning_rate": 5e-4, "warm_up": 2_000},
}
# The room is bright everywhere and its objects are a small part of it: more updates, and a slower
# warm-up, take the VAE out of the mean room. GNM's components vanish within 100 updates, as a
# glimpse in a wrong colour is worse than none, unless all are drawn at first: then they are patches
# of the room that learn to show what lies there, and afterwards those of bare floor become absent.
# After 1,000 updates there is one for each object (training images, seed 100: LL 7,896).
# All train with Adam there, ConvDRAW at 1e-3 (training images, seeds 100 and 101: LL 7,978, at 5e-4
# 7,886; with the MLP as much); GENESIS, the VAE and GNM learn less at twice their rates.
QUICK_ROOM_STEPS, QUICK_ROOM_TESTS = 1_400, 600
QUICK_ROOM: dict[str, dict[str, Any]] = {
    "gnm": {
        "optimiser": "adam",
        "learning_rate": 5e-4,
        "clip": 1.0,
        "mlp": 512,
        "where_std": log(2),
        "what_gain": 1.0,
        "warm_up": 2_000,
        "alpha_steps": 200,
        "present_steps": 300,
        "background_weight": 1.0,
        "presence_prior_first": 0.5,
        "presence_prior_last": 0.01,
        "presence_prior_end": 3_000,
        "what_ramp": 4_000,
    },
    "genesis": {"optimiser": "adam", "learning_rate": 3e-4},
    "convdraw": {"optimiser": "adam", "mlp": 512, "warm_up": 4_000},
    "vae": {"warm_up": 4_000},
}
SMOKE_SAMPLES = 2
# As published, but for the start of GNM. From grey glimpses, 300 updates of 128 pixels leave the
# image black while components come and go; from dark ones each digit has its component by then. In
# the room, of 128 pixels too, all 16 components are absent after 250 updates. Where all are drawn
# during 2,000 updates, six are present after 2,200, and objects are drawn; during 500, fewer than
# two after 700 (training images, seed 100, eight an update; the 2,200 on 64 pixels that count four
# times).
PAPER_GREY: dict[str, dict[str, Any]] = {"gnm": {"glimpse_bias": -2.0}}
PAPER_ROOM: dict[str, dict[str, Any]] = {"gnm": {"present_steps": 2_000}}


def tasks(ids: tuple[str, ...], profile: str) -> tuple[str, ...]:
    """The tasks of a profile: those of its size; in `smoke` the judge of digits of 64 pixels.

    `quick` has no ten digits: the time goes to training on four.
    """
    chosen = []
    for task in ids:
        name, _, regime = task.partition("/")
        size = int(regime.rpartition("_")[2])
        if name.endswith("_judge"):
            fits = size == max(SIZES[profile], 64) and (profile, name) != (
                "smoke",
                "arrow_room_judge",
            )
        else:
            fits = size == SIZES[profile] and not (profile == "quick" and name == "mnist10")
        if fits:
            chosen.append(task)
    return tuple(chosen)


def methods(entries: Iterable[Entry], profile: str) -> tuple[str, ...]:
    """The entries of a profile: all in `paper`, elsewhere those without a β of their own."""
    return tuple(
        entry.name for entry in entries if profile == "paper" or "beta" not in entry.settings
    )


def settings(entry: Entry, task: str, profile: str) -> dict[str, Any]:
    """The settings that a profile gives an entry on a task, under the entry's own."""
    data = task.partition("/")[0].removesuffix("_judge")
    if entry.name == "judge":
        return {"data": data}
    if entry.kind == "control":
        return {}
    family = entry.path.rpartition(":")[0].rpartition(".")[2]
    given: dict[str, Any] = {}
    if family == "genesis":
        given["components"] = symdata.dataset(data).objects + 1  # one more, for the background
    if profile != "paper":
        samples = QUICK_SAMPLES if profile == "quick" else SMOKE_SAMPLES
        given |= {"importance_samples": samples, **QUICK[family]}
        if data == "arrow_room":
            given |= QUICK_ROOM.get(family, {})
    else:
        given |= (PAPER_ROOM if data == "arrow_room" else PAPER_GREY).get(family, {})
    return given


def all_settings(
    entries: Iterable[Entry], ids: Iterable[str], profile: str
) -> dict[str, dict[str, dict[str, Any]]]:
    """Task id → entry name → settings, for a `Profile`."""
    entries = tuple(entries)
    return {
        task: {
            entry.name: settings(entry, task, profile) for entry in entries if entry.runs_on(task)
        }
        for task in ids
    }


def budget(task: str, profile: str) -> Budget:
    """The budget of a task: updates, and how many test images are answered."""
    if "_judge/" in task:
        return Budget(steps=1, evaluate_on=70 if profile == "smoke" else None)
    if profile == "paper":
        return Budget(epochs=EPOCHS, batch_size=BATCH)
    if profile == "quick":
        if task.startswith("arrow_room/"):
            return Budget(QUICK_ROOM_STEPS, batch_size=QUICK_BATCH, evaluate_on=QUICK_ROOM_TESTS)
        return Budget(QUICK_STEPS, batch_size=QUICK_BATCH, evaluate_on=QUICK_TESTS)
    return Budget(steps=2, batch_size=4, evaluate_on=8)


def own_budgets(
    entries: Iterable[Entry], ids: Iterable[str], profile: str
) -> dict[str, dict[str, Budget]]:
    """Task id → entry → budget, in `paper`, where GENESIS' is published apart."""
    if profile != "paper":
        return {}
    own = Budget(steps=GENESIS_STEPS, batch_size=BATCH)
    named = [entry for entry in entries if entry.path.startswith("baselines.genesis:")]
    return {task: {entry.name: own for entry in named} for task in ids if "_judge/" not in task}

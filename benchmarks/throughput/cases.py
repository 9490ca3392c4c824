"""Parts that the speed cases share: their device, tasks, data and entries."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

import symdata
from benchmarks import registry, resolution
from benchmarks.device import keep_freed
from benchmarks.plan import profile_of
from benchmarks.protocol import Entry, Examples, Task, TaskData
from benchmarks.suites.scenes import SUITE as SCENES
from methods.neurosymbolic_encoder.dsl import DSL, DSLS

DEVICE = os.environ.get("SYMBENCH_DEVICE", "cpu")
keep_freed()  # every cell of a run does the same
FOREVER = 10**9

SUITE = registry.suite("abstract_rules")
# Tasks with the longest and the shortest problems, with 50 symbols in training.
TIMED = ("same_different/m50", "distribution_of_three/m50")

TRAJECTORIES = registry.suite("trajectories")
PAPER = profile_of(TRAJECTORIES, "paper")
# Shapes of trajectories by task: frames (T+1), and numbers of a state (D).
SHAPES = {"synthetic": (26, 2), "basketball": (25, 10), "calms21": (21, 18)}
EXAMPLES = 2048
# The number of images of scenes to learn from, at least as many as in a batch.
PICTURES = 64


def finished(work: Callable[[], Any]) -> Callable[[], Any]:
    """A function that gives the result of the work once the device has finished it."""

    def run() -> Any:
        result = work()
        if DEVICE != "cpu":
            torch.cuda.synchronize()
        return result

    return run


def task(name: str) -> Task:
    """The task of this id."""
    return next(one for one in SUITE.tasks if one.id == name)


@cache
def draw(name: str) -> TaskData:
    """One draw of a task, made once."""
    return task(name).load(0)


def learners() -> list[Entry]:
    """The entries of `abstract_rules` that train a network, without ablations."""
    return [entry for entry in SUITE.entries if entry.kind in ("method", "baseline")]


def inputs(name: str, count: int) -> Examples:
    """The first test problems of a task, with privileged columns."""
    return draw(name).inputs.take(slice(0, count))


def paper_entry(name: str, data: str) -> Entry:
    """An entry of `trajectories` with the published settings for a data set."""
    (entry,) = registry.entries(TRAJECTORIES, [name])
    task = next(one for one in TRAJECTORIES.tasks if one.id == f"{data}/clusters")
    return resolution.resolved(PAPER, entry, task)


def batch_size(data: str) -> int:
    """The published number of trajectories in a batch."""
    return PAPER.budgets[data].batch_size


def language(data: str) -> DSL:
    """The DSL of a data set, the first where there are several."""
    return DSLS["calms21_1" if data == "calms21" else data]


@cache
def walks(data: str) -> Examples:
    """Random numbers in the shape of a task's trajectories, as its data may be missing; made once.

    A sixth of the EXAMPLES trajectories is marked for validation.
    """
    frames, size = SHAPES[data]
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((EXAMPLES, frames, size), dtype=np.float32)
    named = {
        f"feature.{feature.name}": rng.standard_normal((EXAMPLES, frames), dtype=np.float32)
        for feature in language(data).features
    }
    validation = np.arange(EXAMPLES) % 6 == 5
    return Examples({"states": steps.cumsum(1), **named, "validation": validation})


def scene_entry(name: str, data: str) -> Entry:
    """An entry of `scenes` with the published settings for a data set."""
    (entry,) = (one for one in SCENES.entries if one.name == name)
    profile = profile_of(SCENES, "paper")
    names = profile.tasks
    task = next(one for one in SCENES.tasks if one.id in names and one.name == data)
    return resolution.resolved(profile, entry, task)


@cache
def scene_images(data: str, size: int) -> Examples:
    """PICTURES images of `size` pixels: digits, and noise in place of rooms, which need a renderer.

    The content of an image makes no difference to the speed. Made once.
    """
    source = symdata.dataset(data)
    if source.channels == 3:
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (PICTURES, size, size, 3), dtype=np.uint8)
    else:
        images = source.shuffled(f"sklearn_{size}", PICTURES).images
    return Examples({"images": images})

"""Speed of `scenes` at the published size, 128 pixels. `SYMBENCH_DEVICE=cuda` times a GPU.

A training case is one update with its optimiser; its extra information has `images_per_second`.
The published batch has 32 images. On a CPU, the slower models get fewer at a time, which the extra
information has as `batch`, and a single round.

    pytest benchmarks/throughput/test_scenes.py --benchmark-json=speed.json
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import symdata
from benchmarks import runner
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Budget, Examples, Run
from benchmarks.throughput.cases import DEVICE, FOREVER, finished, scene_entry, scene_images
from benchmarks.training import updates
from symdata.digit_scenes import painted, stream
from symdata.digits import load
from symdata.mnist4 import scenes as mnist4
from symdata.mnist10 import scenes as mnist10

PIXELS, BATCH = 128, 32
# Training cases: data, entry, and the batch on a CPU.
TRAINED = (
    ("mnist4", "gnm", BATCH),
    ("mnist4", "genesis", 2),
    ("mnist4", "convdraw", 8),
    ("mnist4", "convdraw_8", 4),
    ("mnist4", "vae", BATCH),
    ("arrow_room", "gnm", 8),
)
DRAWN = 1000


def after_one_update(name: str, data: str) -> Any:
    """The entry's method with the published settings, after a single update with one image."""
    method = runner.build(scene_entry(name, data))
    method.fit(scene_images(data, PIXELS), Run(0, Budget(steps=1, batch_size=1), DEVICE))
    return method


def timed(benchmark: Any, work: Any, images: int, rounds: int, warmup_rounds: int = 1) -> None:
    """Time the work, and note the images a second."""
    benchmark.extra_info |= {"threads": torch.get_num_threads(), "batch": images}
    benchmark.pedantic(finished(work), rounds=rounds, warmup_rounds=warmup_rounds)
    if benchmark.stats is not None:
        benchmark.extra_info["images_per_second"] = images / benchmark.stats.stats.median


@pytest.mark.parametrize(("data", "name", "cpu_batch"), TRAINED)
def test_training_step(benchmark: Any, data: str, name: str, cpu_batch: int) -> None:
    """Time one update, from the images on the device to the new weights."""
    benchmark.group = f"training step: {data}"
    batch = cpu_batch if DEVICE == "cpu" else BATCH
    method, run = (
        after_one_update(name, data),
        Run(0, Budget(steps=FOREVER, batch_size=batch), DEVICE),
    )
    # `warm_up` is left out: in the models it is that of the KL, in `Optimisation` that of the rate.
    shared = ("optimiser", "learning_rate", "clip", "mixed_precision")
    given = {field: getattr(method.settings, field) for field in shared}
    how = Optimisation(**given, channels_last=True)
    steps = updates(method.network, scene_images(data, PIXELS), run, how)
    rounds = (1 if batch < BATCH else 3, 1) if DEVICE == "cpu" else (50, 10)
    timed(benchmark, lambda: next(steps), batch, *rounds)
    steps.close()


@pytest.mark.parametrize("name", ["gnm", "convdraw", "vae"])
def test_evaluation(benchmark: Any, name: str) -> None:
    """Time samples, and likelihoods of 2 images (32 on a GPU) with 100 posterior samples each."""
    benchmark.group = "evaluation: mnist4"
    count = 2 if DEVICE == "cpu" else BATCH
    method, some = (
        after_one_update(name, "mnist4"),
        scene_images("mnist4", PIXELS).take(slice(0, count)),
    )
    run = Run(0, Budget(steps=1), DEVICE)
    warmup = 0 if DEVICE == "cpu" else 1
    timed(benchmark, lambda: method.evaluate(some, run), count, rounds=1, warmup_rounds=warmup)


@pytest.mark.parametrize("data", ["mnist4", "mnist10"])
def test_generation(benchmark: Any, data: str) -> None:
    """Time 1,000 scenes with their graphs; the data set promises 10,000 in 5 seconds."""
    benchmark.group = "generation"
    arrange = {"mnist4": mnist4, "mnist10": mnist10}[data].arrange
    source, digits = symdata.dataset(data), load("sklearn")
    draw = stream(source, f"sklearn_{PIXELS}", "train", 0)

    def generate() -> Examples:
        scenes = painted(arrange(DRAWN, PIXELS, draw), digits, "train", PIXELS, draw)
        return Examples({"images": scenes.images, **scenes.graph})

    assert generate()["images"].shape == (DRAWN, PIXELS, PIXELS, 1)
    timed(benchmark, generate, DRAWN, rounds=3)
    assert benchmark.stats.stats.median < 0.5

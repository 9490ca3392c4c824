"""Speed of `symbolic_sequences` at its default sizes. `SYMBENCH_DEVICE=cuda` times a GPU.

A training case is one update with its optimiser; `per_second` in the extra information is the
number of images a second (for k-NN, of test features). Two cases of one group do the same work in
two ways; the quotient of their times is the speed-up. Teachers have random weights and images are
noise: neither makes a difference to the speed. On a CPU a batch of DINO has fewer images than the
published 256, and k-NN fewer tests; `count` in the extra information has their number.

    pytest benchmarks/throughput/test_symbolic_sequences.py --benchmark-json=speed.json

Letters: N images, B images of a batch, V views, P patches, D width of the teacher's tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from baselines.dino.augmentation import crop_and_flip
from baselines.dino.self_distillation import DINONetwork, encoder_of
from baselines.dino.self_distillation import optimisation as dino_optimisation
from baselines.dino.teacher import Teacher, as_pixels
from baselines.vqvae import VQVAE
from benchmarks.metrics.neighbours import TEMPERATURE, knn
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Budget, Examples, Run
from benchmarks.throughput.cases import DEVICE, FOREVER, finished
from benchmarks.training import updates
from methods.symbolic_sequences.method import SymbolicSequences, fresh_views, optimisation
from methods.symbolic_sequences.network import SymbolicNetwork

GPU = DEVICE != "cpu"
SIZE, BATCH, VIEWS = 32, 64, 4
DINO_BATCH = 256 if GPU else 16
TAUGHT = 4096 if GPU else 64
BANK, TESTED, LOOPED = 50_000, 10_000 if GPU else 1000, 100
KS, CLASSES = (10, 20, 100, 200), 10
ENTROPY = {"exploration": "entropy"}


def timed(
    benchmark: Any, group: str, work: Callable[[], object], count: int, rounds: int, warmup: int = 1
) -> None:
    """Time the work as one of a group, and note the images a second."""
    benchmark.group = group
    benchmark.extra_info |= {"threads": torch.get_num_threads(), "count": count}
    benchmark.pedantic(finished(work), rounds=30 if GPU else rounds, warmup_rounds=warmup)
    if benchmark.stats is not None:
        benchmark.extra_info["per_second"] = count / benchmark.stats.stats.median


@cache
def images(count: int) -> np.ndarray:
    """Images of noise (N, 32, 32, 3) uint8."""
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


@cache
def teacher() -> Teacher:
    """An untrained teacher `dino_tiny`."""
    torch.manual_seed(0)
    encoder = encoder_of(SymbolicSequences.Settings(), SIZE).to(DEVICE)
    return Teacher(encoder, encoder.width, encoder.side, {"name": "dino_tiny"})


def student(views: int = VIEWS, **settings: Any) -> SymbolicSequences:
    """A method with an untrained network."""
    method = SymbolicSequences(SymbolicSequences.Settings(views=views, **settings))
    method.teacher = teacher()
    draw = fresh_views(teacher(), crop_and_flip(SIZE, method.settings.teacher_flip))
    torch.manual_seed(0)
    network = SymbolicNetwork(method.settings, teacher().width, FOREVER, draw)
    method.network = network.to(DEVICE)
    return method


def a_run(batch: int = BATCH) -> Run:
    """A run that never ends."""
    return Run(0, Budget(steps=FOREVER, batch_size=batch), DEVICE)


def test_teacher(benchmark: Any) -> None:
    """Time the teacher's tokens of images on the device."""
    pixels = as_pixels(images(TAUGHT), DEVICE)
    assert teacher().tokens(pixels[:2]).shape == (2, 1 + 64, 192)
    timed(benchmark, "teacher", lambda: teacher().tokens(pixels), TAUGHT, rounds=3)


def test_training_of_the_teacher(benchmark: Any) -> None:
    """Time one update of DINO: two large and four small crops of each image, and both networks."""
    settings = SymbolicSequences.Settings(teacher_batch=DINO_BATCH)
    network = DINONetwork(settings, SIZE, FOREVER, 1).to(DEVICE)
    how = dino_optimisation(settings, FOREVER)
    steps = updates(network, Examples({"images": images(2 * DINO_BATCH)}), a_run(DINO_BATCH), how)
    timed(benchmark, "training: DINO", lambda: next(steps), DINO_BATCH, rounds=2)
    steps.close()


@pytest.mark.parametrize("way", ["kept", "fresh"])
def test_views(benchmark: Any, way: str) -> None:
    """Time one update of a student, with kept tokens of its teacher or fresh ones of new views."""
    views = VIEWS if way == "kept" else 0
    step(benchmark, student(views), "training: views", rounds=2)


@pytest.mark.parametrize(
    ("discretisation", "more"), [("gs", {}), ("gs", ENTROPY), ("ss", {}), ("vq", {})]
)
def test_training_of_students(benchmark: Any, discretisation: str, more: dict[str, Any]) -> None:
    """Time one update from kept tokens, with the largest vocabulary."""
    method = student(discretisation=discretisation, vocabulary=512, **more)
    step(benchmark, method, "training: students", rounds=5)


def step(benchmark: Any, method: SymbolicSequences, group: str, rounds: int) -> None:
    """Time one update of a student at the published batch."""
    settings, taught = method.settings, teacher()
    columns = {"images": images(4 * BATCH)}
    if settings.views:
        shape = 4 * BATCH, settings.views, 1 + taught.patches, taught.width
        rng = np.random.default_rng(0)
        columns = {"tokens": rng.standard_normal(shape, np.float32).astype(np.float16)}
    assert method.network is not None
    steps = updates(method.network, Examples(columns), a_run(), optimisation(settings, FOREVER))
    timed(benchmark, group, lambda: next(steps), BATCH, rounds)
    steps.close()


def test_training_of_vqvae(benchmark: Any) -> None:
    """Time one update of the VQ-VAE with the published width."""
    method, batch = VQVAE(VQVAE.Settings()), BATCH if GPU else 16
    some = Examples({"images": images(2 * batch)})
    method.fit(some, Run(0, Budget(steps=1, batch_size=1), DEVICE))
    assert method.network is not None
    rate = method.settings.learning_rate
    how = Optimisation(learning_rate=rate, mixed_precision=True, channels_last=True)
    steps = updates(method.network, some, a_run(batch), how)
    timed(benchmark, "training: VQ-VAE", lambda: next(steps), batch, rounds=2)
    steps.close()


def test_evaluation(benchmark: Any) -> None:
    """Time symbols, prefixes and attention of images, from their pixels."""
    method, some = student(), Examples({"images": images(TAUGHT)})
    run = Run(0, Budget(steps=1), DEVICE)
    assert method.evaluate(some.take(slice(0, 3)), run)["symbols"].shape == (3, 8)
    timed(benchmark, "evaluation", lambda: method.evaluate(some, run), TAUGHT, rounds=3)


@pytest.mark.parametrize("way", ["cached", "uncached"])
@pytest.mark.parametrize(("patches", "width"), [(64, 192), (196, 768)])
def test_decoding(benchmark: Any, patches: int, width: int, way: str) -> None:
    """Time eight symbols of a batch, with keys and values kept or computed anew at every step.

    The numbers of patches are those of `dino_tiny` and of `dino_vitb16`.
    """
    torch.manual_seed(0)
    settings = SymbolicSequences.Settings()
    network = SymbolicNetwork(settings, width, FOREVER).eval().to(DEVICE)
    tokens = torch.randn(BATCH, patches, width, device=DEVICE)
    with torch.inference_mode():
        kept, anew = network.write(tokens), network.write(tokens, cached=False)
        torch.testing.assert_close(kept.logits, anew.logits, atol=1e-4, rtol=1e-4)
        timed(
            benchmark,
            f"decoding: {patches} patches of width {width}",
            lambda: network.write(tokens, cached=way == "cached"),
            BATCH,
            rounds=5,
        )


@cache
def features(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise in place of 50,000 features (N, D), their labels (N,), and `count` tests (M, D)."""
    rng, width = np.random.default_rng(0), teacher().width
    bank, tests = (rng.standard_normal((rows, width), np.float32) for rows in (BANK, count))
    return bank, rng.integers(0, CLASSES, BANK), tests


def test_knn(benchmark: Any) -> None:
    """Time the votes of the nearest of 50,000 features, for all k; 10,000 tests take seconds."""
    bank, labels, tests = features(TESTED)
    work = partial(knn, bank, labels, tests, KS, CLASSES, device=DEVICE)
    timed(benchmark, "k-NN", work, TESTED, rounds=1)


@pytest.mark.parametrize("way", ["together", "one_by_one"])
def test_knn_of_few(benchmark: Any, way: str) -> None:
    """Time k-NN for 100 tests, in one product or in a loop."""
    bank, labels, tests = features(LOOPED)
    together = partial(knn, bank, labels, tests, KS, CLASSES, device=DEVICE)
    looped = partial(one_by_one, bank, labels, tests)
    first = one_by_one(bank, labels, tests[:5])
    for k, votes in together().items():
        np.testing.assert_allclose(first[k], votes[:5], rtol=1e-3)
    work = together if way == "together" else looped
    timed(benchmark, f"k-NN: {LOOPED} tests", work, LOOPED, rounds=2)


def one_by_one(bank: np.ndarray, labels: np.ndarray, tests: np.ndarray) -> dict[int, np.ndarray]:
    """Compute `knn` in a loop over the tests; features are normalised and moved only once."""
    known = normalize(torch.from_numpy(bank).to(DEVICE), dim=1)
    owners = torch.from_numpy(labels).to(DEVICE)
    found: dict[int, list[Tensor]] = {k: [] for k in KS}
    for test in normalize(torch.from_numpy(tests).to(DEVICE), dim=1):
        values, places = (known @ test).topk(max(KS))
        weights, voters = (values / TEMPERATURE).exp(), owners[places]
        for k, votes in found.items():
            none = weights.new_zeros(CLASSES)
            votes.append(none.scatter_add(0, voters[:k], weights[:k]))
    return {k: torch.stack(votes).cpu().numpy() for k, votes in found.items()}


def test_views_of_images(benchmark: Any) -> None:
    """Time the random crops of a batch of images, mirrored or not, before the teacher sees them."""
    augment, pixels = crop_and_flip(SIZE), as_pixels(images(2 * BATCH), DEVICE)
    assert augment(pixels).shape == pixels.shape
    timed(benchmark, "augmentation", lambda: augment(pixels), 2 * BATCH, rounds=20)

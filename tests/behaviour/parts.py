"""Fixed questions to every metric, judge and teacher, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.protocol import Budget, Run
from symdata.sampling import Draw
from tests.behaviour.methods import BATCH, TEACHER, UPDATES, data, plain_arithmetic, squares

EXAMPLES, WIDTH, CLASSES = 120, 6, 4


def _examples() -> tuple[np.ndarray, np.ndarray]:
    """Points (N, W) in four clouds that overlap, and their clouds (N,)."""
    draw = Draw("behaviour", "points", seed=0)
    labels = np.arange(EXAMPLES) % CLASSES
    centres = draw.normal(CLASSES * WIDTH).reshape(CLASSES, WIDTH)
    return centres[labels] + draw.normal(EXAMPLES * WIDTH).reshape(-1, WIDTH), labels


def _classification() -> dict[str, Any]:
    from benchmarks.metrics import classification

    points, labels = _examples()
    return {"accuracy": classification.accuracy(points[:, :CLASSES], labels)}


def _clustering() -> dict[str, Any]:
    from benchmarks.metrics import clustering

    points, labels = _examples()
    clusters = (points[:, 0] > 0) + 2 * (points[:, 1] > 0.5)
    spread = points * np.array([1, 0.3, 0.11, 0.09, 0.03, 0.0])
    return {
        "purity": clustering.purity(clusters, labels),
        "nmi": clustering.normalized_mutual_information(clusters, labels, "arithmetic"),
        "nmi_geometric": clustering.normalized_mutual_information(clusters, labels, "geometric"),
        "rand_index": clustering.rand_index(clusters, labels),
        "largest_cluster": clustering.largest_cluster(clusters),
        "active_units": clustering.active_units(spread),
        "kmeans": clustering.purity(clustering.kmeans(3 * points, CLASSES), labels),
    }


def _discrimination() -> dict[str, Any]:
    import torch

    from benchmarks.metrics import discrimination

    images = squares(1)["images"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = discrimination.Discriminator(32, 1)
    with torch.no_grad():
        logits = network(torch.from_numpy(np.ascontiguousarray(images)))
    shifted = discrimination.moved(torch.from_numpy(images[:4].copy()), torch.tensor([[1, -2]] * 4))
    names = ("ACCURACY", "HELD_OUT", "HALF_BATCH", "RATE", "EVERY", "MOVED")
    return {
        "logits": logits.numpy(),
        "moved": shifted.numpy(),
        "bright": discrimination.d_steps(images, 255 - images, 60),
        "same": discrimination.d_steps(images, images, 40),
        **{name: float(getattr(discrimination, name)) for name in names},
    }


def _linear_probe() -> dict[str, Any]:
    from benchmarks.metrics import linear_probe

    points, labels = _examples()
    return {"probe": linear_probe.probe(points[:80], labels[:80], points[80:], CLASSES)}


def _neighbours() -> dict[str, Any]:
    from benchmarks.metrics import neighbours

    points, labels = _examples()
    votes = neighbours.knn(points[:80], labels[:80], points[80:], (5, 20), CLASSES)
    tops = {f"top{n}": neighbours.top(votes[20], labels[80:], n) for n in (1, 2)}
    return {**{f"votes of {k}": values for k, values in votes.items()}, **tops}


def _probes() -> dict[str, Any]:
    from benchmarks.metrics import probes

    points, labels = _examples()
    fractions = probes.label_fractions(labels, (0.05, 0.5))
    return {
        "sample": probes.sample(points, np.full_like(points, 0.5)),
        "linear_probe": probes.linear_probe(points, labels // 2),
        "average_precision": probes.average_precision(
            points[:80], labels[:80], points[80:], labels[80:]
        ),
        **{f"fraction {share}": np.sort(rows) for share, rows in fractions.items()},
    }


def _symbols() -> dict[str, Any]:
    from benchmarks.metrics import symbols as metrics

    points, labels = _examples()
    symbols = np.clip(np.rint(2 * points), -3, 3).astype(np.int64) + 3
    return {
        "perplexity": metrics.perplexity(symbols),
        "pooled_perplexity": metrics.pooled_perplexity(symbols),
        "dead": metrics.dead(symbols, 9),
        "mutual_information": metrics.mutual_information(symbols, labels),
        "information_by_position": metrics.information_by_position(symbols, labels),
        "entropy_rate": metrics.entropy_rate(symbols),
        "agreement": metrics.agreement(symbols, symbols[::-1]),
        "one_hot": metrics.one_hot(symbols, 7).toarray(),
        "bag": metrics.bag(symbols, 7).toarray(),
        "effective_rank": metrics.effective_rank(points),
    }


def _digits_on_black() -> np.ndarray:
    """24 images of 64 pixels with four handwritten digits each; they follow no rule."""
    from sklearn.datasets import load_digits

    pictures = np.repeat(np.repeat(load_digits().images[:96], 2, 1), 2, 2) * (255 / 16)
    images = np.zeros((24, 64, 64, 1), np.uint8)
    for number, picture in enumerate(pictures):
        y, x = (8 + 32 * (number % 4 // 2), 8 + 32 * (number % 2))
        images[number // 4, y : y + 16, x : x + 16, 0] = picture
    return images


def _digits_judge() -> dict[str, Any]:
    from benchmarks import judges
    from benchmarks.judges import digits

    verdicts = judges.load("mnist4")(_digits_on_black())
    # One digit, as surely as the first number says, else another, else none.
    grid = [(p, q) for p in np.linspace(0.02, 0.98, 25) for q in np.linspace(0, 1, 21)]
    said = np.zeros((len(grid), digits.NO_DIGIT + 1))
    for row, (nothing, share) in zip(said, grid, strict=True):
        row[3], row[8], row[digits.NO_DIGIT] = (
            (1 - nothing) * share,
            (1 - nothing) * (1 - share),
            nothing,
        )
    ways = [digits.plausible(one + 1e-9) for one in said]
    found = [verdict.found for verdict in verdicts if verdict.found]
    return {
        "read": np.array([sum(int(one.name) for one in some if one.name != "?") for some in found]),
        "confidence": np.array([min(one.confidence for one in some) for some in found]),
        "obeys": np.array([verdict.obeys for verdict in verdicts]),
        "ways": np.array([len(one) for one in ways]),
        "likeliest": np.array([one[0][1] for one in ways]),
    }


def _room_judge() -> dict[str, Any]:
    import torch

    from benchmarks import judges
    from benchmarks.judges import arrow_room, stored
    from benchmarks.judges.room_detector import Detector

    images = np.repeat(np.repeat(squares(3)["images"][:8], 2, 1), 2, 2)
    weights, _ = stored.read(arrow_room.NAME, arrow_room.VERSION)
    network = arrow_room.BothWays(Detector(weights).network)
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 255
    with torch.inference_mode():
        maps = {f"map {name}": one.numpy() for name, one in network(pixels).items()}
    verdicts = judges.load("arrow_room")(images)
    names = ("PLAIN", "DEGREES", "NEARER")
    return {
        **maps,
        "found": np.array([len(verdict.found) for verdict in verdicts]),
        **{name: float(getattr(arrow_room, name)) for name in names},
    }


def _teacher() -> dict[str, Any]:
    from baselines.dino import self_distillation, teacher

    train, inputs = data("painted")
    run = Run(seed=0, budget=Budget(steps=UPDATES, batch_size=BATCH))
    settings = teacher.TaughtSettings(**TEACHER)
    taught = teacher._train(np.asarray(train["images"]), settings, run, Path("teacher.pt"))
    tokens = taught.tokens(teacher.as_pixels(np.asarray(inputs["images"]), "cpu"))
    how, steps = self_distillation.optimisation(settings, 100), range(0, 100, 9)
    return {
        "loss": taught.about["loss"],
        "tokens": tokens.detach().numpy(),
        "rates": np.array([how.rate(step, 100) for step in steps]),
        "decays": np.array([how.decay(step, 100) for step in steps]),
    }


def _view_tokens() -> dict[str, Any]:
    from baselines.dino.teacher import TaughtSettings
    from baselines.dino.view_tokens import _views

    train, _ = data("painted")
    augment = TaughtSettings(**TEACHER).augmentation(32, (0.4, 1.0))
    return {"views": _views(np.asarray(train["images"])[:8], 2, augment, 0).numpy()}


PARTS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "benchmarks.metrics.classification": _classification,
    "benchmarks.metrics.clustering": _clustering,
    "benchmarks.metrics.discrimination": _discrimination,
    "benchmarks.metrics.linear_probe": _linear_probe,
    "benchmarks.metrics.neighbours": _neighbours,
    "benchmarks.metrics.probes": _probes,
    "benchmarks.metrics.symbols": _symbols,
    "benchmarks.judges.digits": _digits_judge,
    "benchmarks.judges.arrow_room": _room_judge,
    "baselines.dino.teacher": _teacher,
    "baselines.dino.view_tokens": _view_tokens,
}


def ask(name: str) -> dict[str, Any]:
    """What the module of this name answers."""
    with plain_arithmetic():
        return PARTS[name]()

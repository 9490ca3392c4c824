"""The frozen teacher whose image tokens a method learns from: trained once, kept for all.

    teacher = obtain(images, settings, run)     # of the task's own training images, without labels
    tokens = teacher.tokens(batch)              # (B, 1 + P, D), the class token first

`dino_tiny` is a small vision transformer that DINO trains on the task's images. It is part of the
task, as a published teacher is: one network, trained with seed 0, for all methods and all seeds. It
is kept below the cache folder under a name made from images, settings and `VERSION`, with a record
beside it. Where two processes want it, one trains and the other waits; a training that was killed
is resumed. `dino_vitb16` is the published DINO ViT-B/16, from `timm`.

Letters: B, N images, H = W their size, P patches, D width of tokens, K prototypes.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
import time
from io import BytesIO
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.dino.frozen_teacher import (
    Teacher,
    as_pixels,
    checked_colour_images,
    published_teacher,
)
from baselines.dino.self_distillation import DINONetwork, encoder_of, head_of, optimisation
from baselines.dino.teacher_settings import DINO_TINY, DINO_VITB16, TaughtSettings
from benchmarks.protocol import Budget, Examples, Run, SymbenchError
from benchmarks.training import seeded, train
from symdata.cache import alone, writable

__all__ = ["TaughtSettings", "Teacher", "as_pixels", "checked_colour_images", "key_of", "obtain"]

# Raised when the same images and settings give another teacher; kept ones are then trained anew.
VERSION = 1
MEASURED = 2048
AT_ONCE = 256
# Information in nats below which an image says next to nothing about its prototype.
COLLAPSED = 0.1


def obtain(images: np.ndarray, settings: TaughtSettings, run: Run) -> Teacher:
    """Read or train the teacher that `settings` describe; images: (N, H, W, 3) uint8, training."""
    images = checked_colour_images(images)
    if settings.teacher == DINO_VITB16:
        return published_teacher(run)
    size = images.shape[1]
    if size % (2 * settings.teacher_patch):
        raise SymbenchError(
            f"images of {size} pixels and half of it do not divide into patches of "
            f"{settings.teacher_patch}; give another teacher_patch."
        )
    key = key_of(images, settings)
    path = run.sources.cache / "teachers" / f"{DINO_TINY}-{key}.pt"
    found = _read(path, settings, size, run)
    if found is not None:
        return found
    with writable(path), alone(path, f"the teacher {path.stem}"):
        found = _read(path, settings, size, run)  # another process may have trained it
        if found is None:
            found = _train(images, settings, run, path)
            found.about |= {"key": key, "digest": found.digest(), "from_cache": False}
            _write(path, found)
            path.with_suffix(".checkpoint").unlink(missing_ok=True)
    return found


def key_of(images: np.ndarray, settings: TaughtSettings) -> str:
    """A hash of all that determines a `dino_tiny`: images (N, H, W, 3), settings, `VERSION`."""
    known = {"version": VERSION, **settings.of_teacher()}
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    digest.update(f"{images.dtype} {images.shape}".encode())
    digest.update(np.ascontiguousarray(images).tobytes())
    return digest.hexdigest()[:16]


def _train(images: np.ndarray, settings: TaughtSettings, run: Run, path: Path) -> Teacher:
    """Train a teacher for the file at `path`, which the caller writes; resume a killed training."""
    last: dict[str, float] = {}

    def reporter(**scalars: float) -> None:
        last.update(scalars)
        run.reporter(**scalars)

    begun, batch = time.perf_counter(), min(settings.teacher_batch, len(images))
    own = Run(
        0,
        Budget(epochs=settings.teacher_epochs, batch_size=batch),
        run.device,
        reporter=reporter,
        checkpoint=path.with_suffix(".checkpoint"),
        at_once=run.at_once,
    )
    total, epoch = own.budget.total_steps(len(images)), -(-len(images) // batch)
    print(f"Training the teacher {path.stem} below {path.parent}.", file=sys.stderr)
    with seeded(own, "weights"):
        network = DINONetwork(settings, images.shape[1], total, epoch)
    network = network.to(run.device)
    train(network, Examples({"images": images}), own, optimisation(settings, total))
    encoder = network.teacher.encoder
    about = {
        "name": DINO_TINY,
        "settings": settings.of_teacher(),
        "images": len(images),
        "device": run.device,
        "seconds": round(own.earlier_seconds + time.perf_counter() - begun, 3),
        "steps": total,
        "loss": last.get("loss"),
        "parameters": sum(one.numel() for one in encoder.parameters()),
        "collapse": collapse(network, images[:: -(-len(images) // MEASURED)], run.device),
    }
    return Teacher(
        encoder, encoder.width, encoder.side, about, network.teacher.head, network.centre
    )


@torch.no_grad()
def collapse(network: DINONetwork, images: np.ndarray, device: str) -> dict[str, Any]:
    """Measure whether the teacher tells images (N, H, W, 3) uint8 apart.

    entropy_of_mean, mean_entropy: entropy of its mean distribution over prototypes, and mean
    entropy of its distributions, in nats; most: log K, their largest value. information: their
    difference, which is 0 both where all images have one prototype and where each is uniform over
    all. effective_rank: exp of the entropy of the normalised singular values of the centred class
    tokens (Roy and Vetterli 2007), at most the width.
    """
    network.eval()
    chunks = [as_pixels(images[k : k + AT_ONCE], device) for k in range(0, len(images), AT_ONCE)]
    said = torch.cat([network.distribution(chunk) for chunk in chunks])
    features = torch.cat([network.teacher.encoder.class_token(chunk) for chunk in chunks]).float()
    entropy_of_mean, mean_entropy = float(_entropy(said.mean(0))), float(_entropy(said).mean())
    spread = torch.linalg.svdvals(features - features.mean(0))
    rank = float(_entropy(spread / spread.sum().clamp(min=1e-12)).exp())
    return {
        "entropy_of_mean": entropy_of_mean,
        "mean_entropy": mean_entropy,
        "most": log(said.shape[1]),
        "information": entropy_of_mean - mean_entropy,
        "effective_rank": rank,
        "collapsed": entropy_of_mean - mean_entropy < COLLAPSED,
    }


def _entropy(p: Tensor) -> Tensor:
    """p: (..., K) → entropy in nats (...)."""
    return -(p * p.clamp(min=1e-12).log()).sum(-1)


def _read(path: Path, settings: TaughtSettings, size: int, run: Run) -> Teacher | None:
    """Read the teacher in this file; None where there is no file or it is damaged."""
    record = path.with_suffix(".json")
    if not (path.exists() and record.exists()):
        return None
    try:
        about, content = json.loads(record.read_text(encoding="utf-8")), path.read_bytes()
        if hashlib.sha256(content).hexdigest() != about["sha256"]:
            raise ValueError
        state = torch.load(BytesIO(content), "cpu", weights_only=True)
        encoder, head = encoder_of(settings, size), head_of(settings)
        encoder.load_state_dict(state["encoder"])
        head.load_state_dict(state["head"])
        centre = state["centre"].to(run.device)
    except Exception:  # raised by reading, parsing, unpickling, or weights that do not fit
        print(f"{path} is damaged: the teacher is trained anew.", file=sys.stderr)
        return None
    about["from_cache"] = True
    encoder, head = encoder.to(run.device), head.to(run.device)
    return Teacher(encoder, encoder.width, encoder.side, about, head, centre)


def _write(path: Path, teacher: Teacher) -> None:
    """Write the weights, then the record; weights without a record count as absent."""
    assert teacher.head is not None
    assert teacher.centre is not None
    buffer = BytesIO()
    parts = {"encoder": teacher.encoder.state_dict(), "head": teacher.head.state_dict()}
    state = {
        part: {name: value.cpu() for name, value in values.items()}
        for part, values in parts.items()
    }
    torch.save({**state, "centre": teacher.centre.cpu()}, buffer)
    content = buffer.getvalue()
    about = teacher.about | {"sha256": hashlib.sha256(content).hexdigest()}
    text = json.dumps(about, indent=2, sort_keys=True) + "\n"
    for place, data in ((path, content), (path.with_suffix(".json"), text.encode())):
        partial = place.with_name(f".{place.name}.{secrets.token_hex(4)}.partial")
        try:
            partial.write_bytes(data)
            partial.replace(place)
        finally:
            partial.unlink(missing_ok=True)

"""The frozen teacher's tokens of images, computed once.

A method trains on random crops of its images, but to run the frozen teacher on each crop of each
epoch costs far more than the method itself. So a finite set of views is used: V random crops of
every training image are drawn once, from a seed of their own, and their tokens are kept as HDF5 in
half precision. The method still sees augmented images, and pairs of views of one image as DINO
needs them, but never more than V of each. With V = 0 nothing is kept and a method draws fresh views
at every step, which a large teacher on many images needs: 4 views of 50,000 images by a ViT-B/16
would take 121 GB.

Letters: N images, V views of each, H = W size in pixels, P patches, D width of a token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from baselines.dino.augmentation import Augmentation
from baselines.dino.teacher import AT_ONCE, Teacher, as_pixels, checked_colour_images
from benchmarks.device import out_of_memory_says
from benchmarks.protocol import Budget, Run, SymbenchError
from benchmarks.training import seeded
from symdata.cache import keep

# Raised when the same images, teacher and augmentation give other tokens.
VERSION = 1
PIECE = 500


def tokens_of(
    images: np.ndarray, teacher: Teacher, run: Run, at_once: int | None = None
) -> np.ndarray:
    """Tokens of whole images (N, H, W, 3) uint8, not augmented: (N, 1 + P, D) float32."""
    images = checked_colour_images(images)
    tokens = np.empty((len(images), 1 + teacher.patches, teacher.width), np.float32)
    for rows, values in _chunks(images, teacher, run, at_once):
        tokens[rows] = values
    return tokens


def class_tokens_of(
    images: np.ndarray, teacher: Teacher, run: Run, at_once: int | None = None
) -> np.ndarray:
    """Class tokens of whole images (N, H, W, 3) uint8: (N, D) float32."""
    images = checked_colour_images(images)
    tokens = np.empty((len(images), teacher.width), np.float32)
    for rows, values in _chunks(images, teacher, run, at_once):
        tokens[rows] = values[:, 0]
    return tokens


def view_tokens(
    images: np.ndarray, teacher: Teacher, views: int, augment: Augmentation, run: Run
) -> np.ndarray:
    """Tokens of V fixed random views of each image: (N, V, 1 + P, D) float16.

    images: (N, H, W, 3) uint8. The views are the same whatever the run's seed and device.
    """
    images = checked_colour_images(images)
    if views < 1:
        raise SymbenchError(f"{views} views were asked for; a fixed set has 1 or more.")
    pixels = hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()
    description = {
        "teacher": teacher.digest(),
        "images": pixels,
        "views": views,
        "augmentation": augment.description(),
        "version": VERSION,
    }
    shape = (len(images), views, 1 + teacher.patches, teacher.width)

    def make(pieces: Sequence[slice]) -> Iterator[tuple[slice, np.ndarray]]:
        for piece in pieces:
            drawn = _views(images[piece], views, augment, piece.start)
            tokens = np.empty((len(drawn), *shape[2:]), np.float16)
            for rows, values in _chunks(drawn, teacher, run, run.at_once):
                tokens[rows] = values
            yield piece, tokens.reshape(-1, *shape[1:])

    return keep(run.sources.cache, "view_tokens", description, shape, "float16", PIECE, make)


def _views(images: np.ndarray, views: int, augment: Augmentation, start: int) -> Tensor:
    """V views of the images numbered `start` and on: (B · V, 3, S, S) in [0, 1], image by image.

    They are drawn on the CPU and from a random stream of this piece's own, so that they depend
    neither on the device nor on which pieces exist already.
    """
    stream = Run(0, Budget(steps=0))
    with torch.no_grad(), seeded(stream, f"views from {start}"):
        return augment(as_pixels(images, "cpu").repeat_interleave(views, 0))


def _chunks(
    images: np.ndarray | Tensor, teacher: Teacher, run: Run, at_once: int | None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the rows of some images at a time, and their tokens (B, 1 + P, D)."""
    count = at_once or run.at_once or AT_ONCE
    advice = f"{count} images were computed at once; give --at-once a smaller number"
    with out_of_memory_says(advice):
        for start in range(0, len(images), count):
            rows = slice(start, min(start + count, len(images)))
            chunk = images[rows]
            pixels = chunk if isinstance(chunk, Tensor) else as_pixels(chunk, "cpu")
            yield rows, teacher.tokens(pixels.to(run.device)).float().cpu().numpy()

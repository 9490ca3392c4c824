"""Makes the weights of the judge of arrow_room: `python -m benchmarks.judges.train_arrow_room`.

The network trains on rooms of its own, of two kinds: rooms that obey the rule, as in the data set,
and free ones with three to five things of any shape, material and place, with any number of arrows
that point anywhere, so that it learns to see things and not the rule. Rendering them takes most of
the time; they stay in the cache folder, which `--cache` names. The weights are part of the judge: a
change of them is a new `VERSION` in `arrow_room`.

Letters: N scenes, B a batch, K things at most, H = W = 64 pixels, h = w = 32 places.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from benchmarks.judges import room_augmentation, room_detector, stored
from benchmarks.judges.arrow_room import NAME, VERSION
from benchmarks.judges.room_augmentation import Seen, varied
from benchmarks.judges.room_detector import SIZE, STRIDE, RoomDetector
from symdata import cache
from symdata.arrow_room import DATA, workers
from symdata.arrow_room.rooms import Rooms, furnish, obeying
from symdata.arrow_room.scenes import graph
from symdata.arrow_room.shapes import ARROW_CODE
from symdata.sampling import Draw
from symdata.sources import default_cache

SEED, STEPS, BATCH = 0, 1300, 48
RATE, DECAY = 3e-3, 1e-2
SAMPLES, PIECE = 16, 20
PARTS = {"obeying": 1_800, "free_3": 600, "free_4": 2_000, "free_5": 600}
MOST = 5
# The bump around a centre: its standard deviation in places, and the height above which a place
# learns what the thing is.
SPREAD, NEAR = 1.0, 0.3


def rooms(part: str) -> Rooms:
    """The rooms of a part of the training set."""
    draw = partial(Draw, NAME, DATA.version, "judge", part, seed=SEED)
    count = PARTS[part]
    if part == "obeying":
        return obeying(count, draw)
    things = int(part.removeprefix("free_"))
    shapes = draw("shapes").below(4, count * things).reshape(count, things)
    free = furnish(shapes, draw, lambda rooms, away: np.ones(len(rooms), dtype=bool), target=False)
    materials = draw("each_material").below(2, shapes.size).reshape(shapes.shape)
    # In half of the rooms all things have one material, as in many generated images.
    materials[::2] = materials[::2, :1]
    return Rooms(**{**vars(free), "materials": materials})


def rendered(part: str, given: Rooms, folder: Path, processes: int | None = None) -> np.ndarray:
    """The images (N, H, W, 3) of a part's rooms, rendered once and kept below this folder."""
    key = {"judge": NAME, "version": DATA.version, "part": part, "seed": SEED}
    key |= {"count": len(given), "samples": SAMPLES}

    def make(pieces: Sequence[slice]) -> Iterator[tuple[slice, np.ndarray]]:
        print(f"Rendering {part} below {folder}.", file=sys.stderr)
        made = workers.render(given, pieces, SIZE, SAMPLES, processes)
        yield from tqdm(made, total=len(pieces), desc=part)

    shape = (len(given), SIZE, SIZE, 3)
    return cache.keep(folder, f"{NAME}/judge-{part}", key, shape, "uint8", PIECE, make)


def seen(given: Rooms, images: np.ndarray) -> Seen:
    """Rooms and their images as tensors, places in pixels; missing things have shape -1."""
    known = graph(given, SIZE)
    absent = ((0, 0), (0, MOST - given.shapes.shape[1]))

    def padded(array: np.ndarray, value: float = 0) -> Tensor:
        widths = (*absent, *[(0, 0)] * (array.ndim - 2))
        return torch.from_numpy(np.pad(array, widths, constant_values=value))

    return Seen(
        torch.from_numpy(images),
        padded(known["shapes"], -1),
        padded(known["materials"]),
        padded(known["pixels"]),
        padded(known["boxes"]),
        padded(given.turns.astype(np.float32)),
        torch.zeros(len(images), MOST, dtype=torch.bool),
    )


def loss(said: dict[str, Tensor], true: Seen) -> Tensor:
    """The loss: focal for the map of things, and around each centre that of the thing there."""
    line = STRIDE * (torch.arange(SIZE // STRIDE) + 0.5)
    cells = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)  # (h, w, 2)
    there = (true.shapes >= 0) & ((true.places > 0) & (true.places < SIZE)).all(-1)
    away = (true.places[:, :, None, None] - cells) / STRIDE  # (B, K, h, w, 2)
    near = torch.exp(-away.square().sum(-1) / (2 * SPREAD**2)) * there[:, :, None, None]
    bump, owner = near.max(1)
    peak = ((away.abs() <= 0.5).all(-1) & there[:, :, None, None]).any(1)
    sure = said["thing"][:, 0]
    # CornerNet's form of the focal loss: little weight near a centre.
    yes = F.logsigmoid(sure) * torch.sigmoid(-sure).square() * peak
    no = F.logsigmoid(-sure) * torch.sigmoid(sure).square() * (1 - bump) ** 4 * ~peak
    thing = -(yes + no).sum() / there.sum()

    weight = torch.where(bump > NEAR, bump, 0.0)
    image = torch.arange(len(owner))[:, None, None]
    rows = weight > 0
    image, owner, weight = image.expand_as(owner)[rows], owner[rows], weight[rows]
    weight = weight / weight.sum()
    at = {name: of.movedim(1, -1)[rows] for name, of in said.items()}
    shapes = true.shapes[image, owner]
    # A thing smeared beyond recognition is equally likely of every shape and material.
    smeared = true.smeared[image, owner][:, None]
    what = _entropy(at["shape"], shapes, smeared) + _entropy(
        at["material"], true.materials[image, owner], smeared
    )
    where = F.smooth_l1_loss(
        at["offset"], away.movedim(1, -2)[rows][torch.arange(len(owner)), owner], reduction="none"
    ).sum(1)
    centre = true.places[image, owner]
    box = true.boxes[image, owner].clamp(0, SIZE)
    sides = torch.cat([centre - box[:, :2], box[:, 2:] - centre], 1).clamp_min(1).log()
    size = F.smooth_l1_loss(at["sides"], sides, reduction="none").sum(1)
    turned = (at["turn"] - true.turns[image, owner]).square().sum(1)
    turned = turned * ((shapes == ARROW_CODE) & ~smeared[:, 0])
    return thing + (weight * (what + where + 0.3 * size + 3 * turned)).sum()


def _entropy(logits: Tensor, labels: Tensor, smeared: Tensor) -> Tensor:
    """Cross-entropy (M,) with the labels, or with the uniform distribution where smeared (M, 1)."""
    target = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    target = torch.where(smeared, 1 / logits.shape[1], target)
    return -(target * logits.log_softmax(1)).sum(1)


def trained(data: Seen, steps: int, seed: int) -> RoomDetector:
    """Train a network: AdamW, with a rate that rises over the first tenth and falls to 0."""
    torch.manual_seed(seed)
    network = RoomDetector().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=steps, pct_start=0.1
    )
    begun, recent = time.perf_counter(), 0.0
    for step in range(1, steps + 1):
        images, true = varied(data.take(torch.randint(len(data.images), (BATCH,))))
        with torch.autocast("cpu", torch.bfloat16):
            said = network(images.contiguous(memory_format=torch.channels_last))
        total = loss({name: of.float() for name, of in said.items()}, true)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        recent += float(total.detach())
        if step % 50 == 0 or step == steps:
            passed = time.perf_counter() - begun
            print(f"step {step} of {steps}: {recent / 50:.4f}, {passed:.0f} s", flush=True)
            recent = 0.0
    return network.eval()


def provenance(steps: int, seed: int, images: Sequence[np.ndarray]) -> dict[str, Any]:
    """The provenance of the weights: seed, steps, data, and hashes of code and data."""
    code = [Path(str(m)).read_bytes() for m in (__file__, *_MODULES)]
    counts = ", ".join(f"{count} {part}" for part, count in PARTS.items())
    return {
        "seed": seed,
        "steps": steps,
        "batch": BATCH,
        "data": f"rooms rendered for it alone: {counts}; {SAMPLES} samples a pixel",
        "code_sha256": stored.digest(*code),
        "data_sha256": stored.digest(*images),
        "torch": str(torch.__version__),
    }


_MODULES = (room_augmentation.__file__, room_detector.__file__)


def main() -> None:
    """Render, train, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--to", type=Path, default=stored.weights_file(NAME), help="where to store them"
    )
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where images are kept")
    given = parser.parse_args()
    drawn = {part: rooms(part) for part in PARTS}
    images = {part: rendered(part, drawn[part], given.cache) for part in PARTS}
    data = Seen.joined([seen(drawn[part], images[part]) for part in PARTS])
    network = trained(data, given.steps, given.seed)
    weights = {
        name: array.numpy()
        for name, array in network.state_dict().items()
        if not name.endswith(("num_batches_tracked", "where"))
    }
    stored.write(
        given.to, weights, VERSION, provenance(given.steps, given.seed, list(images.values()))
    )
    print(f"stored at {given.to}")


if __name__ == "__main__":
    main()

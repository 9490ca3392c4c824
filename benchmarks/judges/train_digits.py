"""Makes the weights of the judge of digits: `python -m benchmarks.judges.train_digits`.

It learns from the training digits of scikit-learn and of MNIST, which `--digits` says where to
find, and reports on their validation digits; no test digit is read. About a quarter of an hour on
one core. The weights are part of the judge: a change of them is a new `VERSION` in `digits`.

Letters: B a batch, M digits.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.judges import digit_augmentation as drawing
from benchmarks.judges import digit_network, stored
from benchmarks.judges.digit_network import FULL, NO_DIGIT, DigitNetwork
from benchmarks.judges.digits import NAME, VERSION
from symdata import digits
from symdata.errors import DataError
from symdata.sources import DEFAULT, DataSources

SEED, STEPS, BATCH = 0, 5000, 160
RATE, DECAY = 3e-3, 1e-2
# Shares of a batch: MNIST, MNIST as coarse as scikit-learn's digits, scikit-learn's, no digits.
SHARES = (0.46, 0.14, 0.2, 0.2)
SIZES = (FULL, FULL // 2)

Labelled = tuple[Tensor, Tensor]


def part(source: str, split: str, sources: DataSources = DEFAULT) -> Labelled:
    """Load images (M, 28, 28) in [0, 1] and labels (M,) of a split."""
    images, labels = digits.load(source, sources).part(split)
    return torch.from_numpy(images).float() / 255, torch.from_numpy(labels)


def batch(mnist: Labelled, sklearn: Labelled) -> Labelled:
    """Draw crops (B, 1, 28, 28), half of them as in images of each size, and their classes (B,).

    Every batch has both sizes, as batch normalisation would otherwise see other statistics in
    training than afterwards.
    """
    fine, rough, other, none = (round(share * BATCH) for share in SHARES)
    first = torch.randint(len(mnist[0]), (fine + rough,))
    second = torch.randint(len(sklearn[0]), (other,))
    images = torch.cat([mnist[0][first], sklearn[0][second]])
    labels = torch.cat([mnist[1][first], sklearn[1][second]])
    spoilt = torch.randint(len(images), (none,))
    bad = drawing.softened(drawing.junk(images[spoilt], labels[spoilt]))
    # A fifth stay as sharp as they are, since not every judged image has been resampled.
    bent = drawing.thickened(drawing.warped(images))
    images = torch.where(torch.rand(len(images), 1, 1) < 0.8, bent, images)
    images = torch.cat([images[:fine], drawing.coarse(images[fine : fine + rough]),
                        images[fine + rough :], bad])  # fmt: skip
    shown = F.pad(labels, (0, none), value=NO_DIGIT)
    crops = [drawing.seen(images[k::2], size) for k, size in enumerate(SIZES)]
    return torch.cat(crops), torch.cat([shown[0::2], shown[1::2]])


def trained(mnist: Labelled, sklearn: Labelled, steps: int, seed: int) -> DigitNetwork:
    """Train a network: AdamW, with a rate that rises over the first tenth and falls to 0."""
    torch.manual_seed(seed)
    network = DigitNetwork().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=steps, pct_start=0.1
    )
    begun = time.perf_counter()
    for step in range(1, steps + 1):
        crops, shown = batch(mnist, sklearn)
        logits = network(crops.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits, shown)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 200 == 0 or step == steps:
            passed = time.perf_counter() - begun
            print(
                f"step {step} of {steps}: {float(loss.detach()):.4f} nats, {passed:.0f} s",
                flush=True,
            )
    return network.eval()


@torch.inference_mode()
def accuracies(network: DigitNetwork, sources: DataSources) -> dict[str, float]:
    """Accuracies by source and size, on validation digits and on junk made of them ("no digit")."""
    found = {}
    torch.manual_seed(SEED)
    for source in ("mnist", "sklearn"):
        images, labels = part(source, "validation", sources)
        for size in SIZES:
            small = digits.shrunk((255 * images).round().byte().numpy(), 28 * size // FULL)
            edge = digit_network.reach(size) - 14 * size // FULL
            windows = np.pad(small, ((0, 0), (edge, edge), (edge, edge)))
            crops = digit_network.normalised(torch.from_numpy(windows).float() / 255, size)
            found[f"{source} {size}"] = _share(network, crops, labels)
            bad = drawing.seen(drawing.junk(images, labels), size)
            found[f"junk of {source} {size}"] = _share(network, bad, labels * 0 + NO_DIGIT)
    return found


def _share(network: DigitNetwork, crops: Tensor, shown: Tensor) -> float:
    said = torch.cat([network(some).argmax(1) for some in crops.split(500)])
    return round(float((said == shown).float().mean()), 5)


def provenance(steps: int, seed: int, sources: DataSources) -> dict[str, Any]:
    """The provenance of the weights: seed, steps, data, and hashes of code and data."""
    modules = (__file__, drawing.__file__, digit_network.__file__)
    code = [Path(str(module)).read_bytes() for module in modules]
    known = [digits.load(source, sources) for source in ("mnist", "sklearn")]
    data = [array for one in known for array in one.part("train")]
    return {
        "seed": seed,
        "steps": steps,
        "batch": BATCH,
        "data": "the training digits of MNIST (50,000) and of scikit-learn's load_digits (1,262)",
        "code_sha256": stored.digest(*code),
        "data_sha256": stored.digest(*data),
        "torch": str(torch.__version__),
    }


def main() -> None:
    """Train, report on validation digits, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--to", type=Path, default=stored.weights_file(NAME), help="where to store them"
    )
    parser.add_argument("--digits", default="mnist", help="mnist (the hub), or a folder of it")
    given = parser.parse_args()
    sources = DataSources(digits=given.digits)
    try:
        mnist, sklearn = (part(source, "train", sources) for source in ("mnist", "sklearn"))
    except DataError as error:
        raise SystemExit(f"error: {error}") from None
    story = provenance(given.steps, given.seed, sources)
    network = trained(mnist, sklearn, given.steps, given.seed)
    weights = {
        name: array.numpy()
        for name, array in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    stored.write(given.to, weights, VERSION, story)
    for name, share in accuracies(network, sources).items():
        print(f"{name}: {100 * share:.2f} %")
    print(f"stored at {given.to}")


if __name__ == "__main__":
    main()

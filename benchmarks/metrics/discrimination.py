"""D-Steps: the training steps that a classifier needs to tell generated images from real ones.

Jiang and Ahn, "Generative Neurosymbolic Machines" (NeurIPS 2020): the steps for which a binary
classifier trains until it tells generated from real images with 90 % accuracy; more is better. Here
the classifier is fixed, so that numbers compare with one another; with the published ones only
their order compares, as the authors used another classifier.

Letters: N, M images, H = W their side in pixels, C channels, B a batch.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

VERSION = 1

ACCURACY = 0.9
HELD_OUT = 4
HALF_BATCH, RATE, EVERY = 16, 2e-3, 20
SEEDS = (0, 1, 2)
WIDTHS = (8, 16, 32, 64)
MOVED = 8
FEWEST = 8
AT_ONCE = 500


class Discriminator(nn.Module):
    """A classifier of generated against real images: two 3×3 convolutions a level, down to 4×4.

    Each convolution has BatchNorm. Chosen as the cheapest network that tells shuffled scenes from
    real ones; the trials are told in docs/settings.md, scenes.
    """

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        halvings = max(int(np.log2(size / 4)), 1)
        for level in range(halvings):
            outputs = WIDTHS[min(level, len(WIDTHS) - 1)]
            for before, stride in ((inputs, 2), (outputs, 1)):
                convolution = nn.Conv2d(before, outputs, 3, stride, 1, bias=False)
                layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.verdict = nn.Linear(16 * inputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B,) that images (B, H, W, C) uint8 are generated."""
        pixels = images.permute(0, 3, 1, 2).float() / 255 - 0.5
        logits: Tensor = self.verdict(self.features(pixels))
        return logits[:, 0]


def moved(images: Tensor, by: Tensor) -> Tensor:
    """Move each image (B, H, W, C) by (B, 2) pixels up and left; its edges fill the gap."""
    last = images.shape[1] - 1
    places = (torch.arange(last + 1, device=images.device) + by[..., None]).clamp(0, last)
    rows, columns = places.unbind(1)
    each = torch.arange(len(images), device=images.device)[:, None, None]
    return images[each, rows[:, :, None], columns[:, None, :]]


def d_steps(generated: np.ndarray, real: np.ndarray, cap: int, device: str = "cpu") -> int:
    """Steps until 90 % of held-out images are told apart; the cap where they never are.

    generated: (N, H, W, C), real: (M, H, W, C), uint8. A quarter of each is held out. A batch is 16
    of either, each image moved by up to an eighth of its side along both axes; Adam, 2e-3; the
    accuracy, the mean over generated and real, is measured every 20 steps. The result is the median
    of three runs, which differ in weights, batches and held-out images.
    """
    _check(generated, real, cap)
    sides = [torch.from_numpy(side.copy()).to(device) for side in (generated, real)]
    first, second = (_steps(sides, cap, seed) for seed in SEEDS[:2])
    if first == second:
        return first  # the median whatever the third is; most often both are at the cap
    return sorted((first, second, _steps(sides, cap, SEEDS[2])))[1]


def _check(generated: np.ndarray, real: np.ndarray, cap: int) -> None:
    for name, images in (("generated", generated), ("real", real)):
        if images.dtype != np.uint8 or images.ndim != 4 or len(images) < FEWEST:
            raise ValueError(
                f"{name} images are {images.dtype} {images.shape}; expected uint8 (N, H, W, C), "
                f"N at least {FEWEST}."
            )
    if generated.shape[1:] != real.shape[1:]:
        raise ValueError(f"generated images are {generated.shape[1:]}, real ones {real.shape[1:]}.")
    if cap < EVERY:
        raise ValueError(f"the cap is {cap} steps; it has to be {EVERY} at least.")


def _steps(sides: list[Tensor], cap: int, seed: int) -> int:
    device = sides[0].device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        size, channels = sides[0].shape[1], sides[0].shape[3]
        network = Discriminator(size, channels).to(device)
    # Indices are drawn on the CPU, so that all devices see the same batches.
    generator = torch.Generator().manual_seed(seed)
    learnt, held_out = [], []
    for side in sides:
        order = torch.randperm(len(side), generator=generator).to(device)
        held_out.append(side[order[: len(side) // HELD_OUT]])
        learnt.append(side[order[len(side) // HELD_OUT :]])
    most = sides[0].shape[1] // MOVED
    truth = torch.cat([torch.ones(HALF_BATCH), torch.zeros(HALF_BATCH)]).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    for step in range(1, cap + 1):
        if step % EVERY == 1:
            drawn = [torch.randint(len(side), (EVERY, HALF_BATCH), generator=generator).to(device)
                     for side in learnt]  # fmt: skip
            by = torch.randint(-most, most + 1, (EVERY, 2 * HALF_BATCH, 2), generator=generator)
            by = by.to(device)
        turn = (step - 1) % EVERY
        batch = torch.cat([side[rows[turn]] for side, rows in zip(learnt, drawn, strict=True)])
        loss = F.binary_cross_entropy_with_logits(network(moved(batch, by[turn])), truth)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % EVERY == 0:
            network.eval()
            if _accuracy(network, held_out) >= ACCURACY:
                return step
            network.train()
    return cap


@torch.inference_mode()
def _accuracy(network: Discriminator, held_out: list[Tensor]) -> float:
    """The mean of the shares of generated and real images told correctly; a logit of 0 is half."""
    shares = []
    for side, sign in zip(held_out, (1, -1), strict=True):
        logits = torch.cat([network(some) for some in side.split(AT_ONCE)])
        shares.append(((sign * logits.sign()) + 1).mean() / 2)
    return float(torch.stack(shares).mean())

"""VQ-VAE: an autoencoder whose latent is a map of symbols from a learned codebook.

van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning" (NeurIPS 2017,
arXiv 1711.00937): two convolutions of stride 2 and two residual blocks (section 4.1), each vector
of the resulting map is replaced by the nearest code, and the decoder mirrors the encoder. The loss
is equation 3, with β = 0.25; gradients pass the nearest code straight through. The likelihood is
that of the other generators of this benchmark, Normal(x̂, 0.2).

Unused codes are, as published, not revived. docs/settings.md tells how the grid of places and the
start of the codes were chosen.

Letters: B, N images, H = W = size in pixels, h = w = H / 4 side of the map, P = h · w places,
K vocabulary, D dimensions of a code, F features of a convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from baselines.checks import number, true_or_false, whole
from baselines.dino.frozen_teacher import as_pixels, checked_colour_images
from baselines.scenes.pixel_likelihood import log_normal, pixels
from baselines.vq_tvae import straight_through
from benchmarks.device import out_of_memory_says
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Examples, Run, SymbenchError
from benchmarks.training import seeded, train

AT_ONCE = 256
# Number of training images at whose places the codes begin.
CODE_IMAGES = 256


@dataclass(frozen=True)
class VQVAESettings:
    """vocabulary: K; dimension: D; width: F, 256 as published; commitment: β.

    pool: side of the grid over which the quantised map is averaged for the representation; 8 keeps
    the whole map of an image of 32 pixels.
    codes_from_data: whether codes begin among the encoder's outputs, or uniform in ±1/K.
    learning_rate: rate of Adam; the published one is for 250,000 updates.
    """

    vocabulary: int = 512
    dimension: int = 64
    width: int = 256
    commitment: float = 0.25
    pool: int = 8
    codes_from_data: bool = True
    learning_rate: float = 2e-4
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        whole(self, "vocabulary", 2)
        for name in ("dimension", "width", "pool"):
            whole(self, name, 1)
        number(self, "commitment", 0)
        number(self, "learning_rate", 0, above=True)
        for name in ("codes_from_data", "mixed_precision"):
            true_or_false(self, name)


class ResidualBlock(nn.Module):
    """Residual block: x + conv1×1(ReLU(conv3×3(ReLU(x)))), x of (B, F, h, w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, F, h, w) → the same shape."""
        changed: Tensor = self.body(x)
        return x + changed


class VQVAENetwork(nn.Module):
    """Encoder, codebook and decoder."""

    def __init__(self, settings: VQVAESettings, size: int) -> None:
        super().__init__()
        side, width = size // 4, settings.width
        if size % 4 or side % settings.pool:
            raise SymbenchError(
                f"images of {size} pixels become maps of {size / 4:g} places a side, which do not "
                f"divide into a grid of {settings.pool}; give another pool."
            )
        self.settings = settings
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 4, stride=2, padding=1),
            ResidualBlock(width),
            ResidualBlock(width),
            nn.ReLU(),
            nn.Conv2d(width, settings.dimension, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(settings.dimension, width, 1),
            ResidualBlock(width),
            ResidualBlock(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
        )
        bound = 1 / settings.vocabulary
        self.codebook = nn.Parameter(torch.empty(settings.vocabulary, settings.dimension))
        nn.init.uniform_(self.codebook, -bound, bound)

    @torch.no_grad()
    def begin(self, x: Tensor) -> None:
        """Set the codes to the encoder's outputs at random places of images x (B, 3, H, W)."""
        z = rearrange(self.encode(x), "b h w d -> (b h w) d")
        count = len(self.codebook)
        drawn = torch.randperm(len(z)) if len(z) >= count else torch.randint(len(z), (count,))
        self.codebook.copy_(z[drawn[:count].to(z.device)])

    def encode(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) in [0, 1] → the map before quantisation (B, h, w, D) float32."""
        return rearrange(self.encoder(x - 0.5), "b d h w -> b h w d").float()

    def decode(self, z: Tensor) -> Tensor:
        """z: (B, h, w, D) → the means of the pixels (B, 3, H, W), about [0, 1]."""
        x: Tensor = self.decoder(rearrange(z, "b h w d -> b d h w"))
        return x.float() + 0.5

    def nearest(self, z: Tensor) -> Tensor:
        """z: (..., D) → the number of the nearest code (...)."""
        # Half the squared distances but for a constant; half precision would not tell near codes
        # apart.
        with torch.autocast(z.device.type, enabled=False):
            distances = self.codebook.square().sum(1) / 2 - z.float() @ self.codebook.T
        return distances.argmin(-1)

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `images` (B, H, W, 3) uint8 → NLL + ‖sg[z] − e‖² + β ‖z − sg[e]‖², and its parts.

        Squares are summed over places and dimensions. perplexity: how many codes the batch uses.
        """
        x = pixels(batch)
        z = self.encode(x)
        symbols = self.nearest(z)
        code = self.codebook[symbols]
        nll = -log_normal(x, self.decode(straight_through(code, z))).mean()
        codebook = (z.detach() - code).square().sum((1, 2, 3)).mean()
        commitment = self.settings.commitment * (z - code.detach()).square().sum((1, 2, 3)).mean()
        scalars = {
            "nll": nll,
            "codebook": codebook,
            "commitment": commitment,
            "perplexity": self.perplexity(symbols),
        }
        return nll + codebook + commitment, scalars

    def perplexity(self, symbols: Tensor) -> Tensor:
        """symbols: any shape → exp of the entropy of their use, 1 to K; a scalar tensor."""
        places = symbols.flatten()
        used = self.codebook.new_zeros(len(self.codebook))
        shares = used.scatter_add(0, places, used.new_ones(len(places))) / len(places)
        return torch.special.entr(shares).sum().exp()

    def answer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, 3, H, W) → the pooled map (B, pool² · D), and the symbols (B, P) row by row."""
        symbols = self.nearest(self.encode(x))
        quantised = rearrange(self.codebook[symbols], "b h w d -> b d h w")
        pooled = F.adaptive_avg_pool2d(quantised, self.settings.pool)
        return pooled.flatten(1), symbols.flatten(1)


class VQVAE:
    """Autoencoder with a vector-quantised map as its latent.

    Deviations:
      - The codes begin as outputs of the untrained encoder at random places of training images
        (`codes_from_data`); the paper does not say how they begin.
      - The prior over codes, which serves to draw samples, is not learned, as no task needs it.
      - The paper gives an image no single vector: here it is the quantised map, averaged over a
        grid of `pool` × `pool` places.
    """

    version = 2
    Settings: ClassVar[type] = VQVAESettings
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: VQVAESettings) -> None:
        self.settings = settings
        self.network: VQVAENetwork | None = None

    @property
    def parameters(self) -> int | None:
        """The number of weights, codes among them; None before `fit`."""
        if self.network is None:
            return None
        return sum(weight.numel() for weight in self.network.parameters())

    def fit(self, train_on: Examples, run: Run) -> None:
        """Learn from `images` (N, H, W, 3)."""
        images = checked_colour_images(np.asarray(train_on["images"]))
        # Weights are drawn on the CPU, so that a run starts with the same ones on every device.
        with seeded(run, "weights"):
            network = VQVAENetwork(self.settings, images.shape[1])
        if self.settings.codes_from_data:
            rows = run.rng("codes").permutation(len(images))[:CODE_IMAGES]
            with seeded(run, "codes"):
                network.begin(as_pixels(images[rows], "cpu"))
        self.network = network.to(run.device)
        how = Optimisation(
            learning_rate=self.settings.learning_rate,
            mixed_precision=self.settings.mixed_precision,
            channels_last=True,
            in_parts=True,
        )
        train(self.network, Examples({"images": images}), run, how)

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """`features` (N, pool² · D) float32, `symbols` (N, P) int64 of a `vocabulary` (N,)."""
        if self.network is None:
            raise SymbenchError("VQVAE has not learned yet; call fit first.")
        network, images = self.network.eval(), checked_colour_images(np.asarray(inputs["images"]))
        at_once = run.at_once or AT_ONCE
        features, symbols = [], []
        advice = f"{at_once} images were computed at once; give --at-once a smaller number"
        with torch.inference_mode(), out_of_memory_says(advice):
            for start in range(0, len(images), at_once):
                pooled, codes = network.answer(
                    as_pixels(images[start : start + at_once], run.device)
                )
                features.append(pooled.cpu().numpy())
                symbols.append(codes.cpu().numpy())
        return {
            "features": np.concatenate(features),
            "symbols": np.concatenate(symbols),
            "vocabulary": np.full(len(images), self.settings.vocabulary),
        }

"""The log-likelihood of a latent-variable model by importance sampling, in log space and chunks.

With z_s drawn from the posterior q(z | x) and log w_s = log p(x, z_s) − log q(z_s | x),

    LL = log Σ_s w_s − log S,   ELBO = Σ_s log w_s / S ≤ LL,

both in nats an image (Burda, Grosse and Salakhutdinov, ICLR 2016, arXiv 1509.00519, equation 8).

Letters: B images, S samples of each.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log

import torch
from torch import Tensor

from baselines.scenes.example_noise import ExampleNoise


def estimate(
    log_weights: Callable[[Tensor, int, ExampleNoise], Tensor],
    x: Tensor,
    samples: int,
    at_once: int,
    seed: int,
    first: int = 0,
) -> tuple[Tensor, Tensor]:
    """x: (B, C, H, W) → LL and ELBO (B,), double precision, from `samples` posterior samples each.

    log_weights: (images (b, C, H, W), s, noise) → (s, b) log weights; each call encodes its images
    once. at_once: the most samples, s · b, that a call may draw; as many as fit are of one image.
    seed: seed of the noise. first: the number of x[0] among all images that are measured. A
    sample's noise depends on the seed and the numbers of image and sample alone, not on `at_once`.
    """
    together = min(samples, at_once)
    images_together = max(1, at_once // together)
    lls, elbos = [], []
    for start in range(0, len(x), images_together):
        images = x[start : start + images_together]
        numbers = range(first + start, first + start + len(images))
        parts = []
        for done in range(0, samples, together):
            drawn = range(done, min(done + together, samples))
            noise = ExampleNoise(seed, numbers, drawn)
            parts.append(log_weights(images, len(drawn), noise).double())
        weights = torch.cat(parts)
        elbo = weights.mean(0)
        # LL ≥ ELBO by Jensen's inequality; rounding can break it where all weights are equal.
        lls.append(torch.maximum(weights.logsumexp(0) - log(samples), elbo))
        elbos.append(elbo)
    return torch.cat(lls), torch.cat(elbos)

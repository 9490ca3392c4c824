"""Four ways to turn a vector into a symbol, under one interface.

- SS: a softmax at a very low temperature. Its weighted mean of embeddings is passed on.
- GS: Gumbel-softmax, straight-through (Jang et al. 2017, arXiv 1611.01144; Maddison et al. 2017,
  arXiv 1611.00712). One embedding is passed on, with the gradient of the relaxed choice.
- VQ: the nearest code of a learned codebook (van den Oord et al. 2017, arXiv 1711.00937), with its
  codebook loss and 0.25 of its commitment. The paper leaves size and scale open; here vectors and
  codes have 32 dimensions and length 1 (Yu et al. 2022, arXiv 2110.04627), so that both terms are
  of the order of the other losses, and codes begin at vectors of the untrained student.
- RVQ: residual codes, which are no part of the paper. As VQ, but each of the eight places has a
  codebook of its own, and its code is that nearest to what the codes before it have left over
  (residual quantisation as in Zeghidour et al. 2021, arXiv 2107.03312).

Without a temperature, as in the evaluation, all take the most likely symbol, without noise,
and pass on its embedding alone, so that all that follows is a function of hard symbols.

Letters: B images, W width, K symbols of the vocabulary, L = 8 places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

LENGTH = 8
CODE_WIDTH = 32
COMMITMENT = 0.25
EMBEDDING_STD = 0.1
# Factor of the logits' first weights; with torch's own, Gumbel noise outweighs all logits.
LOGIT_GAIN = 5.0


class Choice(NamedTuple):
    """One symbol an image.

    symbol: (B,) int64. embedding: (B, W), the vector that the next step and the interpreter see.
    logits: (B, K), before any noise. cost: (B,) nats that the discretisation adds to the loss.
    """

    symbol: Tensor
    embedding: Tensor
    logits: Tensor
    cost: Tensor


Choose = Callable[[Tensor], Choice]


class Discretisation(nn.Module):
    """A module that turns vectors into symbols; `sequence` gives it for one sequence."""

    def sequence(self, temperature: float | None) -> Choose:
        """A function to be called with the vectors (B, W) of one place after the other."""
        return lambda x: self(x, temperature)


class Categorical(Discretisation):
    """Logits of K symbols and their embeddings, shared by SS and GS."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.logits = nn.Linear(width, vocabulary)
        with torch.no_grad():
            self.logits.weight *= LOGIT_GAIN
            self.logits.bias.zero_()
        self.embedding = nn.Parameter(EMBEDDING_STD * torch.randn(vocabulary, width))

    def forward(self, x: Tensor, temperature: float | None) -> Choice:
        """x: (B, W); temperature: None takes the most likely symbol."""
        logits = self.logits(x).float()
        if temperature is None:
            symbol = logits.argmax(-1)
            embedding = self.embedding[symbol]
        else:
            symbol, weights = self.weigh(logits, temperature)
            embedding = weights @ self.embedding
        return Choice(symbol, embedding, logits, logits.new_zeros(len(logits)))

    def weigh(self, logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """logits: (B, K) → symbols (B,) and weights of the embeddings (B, K)."""
        raise NotImplementedError


class Softmax(Categorical):
    """SS: a softmax at a low temperature."""

    def weigh(self, logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """The place of the largest weight, and the weights of the softmax."""
        return logits.argmax(-1), (logits / temperature).softmax(-1)


class GumbelSoftmax(Categorical):
    """GS: the straight-through Gumbel-softmax."""

    def weigh(self, logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """A draw from softmax(logits) as one-hot weights, with the gradient of its relaxation."""
        gumbel = -(-torch.rand_like(logits).log()).log()
        soft = ((logits + gumbel) / temperature).softmax(-1)
        symbol = soft.argmax(-1)
        return symbol, straight_through(one_hot(symbol, logits.shape[-1]).to(soft), soft)


class VectorQuantiser(Discretisation):
    """VQ: logits are −‖z − e‖², e a code and z the vector, both of length 1."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.narrow = nn.Linear(width, CODE_WIDTH)
        self.codebook = nn.Parameter(torch.randn(vocabulary, CODE_WIDTH))
        self.widen = nn.Linear(CODE_WIDTH, width)

    def forward(self, x: Tensor, temperature: float | None) -> Choice:
        """x: (B, W); the temperature has no effect."""
        z = normalize(self.narrow(x).float(), dim=-1)
        codes = normalize(self.codebook, dim=-1)
        logits = 2 * z @ codes.T - 2
        symbol = logits.detach().argmax(-1)
        return Choice(symbol, *self._quantised(z, codes[symbol], logits))

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Set the codes to some of the vectors x (N, L, W) that are to be quantised."""
        x = x.flatten(0, 1)
        self.codebook.copy_(self.narrow(x)[some_rows(x, len(self.codebook))])

    def _quantised(self, z: Tensor, code: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        codebook = (z.detach() - code).square().sum(-1)
        commitment = (z - code.detach()).square().sum(-1)
        embedding = self.widen(straight_through(code.detach(), z))
        return embedding, logits, codebook + COMMITMENT * commitment


class ResidualQuantiser(VectorQuantiser):
    """RVQ: the code of a place is nearest to z − Σ codes of the places before; z has length 1."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__(width, vocabulary)
        scale = CODE_WIDTH**-0.5
        self.codebook = nn.Parameter(scale * torch.randn(LENGTH, vocabulary, CODE_WIDTH))

    def forward(self, x: Tensor, temperature: float | None) -> Choice:
        """x: (B, W), the vectors of the first place; the temperature has no effect."""
        return self.sequence(temperature)(x)

    def sequence(self, temperature: float | None) -> Choose:
        """See `Discretisation.sequence`; the temperature has no effect."""
        place, found = 0, torch.zeros((), device=self.codebook.device)

        def choose(x: Tensor) -> Choice:
            nonlocal place, found
            residual = normalize(self.narrow(x).float(), dim=-1) - found
            codes = self.codebook[place]
            logits = -torch.cdist(residual, codes).square()
            symbol = logits.detach().argmax(-1)
            place, found = place + 1, found + codes[symbol].detach()
            return Choice(symbol, *self._quantised(residual, codes[symbol], logits))

        return choose

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Set the codes of each place to some of its residuals; x: (N, L, W)."""
        found = torch.zeros((), device=x.device)
        for place, codes in enumerate(self.codebook):
            residual = normalize(self.narrow(x[:, place]), dim=-1) - found
            codes.copy_(residual[some_rows(residual, len(codes))])
            found = found + codes[torch.cdist(residual, codes).argmin(-1)]


def some_rows(x: Tensor, count: int) -> Tensor:
    """The numbers (count,) of rows of x (N, ...) in random order, again and again if N < count."""
    return torch.randperm(len(x)).repeat(-(-count // len(x)))[:count].to(x.device)


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of `hard`, exactly, with the gradient of `soft`."""
    return hard + (soft - soft.detach())


DISCRETISATIONS: dict[str, type[Categorical] | type[VectorQuantiser]] = {
    "gs": GumbelSoftmax,
    "ss": Softmax,
    "vq": VectorQuantiser,
    "rvq": ResidualQuantiser,
}

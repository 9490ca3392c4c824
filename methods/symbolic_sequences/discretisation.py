"""Three ways to turn a vector into a symbol, under one interface.

- SS: a softmax at a very low temperature. Its weighted mean of embeddings is passed on.
- GS: Gumbel-softmax, straight-through (Jang et al. 2017, arXiv 1611.01144; Maddison et al. 2017,
  arXiv 1611.00712). One embedding is passed on, with the gradient of the relaxed choice.
- VQ: the nearest code of a learned codebook (van den Oord et al. 2017, arXiv 1711.00937), with its
  codebook loss and 0.25 of its commitment. The paper leaves size and scale open; here vectors and
  codes have 32 dimensions and length 1 (Yu et al. 2022, arXiv 2110.04627), so that both terms are
  of the order of the other losses, and codes begin at vectors of the untrained student.

Without a temperature, as in the evaluation, all three take the most likely symbol, without noise,
and pass on its embedding alone, so that all that follows is a function of hard symbols.

Letters: B images, W width, K symbols of the vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

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


class Categorical(nn.Module):
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


class VectorQuantiser(nn.Module):
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
        """Set the codes to some of the vectors x (N, W) that are to be quantised."""
        rows = torch.randperm(len(x)).repeat(-(-len(self.codebook) // len(x)))
        self.codebook.copy_(self.narrow(x)[rows[: len(self.codebook)].to(x.device)])

    def _quantised(self, z: Tensor, code: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        codebook = (z.detach() - code).square().sum(-1)
        commitment = (z - code.detach()).square().sum(-1)
        embedding = self.widen(straight_through(code.detach(), z))
        return embedding, logits, codebook + COMMITMENT * commitment


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of `hard`, exactly, with the gradient of `soft`."""
    return hard + (soft - soft.detach())


DISCRETISATIONS: dict[str, type[Categorical] | type[VectorQuantiser]] = {
    "gs": GumbelSoftmax,
    "ss": Softmax,
    "vq": VectorQuantiser,
}

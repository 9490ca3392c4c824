"""The descriptor: a decoder that looks at the teacher's patches and writes eight symbols.

Each position sees the symbols before it and, by cross-attention, all patches. The patches' keys and
values are computed once for all eight steps, and those of written symbols are kept, so that a step
costs one position. Without this cache everything is computed anew at every step, for tests and to
measure what the cache saves. The paper leaves depth, width and heads open.

Letters: B images, P patches, D width of the teacher, W own width, L = 8 symbols, T symbols so far,
K vocabulary, A heads, E = W / A.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from methods.symbolic_sequences.attention import Attention, Block
from methods.symbolic_sequences.discretisation import LENGTH, Choice, Choose

POSITION_STD = 0.02


@dataclass(frozen=True)
class Written:
    """The symbols written about B images.

    symbols: (B, L) int64. embeddings: (B, L, W). logits: (B, L, K). cost: (B,) nats that the
    discretisation adds to the loss. attention: (B, L, P), the last cross-attention, mean over
    heads.
    """

    symbols: Tensor
    embeddings: Tensor
    logits: Tensor
    cost: Tensor
    attention: Tensor


class Descriptor(nn.Module):
    """A decoder: learned begin and positions, blocks with cross-attention, a norm."""

    causal: Tensor

    def __init__(self, inputs: int, width: int, heads: int, depth: int) -> None:
        super().__init__()
        self.begin = nn.Parameter(torch.zeros(width))
        self.positions = nn.Parameter(POSITION_STD * torch.randn(LENGTH, width))
        self.blocks = nn.ModuleList(Block(width, heads, inputs) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        causal = torch.full((LENGTH, LENGTH), float("-inf")).triu(1)
        self.register_buffer("causal", causal, persistent=False)

    def forward(
        self, patches: Tensor, choose: Choose, length: int = LENGTH, cached: bool = True
    ) -> Written:
        """Write `length` symbols about patches (B, P, D).

        choose: turns vectors (B, W) into symbols. cached: whether keys and values are kept.
        """
        begin = self.begin.expand(len(patches), -1)
        memories = self.remember(patches) if cached else None
        earlier: list[Tensor | None] = [None] * len(self.blocks)
        choices: list[Choice] = []
        attention: list[Tensor] = []
        for t in range(length):
            if memories is not None:
                last = choices[-1].embedding if choices else begin
                x = (last + self.positions[t])[:, None]
                h, weights = self._blocks(x, memories, None, earlier)
            else:
                x = torch.stack([begin, *(choice.embedding for choice in choices)], 1)
                h, weights = self.attend(x, self.remember(patches))
            choices.append(choose(h[:, -1]))
            attention.append(weights[:, -1].mean(1))
        return Written(
            torch.stack([choice.symbol for choice in choices], 1),
            torch.stack([choice.embedding for choice in choices], 1),
            torch.stack([choice.logits for choice in choices], 1),
            torch.stack([choice.cost for choice in choices]).sum(0),
            torch.stack(attention, 1),
        )

    def remember(self, patches: Tensor) -> list[Tensor]:
        """patches: (B, P, D) → keys and values (B, P, 2E) of each block's cross-attention."""
        crossed = [cast(Attention, block.cross_attention) for block in self.blocks]
        return [attention.remember(patches) for attention in crossed]

    def attend(self, x: Tensor, memories: list[Tensor]) -> tuple[Tensor, Tensor]:
        """x: (B, T, W), the begin and the symbols so far → (B, T, W), and weights (B, T, A, P)."""
        length = x.shape[1]
        mask = self.causal[:length, :length]
        return self._blocks(x + self.positions[:length], memories, mask, [None] * len(self.blocks))

    def _blocks(
        self,
        x: Tensor,
        memories: list[Tensor],
        mask: Tensor | None,
        earlier: list[Tensor | None],
    ) -> tuple[Tensor, Tensor]:
        """Apply all blocks and the norm, extend `earlier` by x; weights are the last block's."""
        weights = x
        for index, (block, memory) in enumerate(zip(self.blocks, memories, strict=True)):
            x, earlier[index], weights = block(x, mask, memory, earlier[index])
        return self.norm(x), weights

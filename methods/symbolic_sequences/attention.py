"""Transformer blocks whose keys and values are computed once and used at every step of a decoding.

Vaswani et al. (2017, arXiv 1706.03762), with choices that the paper of symbolic sequences leaves
open. For speed, all heads share one set of keys and values (Shazeer 2019, arXiv 1911.02150), which
leaves few numbers to project, keep and read in a decoding step by step, and the MLP is twice as
wide as the block, where four times is usual. Norms stand before each part (Xiong et al. 2020, arXiv
2002.04745), which trains without a long warm-up.

Letters: B images, T queries, S keys, W width, A heads, E = W / A.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

MLP_RATIO = 2


class Attention(nn.Module):
    """Multi-query attention; `remember` projects keys and values, once for many calls."""

    def __init__(self, width: int, heads: int, inputs: int | None = None) -> None:
        super().__init__()
        self.heads, each = heads, width // heads
        self.scale = each**-0.5
        self.query, self.output = nn.Linear(width, width), nn.Linear(width, width)
        self.memory = nn.Linear(inputs or width, 2 * each)

    def remember(self, x: Tensor) -> Tensor:
        """x: (B, S, inputs) → keys and values side by side (B, S, 2E)."""
        return self.memory(x)

    def forward(
        self, x: Tensor, memory: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """x: (B, T, W); memory: (B, S, 2E); mask: (T, S), −∞ at keys that a query must not see.

        Returns (B, T, W) and the weights (B, T, A, S). (B, T, A·E) and (B, T·A, E) are the same
        numbers in the same order, so that nothing is copied.
        """
        keys, values = memory.chunk(2, -1)
        q = (self.query(x) * self.scale).view(len(x), -1, keys.shape[-1])
        scores = torch.bmm(q, keys.transpose(1, 2))
        if mask is not None:
            scores = (scores.unflatten(1, (-1, self.heads)) + mask[:, None]).flatten(1, 2)
        weights = scores.softmax(-1)
        found = torch.bmm(weights.to(values.dtype), values)
        return self.output(found.view(x.shape)), weights.unflatten(1, (-1, self.heads))


class Block(nn.Module):
    """Self-attention, attention to a memory where there is one, and an MLP; each adds to x.

    inputs: the width of the vectors behind the memory; None: the block has self-attention alone.
    """

    def __init__(self, width: int, heads: int, inputs: int | None = None) -> None:
        super().__init__()
        self.norm_self, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_attention = Attention(width, heads)
        self.cross_attention: Attention | None = None
        if inputs is not None:
            self.norm_cross = nn.LayerNorm(width)
            self.cross_attention = Attention(width, heads, inputs)
        self.mlp = nn.Sequential(
            nn.Linear(width, MLP_RATIO * width), nn.GELU(), nn.Linear(MLP_RATIO * width, width)
        )

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        memory: Tensor | None = None,
        earlier: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """x: (B, T, W); mask: (T, T); memory: (B, S, 2E), for the cross-attention.

        earlier: (B, ·, 2E), keys and values of the positions before x, which x sees as well.
        Returns (B, T, W), keys and values up to x, and the cross-attention's weights (B, T, A, S).
        """
        normed = self.norm_self(x)
        seen = self.self_attention.remember(normed)
        if earlier is not None:
            seen = torch.cat([earlier, seen], 1)
        x = x + self.self_attention(normed, seen, mask)[0]
        weights = None
        if self.cross_attention is not None:
            assert memory is not None
            found, weights = self.cross_attention(self.norm_cross(x), memory)
            x = x + found
        return x + self.mlp(self.norm_mlp(x)), seen, weights

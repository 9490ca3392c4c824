"""The interpreter: an encoder of the first 1, 2, 4 and 8 symbols, which gives a vector for each.

Every prefix is read by itself, and within it every symbol sees all others: the prefixes lie side by
side in one sequence of 15 symbols, and a mask separates them. The paper leaves open how a prefix
gets one embedding: here it is the mean of its symbols, projected to the width of the teacher's
tokens and normed like them, so that one projector fits both.

Letters: B images, L = 8 symbols, W width, D width of the teacher, G = 4 prefixes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.symbolic_sequences.attention import Block
from methods.symbolic_sequences.descriptor import POSITION_STD
from methods.symbolic_sequences.discretisation import LENGTH

PREFIXES = (1, 2, 4, 8)


class Interpreter(nn.Module):
    """An encoder: learned positions, blocks, a mean over each prefix, norm, projection, norm."""

    places: Tensor
    apart: Tensor
    means: Tensor

    def __init__(self, outputs: int, width: int, heads: int, depth: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(POSITION_STD * torch.randn(LENGTH, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.project = nn.LayerNorm(width), nn.Linear(width, outputs)
        self.norm_projected = nn.LayerNorm(outputs)
        places = torch.cat([torch.arange(prefix) for prefix in PREFIXES])
        whose = torch.arange(len(PREFIXES)).repeat_interleave(torch.tensor(PREFIXES))
        same = whose[:, None] == whose
        member = torch.arange(len(PREFIXES))[:, None] == whose
        self.register_buffer("places", places, persistent=False)
        apart = torch.zeros(same.shape).masked_fill(~same, float("-inf"))
        self.register_buffer("apart", apart, persistent=False)
        means = member / member.sum(1, keepdim=True)
        self.register_buffer("means", means, persistent=False)

    def forward(self, symbols: Tensor) -> Tensor:
        """symbols: (B, L, W), their embeddings → embeddings of the prefixes (B, G, D)."""
        x = (symbols + self.positions)[:, self.places]
        for block in self.blocks:
            x, _, _ = block(x, self.apart)
        return self.norm_projected(self.project(self.norm(self.means @ x)))

"""PrediNet (Shanahan et al. 2020) as Webb, Sinha and Cohen (2021) compare it.

Each head picks two objects of the sequence by soft attention, and compares them by the difference
of their projections and by both positions.

First weights are the published ones: the hidden layer Kaiming-normal, all else Xavier-normal (the
first and the second queries drawn as two matrices), biases 0. With `weights="torch"` all but the
encoder starts as torch draws a linear layer, which is no baseline of the paper; docs/settings.md
tells how the two differ.

Letters: B problems, T images, E = 129 features of an object, A = 32 heads, N = 2 queries of a head,
K = 16 features of a key, R = 16 relations.
"""

from __future__ import annotations

import torch
from einops import einsum, rearrange
from torch import Tensor, nn

from baselines.abstract_rules.encoders import FEATURES, draw, initialise
from baselines.abstract_rules.sequence_classifier import (
    SequenceClassifier,
    SequenceNetwork,
    Shape,
    StartSettings,
)
from baselines.relation_net import with_positions


class PrediNetwork(SequenceNetwork):
    """Two attentions a head, relations between their objects, 8 units with ReLU, classes."""

    HEADS, KEY, RELATIONS, HIDDEN = 32, 16, 16, 8

    def __init__(self, settings: StartSettings, shape: Shape) -> None:
        super().__init__(settings, shape)
        objects = FEATURES + 1
        self.keys = nn.Linear(objects, self.KEY, bias=False)
        # One matrix for the first and the second query of all heads.
        self.queries = nn.Linear(shape.length * objects, 2 * self.HEADS * self.KEY, bias=False)
        self.relations = nn.Linear(objects, self.RELATIONS, bias=False)
        self.hidden = nn.Linear(self.HEADS * (self.RELATIONS + 2), self.HIDDEN)
        self.output = nn.Linear(self.HIDDEN, shape.classes)
        if settings.weights == "published":
            for layer in (self.keys, self.relations, self.output):
                initialise(layer, "linear")
            for queries in self.queries.weight.detach().chunk(2):
                draw(queries, "linear")
            initialise(self.hidden)

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, C)."""
        objects = with_positions(z)
        queries = rearrange(
            self.queries(rearrange(objects, "b t e -> b (t e)")),
            "b (n a k) -> b (n a) k",
            n=2,
            k=self.KEY,
        )
        match = einsum(queries, self.keys(objects), "b q k, b t k -> b q t")
        attention = match.softmax(-1)
        # Attention is linear in the objects, so that they may be projected first.
        seen = torch.cat([self.relations(objects), objects[..., -1:]], -1)
        first, second = rearrange(attention @ seen, "b (n a) r -> n b a r", n=2)
        difference = first[..., :-1] - second[..., :-1]
        found = torch.cat([difference, first[..., -1:], second[..., -1:]], -1)
        return self.output(self.hidden(rearrange(found, "b a r -> b (a r)")).relu())


class PrediNet(SequenceClassifier):
    """The PrediNet baseline of Webb, Sinha and Cohen (2021).

    Deviations:
        - `predinet_torch_init` starts as torch draws a linear layer, which is no row of the paper.
    """

    version = 2
    Settings = StartSettings
    Network = PrediNetwork

"""Relation Net (Santoro et al. 2017) and its temporal variant, TRN (Zhou et al. 2018).

Both apply one function g to groups of objects and sum over the groups, as Webb, Sinha and Cohen
(2021) compare them: Relation Net to all T² ordered pairs, TRN to pairs and triples in the order of
time. An object is z with its position appended, E = D + 1 features. First weights are the published
ones: Kaiming-normal, of the classes Xavier-normal, biases 0.

The first layer of g on a concatenation [o_i ; o_j] is W_1 o_i + W_2 o_j + b: one projection an
object and place, then sums. This is exact and needs T projections in place of T².

Letters: B problems, T images, E features of an object, P places in a group, G groups, H features
inside g, O features that g gives.
"""

from __future__ import annotations

from itertools import combinations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from baselines.abstract_rules.encoders import FEATURES, initialise
from baselines.abstract_rules.sequence_classifier import (
    SequenceClassifier,
    SequenceNetwork,
    SequenceSettings,
    Shape,
)


def with_positions(z: Tensor) -> Tensor:
    """z: (B, T, D) → objects (B, T, D + 1), the index in the sequence appended."""
    batch, length, _ = z.shape
    position = torch.arange(length, dtype=z.dtype, device=z.device)
    return torch.cat([z, position[None, :, None].expand(batch, -1, -1)], -1)


class GroupFunction(nn.Module):
    """g: P objects → 512 → 256, ReLU after each, summed over the groups."""

    HIDDEN, OUT = 512, 256

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places
        self.first = initialise(nn.Linear(places * (FEATURES + 1), self.HIDDEN))
        self.second = initialise(nn.Linear(self.HIDDEN, self.OUT))

    def project(self, objects: Tensor) -> Tensor:
        """objects: (B, T, E) → (B, P·T, H): the term of each object in each place of a group."""
        weight = rearrange(self.first.weight, "h (p e) -> (p h) e", p=self.places)
        # The bias is added with the first place.
        bias = F.pad(self.first.bias, (0, (self.places - 1) * self.HIDDEN))
        return rearrange(F.linear(objects, weight, bias), "b t (p h) -> b (p t) h", p=self.places)

    def total(self, groups: Tensor) -> Tensor:
        """groups: (B, G, H), the first layer before its ReLU → (B, O)."""
        return self.second(groups.relu()).relu().sum(1)


class RelationNetwork(SequenceNetwork):
    """f(Σ_ij g(o_i, o_j)); f: 256 → 256 ReLU → classes."""

    def __init__(self, settings: SequenceSettings, shape: Shape) -> None:
        super().__init__(settings, shape)
        self.g = GroupFunction(2)
        self.f = initialise(nn.Linear(GroupFunction.OUT, 256))
        self.output = initialise(nn.Linear(256, shape.classes), "linear")

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, C)."""
        first, second = self.g.project(with_positions(z)).chunk(2, 1)
        pairs = first[:, :, None] + second[:, None]
        total = self.g.total(rearrange(pairs, "b i j h -> b (i j) h"))
        return self.output(self.f(total).relu())


class TemporalRelationNetwork(SequenceNetwork):
    """f(Σ g_2(o_i, o_j) + Σ g_3(o_i, o_j, o_k)) over pairs and triples in the order of time.

    With two images there are no triples; g_3 is still part of the network, as in the published
    count, and learns nothing.
    """

    def __init__(self, settings: SequenceSettings, shape: Shape) -> None:
        super().__init__(settings, shape)
        self.g_pairs, self.g_triples = GroupFunction(2), GroupFunction(3)
        self.f = initialise(nn.Linear(GroupFunction.OUT, 256))
        self.output = initialise(nn.Linear(256, shape.classes), "linear")
        self.pairs: Tensor
        self.triples: Tensor
        self.register_buffer("pairs", membership(shape.length, 2), persistent=False)
        self.register_buffer("triples", membership(shape.length, 3), persistent=False)

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, C)."""
        objects = with_positions(z)
        total = self.g_pairs.total(self.pairs @ self.g_pairs.project(objects))
        if self.shape.length > 2:
            total = total + self.g_triples.total(self.triples @ self.g_triples.project(objects))
        return self.output(self.f(total).relu())


def membership(length: int, places: int) -> Tensor:
    """Matrix (G, P·T) with 1 where an object has a place in a group of P images in order of time.

    The sum over the members of every group is then one product, forwards and backwards.
    """
    groups = list(combinations(range(length), places))
    member = torch.zeros(len(groups), places, length)
    for group, images in enumerate(groups):
        member[group, range(places), images] = 1
    return rearrange(member, "g p t -> g (p t)")


class RelationNet(SequenceClassifier):
    """The Relation Net baseline of Webb, Sinha and Cohen (2021).

    Deviations: none known.
    """

    version = 1
    Network = RelationNetwork


class TemporalRelationNet(SequenceClassifier):
    """The temporal Relation Net baseline of Webb, Sinha and Cohen (2021).

    Deviations:
        - The published program counts two layers more, 131,584 parameters, which map each sum from
          256 to 256 features and are never used. They are left out here.
    """

    version = 2
    Network = TemporalRelationNetwork

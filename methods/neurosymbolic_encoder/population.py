"""Programs as differentiable functions of a trajectory, any number of them in one pass.

The leaves of all programs are computed together, whatever the trees above them: all selected
features in one multiplication, all nonterminals of a size in one stack of networks. Only arithmetic
on one number a trajectory or frame is left to each program. So the children of an expansion are
trained side by side in one process, even where they have different structures, which torch.func
could not stack.

Letters: P programs, S selected features, M networks in a stack, B trajectories, T frames, F
features of the DSL, R numbers a frame that the networks read, H hidden units.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from methods.neurosymbolic_encoder.dsl import ATOM_TO_ATOM, DSL, LIST_TO_ATOM
from methods.neurosymbolic_encoder.programs import Program


def hidden_units(depth: int, most: int, least: int) -> int:
    """Hidden units of a nonterminal: they halve with each level of depth, down to `least`."""
    return max(least, most // 2**depth)


class Recurrent(nn.Module):
    """M gated recurrent networks of H units, each of which gives a number at every frame."""

    def __init__(self, count: int, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        bound = 1 / math.sqrt(hidden)
        self.given = nn.Parameter(torch.empty(inputs, count * 3 * hidden).uniform_(-bound, bound))
        self.given_bias = nn.Parameter(torch.empty(count * 3 * hidden).uniform_(-bound, bound))
        self.recurrent = nn.Parameter(
            torch.empty(count, hidden, 3 * hidden).uniform_(-bound, bound)
        )
        self.recurrent_bias = nn.Parameter(
            torch.empty(count, 1, 3 * hidden).uniform_(-bound, bound)
        )
        self.read = nn.Parameter(torch.empty(count, hidden).uniform_(-bound, bound))
        self.read_bias = nn.Parameter(torch.empty(count, 1, 1).uniform_(-bound, bound))

    def forward(self, frames: Tensor) -> Tensor:
        """frames: (B, T, R) → (M, B, T): each network's number for the frames so far."""
        count, batch = len(self.read), len(frames)
        given = torch.addmm(self.given_bias, rearrange(frames, "b t r -> (t b) r"), self.given)
        given = rearrange(given, "(t b) (m g) -> t m b g", b=batch, m=count)
        h = frames.new_zeros(count, batch, self.hidden)
        states = []
        for now in given.unbind(0):
            held = torch.baddbmm(self.recurrent_bias, h, self.recurrent)
            gates = torch.sigmoid(now[..., : 2 * self.hidden] + held[..., : 2 * self.hidden])
            reset, update = gates.chunk(2, -1)
            new = torch.tanh(
                torch.addcmul(now[..., 2 * self.hidden :], reset, held[..., 2 * self.hidden :])
            )
            h = torch.lerp(new, h, update)
            states.append(h)
        every = torch.stack(states, 2)  # (M, B, T, H)
        return (every @ self.read[:, None, :, None])[..., 0] + self.read_bias


class Framewise(nn.Module):
    """M networks with one hidden layer of H units that read one frame at a time."""

    def __init__(self, count: int, inputs: int, hidden: int) -> None:
        super().__init__()
        bound, inner = 1 / math.sqrt(inputs), 1 / math.sqrt(hidden)
        self.given = nn.Parameter(torch.empty(inputs, count * hidden).uniform_(-bound, bound))
        self.given_bias = nn.Parameter(torch.empty(count * hidden).uniform_(-bound, bound))
        self.read = nn.Parameter(torch.empty(count, hidden).uniform_(-inner, inner))
        self.read_bias = nn.Parameter(torch.empty(count, 1, 1).uniform_(-inner, inner))

    def forward(self, frames: Tensor) -> Tensor:
        """frames: (B, T, R) → (M, B, T)."""
        hidden = torch.relu(torch.matmul(frames, self.given) + self.given_bias)
        stacked = rearrange(hidden, "b t (m h) -> m (b t) h", m=len(self.read))
        said = torch.bmm(stacked, self.read[:, :, None])
        return said.view(len(self.read), *frames.shape[:2]) + self.read_bias


class Population(nn.Module):
    """P programs over one DSL, with parameters and networks of their own.

    inputs: R. most, least: hidden units of a nonterminal at depth 0, and at least at any depth.
    """

    def __init__(
        self, programs: Sequence[Program], dsl: DSL, inputs: int, most: int, least: int
    ) -> None:
        super().__init__()
        self.programs = tuple(programs)
        names = [feature.name for feature in dsl.features]
        selected: list[int] = []
        self.thresholds = 0
        # (program, place of a node in the tree) → index of the node's parameters.
        self.slots: dict[tuple[int, int], int] = {}
        stacks: dict[tuple[type[Framewise] | type[Recurrent], int], list[tuple[int, int]]] = (
            defaultdict(list)
        )
        for p, program in enumerate(self.programs):
            for n, (node, depth) in enumerate(program.nodes()):
                if node.rule is None:
                    network = Framewise if node.kind == ATOM_TO_ATOM else Recurrent
                    stacks[network, hidden_units(depth, most, least)].append((p, n))
                elif node.feature is not None:
                    self.slots[p, n] = len(selected)
                    selected.append(names.index(node.feature))
                elif node.rule == "map_average":
                    self.slots[p, n] = self.thresholds
                    self.thresholds += 1
        self.selected: Tensor
        self.register_buffer("selected", torch.tensor(selected, dtype=torch.long))
        self.scale = nn.Parameter(torch.randn(len(selected), 1, 1))
        self.bias = nn.Parameter(torch.zeros(len(selected), 1, 1))
        self.threshold = nn.Parameter(torch.zeros(self.thresholds))
        self.stacks = nn.ModuleList()
        self.where: list[list[tuple[int, int]]] = []
        for (network, hidden), places in stacks.items():
            self.stacks.append(network(len(places), inputs, hidden))
            self.where.append(places)

    def forward(self, frames: Tensor, features: Tensor) -> Tensor:
        """frames: (B, T, R), features: (B, T, F), both standardised → logits (P, B)."""
        leaves: dict[tuple[int, int], Tensor] = {}
        for stack, places in zip(self.stacks, self.where, strict=True):
            leaves |= zip(places, stack(frames).unbind(0), strict=True)
        if len(self.selected):
            chosen = rearrange(features[..., self.selected], "b t s -> s b t")
            values = torch.addcmul(self.bias, self.scale, chosen).unbind(0)
        else:
            values = ()
        evaluation = _Evaluation(self, leaves, values)
        return torch.stack(
            [evaluation.value(p, program) for p, program in enumerate(self.programs)]
        )

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: `frames`, `features`, `labels` (B,) of 0, 1 → mean nats, summed over programs."""
        logits = self(batch["frames"], batch["features"])
        wanted = batch["labels"].expand_as(logits)
        loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        return loss.mean(1).sum(), {}


class _Evaluation:
    """One pass over the trees, above leaves that are computed already."""

    def __init__(
        self,
        population: Population,
        leaves: dict[tuple[int, int], Tensor],
        values: Sequence[Tensor],
    ) -> None:
        self.slots, self.threshold = population.slots, population.threshold
        self.leaves, self.values = leaves, values

    def value(self, p: int, program: Program) -> Tensor:
        """The program's number for each trajectory (B,); of one a frame, the last."""
        self.p, self.n = p, -1
        value = self._node(program, prefixes=program.kind != LIST_TO_ATOM)
        return value[..., -1] if value.dim() == 2 else value

    def _node(self, node: Program, prefixes: bool) -> Tensor:
        """Value of a node: (B, T), or (B,) for a list→atom that is not applied to every prefix."""
        self.n += 1
        place = (self.p, self.n)
        atom = node.kind == LIST_TO_ATOM and not prefixes
        if node.rule is None:
            return self.leaves[place][:, -1] if atom else self.leaves[place]
        if node.feature is not None:
            return self.values[self.slots[place]][:, -1] if atom else self.values[self.slots[place]]
        if node.rule in ("map_average", "average", "map", "map_prefixes"):
            value = self._node(node.arguments[0], prefixes=node.rule == "map_prefixes")
            if node.rule in ("map", "map_prefixes"):
                return value
            if atom:
                value = value.mean(-1)
            else:
                counts = torch.arange(1, value.shape[-1] + 1, device=value.device)
                value = value.cumsum(-1) / counts
            return value - self.threshold[self.slots[place]] if place in self.slots else value
        first, *rest = [self._node(one, prefixes) for one in node.arguments]
        if node.rule == "add":
            return first + rest[0]
        if node.rule == "multiply":
            return first * rest[0]
        return torch.lerp(rest[1], rest[0], torch.sigmoid(first))  # if_then_else, smoothed

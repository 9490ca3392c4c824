"""Programs as trees: growth, structural cost, and text.

A program is a tree of rules. A nonterminal, or hole, stands where no rule has been chosen yet; it
has only a type and is replaced by a small network while the program is trained (NEAR, Shah et al.,
NeurIPS 2020, section 3: neural relaxations).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.protocol import SymbenchError
from methods.neurosymbolic_encoder.dsl import DSL, RULES


@dataclass(frozen=True)
class Program:
    """A rule with its arguments; `rule` is None for a hole of type `kind`."""

    kind: str
    rule: str | None = None
    arguments: tuple[Program, ...] = ()
    feature: str | None = None

    def __str__(self) -> str:
        """The structure alone, such as `map_average(select(speed))`."""
        if self.rule is None:
            return f"?{self.kind}"
        inner = [str(one) for one in self.arguments] or [str(self.feature)]
        return f"{self.rule}({', '.join(inner)})"

    @property
    def depth(self) -> int:
        """The levels of the tree; a rule that reads a feature has one, as has a hole."""
        return 1 + max((one.depth for one in self.arguments), default=0)

    def nodes(self, depth: int = 0) -> Iterator[tuple[Program, int]]:
        """Every node with its depth (the root's is 0), from left to right."""
        yield self, depth
        for one in self.arguments:
            yield from one.nodes(depth + 1)

    @property
    def complete(self) -> bool:
        """Whether no hole is left."""
        return all(node.rule is not None for node, _ in self.nodes())

    def cost(self, penalty: float) -> float:
        """The structural cost: the penalty for each hole that the rules have opened."""
        return penalty * sum(len(node.arguments) for node, _ in self.nodes())

    def filled(self, rule: str, feature: str | None) -> Program:
        """The program with its first hole filled by a rule, whose arguments are new holes."""
        if self.rule is None:
            holes = tuple(Program(kind) for kind in RULES[rule][self.kind])
            return Program(self.kind, rule, holes, feature)
        arguments = list(self.arguments)
        place = next(i for i, one in enumerate(arguments) if not one.complete)
        arguments[place] = arguments[place].filled(rule, feature)
        return replace(self, arguments=tuple(arguments))

    def first_hole(self) -> Program:
        """The hole that is filled next."""
        return next(node for node, _ in self.nodes() if node.rule is None)


def least_depths(dsl: DSL) -> dict[str, float]:
    """For each type, the depth of the shallowest complete program; infinite where there is none."""
    least = dict.fromkeys(("list_to_list", "list_to_atom", "atom_to_atom"), float("inf"))
    while True:
        found = {
            kind: min(
                (
                    1 + max((least[one] for one in RULES[rule][kind]), default=0)
                    for rule, _ in dsl.fillings(kind)
                ),
                default=float("inf"),
            )
            for kind in least
        }
        if found == least:
            return least
        least = found


def least_depth(program: Program, least: dict[str, float]) -> float:
    """The depth of the shallowest complete program that this one can grow into."""
    if program.rule is None:
        return least[program.kind]
    return 1 + max((least_depth(one, least) for one in program.arguments), default=0)


def check_depth(dsl: DSL, max_depth: int) -> None:
    """Raise where no program of the DSL is as shallow as the bound."""
    need = least_depths(dsl)[dsl.start]
    if need == float("inf"):
        raise SymbenchError(
            f"the DSL '{dsl.name}' has no program that ends: its rules open nonterminals for ever; "
            "add a rule that reads a feature (select, final)."
        )
    if need > max_depth:
        raise SymbenchError(
            f"max_depth {max_depth} admits no program of the DSL '{dsl.name}': the shallowest has "
            f"depth {need:.0f}; raise max_depth."
        )

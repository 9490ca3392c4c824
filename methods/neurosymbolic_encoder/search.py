"""The search for a program's structure, guided by structural cost and validation error.

NEAR (Shah et al., NeurIPS 2020) in the form of section 3 of the encoders' paper: the best partial
program is expanded by every rule, each child learns to reproduce the labels that the current
program gives, and the child with the smallest structural cost + validation error goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.optimisation import Optimisation
from benchmarks.protocol import DivergedError, Examples, Run, SymbenchError
from benchmarks.training import to_device, train
from methods.neurosymbolic_encoder.dsl import DSL
from methods.neurosymbolic_encoder.population import Population
from methods.neurosymbolic_encoder.programs import Program, least_depth, least_depths

AT_ONCE = 1024


@dataclass
class Candidate:
    """A partial program in the search tree.

    error: share of validation labels that it misses; turn: number of the expansion that made it.
    share: share of ones among the labels that it gave when it was expanded; near 0 or 1, the bit
    had collapsed. chosen: whether it lies on the way to the final program. excluded: why it cannot
    go on, None where it can.
    """

    number: int
    parent: int | None
    program: Program
    rule: str
    cost: float
    turn: int = 0
    error: float | None = None
    share: float | None = None
    chosen: bool = False
    excluded: str | None = None

    @property
    def score(self) -> float | None:
        """Structural cost + validation error; the candidate with the smallest goes on."""
        return None if self.error is None else self.cost + self.error

    def as_json(self) -> dict[str, Any]:
        """The candidate as the record keeps it."""
        return {
            "id": self.number,
            "parent": self.parent,
            "program": str(self.program),
            "rule": self.rule,
            "complete": self.program.complete,
            "depth": self.program.depth,
            "cost": self.cost,
            "error": self.error,
            "score": self.score,
            "share": self.share,
            "chosen": self.chosen,
            "excluded": self.excluded,
        }


class Search:
    """The tree of one search, and its frontier: the candidates that can be expanded next.

    The children of the last expansion go first, the best of them before the others: errors of
    different turns were measured on labels of different networks. The frontier keeps `frontier`
    candidates, so that the search can come back to an earlier one where all children are excluded.
    learned: programs of earlier searches, which are not chosen again.
    """

    def __init__(
        self, dsl: DSL, penalty: float, max_depth: int, frontier: int, learned: list[Program]
    ) -> None:
        self.dsl, self.penalty, self.max_depth = dsl, penalty, max_depth
        self.limit, self.learned = frontier, learned
        self.least = least_depths(dsl)
        root = Candidate(0, None, Program(dsl.start), "start", 0.0)
        self.tree, self.frontier = [root], [root]
        self.turns = 0

    def best(self) -> Candidate:
        """Remove from the frontier, and return, the best by score of the youngest candidates."""
        if not self.frontier:
            reasons = sorted({one.excluded for one in self.tree if one.excluded})
            raise SymbenchError(
                f"the search in the DSL '{self.dsl.name}' has no candidate left "
                f"({', '.join(reasons)}): raise max_depth, ask for fewer programs or add rules."
            )
        best = self.frontier.pop(0)
        self.turns += 1
        return best

    def children(self, candidate: Candidate) -> list[Candidate]:
        """The admitted children of a candidate; excluded ones are added to the tree as well."""
        admitted = []
        for rule, feature in self.dsl.fillings(candidate.program.first_hole().kind):
            program = candidate.program.filled(rule, feature)
            name = f"{rule}({feature})" if feature else rule
            child = Candidate(
                len(self.tree),
                candidate.number,
                program,
                name,
                program.cost(self.penalty),
                self.turns,
            )
            if least_depth(program, self.least) > self.max_depth:
                child.excluded = f"deeper than {self.max_depth}"
            elif program in self.learned:
                child.excluded = "learned before"
            else:
                admitted.append(child)
            self.tree.append(child)
        return admitted

    def keep(self, scored: list[Candidate]) -> None:
        """Put scored children into the frontier, which keeps only its best candidates."""
        self.frontier = sorted(
            [*self.frontier, *scored], key=lambda one: (-one.turn, one.score, one.number)
        )
        for one in self.frontier[self.limit :]:
            one.excluded = "outside the frontier"
        self.frontier = self.frontier[: self.limit]

    def choose(self, candidate: Candidate) -> None:
        """Mark the way from the start to this candidate, with which the search ends."""
        step: int | None = candidate.number
        while step is not None:
            self.tree[step].chosen, step = True, self.tree[step].parent

    def as_json(self) -> list[dict[str, Any]]:
        """The tree as the record keeps it, the start first."""
        return [one.as_json() for one in self.tree]


def distil(
    population: Population,
    learned: Examples,
    validation: Examples,
    run: Run,
    learning_rate: float,
    name: str = "",
) -> list[float]:
    """Train all programs side by side for the run's budget, and return their validation errors.

    learned, validation: tensors on the device, `frames` (N, T, R), `features` (N, T, F) and
    `labels` (N,) of 0 and 1. name: name of the training. The programs share no weights and Adam
    treats each weight by itself, so that the sum of their losses trains each as if it were the only
    one. The error is 1 - accuracy.
    """
    diverged = DivergedError(
        "a child of the search gives numbers that are NaN or infinite; lower the learning rate "
        "of the search (program_learning_rate)."
    )
    try:
        train(population, learned, run, Optimisation(learning_rate=learning_rate), name)
    except DivergedError:
        raise diverged from None
    data = to_device(validation, run.device)
    with torch.no_grad():
        said = torch.cat(
            [
                population(frames, features)
                for frames, features in zip(
                    data["frames"].split(AT_ONCE), data["features"].split(AT_ONCE), strict=True
                )
            ],
            1,
        )
    if not torch.isfinite(said).all():
        raise diverged
    wrong = (said > 0) != (data["labels"] > 0.5)
    return wrong.to(torch.float64).mean(1).tolist()

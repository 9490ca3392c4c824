"""The draws that the speed cases share."""

from __future__ import annotations

from functools import cache

from benchmarks import registry
from benchmarks.protocol import Entry, Examples, Task, TaskData

SUITE = registry.suite("abstract_rules")
# The longest and the shortest problems, with 50 symbols in training.
TIMED = ("same_different/m50", "distribution_of_three/m50")


def task(name: str) -> Task:
    """The task of this id."""
    return next(one for one in SUITE.tasks if one.id == name)


@cache
def draw(name: str) -> TaskData:
    """One draw of a task, made once."""
    return task(name).load(0)


def learners() -> list[Entry]:
    """The entries that train a network, without ablations."""
    return [entry for entry in SUITE.entries if entry.kind in ("method", "baseline")]


def inputs(name: str, count: int) -> Examples:
    """The first test problems of a task, as any control may see them."""
    return draw(name).inputs.take(slice(0, count))

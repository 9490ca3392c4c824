"""The four tasks as literals, which feed the generator, the features and the card.

Webb, Sinha and Cohen, "Emergent Symbols through Binding in External Memory" (ICLR 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1
"""Version of the data set, raised whenever any problem or pixel changes."""

SYMBOLS = 100
CAP = 10_000
"""Largest number of problems in a split."""

FIRST_TO_FOURTH = ("first", "second", "third", "fourth")


@dataclass(frozen=True)
class Task:
    """One task: length T of a problem, the names of classes and rules, the published regimes.

    regimes: numbers m of withheld symbols. fewest: the symbols that a split needs at least.
    together: how many images are normalised together, part by part; 0: all of a problem.
    """

    name: str
    summary: str
    length: int
    classes: tuple[str, ...]
    rules: tuple[str, ...]
    regimes: tuple[int, ...]
    fewest: int
    together: int = 0


TASKS = {
    task.name: task
    for task in (
        Task(
            "same_different",
            "are two images the same?",
            length=2,
            classes=("same", "different"),
            rules=("same", "different"),
            regimes=(0, 50, 85, 95, 98),
            fewest=2,
        ),
        Task(
            "rmts",
            "which of two target pairs has the relation (same or different) of the source pair?",
            length=6,
            classes=("first", "second"),
            rules=("same", "different"),
            regimes=(0, 50, 85, 95),
            fewest=5,
            together=2,
        ),
        Task(
            "distribution_of_three",
            "which of four choices completes a row of the three symbols of the row before?",
            length=9,
            classes=FIRST_TO_FOURTH,
            rules=("permutation",),
            regimes=(0, 50, 85, 95),
            fewest=4,
        ),
        Task(
            "identity_rules",
            "which of four choices completes a row by the rule of the row before (ABA, ABB, AAA)?",
            length=9,
            classes=FIRST_TO_FOURTH,
            rules=("ABA", "ABB", "AAA"),
            regimes=(0, 50, 85, 95),
            fewest=4,
        ),
    )
}

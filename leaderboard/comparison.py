"""The comparison of two result folders, cell by cell: verdicts, and the smallest visible effects.

Cells are paired by suite, profile, task, regime, version, dataset and method, their scores by seed.
A verdict is Student's paired t test over seeds, corrected over all cells with Holm's method, so
that a change without any effect is called worse or better in one comparison of twenty at most.
A cell of the same variant and the same scores on both sides is one program run twice: it is not
tested, and does not weaken the test of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from benchmarks.protocol import SymbenchError
from benchmarks.records import Record
from benchmarks.stats import (
    ROUNDING,
    PairedDifference,
    holm,
    paired_difference,
    smallest_effect,
)
from leaderboard.selection import Entrant, Group, Groups, failure, grouped, in_several_files

FAIL_ON = ("worse", "missing", "never")
ChangeVerdict = Literal["better", "worse", "no evidence"]


@dataclass(frozen=True)
class Change:
    """One cell in both folders; scores are means over the paired seeds.

    difference: head minus base. p: Holm-corrected. smallest: the least difference of means that
    would have been significant with this spread, this many seeds and the strictest level that Holm
    asks for. p and smallest are None where fewer than two seeds are paired. unchanged: whether
    variant and scores are the same on both sides; Holm's correction does not count such a cell.
    """

    group: Group
    method: str
    percent: bool
    higher_is_better: bool
    base: float
    head: float
    difference: PairedDifference
    p: float | None
    smallest: float | None
    verdict: ChangeVerdict
    unchanged: bool = False


@dataclass(frozen=True)
class Unpaired:
    """A cell, or seeds of one, that cannot be compared, and one line that says why."""

    group: Group
    method: str
    why: str


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`; every cell is in `changes` or, with a reason, in another list.

    missing: base has scores that head has not. failed_cells: head tried and failed. A cell with
    some seeds missing or failed is in `changes` too. added: only head has scores. incomparable:
    both have scores, but for other versions of task, data or protocol. outdated: a line for each
    reason why methods of a side are not those of today's code.
    """

    alpha: float
    changes: tuple[Change, ...]
    missing: tuple[Unpaired, ...]
    failed_cells: tuple[Unpaired, ...]
    added: tuple[Unpaired, ...]
    incomparable: tuple[Unpaired, ...]
    outdated: tuple[str, ...] = ()

    def count(self, verdict: ChangeVerdict) -> int:
        """The number of cells with this verdict."""
        return sum(change.verdict == verdict for change in self.changes)

    def regressions(self, min_effect: float = 0.0) -> list[Change]:
        """The cells that are worse by at least min_effect, points where a score is in percent."""
        return [
            change
            for change in self.changes
            if change.verdict == "worse" and _points(change) >= min_effect - 1e-9
        ]

    def failed(self, fail_on: str = "worse", min_effect: float = 0.0) -> bool:
        """Whether it is a failure by fail_on: "worse", "missing" (worse or lost) or "never"."""
        if fail_on not in FAIL_ON:
            allowed = ", ".join(FAIL_ON)
            raise SymbenchError(f"There is no --fail-on '{fail_on}'; choose one of {allowed}.")
        if fail_on == "never":
            return False
        lost = fail_on == "missing" and bool(self.missing or self.failed_cells)
        return lost or bool(self.regressions(min_effect))


def compare(
    base: Iterable[Record],
    head: Iterable[Record],
    alpha: float = 0.05,
    outdated: Callable[[Record], str] = lambda record: "",
) -> Comparison:
    """Compare two sets of records; raises `SymbenchError` where one of them is empty.

    outdated: as in `grouped`; of several variants of a method the one of today's code is compared.
    """
    if not 0 < alpha < 1:
        raise SymbenchError(f"alpha is a probability between 0 and 1, not {alpha}.")
    base, head = list(base), list(head)
    apart = in_several_files(base) | in_several_files(head)
    before = _grouped(base, "base", outdated, apart)
    after = _grouped(head, "head", outdated, apart)
    paired: list[tuple[Group, Entrant, Entrant]] = []
    missing: list[Unpaired] = []
    failed: list[Unpaired] = []
    incomparable: list[Unpaired] = []
    explained: set[tuple[Group, str]] = set()
    for group, cells in before.items():
        for name, old in cells.items():
            new = after.get(group, {}).get(name)
            if not old.done:
                continue
            if new is None:
                others = _others(after, group, name)
                if others:
                    why = f"not comparable: {group.differences(others[0])}"
                    incomparable.append(Unpaired(group, name, why))
                    explained |= {(other, name) for other in others}
                else:
                    missing.append(Unpaired(group, name, "not in head"))
                continue
            lost, broken = _losses(group, old, new)
            missing += lost
            failed += broken
            if set(old.done) & set(new.done):
                paired.append((group, old, new))
    added = [
        Unpaired(
            group, name, "not in base" if group not in before else _newcomer(before[group], name)
        )
        for group, cells in after.items()
        for name, new in cells.items()
        if new.done and (group, name) not in explained and not _scored(before, group, name)
    ]
    return Comparison(
        alpha=alpha,
        changes=tuple(_changes(paired, alpha)),
        missing=tuple(missing),
        failed_cells=tuple(failed),
        added=tuple(added),
        incomparable=tuple(incomparable),
        outdated=(*_outdated(before, "base"), *_outdated(after, "head")),
    )


def _grouped(
    records: list[Record], side: str, outdated: Callable[[Record], str], apart: set[str]
) -> Groups:
    if not records:
        raise SymbenchError(
            f"The {side} folder holds no records; compare takes two result folders."
        )
    return grouped(records, outdated, apart)


def _outdated(groups: Groups, side: str) -> list[str]:
    """A line for each reason why entrants of a side are outdated, with their methods."""
    reasons: dict[str, set[str]] = {}
    for one in (one for cells in groups.values() for one in cells.values() if one.outdated):
        reasons.setdefault(one.outdated, set()).add(one.method)
    return [
        f"Outdated in {side}: {', '.join(sorted(names))} ({why})." for why, names in reasons.items()
    ]


def _others(groups: Groups, group: Group, method: str) -> list[Group]:
    """Groups that ask the same question of this method under another version, newest first."""
    return [
        other
        for other, cells in groups.items()
        if other != group and other.question == group.question and method in cells
    ]


def _scored(groups: Groups, group: Group, method: str) -> bool:
    cell = groups.get(group, {}).get(method)
    return cell is not None and bool(cell.done)


def _newcomer(cells: dict[str, Entrant], method: str) -> str:
    return "failed in base" if method in cells else "not in base"


def _losses(group: Group, old: Entrant, new: Entrant) -> tuple[list[Unpaired], list[Unpaired]]:
    """Seeds of a cell that base scored and head did not, those absent and those that failed."""
    gone = set(old.done) - set(new.done)
    broken = sorted(gone & set(new.failed))
    absent = sorted(gone - set(new.failed))
    lost, failed = [], []
    if absent:
        lost.append(Unpaired(group, new.method, f"not in head: {_seeds(absent)}"))
    if broken:
        reason = failure(new.failed[broken[-1]])
        failed.append(Unpaired(group, new.method, f"failed in head: {_seeds(broken)}: {reason}"))
    return lost, failed


def _seeds(seeds: list[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(str(seed) for seed in seeds)}"


def _changes(paired: list[tuple[Group, Entrant, Entrant]], alpha: float) -> list[Change]:
    compared = []
    for group, old, new in paired:
        seeds = sorted(set(old.done) & set(new.done))
        first, second = ([cell.scores[seed] for seed in seeds] for cell in (old, new))
        unchanged = old.variant == new.variant and first == second
        floor = ROUNDING if new.newest.percent else 0.0
        difference = paired_difference(first, second, floor=floor)
        compared.append((group, new, first, difference, unchanged))
    tested = [one.p for *_, one, unchanged in compared if one.p is not None and not unchanged]
    corrected = iter(holm(tested))
    level = alpha / max(len(tested), 1)
    changes = []
    for group, new, first, one, unchanged in compared:
        p = one.p if one.p is None or unchanged else next(corrected)
        smallest = None if one.sd is None or unchanged else smallest_effect(one.sd, one.n, level)
        record = new.newest
        gain = one.mean if record.higher_is_better else -one.mean
        verdict: ChangeVerdict = "no evidence"
        if p is not None and p <= alpha:
            verdict = "better" if gain > 0 else "worse"
        mean = sum(first) / len(first)
        changes.append(
            Change(
                group=group,
                method=new.method,
                percent=record.percent,
                higher_is_better=record.higher_is_better,
                base=mean,
                head=mean + one.mean,
                difference=one,
                p=p,
                smallest=smallest,
                verdict=verdict,
                unchanged=unchanged,
            )
        )
    return changes


def _points(change: Change) -> float:
    """The size of a difference in the unit of --min-effect."""
    return abs(change.difference.mean) * (100 if change.percent else 1)

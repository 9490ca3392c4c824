"""Selection of records for tables: groups that ask the same question, and their entrants."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.protocol import SymbenchError
from benchmarks.records import Record, content_hash, file_name

CONTROL = "control"


@dataclass(frozen=True)
class Group:
    """A group of comparable records: the question, its data and rules, on which they agree.

    task_parts: name and version of each metric and judge of the task.
    """

    suite: str
    profile: str
    task: str
    regime: str
    task_version: int
    task_parts: tuple[tuple[str, int | str], ...]
    protocol_version: int
    dataset_hash: str

    @property
    def question(self) -> tuple[str, str, str, str]:
        """The question that the group asks, without versions of task, data and protocol."""
        return (self.suite, self.profile, self.task, self.regime)

    def differences(self, other: Group) -> str:
        """The differences of two groups that ask one question, such as `task version 1 → 2`."""
        parts, others = dict(self.task_parts), dict(other.task_parts)
        named: dict[str, tuple[int | str | None, int | str | None]] = {
            "task version": (self.task_version, other.task_version),
            **{name: (parts.get(name), others.get(name)) for name in {**parts, **others}},
            "dataset": (self.dataset_hash[:8], other.dataset_hash[:8]),
            "protocol": (self.protocol_version, other.protocol_version),
        }
        return ", ".join(
            f"{name} {old} → {new}" for name, (old, new) in named.items() if old != new
        )


@dataclass(frozen=True)
class Entrant:
    """One method in one group: the records of its newest variant by seed, and a count of others.

    failed: the newest failure of each seed that has no score. older: the number of records of other
    variants, made with older code or settings.
    """

    method: str
    kind: str
    variant: str
    newest: Record
    done: dict[int, Record]
    failed: dict[int, Record]
    older: int
    outdated: str = ""

    @property
    def scores(self) -> dict[int, float]:
        """The scores by seed."""
        return {seed: record.score for seed, record in self.done.items()}


Groups = dict[Group, dict[str, Entrant]]


def in_several_files(records: Iterable[Record]) -> set[str]:
    """The names of methods that stand in several files: classes of one name, run one by one."""
    files: dict[str, set[str]] = defaultdict(set)
    for record in records:
        files[record.method].add(file_name(record.path))
    return {method for method, names in files.items() if len(names - {""}) > 1}


def _row_name(record: Record, apart: Container[str]) -> str:
    """The name of a record's row: that of its method, after that of its file where told apart."""
    unnamed = record.method.partition("[")[0] == record.path.rpartition(":")[2]
    file = file_name(record.path) if unnamed and record.method in apart else ""
    return f"{file}.{record.method}" if file else record.method


def grouped(
    records: Iterable[Record],
    outdated: Callable[[Record], str] = lambda record: "",
    apart: Container[str] | None = None,
) -> Groups:
    """Sort records into groups, and each group by method; in order of suite, profile and task.

    outdated: what has changed since a record was made, "" where nothing has. apart: the methods
    whose rows are told apart by file; None: those in several files.
    Of several groups that ask one question (an older task version beside a newer), the newest is
    first.
    """
    piles: dict[Group, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    records = list(records)
    apart = in_several_files(records) if apart is None else apart
    for record in records:
        piles[group_of(record)][_row_name(record, apart)].append(record)
    if not piles:
        raise SymbenchError("There are no records here; make some with `python -m benchmarks run`.")
    groups = {
        group: {name: _cell(name, found, outdated) for name, found in pile.items()}
        for group, pile in piles.items()
    }
    by_age = sorted(groups, key=lambda group: newest(groups[group]), reverse=True)
    by_version = sorted(by_age, key=lambda group: group.task_version, reverse=True)
    # A group of which something is valid goes before one that is outdated as a whole.
    by_version.sort(key=lambda group: all(one.outdated for one in groups[group].values()))
    ordered = sorted(by_version, key=lambda group: [natural(part) for part in group.question])
    return {group: groups[group] for group in ordered}


def group_of(record: Record) -> Group:
    """The group to which a record belongs."""
    return Group(
        record.suite,
        record.profile,
        record.task,
        record.regime,
        record.task_version,
        tuple(sorted(record.task_parts.items())),
        record.protocol_version,
        content_hash(record.dataset),
    )


def newest(cells: dict[str, Entrant]) -> datetime:
    """The time at which the last record of a group was made."""
    return max(cell.newest.created for cell in cells.values())


def natural(text: str) -> list[Any]:
    """A sort key for text with numbers: m5 comes before m50 and m50 before m100."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def failure(record: Record) -> str:
    """One line that says why a record has no score."""
    if record.error is None:
        return f"no finite '{record.score_name}'"
    line = next(iter(record.error.message.strip().splitlines()), "")
    return f"{record.error.type}: {line}" if line else record.error.type


def _scored(record: Record) -> bool:
    return record.status == "done" and math.isfinite(record.scores.get(record.score_name, math.nan))


def _cell(name: str, records: list[Record], outdated: Callable[[Record], str]) -> Entrant:
    """The newest variant that is not outdated, or the newest of all where each is."""
    ordered = sorted(records, key=lambda record: (record.created, record.key))
    changes = {one.variant: outdated(one) for one in {one.variant: one for one in ordered}.values()}
    last = next((one for one in reversed(ordered) if not changes[one.variant]), ordered[-1])
    current = [record for record in ordered if record.variant == last.variant]
    # The order is oldest first, so that of two records of one seed the newer one stays.
    done = {record.seed: record for record in current if _scored(record)}
    failed = {record.seed: record for record in current if record.seed not in done}
    return Entrant(
        method=name,
        kind=last.kind,
        variant=last.variant,
        newest=last,
        done=dict(sorted(done.items())),
        failed=dict(sorted(failed.items())),
        older=len(ordered) - len(current),
        outdated=changes[last.variant],
    )

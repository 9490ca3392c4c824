"""The `verify` verb: it finds faults in a folder of records and tells each in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import isfinite, nan
from pathlib import Path

from benchmarks import identity, registry
from benchmarks.plan import profile_of
from benchmarks.protocol import SymbenchError
from benchmarks.records import Record, Store, content_hash, read_record

# The suffix of a record's commit where files differed from the commit when the record was made.
DIRTY = "+changes"


def faults(folder: Path) -> tuple[list[str], int]:
    """A line for each fault of the records below a folder, and the number of files read."""
    store = Store(folder)
    found = {path: read_record(path) for path in store.files()}
    lines = [line for path, record in found.items() for line in _of_file(path, record, store)]
    keys = Counter(record.key for record in found.values() if isinstance(record, Record))
    lines += [
        f"{path}: duplicate key {record.key}, which {keys[record.key]} files have."
        for path, record in found.items()
        if isinstance(record, Record) and keys[record.key] > 1
    ]
    return lines, len(found)


def _of_file(path: Path, record: Record | str, store: Store) -> Iterator[str]:
    """The faults of one file that can be told without the others."""
    if isinstance(record, str):
        yield record
        return
    if record.model_extra:
        yield f"{path}: unknown fields: {', '.join(sorted(record.model_extra))}."
    if store.path(record) != path:
        yield f"{path}: misplaced; a record of this cell belongs in {store.path(record)}."
    if record.key != content_hash([record.variant, record.seed]):
        yield f"{path}: the key is not that of variant and seed; run it again."
    if record.error is not None or record.status == "failed":
        error = record.error.message.partition("\n")[0] if record.error else "no reason is given"
        yield f"{path}: failed: {record.error.type if record.error else 'unknown'}: {error}"
    elif not isfinite(record.scores.get(record.score_name, nan)):
        yield f"{path}: no finite score '{record.score_name}'; run it again."
    commit = record.environment.get("commit")
    if not isinstance(commit, str):
        yield f"{path}: unknown commit; run from a clone of the repository."
    elif commit.endswith(DIRTY):
        yield f"{path}: dirty commit {commit[:8]}{DIRTY}; commit first, then run."
    suite = registry.find_suite(record.suite)
    change = identity.outdated(record, suite)
    if change:
        yield f"{path}: outdated: {change}; run it again."
    if suite is None:
        yield f"{path}: unknown suite '{record.suite}'."
        return
    try:
        profile = profile_of(suite, record.profile)
    except SymbenchError as error:
        yield f"{path}: {error}"
        return
    names = {entry.name for entry in suite.entries}
    if record.method.partition("[")[0] not in names and identity.is_ours(
        record.path.rpartition(":")[0]
    ):
        yield f"{path}: unknown method '{record.method}'; today's suite has no such entry."
    last = profile.seeds + profile.further_seeds - 1
    if not 0 <= record.seed <= last:
        yield f"{path}: seed {record.seed} is outside profile {profile.name}, 0 to {last}."

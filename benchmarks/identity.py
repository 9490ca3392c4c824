"""The identity of a result: versions that code of symbench declares, hashes of all other code.

Code of symbench carries integer versions, which are raised when its results change and only then
(`tests/behaviour` makes sure), so that a record stays valid through any other edit. Other code
makes no such promise: its sources are hashed. No module is imported to find either.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import symdata
from benchmarks import resolution
from benchmarks.plain import plain
from benchmarks.protocol import PROTOCOL_VERSION, Budget, Entry, Profile, Suite, Task
from benchmarks.records import SCHEMA_VERSION, Record, content_hash
from benchmarks.sources import declared, file_of, named_by_default, source_hash
from symdata.sources import DEFAULT

OURS = ("benchmarks", "baselines", "methods")
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Versions:
    """The versions of a method or a task, and of the parts that it rests on.

    own: its declared version, None where it has none. parts: the version of each metric, judge or
    teacher that it uses, by the last part of the module's name, so that a module may move; under
    "sources", the hash of code that is not part of symbench.
    """

    own: int | None
    parts: Mapping[str, int | str]

    def named(self, kind: str) -> dict[str, int | str | None]:
        """All versions by name; `kind` ("method" or "task") is the name of its own."""
        return {kind: self.own, **self.parts}


def of_method(path: str) -> Versions:
    """The versions of a method's class, at `module:Class` or `file.py:Class`."""
    version = declared(path, "version")
    if not is_ours(path.rpartition(":")[0]) or not isinstance(version, int):
        return Versions(None, {"sources": source_hash(path)})
    return Versions(version, _modules(declared(path, "rests_on", ())))


def of_task(task: Task) -> Versions:
    """The versions of a task, of its metrics and of its judge."""
    module, parts = type(task).__module__, _modules(task.rests_on)
    foreign = {} if is_ours(module) else {"sources": source_hash(module)}
    return Versions(task.version, {**parts, **foreign})


def of_module(name: str) -> int | str:
    """The `VERSION` that a module of symbench declares; for any other, the hash of its sources."""
    version = declared(name, "VERSION") if is_ours(name) else None
    return version if isinstance(version, int) else source_hash(name)


def _modules(names: tuple[str, ...]) -> dict[str, int | str]:
    return {name.rpartition(".")[2]: of_module(name) for name in names}


def is_ours(location: str) -> bool:
    """Whether a module is part of symbench; a file that a user names never is."""
    if location.endswith(".py") or location.partition(".")[0] not in OURS:
        return False
    file = file_of(location)
    return file is not None and _ROOT in file.resolve().parents


def files_of(entry: Entry) -> dict[str, str]:
    """Hashes of the files that an entry's settings name, those of defaults among them.

    A default is seen where it is written as a text, as `Path(text)`, or as a name of its module for
    one of these; a file that a method opens without any setting is not.
    """
    return named_files({**named_by_default(entry.path), **entry.settings})


def named_files(settings: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of the files that settings name, by setting.

    A value, or a part of a tuple, names a file as `data.csv`, `dsl.py:NAME` or
    `package.module:NAME`; a word without a dot or a colon never does. Modules of symbench do not
    count: the version of the method that reads them covers them.
    """
    hashes = {}
    for name, value in settings.items():
        parts = value if isinstance(value, tuple | list) else (value,)
        texts = [str(part) for part in parts if isinstance(part, str | Path)]
        found = [one for text in texts if (one := _file_hash(text))]
        if found:
            hashes[name] = " ".join(found)
    return hashes


def _file_hash(value: str) -> str:
    """The hash of the file that a value names, "" where it names none."""
    location = value.rpartition(":")[0] or value
    if location.endswith(".py") and Path(location).is_file():
        return source_hash(location)
    if ("." in value or os.sep in value) and Path(value).is_file():
        return hashlib.sha256(Path(value).read_bytes()).hexdigest()[:16]
    named = ":" in value and all(part.isidentifier() for part in location.split("."))
    return source_hash(location) if named and not is_ours(location) and file_of(location) else ""


def _data_sources(dataset: Mapping[str, Any]) -> str:
    """The hash of the code that makes a data set of another package; "" for one of symbench."""
    name = dataset.get("name")
    known = symdata.dataset(name) if name in symdata.names() else None
    if known is None or known.arrays.partition(".")[0] == "symdata":
        return ""
    return source_hash(known.arrays)


def variant(
    suite: Suite,
    profile: Profile,
    task: Task,
    dataset: Mapping[str, Any],
    entry: Entry,
    budget: Budget,
) -> str:
    """A hash of everything that determines a result, except the seed.

    dataset: the identity of the data, from `Task.dataset`. entry: the entry with resolved settings.
    Versions of libraries and the device are recorded and do not count, so that an upgrade does not
    throw a table away.
    """
    return content_hash(
        {
            "protocol": PROTOCOL_VERSION,
            "suite": suite.name,
            "profile": profile.name,
            "task": [task.id, asdict(of_task(task))],
            "dataset": dataset,
            "data_sources": _data_sources(dataset),
            "method": [entry.name, entry.path.rpartition(":")[2], asdict(of_method(entry.path))],
            "settings": dict(entry.settings),
            "files": files_of(entry),
            "budget": asdict(budget),
        }
    )


def outdated(record: Record, suite: Suite | None) -> str:
    """The changes since a record was made, in a line; "" where there are none, or none can be told.

    suite: today's suite of the record's name, None where there is none.
    """
    if record.schema_version < SCHEMA_VERSION:  # it tells no versions that could be compared
        return f"record's schema {record.schema_version}, today's is {SCHEMA_VERSION}"
    tasks, entries = (suite.tasks, suite.entries) if suite is not None else ((), ())
    profiles = suite.profiles if suite is not None else ()
    changes = list(
        _changes("protocol", {"protocol": record.protocol_version}, {"protocol": PROTOCOL_VERSION})
    )
    entry = next((one for one in entries if one.name == record.method), None)
    by_profile = entry or _made_by_options(record, entries)
    for task in (one for one in tasks if (one.name, one.regime) == (record.task, record.regime)):
        before = Versions(record.task_version, record.task_parts)
        changes += _changes("task", before.named("task"), of_task(task).named("task"))
        data = {"data set": record.dataset.get("version")}
        changes += _changes("data set", data, {"data set": task.dataset(DEFAULT).get("version")})
        for profile in (one for one in profiles if one.name == record.profile):
            if by_profile is not None:
                changes += _of_profile(record, profile, by_profile, task)
    path = entry.path if entry else record.path
    location = path.rpartition(":")[0]
    if Path(location).is_file() or (not location.endswith(".py") and file_of(location)):
        before = Versions(record.method_version, record.method_parts)
        changes += _changes("method", before.named("method"), of_method(path).named("method"))
    files = named_files({name: record.settings.get(name) for name in record.files})
    changes += [f"file of {name} changed" for name in files if files[name] != record.files[name]]
    return "; ".join(changes)


def _made_by_options(record: Record, entries: Iterable[Entry]) -> Entry | None:
    """Today's entry for a row that `--set` or a path made; None where it is told by neither.

    The name of a row that `--set` made is that of its entry and, in brackets, what was set.
    """
    name, _, inside = record.method.partition("[")
    given = {
        one: record.settings[one]
        for one in re.findall(r"(?:^|,)(\w+)=", inside)
        if one in record.settings
    }
    base = next((one for one in entries if one.name == name), None)
    if base is None and not is_ours(record.path.rpartition(":")[0]):
        base = Entry(name, record.path)
    return base and replace(base, settings={**base.settings, **given})


def _of_profile(record: Record, profile: Profile, entry: Entry, task: Task) -> Iterator[str]:
    """A phrase for the budget and for each setting that a profile gives otherwise today."""
    if record.budget != asdict(profile.budget(entry, task)):
        yield "budget changed"
    given = resolution.resolved(profile, entry, task).settings
    for name, value in plain(given).items():
        if name not in record.settings or record.settings[name] != value:
            yield f"setting {name} {record.settings.get(name)!r}, today's is {value!r}"


Named = Mapping[str, int | str | None]


def _changes(kind: str, before: Named, now: Named) -> Iterator[str]:
    """A phrase for each version that differs, such as `task version 1, today's is 2`."""
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        called = kind if name == kind else f"{kind}'s {name}"
        numbers = isinstance(old, int) and isinstance(new, int)
        yield f"{called} version {old}, today's is {new}" if numbers else f"{called} changed"

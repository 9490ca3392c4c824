"""The `show` verb: one record in words and numbers, and its pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from textwrap import fill, indent
from typing import Any

from benchmarks import registry, resolution
from benchmarks.display import duration
from benchmarks.plan import profile_of
from benchmarks.protocol import SymbenchError
from benchmarks.records import Record, read_illustrations, read_outputs, read_record
from symdata.errors import DataError
from symdata.sources import DEFAULT, DataSources

LISTED = 6


def find(spec: str, out: Path) -> Path:
    """The file of the one record that `spec` means: a path, digits of a key, or names below `out`.

    Raises `SymbenchError` where no record or several are meant.
    """
    if spec.endswith(".json"):
        if not Path(spec).is_file():
            raise SymbenchError(f"no file '{spec}'; give the JSON file of a record.")
        return Path(spec)
    if not out.is_dir():
        raise SymbenchError(f"no folder '{out}'; give --out, a folder that `run` has written.")
    names = spec.strip("/").split("/")
    matches = [path for path in sorted(out.rglob("seed*.json")) if _means(names, path, out)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise SymbenchError(
            f"no record '{spec}' below {out}; give a file, the first digits of a key, or "
            "suite/profile/task/regime/method/seedN."
        )
    some = ", ".join(str(path.relative_to(out)) for path in matches[:LISTED])
    more = ", …" if len(matches) > LISTED else ""
    raise SymbenchError(f"'{spec}' means {len(matches)} records: {some}{more}; name one of them.")


def _means(names: list[str], path: Path, out: Path) -> bool:
    seed, _, key = path.stem.partition("-")
    if len(names) == 1 and key.startswith(names[0]):
        return True
    parts = [*path.relative_to(out).parts[:-1], seed]
    return len(names) <= len(parts) and all(
        part == name or fnmatchcase(part, name) for part, name in zip(parts, names, strict=False)
    )


def read(path: Path) -> Record:
    """The record in a file; raises `SymbenchError` where it holds none."""
    record = read_record(path)
    if isinstance(record, str):
        raise SymbenchError(record.removesuffix("; ignored.") + ".")
    return record


def text(record: Record, width: int = 100) -> str:
    """A record in words and numbers; width: columns at which lines are wrapped."""
    sections = [
        f"{record.method} on {record.task}/{record.regime}, seed {record.seed}"
        f" · {record.suite} · profile {record.profile}",
        *_scores(record),
    ]
    sections += [fill(f"note: {flag}", width, subsequent_indent="  ") for flag in record.flags]
    sections += _learned(record.explanation, width)
    facts = {
        "settings": _settings(record),
        "budget": _pairs({k: v for k, v in record.budget.items() if v is not None}),
        "data": _pairs(record.dataset),
        "took": _took(record),
        "made": _made(record),
    }
    wide = max(map(len, facts)) + 2
    lines = [
        fill(name.ljust(wide) + fact, width, subsequent_indent=" " * wide, break_long_words=False)
        for name, fact in facts.items()
        if fact
    ]
    sections.append("\n".join(lines))
    if record.error is not None:
        sections.append(f"failed: {record.error.type}: {record.error.message}")
        sections.append(record.error.traceback.rstrip())
    return "\n\n".join(sections) + "\n"


def _scores(record: Record) -> Iterator[str]:
    """A line for each score: those that the record declares first, the others as they are."""
    if not record.scores:
        return
    percent = {record.score_name: record.percent, **{one.name: one.percent for one in record.also}}
    names = [name for name in percent if name in record.scores]
    names += [name for name in record.scores if name not in percent]
    wide = max(map(len, names)) + 2
    lines = []
    for name in names:
        value = record.scores[name]
        line = name.ljust(wide) + _number(value, percent.get(name, False))
        if name == record.score_name and record.chance is not None:
            line += f"   chance {_number(record.chance, record.percent).strip()}"
        lines.append(line)
    yield "\n".join(lines)


def _number(value: float, percent: bool) -> str:
    if percent:
        return f"{100 * value:6.1f} %"
    whole = abs(value) > 1 and float(value).is_integer()
    return f"{value:4.0f}" if whole else f"{value:8.3f}"


def _learned(explanation: dict[str, Any], width: int) -> Iterator[str]:
    """A block for each learned program (formula, words, size of the search), and one for others."""
    searches = {one.get("program"): one for one in explanation.get("search", [])}
    for place, program in enumerate(explanation.get("programs", []), 1):
        lines = [f"program {place}", indent(str(program.get("text", "")), "  ")]
        if program.get("words"):
            words = fill(str(program["words"]), width - 2)
            lines.append(indent(words, "  "))
        nodes = searches.get(place, {}).get("nodes", [])
        if nodes:
            complete = sum(bool(node.get("complete")) for node in nodes)
            lines.append(f"  found among {len(nodes)} candidates, {complete} of them complete")
        yield "\n".join(lines)
    others = {key: value for key, value in explanation.items() if key not in ("programs", "search")}
    if others:
        yield "\n".join(fill(f"{key}: {_short(value)}", width) for key, value in others.items())


def _short(value: Any) -> str:
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return written if len(written) <= 500 else f"{written[:500]}…"


def _settings(record: Record) -> str:
    """The settings in a line: those that the suite gives, then the method's own."""
    given: set[str] = set()
    if record.suite in registry.suites():
        suite = registry.suite(record.suite)
        entries = {entry.name: entry for entry in suite.entries}
        tasks = {task.id: task for task in suite.tasks}
        task = tasks.get(f"{record.task}/{record.regime}")
        known = record.profile in {one.name for one in suite.profiles}
        if task is not None and known and record.method in entries:
            profile = profile_of(suite, record.profile)
            given = set(resolution.resolved(profile, entries[record.method], task).settings)
    ours = {name: value for name, value in record.settings.items() if name in given}
    own = {name: value for name, value in record.settings.items() if name not in given}
    if not ours:
        return _pairs(own)
    return _pairs(ours) + (f"; the method's own: {_pairs(own)}" if own else "")


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in values.items())


def _took(record: Record) -> str:
    parts = [duration(record.wall_seconds)]
    if record.steps:
        parts.append(f"{record.steps:,} updates")
    if record.parameters:
        parts.append(f"{record.parameters:,} parameters")
    if record.peak_memory_bytes:
        parts.append(f"{record.peak_memory_bytes / 2**20:,.0f} MiB at most")
    return ", ".join(parts)


def _made(record: Record) -> str:
    where, packages = record.environment, record.environment.get("packages") or {}
    parts = [f"{record.created:%Y-%m-%d %H:%M} UTC"]
    if where.get("device_name"):
        parts.append(f"{where.get('device', '')}: {where['device_name']}".lstrip(": "))
    if where.get("threads"):
        parts.append(f"{where['threads']} thread" + "s" * (where["threads"] > 1))
    if where.get("bfloat16") and record.settings.get("mixed_precision"):
        parts.append("in bfloat16")
    parts += [f"{name} {packages[name]}" for name in ("torch",) if packages.get(name)]
    if where.get("commit"):
        commit, _, changes = str(where["commit"]).partition("+")
        parts.append(f"commit {commit[:10]}" + (f" with {changes}" if changes else ""))
    return ", ".join([*parts, f"key {record.key}"])


def pictures(path: Path, sources: DataSources = DEFAULT) -> list[str]:
    """Draw the task's pictures of a record; a line for each file, and for each failure.

    path: the record's file. Its outputs and illustrations, where they were kept, lie beside it.
    """
    from benchmarks.pictures.drawing import draw

    record = read(path)
    if record.status != "done" or record.suite not in registry.suites():
        return []
    tasks = {task.id: task for task in registry.suite(record.suite).tasks}
    task = tasks.get(f"{record.task}/{record.regime}")
    if task is None or not task.draws:
        return []
    try:
        reason = task.skip(sources)
        data = task.load(record.seed, sources) if reason is None else None
    except DataError as error:
        reason, data = str(error), None
    if data is None:
        return [f"no pictures: {reason}"]
    if data.fingerprint != record.fingerprint:
        return ["no pictures: the data that are here are not those of the record."]
    kept = path.with_name(record.outputs) if record.outputs else None
    outputs = read_outputs(kept) if kept and kept.is_file() else {}
    shown = read_illustrations(path.with_name(record.illustrations)) if record.illustrations else {}
    drawn, problems = draw(task, outputs, data, record.explanation, shown, path)
    if not outputs:
        problems.append("the outputs are not beside the record: only what needs none is drawn.")
    if record.illustrations and not shown:
        problems.append("no whole illustrations beside the record: only what needs none is drawn.")
    return [*(str(one) for one in drawn), *problems]

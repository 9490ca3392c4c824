"""The `list` verb."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks import registry

KINDS = ("suites", "tasks", "methods", "profiles", "datasets")


def render(what: str) -> str:
    """The names of one kind, or of all, with a line on each."""
    if what not in (*KINDS, "all"):
        raise registry.unknown("list", what, (*KINDS, "all"))
    sections = []
    for kind in KINDS if what == "all" else (what,):
        rows = list(_rows(kind))
        width = max(len(name) for name, _ in rows)
        lines = [f"  {name.ljust(width)}  {text}".rstrip() for name, text in rows]
        sections.append("\n".join([f"{kind}:", *lines]))
    return "\n\n".join(sections)


def _rows(kind: str) -> Iterable[tuple[str, str]]:
    if kind == "datasets":
        import symdata

        for name in symdata.names():
            source = symdata.dataset(name)
            some, *others = source.configs
            configs = f"{len(source.configs)} configurations, such as {some}" if others else some
            yield name, f"{source.description} ({configs})"
        return
    for name in registry.suites():
        suite = registry.suite(name)
        if kind == "suites":
            yield suite.name, f"{suite.title}; {suite.source}"
        elif kind == "tasks":
            for task in suite.tasks:
                chance = task.score.chance
                known = f", chance {100 * chance:.0f} %" if chance is not None else ""
                yield task.id, f"{suite.name}; {task.score.name}{known}"
        elif kind == "methods":
            for entry in registry.offered(suite).values():
                yield entry.name, f"{entry.kind}: {entry.summary}" if entry.summary else entry.kind
        else:
            for profile in suite.profiles:
                entries = [entry for entry in suite.entries if entry.name in profile.methods]
                pairs = sum(entry.runs_on(task) for entry in entries for task in profile.tasks)
                cells = pairs * profile.seeds
                yield profile.name, f"{suite.name}; {cells} cells: {profile.summary}"

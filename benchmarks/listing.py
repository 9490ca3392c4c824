"""The `list` verb: names with a line on each, and the settings of methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchmarks import deviations, registry

if TYPE_CHECKING:
    from benchmarks.plan import Choice, Filters
    from benchmarks.protocol import Budget, Entry, Task

KINDS = ("suites", "tasks", "methods", "profiles", "datasets")


def render(what: str) -> str:
    """The names of one kind, or of all, with a line on each."""
    if what == "deviations":
        return deviations.page()
    if what not in (*KINDS, "all"):
        raise registry.unknown("list", what, (*KINDS, "settings", "deviations", "all"))
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


def settings(filters: Filters) -> str:
    """Every setting of the selected methods on each task, its value and where it comes from.

    Tasks with equal settings share a section. The methods are imported.
    """
    from benchmarks import plan

    chosen = plan.choices(filters)
    sections = []
    for choice in chosen:
        for entry in choice.entries:
            tasks: dict[str, list[str]] = {}
            for task in choice.tasks:
                if entry.runs_on(task.id):
                    tasks.setdefault(_settings(choice, entry, task), []).append(task.id)
            for text, names in tasks.items():
                where = f"in {choice.profile.name} ({choice.suite.name})"
                sections.append(f"{entry.name} on {', '.join(names)} {where}:\n{text}")
    if not sections:
        raise plan.nothing(chosen, {})
    return "\n\n".join(sections)


def _settings(choice: Choice, entry: Entry, task: Task) -> str:
    """A line for each setting, one for the budget, and a pointer to the page with the reasons."""
    from dataclasses import fields

    from benchmarks import resolution, runner

    made = runner.settings_of(resolution.resolved(choice.profile, entry, task))
    origins = {
        name: layer.origin
        for layer in resolution.layers(choice.profile, entry, task)
        for name in layer.settings
    }
    rows = [
        (one.name, resolution.written(getattr(made, one.name)), origins.get(one.name, "default"))
        for one in fields(made)
    ]
    rows.append(
        ("budget", _budget(choice.profile.budget(entry, task)), f"profile {choice.profile.name}")
    )
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"  {name:{names}}  {value:{values}}  {origin}" for name, value, origin in rows]
    return "\n".join(
        [*lines, f"  {entry.path}; for reasons see docs/settings.md, {choice.suite.name}"]
    )


def _budget(budget: Budget) -> str:
    length = f"{budget.steps:,} updates" if budget.steps is not None else f"{budget.epochs} epochs"
    tested = "" if budget.evaluate_on is None else f", {budget.evaluate_on:,} test examples"
    return f"{length}, batches of {budget.batch_size}{tested}"

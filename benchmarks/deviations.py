"""Deviations of methods from their papers, as the docstrings of their classes tell them.

A class has a section "Deviations:" with one item a deviation, or the line "Deviations: none
known."; sections of its bases count too.
"""

from __future__ import annotations

import re

from benchmarks import registry, sources

# Kinds of entries that stand for something published.
PUBLISHED = ("method", "baseline")
NOT_STATED = "not stated"


def stated(docstring: str) -> list[str] | None:
    """The items of a docstring's section; empty for "none known.", None where there is no section.

    Raises ValueError where the section has neither.
    """
    found = re.search(r"^Deviations:(.*)\n?((?:[ \t]+\S.*\n?|[ \t]*\n)*)", docstring, re.MULTILINE)
    if found is None:
        return None
    if found[1].strip():
        if found[1].strip() != "none known.":
            raise ValueError(f'"Deviations:{found[1]}"; write "none known." or items below it')
        return []
    items = [" ".join(item.split()) for item in re.split(r"^\s*- ", found[2], flags=re.MULTILINE)]
    if items[0] or len(items) < 2:
        raise ValueError('a section "Deviations:" has items that begin with "- "')
    return items[1:]


def of_class(path: str) -> list[str]:
    """The deviations of the class at `module:Class`, its bases' last, or what stands for none."""
    sections = [found for text in sources.docstrings(path) if (found := stated(text)) is not None]
    if not sections:
        return [NOT_STATED]
    return [item for items in sections for item in items] or ["none known"]


def page() -> str:
    """The tables of all suites as Markdown: the rows of each class, and each of its deviations."""
    parts = []
    for name in registry.SUITES:
        suite = registry.suite(name)
        rows: dict[str, list[str]] = {}
        for entry in suite.entries:
            if entry.kind in PUBLISHED:
                rows.setdefault(entry.path, []).append(f"`{entry.name}`")
        lines = [f"## {suite.title}", "", "| rows | deviation |", "| --- | --- |"]
        for path, names in rows.items():
            for number, item in enumerate(of_class(path)):
                shown = "" if number else ", ".join(names)
                lines.append(f"| {shown} | {item.replace('|', chr(92) + '|')} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)

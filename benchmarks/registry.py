"""The registry of suites and methods by name; each is imported when it is used.

A suite is part of symbench or comes from the entry point group `symbench.suites` of an installed
package; a method comes from a suite's entries, from the group `symbench.methods`, or directly from
`package.module:Class` or `path/to/file.py:Class`.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import namesakes
from benchmarks.protocol import Entry, Suite, SymbenchError
from benchmarks.scripts import importing
from symdata import DataError
from symdata.registration import loaded, points, registered

SUITES = {
    "abstract_rules": "benchmarks.suites.abstract_rules:SUITE",
    "trajectories": "benchmarks.suites.trajectories:SUITE",
    "scenes": "benchmarks.suites.scenes:SUITE",
    "symbolic_sequences": "benchmarks.suites.symbolic_sequences:SUITE",
}
METHOD_POINTS, SUITE_POINTS = "symbench.methods", "symbench.suites"


def unknown(what: str, name: str, known: Iterable[str]) -> SymbenchError:
    """The error for an unknown name, which offers the nearest names, or else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"there are: {', '.join(names)}."
    return SymbenchError(f"no {what} '{name}'; {hint}")


def matching(what: str, patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names that any of the patterns (exact or globs) selects, in the order of `names`."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise unknown(what, pattern, names)
    return [name for name in names if any(fnmatchcase(name, p) for p in patterns)]


def suites() -> dict[str, str]:
    """The names of all suites, those of symbench first, each with the path of its `Suite`."""
    return registered(SUITE_POINTS, SUITES)


@cache
def suite(name: str) -> Suite:
    """The suite of this name."""
    known = suites()
    if name not in known:
        raise unknown("suite", name, known)
    found: Suite = loaded(known[name], Suite, f"suite '{name}'")
    if found.name != name:
        raise SymbenchError(f"suite '{name}' calls itself '{found.name}': the names must be one.")
    return found


def find_suite(name: str) -> Suite | None:
    """The suite of this name; None where there is none, or none that can be loaded.

    Records outlive suites: those of an older version, or of a package that is gone or broken.
    """
    try:
        return suite(name) if name in suites() else None
    except (DataError, SymbenchError):
        return None


def task_order() -> list[str]:
    """The names of all tasks, as their suites list them."""
    known = (find_suite(name) for name in suites())
    return list(dict.fromkeys(task.name for one in known if one for task in one.tasks))


def installed() -> tuple[Entry, ...]:
    """Methods that installed packages register under `symbench.methods`."""
    return tuple(
        Entry(point.name, point.value, summary=f"from {point.dist.name}" if point.dist else "")
        for point in points(METHOD_POINTS)
    )


def offered(within: Suite) -> dict[str, Entry]:
    """The entries that can be asked for by name: those of the suite and of installed packages."""
    registered(METHOD_POINTS, {entry.name: entry.path for entry in within.entries})
    return {entry.name: entry for entry in (*installed(), *within.entries)}


def entries(within: Suite, patterns: Sequence[str]) -> list[Entry]:
    """The entries that the patterns select: names, globs, `module:Class` or `file.py:Class`."""
    known = offered(within)
    paths = [pattern for pattern in patterns if ":" in pattern]
    named = [pattern for pattern in patterns if ":" not in pattern]
    chosen = [known[name] for name in matching("method", named, list(known))] if named else []
    for path in paths:
        load_class(path)  # fails at once, with one line, where the path cannot be imported
        chosen.append(Entry(path.rpartition(":")[2], path))
    names = [entry.name for entry in chosen]
    for name in names:
        if names.count(name) > 1:
            raise SymbenchError(f"two methods are called '{name}'; run them one at a time.")
    return chosen


def load_class(path: str) -> Any:
    """The class at `package.module:Class` or `path/to/file.py:Class`, checked for the protocol."""
    location, _, name = path.rpartition(":")
    if not location or not name:
        raise SymbenchError(f"'{path}' is no method; write package.module:Class or file.py:Class.")
    with importing(location):
        module = _load_file(Path(location)) if location.endswith(".py") else _load_module(location)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [n for n, v in vars(module).items() if isinstance(v, type)]
        raise unknown(f"class in {location}", name, classes)
    missing = [part for part in ("Settings", "fit", "evaluate") if not hasattr(found, part)]
    if missing:
        raise SymbenchError(f"{path} is no method: it has no {', '.join(missing)}.")
    return found


def _load_module(name: str) -> ModuleType:
    if name in ("__main__", "__mp_main__"):
        script = Path(getattr(sys.modules[name], "__file__", None) or "my_script.py").name
        raise SymbenchError(f"'{name}' has no name in other processes; write {script}:Class.")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        hint = namesakes.hint(error, Path())
        raise SymbenchError(
            f"cannot import '{name}': there is no module '{error.name}'{hint}."
        ) from None


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise SymbenchError(f"no file '{path}'; give path/to/file.py:Class.")
    # The module's name follows from the path, so that worker processes unpickle the same classes.
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"symbench_file_{path.stem}_{digest}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        # Files beside it can be imported, whatever the working folder; last, so that they hide
        # nothing.
        folder = str(path.resolve().parent)
        if folder not in sys.path:
            sys.path.append(folder)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            if isinstance(error, SymbenchError):
                raise error.with_traceback(None) from None
            hint = namesakes.hint(error, path.parent)
            raise SymbenchError(f"{path} cannot be imported: {error!r}{hint}.") from error
    return sys.modules[name]

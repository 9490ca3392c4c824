"""The registry of suites and methods by name; each is imported when it is used.

A suite is part of symbench or comes from the entry point group `symbench.suites` of an installed
package; a method comes from a suite's entries, from the group `symbench.methods`, or directly from
`package.module:Class` or `path/to/file.py:Class`, which `name=path` gives a name of its own.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import beside, namesakes
from benchmarks.protocol import Entry, Suite, SymbenchError
from benchmarks.scripts import importing
from benchmarks.sources import FILE
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
    hint = f"there are: {', '.join(names)}." if names else "there is none."
    if near:
        hint = f"did you mean {', '.join(near)}?"
    elif what == "method" and name.endswith(".py"):
        hint = f"write {name}:Class for a class in this file."
    return SymbenchError(f"no {what} '{name}'; {hint}")


def why(error: BaseException) -> str:
    """The cause of a failed import in a line; of a wrong syntax, the file and the line of it."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{Path(error.filename).name}, line {error.lineno}: {error.msg}"
    text = " ".join(str(error).split())
    if "null bytes" in text:
        text += "; save the file as UTF-8"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


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
    """The entries that the patterns select: names, globs, `module:Class` or `file.py:Class`.

    `name=file.py:Class` makes an entry of that name; without one, its name is that of the class,
    after those of file and folders (`file.Class`) where there is another method of this name.
    """
    known = offered(within)
    named = [pattern for pattern in patterns if ":" not in pattern]
    chosen = [known[name] for name in matching("method", named, list(known))] if named else []
    asked = [_name_and_path(pattern) for pattern in patterns if ":" in pattern]
    candidates = [[name] if name else _names_of(path) for name, path in asked]
    for (name, path), own in zip(asked, candidates, strict=True):
        try_class(path)  # fails at once, with one line, where the path cannot be imported
        if name in known and known[name].path == path:
            chosen.append(known[name])
            continue
        others = [other for other in candidates if other is not own and not (name and other[1:])]
        taken = set(known).union(*others)
        free = next((one for one in own if one not in taken), "")
        if not free:
            raise SymbenchError(
                f"two methods are called '{own[0]}'; give one a name: --method other={path}."
            )
        chosen.append(Entry(free, path))
    return chosen


def _name_and_path(pattern: str) -> tuple[str, str]:
    """The name, "" where there is none, and the path of `name=path`; a file's may hold an "="."""
    name, equals, path = pattern.partition("=")
    if not equals or Path(pattern.rpartition(":")[0]).is_file() or "/" in name or ":" in name:
        return "", pattern
    if not re.fullmatch(r"[\w.+-]+", name):
        raise SymbenchError(f"'{name}' is no name for {path}; take letters, digits and . _ + -")
    return name, path


def _names_of(path: str) -> list[str]:
    """The names that a class may bear: `Class`, `file.Class`, `folder.file.Class` and so on."""
    location, _, name = path.rpartition(":")
    parts = location.split(".")
    if location.endswith(".py"):
        parts = list(Path(location).resolve().with_suffix("").parts[1:])
    return [".".join([*parts[start:], name]) for start in range(len(parts), -1, -1)]


def try_class(path: str) -> None:
    """Load the class at a path, and undo what its import changes in the process."""
    from benchmarks.isolation import undisturbed  # takes NumPy, which most verbs do without

    make_reachable(path)  # first, as it changes `sys.path` for longer
    with undisturbed():
        load_class(path)


def load_class(path: str) -> Any:
    """The class at `package.module:Class` or `path/to/file.py:Class`, checked for the protocol."""
    location, _, name = path.rpartition(":")
    if not location or not name:
        raise SymbenchError(f"'{path}' is no method; write package.module:Class or file.py:Class.")
    if any("\udc80" <= sign <= "\udcff" for sign in path):  # octets of another encoding
        raise SymbenchError(f"the name {path!a} is not in UTF-8; rename the file or folder.")
    make_reachable(path)
    with importing(location):
        if location.endswith(".py"):
            module = _load_file(Path(location), name)
        else:
            module = _load_module(location)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [n for n, v in vars(module).items() if isinstance(v, type)]
        raise unknown(f"class in {location}", name, classes)
    missing = [part for part in ("Settings", "fit", "evaluate") if not hasattr(found, part)]
    if missing:
        raise SymbenchError(f"{path} is no method: it has no {', '.join(missing)}.")
    return found


def make_reachable(path: str) -> None:
    """Let files beside `file.py:Class` be imported, whatever the working folder, and no others."""
    location = path.rpartition(":")[0]
    beside.reach(Path(location) if location.endswith(".py") else None)


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
    except (KeyboardInterrupt, SymbenchError):
        raise
    except BaseException as error:
        raise _unimportable(f"module {name}", error, Path()) from error


def _load_file(path: Path, wanted: str) -> ModuleType:
    if not path.is_file():
        raise SymbenchError(f"no file '{path}'; give path/to/file.py:Class.")
    name = _module_of(path)
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            sys.modules.pop(name, None)
            if isinstance(error, SymbenchError):
                raise error.with_traceback(None) from None
            if isinstance(error, KeyboardInterrupt):
                raise
            if isinstance(error, ImportError) and "relative import" in str(error):
                raise _inside_a_package(path, wanted) from None
            raise _unimportable(str(path), error, path.parent) from error
    return sys.modules[name]


def _module_of(path: Path) -> str:
    """The module's name of a file, the same in all processes, so that they unpickle its classes."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    return f"{FILE}{re.sub('[^a-zA-Z0-9]', '_', path.stem)}_{digest}"


def forget(path: str) -> None:
    """Have the file of `file.py:Class`, and those beside it, imported anew when they are used."""
    if path.rpartition(":")[0].endswith(".py"):
        beside.forget()


def _unimportable(what: str, error: BaseException, folder: Path) -> SymbenchError:
    """The error for code that fails when it is imported; folder: that in which it lies."""
    ends = " (it ends the program)" if isinstance(error, SystemExit) else ""
    hint = namesakes.hint(error, folder)
    return SymbenchError(f"{what} cannot be imported ({why(error)}){ends}{hint}.")


def _inside_a_package(path: Path, wanted: str) -> SymbenchError:
    """The error for a file that imports from the package around it: how to name the class."""
    folder, parts = path.resolve().parent, [path.stem]
    while not parts[1:] or (folder / "__init__.py").is_file():
        folder, parts = folder.parent, [folder.name, *parts]
    method = f"{'.'.join(parts)}:{wanted}"
    where = "" if folder == Path.cwd() else f", and start in {folder}"
    return SymbenchError(f"{path} imports from the package around it: write {method}{where}.")

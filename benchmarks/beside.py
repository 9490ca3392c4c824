"""Modules that lie beside a method's file, found before others of their name.

The files of two methods may each have a `utils.py` beside them: each gets its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from benchmarks.sources import FILE

# Packages that code of ours imports late, and that no file beside a method may hide.
KEPT = {"benchmarks", "baselines", "methods", "leaderboard", "symdata", "datasets"}


class _Finder(MetaPathFinder):
    """Finds modules in one folder, and remembers those that are found in no other way."""

    def __init__(self) -> None:
        self.folder, self.found, self.folders = "", set[str](), set[str]()
        self.added = False  # whether the folder is in `sys.path` for the method's sake alone

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of the folder; those of Python and of `KEPT` are found elsewhere."""
        if not self.folder or path is not None or name in KEPT | sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(name, [self.folder])
        if spec is None or spec.origin is None:  # a folder that is no package hides nothing
            return None
        usual = PathFinder.find_spec(name, [one for one in sys.path if one != self.folder])
        if usual is None or usual.origin != spec.origin:
            self.found.add(name)
        return spec


_finder = _Finder()


def reach(file: Path | None) -> None:
    """Let modules beside this file be imported, and those beside the file before no more.

    file: None where nothing lies beside. The folder also comes last in `sys.path`, for folders
    without `__init__.py` and for processes that start anew.
    """
    folder = str(file.resolve().parent) if file is not None else ""
    if folder != _finder.folder:
        forget()
        if _finder.added and _finder.folder in sys.path:
            sys.path.remove(_finder.folder)
        _finder.folder, _finder.added = folder, False
        # Those of the working folder may have come beside another file, and bear the same names.
        _remove(name for name in _names(folder) if _home(name) in _finder.folders - {folder, ""})
        _finder.folders.add(folder)
    if folder and folder not in [str(Path(one).resolve()) for one in sys.path]:
        sys.path.append(folder)
        _finder.added = True
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def forget() -> None:
    """Have the modules beside the file imported anew when they are used, and what uses them too."""
    loose = [
        name
        for name, module in list(sys.modules.items())
        if _finder.added
        and getattr(module, "__file__", None) is None
        and _home(name) == _finder.folder
    ]
    _remove(_finder.found.union(loose) - KEPT)
    _finder.found.clear()
    for name in [name for name in sys.modules if name.startswith(FILE)]:
        del sys.modules[name]


def _remove(names: Iterable[str]) -> None:
    """Remove modules and those within them."""
    tops = set(names)
    for name in list(sys.modules):
        if name.partition(".")[0] in tops:
            del sys.modules[name]


def _names(folder: str) -> set[str]:
    """The names of loaded modules that a folder holds too."""
    if not folder or not Path(folder).is_dir():
        return set()
    return {path.stem for path in Path(folder).iterdir()} & set(sys.modules)


def _home(name: str) -> str:
    """The folder in which a loaded module lies; "" where it is not known."""
    module = sys.modules[name]
    places = list(getattr(module, "__path__", ())) or [getattr(module, "__file__", None)]
    return str(Path(places[0]).parent) if places[0] else ""

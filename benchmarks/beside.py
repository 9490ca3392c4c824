"""Modules that lie beside a method's file, found before others of their name.

The files of two methods may each have a `utils.py` beside them: each gets its own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from benchmarks.sources import FILE

# Packages that code of ours imports late, and that no file beside a method may hide.
KEPT = {"benchmarks", "baselines", "methods", "leaderboard", "symdata", "datasets"}


class _Finder(MetaPathFinder):
    """Finds modules in one folder, and remembers which."""

    def __init__(self) -> None:
        self.folder, self.found = "", set[str]()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of the folder; those of Python and of `KEPT` are found elsewhere."""
        if not self.folder or path is not None or name in KEPT | sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(name, [self.folder])
        if spec is None or spec.origin is None:  # a folder that is no package hides nothing
            return None
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
        if _finder.folder in sys.path[1:]:
            sys.path.remove(_finder.folder)
        _finder.folder = folder
    if folder and folder not in sys.path:
        sys.path.append(folder)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def forget() -> None:
    """Have the modules beside the file imported anew when they are used, and what uses them too."""
    loose = {
        name
        for name, module in list(sys.modules.items())
        if getattr(module, "__file__", None) is None
        and _finder.folder in [str(Path(one).parent) for one in getattr(module, "__path__", ())]
    }
    tops = _finder.found | (loose - KEPT)
    for name in list(sys.modules):
        if name.partition(".")[0] in tops or name.startswith(FILE):
            del sys.modules[name]
    _finder.found.clear()

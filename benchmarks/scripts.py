"""Users' scripts, which are imported again while they run: by a setting or `--method` that names
the script's own file, and by each worker process that Python starts.

A script that trains wherever it is imported would begin again in each import, without end.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from benchmarks.errors import SymbenchError

_importing: list[str] = []


def _asks_for_guard(what: str) -> SymbenchError:
    return SymbenchError(
        f'{what}; put what it does when it is started below `if __name__ == "__main__":`.'
    )


@contextmanager
def importing(location: str) -> Iterator[None]:
    """A block that imports `path/to/file.py` or `package.module`.

    Raises where the file or module, while it is being imported, asks to be imported.
    """
    place = str(Path(location).resolve()) if location.endswith(".py") else location
    if place in _importing:
        what = f"{location} runs while it is being imported, and imports itself again"
        raise _asks_for_guard(what)
    _importing.append(place)
    try:
        yield
    finally:
        _importing.remove(place)


def refuse_import_by_worker() -> None:
    """Raise where this process is a worker that is still importing the script which started it."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        script = Path(getattr(sys.modules["__main__"], "__file__", None) or sys.argv[0]).name
        raise _asks_for_guard(f"{script} runs in each worker process that it starts")


@contextmanager
def main_module_hidden() -> Iterator[None]:
    """A block in which started processes do not import the script; workers of ours need none of it.

    Python's `spawn` reads the place of the script from the module `__main__`.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script

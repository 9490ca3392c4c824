"""Folders and files of a user's that bear the name of a package which symbench imports."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from benchmarks.errors import SymbenchError

ROOT = Path(__file__).resolve().parents[1]
OURS = ("benchmarks", "methods", "baselines", "leaderboard")
# Hugging Face's package, and a file in it that tells it from other packages of this name.
THEIRS, TELLING = "datasets", "arrow_dataset.py"


def reach_working_folder() -> None:
    """Let modules of the working folder be imported, as `python -m` does by itself.

    They come last, and so hide nothing.
    """
    with suppress(FileNotFoundError):
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.append(here)


def refuse() -> None:
    """Raise where Python would import a user's folder or file in place of one of the packages.

    A folder without `__init__.py` never comes before a package, wherever it lies.
    """
    for name in (*OURS, THEIRS):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            continue
        file = Path(spec.origin).resolve()
        place = file.parent if file.name == "__init__.py" else file
        if (place / TELLING).is_file() if name == THEIRS else place == ROOT / name:
            continue
        raise SymbenchError(
            f"{place} lies in the way of {_owner(name)} package '{name}'; rename it, or take "
            f"{place.parent} out of PYTHONPATH."
        )


def hint(error: BaseException, folder: Path) -> str:
    """Advice where a user's code misses a module since a package has its name; "" for all else."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    if name not in (*OURS, THEIRS):
        return ""
    for place in (folder / name, folder / f"{name}.py"):
        if place.exists():
            return f" ({_owner(name)} package '{name}' comes before {place.resolve()}; rename that)"
    return ""


def _owner(name: str) -> str:
    return "Hugging Face's" if name == THEIRS else "symbench's"

"""Options that several verbs of the command line share, and how examples are shown.

Nothing else in the package reads the environment variables that say where data lie: `data_sources`
makes one object of them and of the options, which is handed on, to worker processes too.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.errors import SymbenchError
from benchmarks.program import typed
from symdata.sources import DEFAULT, DataSources

# Where datasets that users bring are looked for, whose handwritten digits the scenes are made of,
# where CIFAR-10 is read from, and where what is slow to make is kept.
DATA_VARIABLE = "SYMBENCH_DATA"
DIGITS_VARIABLE = "SYMBENCH_DIGITS"
CIFAR10_VARIABLE = "SYMBENCH_CIFAR10"
CACHE_VARIABLE = "SYMBENCH_CACHE"

DIGITS = ("sklearn", "mnist")


def data_sources(
    data_root: Path | None = None, digits: str | None = None, cifar10: str | None = None
) -> DataSources:
    """Where data lie, by these options; where one is not given, by its environment variable."""
    root, cache = data_root or os.environ.get(DATA_VARIABLE), os.environ.get(CACHE_VARIABLE)
    return DataSources(
        root=Path(root) if root else None,
        digits=digits or os.environ.get(DIGITS_VARIABLE) or DEFAULT.digits,
        cifar10=cifar10 or os.environ.get(CIFAR10_VARIABLE) or None,
        cache=Path(cache).expanduser() if cache else DEFAULT.cache,
    )


def root_given(folder: Path | None) -> Path | None:
    """The folder of `--data-root`, which must be there."""
    if folder is None:
        return None
    if not folder.is_dir():
        raise SymbenchError(f"no folder --data-root '{folder}'; give one that holds the datasets.")
    return folder.resolve()


DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        help=f"Where datasets lie that you bring; else ${DATA_VARIABLE}.",
        callback=root_given,
    ),
]


def digits_given(value: str | None) -> str | None:
    """What `--digits` says: a name that is known, or a folder."""
    if value is None or value in DIGITS:
        return value
    if not Path(value).is_dir():
        raise SymbenchError(
            f"--digits '{value}' is not known; there are: {', '.join(DIGITS)}, or a folder that "
            "holds MNIST."
        )
    return str(Path(value).resolve())


Digits = Annotated[
    str | None,
    typer.Option(
        "--digits",
        metavar="NAME",
        help=f"Digits of the scenes: sklearn, mnist or a folder of MNIST; else ${DIGITS_VARIABLE}.",
        callback=digits_given,
    ),
]


def cifar10_given(value: str | None) -> str | None:
    """What `--cifar10` says: the hub, or a folder."""
    if value is None or value == "hub":
        return value
    if not Path(value).is_dir():
        raise SymbenchError(
            f"--cifar10 '{value}' is not known; there are: hub, or a folder that holds CIFAR-10."
        )
    return str(Path(value).resolve())


Cifar10 = Annotated[
    str | None,
    typer.Option(
        "--cifar10",
        metavar="NAME",
        help=f"CIFAR-10: hub, or a folder with a copy; else ${CIFAR10_VARIABLE}.",
        callback=cifar10_given,
    ),
]

Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of the records.")]
ProfileName = Annotated[
    str, typer.Option(metavar="NAME", help="smoke, quick or paper; see `list profiles`.")
]

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change a setting of each method; several values of one make several rows.",
    ),
]
OnlySuites = Annotated[
    list[str] | None, typer.Option("--suite", metavar="NAME", help="Only these suites (globs).")
]
OnlyProfiles = Annotated[
    list[str] | None, typer.Option("--profile", metavar="NAME", help="Only these profiles (globs).")
]


class Format(StrEnum):
    """How a table is written."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    CSV = "csv"


class FailOn(StrEnum):
    """What makes `compare` exit with 1."""

    WORSE = "worse"
    MISSING = "missing"
    NEVER = "never"


def example(*lines: str) -> str:
    """The end of a verb's help."""
    title = "Examples" if len(lines) > 1 else "Example"
    return typed("\b\n" + "\n".join([f"{title}:", *(f"  {line}" for line in lines)]))

"""Options that several verbs of the command line share, and the examples at the end of their help.

No other module reads the environment variables that say where data lie: `data_sources` makes one
object of them and of the options, which is handed on, to worker processes too.
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

# Environment variables: the folder of datasets that users bring, the handwritten digits of which
# scenes are made, the place of CIFAR-10, and the cache of results that are slow to make.
DATA_VARIABLE = "SYMBENCH_DATA"
DIGITS_VARIABLE = "SYMBENCH_DIGITS"
CIFAR10_VARIABLE = "SYMBENCH_CIFAR10"
CACHE_VARIABLE = "SYMBENCH_CACHE"

DIGITS = ("sklearn", "mnist")


def data_sources(
    data_root: Path | None = None, digits: str | None = None, cifar10: str | None = None
) -> DataSources:
    """The places of the data by these options; an option that is missing gives way to its variable.

    The variable of `data_root` is `DATA_VARIABLE`, that of `digits` `DIGITS_VARIABLE`, that of
    `cifar10` `CIFAR10_VARIABLE`.
    """
    root, cache = data_root or os.environ.get(DATA_VARIABLE), os.environ.get(CACHE_VARIABLE)
    return DataSources(
        root=Path(root).resolve() if root else None,  # a method may change the working folder
        digits=digits or os.environ.get(DIGITS_VARIABLE) or DEFAULT.digits,
        cifar10=cifar10 or os.environ.get(CIFAR10_VARIABLE) or None,
        cache=Path(cache).expanduser().resolve() if cache else DEFAULT.cache,
    )


def root_given(folder: Path | None) -> Path | None:
    """The value of `--data-root` as an absolute path; raises where there is no such folder."""
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
    """The value of `--digits`, a known name or a folder; raises for anything else."""
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
    """The value of `--cifar10`, "hub" or a folder; raises for anything else."""
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

Seeds = Annotated[
    str | None,
    typer.Option(metavar="SEEDS", help="How many (5) or which (0,3 or 10-19); else the profile's."),
]
Seed = Annotated[
    list[int] | None, typer.Option(metavar="N", help="One seed; repeat it for more.", min=0)
]
Jobs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Worker processes; 0: this process. Default: one a core, or one a GPU.",
        min=0,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="End a cell, as failed, after so long.", min=0),
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


Summary = Annotated[bool, typer.Option("--summary", help="One row a method, one column a task.")]
Throughput = Annotated[
    bool, typer.Option("--throughput", help="Speed and memory in place of scores.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME", help="Further scores to show too (globs)."),
]


class Format(StrEnum):
    """Formats in which a table can be written."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    CSV = "csv"


class FailOn(StrEnum):
    """Findings that make `compare` exit with 1."""

    WORSE = "worse"
    MISSING = "missing"
    NEVER = "never"


def example(*lines: str) -> str:
    """Text for the end of a verb's help: commands that a reader can copy."""
    title = "Examples" if len(lines) > 1 else "Example"
    return typed("\b\n" + "\n".join([f"{title}:", *(f"  {line}" for line in lines)]))

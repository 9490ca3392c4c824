"""What several verbs of the command line share: an option, and how examples are shown."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.errors import SymbenchError
from benchmarks.program import typed

# Where datasets that users bring are looked for; `symdata.root` reads it, and so do workers.
DATA_VARIABLE = "SYMBENCH_DATA"
# Whose handwritten digits the scenes are made of; `symdata.digits` reads it, and so do workers.
DIGITS_VARIABLE = "SYMBENCH_DIGITS"
DIGITS = ("sklearn", "mnist")
# Where CIFAR-10 is read from; `symdata.cifar10` reads it, and so do workers.
CIFAR10_VARIABLE = "SYMBENCH_CIFAR10"


def use_data_root(folder: Path | None) -> Path | None:
    """Look for datasets below this folder, here and in worker processes."""
    if folder is None:
        return None
    if not folder.is_dir():
        raise SymbenchError(f"no folder --data-root '{folder}'; give one that holds the datasets.")
    os.environ[DATA_VARIABLE] = str(folder.resolve())
    return folder


DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        help=f"Where datasets lie that you bring; else ${DATA_VARIABLE}.",
        callback=use_data_root,
    ),
]


def use_digits(value: str | None) -> str | None:
    """Make scenes of these digits, here and in worker processes."""
    if value is None or value in DIGITS:
        chosen = value
    elif Path(value).is_dir():
        chosen = str(Path(value).resolve())
    else:
        raise SymbenchError(
            f"--digits '{value}' is not known; there are: {', '.join(DIGITS)}, or a folder that "
            "holds MNIST."
        )
    if chosen is not None:
        os.environ[DIGITS_VARIABLE] = chosen
    return chosen


Digits = Annotated[
    str | None,
    typer.Option(
        "--digits",
        metavar="NAME",
        help=f"Digits of the scenes: sklearn, mnist or a folder of MNIST; else ${DIGITS_VARIABLE}.",
        callback=use_digits,
    ),
]


def use_cifar10(value: str | None) -> str | None:
    """Read CIFAR-10 from the hub or from this folder, here and in worker processes."""
    if value is None or value == "hub":
        chosen = value
    elif Path(value).is_dir():
        chosen = str(Path(value).resolve())
    else:
        raise SymbenchError(
            f"--cifar10 '{value}' is not known; there are: hub, or a folder that holds CIFAR-10."
        )
    if chosen is not None:
        os.environ[CIFAR10_VARIABLE] = chosen
    return chosen


Cifar10 = Annotated[
    str | None,
    typer.Option(
        "--cifar10",
        metavar="NAME",
        help=f"CIFAR-10: hub, or a folder with a copy; else ${CIFAR10_VARIABLE}.",
        callback=use_cifar10,
    ),
]

Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of the records.")]
Profile = Annotated[
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

"""The verbs below `data` on the command line. Each imports modules when it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli_options import (
    DATA_VARIABLE,
    Cifar10,
    DataRoot,
    Digits,
    data_sources,
    example,
)
from benchmarks.errors import SymbenchError
from benchmarks.program import NAME
from benchmarks.terminal import say

data_app = typer.Typer(
    no_args_is_help=True, help="Download, build, publish and verify the datasets."
)


@data_app.command(epilog=example("python -m benchmarks data download calms21 --to raw/calms21"))
def download(
    dataset: Annotated[str, typer.Argument(help="Dataset; see `list datasets`.")],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help=f"Default: ${DATA_VARIABLE}/<dataset>, else raw/<dataset>."
        ),
    ] = None,
    unlabeled: Annotated[
        bool, typer.Option("--unlabeled", help="Also the large split without labels.")
    ] = False,
) -> None:
    """Fetch the files of a dataset that is not generated here, where its licence lets us."""
    from pkgutil import resolve_name

    import symdata

    source = symdata.dataset(dataset)
    if not source.download:
        why = (
            "its files are not ours to fetch; its card (README.md) says where to get them"
            if source.needs or source.unpublished
            else "it is generated here"
        )
        raise SymbenchError(f"there is nothing to download for {dataset}: {why}.")
    folder = to or (data_sources().root or Path("raw")) / dataset
    resolve_name(source.download)(folder, unlabeled=unlabeled)
    if folder.name == dataset:
        say(f"Next: {NAME} run --task {dataset} --data-root {folder.parent}")


@data_app.command(
    epilog=example("python -m benchmarks data build abstract_rules --config same_different_m95")
)
def build(
    dataset: Annotated[str, typer.Argument(help="Dataset; see `list datasets`.")],
    to: Annotated[Path | None, typer.Option(help="Folder; default: data/<dataset>.")] = None,
    config: Annotated[list[str] | None, typer.Option(help="Configurations; else all.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.", min=0)] = 0,
    data_root: DataRoot = None,
    digits: Digits = None,
    cifar10: Cifar10 = None,
) -> None:
    """Write a dataset as Parquet with its card, for `datasets.load_dataset(folder)`."""
    from benchmarks.display import counting
    from symdata import hub

    folder, sources = to or Path("data") / dataset, data_sources(data_root, digits, cifar10)
    with counting(f"building {folder}") as progress:
        hub.build(dataset, folder, config or None, seed, progress, sources)
    say(f"Built {folder}. Next: {NAME} data verify {folder}")


@data_app.command(epilog=example("python -m benchmarks data verify data/abstract_rules"))
def verify(
    folder: Annotated[Path, typer.Argument(help="A folder made by `build`.")],
    data_root: DataRoot = None,
    digits: Digits = None,
    cifar10: Cifar10 = None,
) -> None:
    """Regenerate a built dataset and compare. Exit code 1 where they differ."""
    from benchmarks.display import counting
    from symdata import hub

    with counting(f"verifying {folder}") as progress:
        found = hub.verify(folder, progress, data_sources(data_root, digits, cifar10))
    for config, problems in found.items():
        for problem in problems:
            say(f"{config}: {problem}" if config else problem)
    if any(found.values()):
        raise typer.Exit(1)
    say(f"{folder}: its configurations are what the generator makes.")


@data_app.command(
    epilog=example("python -m benchmarks data publish abstract_rules --repo me/abstract_rules")
)
def publish(
    dataset: Annotated[str, typer.Argument(help="Dataset; see `list datasets`.")],
    repo: Annotated[str, typer.Option(help="user/name on the Hugging Face hub.")],
    config: Annotated[list[str] | None, typer.Option(help="Configurations; else all.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.", min=0)] = 0,
    private: Annotated[bool, typer.Option("--private", help="Not visible to others.")] = False,
    data_root: DataRoot = None,
    digits: Digits = None,
    cifar10: Cifar10 = None,
) -> None:
    """Push a dataset to the Hugging Face hub."""
    from benchmarks.display import counting
    from symdata import publishing

    sources = data_sources(data_root, digits, cifar10)
    with counting(f"publishing {repo}") as progress:
        address = publishing.publish(
            dataset, repo, config or None, seed, private, progress=progress, sources=sources
        )
    say(f"Published {address}")

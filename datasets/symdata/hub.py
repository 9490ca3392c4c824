"""Data sets, by name, as a Hugging Face `DatasetDict` or as a folder in the hub's layout.

    load("abstract_rules", "rmts_m50")                 a DatasetDict, made now
    build("abstract_rules", "folder")                  Parquet + card, for datasets.load_dataset
    verify("folder")                                   the folder against its hashes and a new draw

`symdata.dataset(name).configs` lists the configurations; `symdata.publishing` pushes them to the
hub.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
from datasets.info import DatasetInfosDict
from datasets.splits import SplitDict, SplitInfo
from datasets.table import InMemoryTable
from huggingface_hub import DatasetCard

import symdata
from symdata.content import digest
from symdata.descriptor import DataSet
from symdata.errors import DataError
from symdata.folder import MANIFEST, SCHEMA, replacing
from symdata.sources import DEFAULT, DataSources

Progress = Callable[[str, int, int], None]
"""Function told of progress: configuration ("" at the end), how many are done, of how many."""


def load(
    dataset: str, config: str, seed: int = 0, sources: DataSources = DEFAULT
) -> datasets.DatasetDict:
    """The splits of a configuration as this seed draws them, in memory."""
    data = symdata.dataset(dataset)
    features, tables = data.tables(config, seed, sources)
    info = datasets.DatasetInfo(
        description=data.description,
        features=features,
        dataset_name=data.name,
        config_name=config,
        version=f"{data.version}.0.0",
    )
    name = f"{data.name} {data.version} {config} {seed}"
    return datasets.DatasetDict(
        {
            split: datasets.Dataset(
                InMemoryTable(table),
                info=info.copy(),
                split=datasets.NamedSplit(split),
                # Without a fingerprint, the library would hash the whole table to find one.
                fingerprint=hashlib.sha256(f"{name} {split}".encode()).hexdigest()[:16],
            )
            for split, table in tables.items()
        }
    )


def build(
    dataset: str,
    folder: str | Path,
    configs: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    sources: DataSources = DEFAULT,
) -> Path:
    """Write configurations (all published ones if None) as Parquet with a card.

    The folder appears whole or not at all. One that holds anything but an earlier build is refused.
    """
    data = symdata.dataset(dataset)
    names = chosen(data, configs, sources)
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "dataset": data.name,
        "version": data.version,
        "seed": seed,
        "configs": {},
    }
    declared = {}
    with replacing(folder) as partial:
        for done, config in enumerate(names):
            if progress is not None:
                progress(config, done, len(names))
            splits = {}
            declared[config], tables = data.tables(config, seed, sources)
            for split, table in tables.items():
                path = partial / config / f"{split}-00000-of-00001.parquet"
                path.parent.mkdir(exist_ok=True)
                # Dictionary pages hold each distinct picture once, however often it is shown.
                pq.write_table(table, path, compression="zstd", use_dictionary=True)
                splits[split] = {
                    "file": path.relative_to(partial).as_posix(),
                    "rows": table.num_rows,
                    "bytes": table.nbytes,
                    "sha256": digest(table),
                }
            manifest["configs"][config] = {"settings": data.settings(config), "splits": splits}
        card = listed(card_of(data), manifest, declared)
        (partial / "README.md").write_text(str(card), encoding="utf-8")
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    if progress is not None:
        progress("", len(names), len(names))
    return Path(folder)


def verify(
    folder: str | Path, progress: Progress | None = None, sources: DataSources = DEFAULT
) -> dict[str, list[str]]:
    """Faults of a built folder, by configuration; an empty list means that there are none.

    `symdata.verification` finds them.
    """
    from symdata.verification import verify

    return verify(folder, progress, sources)


def chosen(
    data: DataSet, configs: Sequence[str] | None, sources: DataSources = DEFAULT
) -> list[str]:
    """Names of the configurations asked for (all if None), each once.

    Raises `DataError` where one is unknown or cannot be had here, before anything is written.
    """
    names = list(dict.fromkeys(data.configs if configs is None else configs))
    if not names:
        raise DataError(f"no configurations to write; there are: {', '.join(data.configs)}.")
    for config in names:
        reason = data.missing(config, sources)
        if reason is not None:
            others = " `--config` chooses others." if len(data.configs) > 1 else ""
            raise DataError(f"{config} cannot be made here: {reason}{others}")
    return names


def card_of(data: DataSet) -> DatasetCard:
    """The card that lies in the dataset's package."""
    path = files(data.package) / "README.md"
    if not path.is_file():
        raise DataError(f"{data.name} has no card: write one, {path}.")
    return DatasetCard(path.read_text(encoding="utf-8"))


def listed(
    card: DatasetCard, manifest: dict[str, Any], declared: dict[str, datasets.Features]
) -> DatasetCard:
    """The card with the configurations of a build in its front matter, and their columns."""
    card.data["configs"] = [
        {
            "config_name": config,
            # Without a default, `load_dataset(folder)` would ask for a name.
            **({"default": True} if k == 0 else {}),
            "data_files": [
                {"split": split, "path": written["file"]}
                for split, written in entry["splits"].items()
            ],
        }
        for k, (config, entry) in enumerate(manifest["configs"].items())
    ]
    infos = {}
    for config, entry in manifest["configs"].items():
        splits = SplitDict(dataset_name=manifest["dataset"])
        for split, written in entry["splits"].items():
            splits.add(SplitInfo(split, written["bytes"], written["rows"]))
        infos[config] = datasets.DatasetInfo(features=declared[config], splits=splits)
    DatasetInfosDict(infos).to_dataset_card_data(card.data)
    return card

"""From a dataset's name to a Hugging Face `DatasetDict`, a folder in the hub's layout, or the hub.

    load("abstract_rules", "rmts_m50")                 a DatasetDict, made now
    build("abstract_rules", "folder")                  Parquet + card, for datasets.load_dataset
    verify("folder")                                   the folder against its hashes and a new draw
    publish("abstract_rules", "user/abstract_rules")   to the hub

A configuration is one task in one regime; `symdata.dataset(name).CONFIGS` lists the published ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import pyarrow.parquet as pq
from datasets.info import DatasetInfosDict
from datasets.splits import SplitDict, SplitInfo
from datasets.table import InMemoryTable
from huggingface_hub import DatasetCard

import symdata
from symdata.content import digest
from symdata.errors import DataError
from symdata.folder import MANIFEST, SCHEMA, replacing

if TYPE_CHECKING:
    from symdata import Dataset

Progress = Callable[[str, int, int], None]
"""Called with a configuration, how many are done and how many there are; at the end with ""."""


def load(dataset: str, config: str, seed: int = 0) -> datasets.DatasetDict:
    """The splits of a configuration as this seed draws them, in memory."""
    source = symdata.dataset(dataset)
    tables = source.tables(config, seed)
    info = datasets.DatasetInfo(
        description=source.DESCRIPTION,
        features=source.features(config),
        dataset_name=source.NAME,
        config_name=config,
        version=f"{source.VERSION}.0.0",
    )
    name = f"{source.NAME} {source.VERSION} {config} {seed}"
    return datasets.DatasetDict(
        {
            split: datasets.Dataset(
                InMemoryTable(table),
                info=info.copy(),
                split=datasets.NamedSplit(split),
                # Given, because the library would otherwise hash the whole table to find one.
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
) -> Path:
    """Write configurations (all the published ones where None) as Parquet with a card.

    The folder appears whole or not at all. One that holds anything but an earlier build is refused.
    """
    source = symdata.dataset(dataset)
    chosen = _chosen(source, configs)
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "dataset": source.NAME,
        "version": source.VERSION,
        "seed": seed,
        "configs": {},
    }
    with replacing(folder) as partial:
        for done, config in enumerate(chosen):
            if progress is not None:
                progress(config, done, len(chosen))
            splits = {}
            for split, table in source.tables(config, seed).items():
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
            manifest["configs"][config] = {"settings": source.settings(config), "splits": splits}
        card = _card(source, manifest)
        (partial / "README.md").write_text(str(card), encoding="utf-8")
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    if progress is not None:
        progress("", len(chosen), len(chosen))
    return Path(folder)


def verify(folder: str | Path, progress: Progress | None = None) -> dict[str, list[str]]:
    """What is wrong with a built folder, by configuration; nothing is where a list is empty.

    See `symdata.verification`, which does it.
    """
    from symdata.verification import verify

    return verify(folder, progress)


def publish(
    dataset: str,
    repo_id: str,
    configs: Sequence[str] | None = None,
    seed: int = 0,
    private: bool = False,
    token: str | None = None,
    progress: Progress | None = None,
) -> str:
    """Push configurations to the hub, then the card; returns the dataset's address there.

    See `symdata.publishing`, which does it.
    """
    from symdata.publishing import publish

    source = symdata.dataset(dataset)
    if source.UNPUBLISHED:
        raise DataError(
            f"{dataset} is not published, because {source.UNPUBLISHED}; `build` writes it to a "
            f"folder for your own use."
        )
    chosen = _chosen(source, configs)
    card = _own_card(source)
    return publish(source, card, repo_id, chosen, seed, private, token, progress)


def _chosen(source: Dataset, configs: Sequence[str] | None) -> list[str]:
    """The configurations asked for, each once; the settings of an unknown one raise `DataError`."""
    chosen = list(dict.fromkeys(source.CONFIGS if configs is None else configs))
    if not chosen:
        raise DataError(f"no configurations to write; there are: {', '.join(source.CONFIGS)}.")
    for config in chosen:
        source.settings(config)
        # Asked before anything is written; data sets read from files name them in `NEEDS` instead.
        reason = source.missing(config) if hasattr(source, "missing") else None
        if reason is not None:
            raise DataError(f"{config} cannot be made here: {reason} `--config` chooses others.")
    return chosen


def _own_card(source: Dataset) -> DatasetCard:
    """The card that lies in the dataset's package."""
    package = symdata.DATASETS[source.NAME]
    return DatasetCard((files(package) / "README.md").read_text(encoding="utf-8"))


def _card(source: Dataset, manifest: dict[str, Any]) -> DatasetCard:
    """The package's card, with the configurations of a build in its front matter."""
    card = _own_card(source)
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
        splits = SplitDict(dataset_name=source.NAME)
        for split, written in entry["splits"].items():
            splits.add(SplitInfo(split, written["bytes"], written["rows"]))
        infos[config] = datasets.DatasetInfo(features=source.features(config), splits=splits)
    DatasetInfosDict(infos).to_dataset_card_data(card.data)
    return card

"""Check that a built folder holds what its manifest says and what a new draw gives.

The folder is read as its users read it, with `datasets.load_dataset`.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa

import symdata
from symdata.content import difference, digest
from symdata.descriptor import DataSet
from symdata.errors import DataError
from symdata.folder import MANIFEST, read_manifest
from symdata.sources import DEFAULT, DataSources

FOLDER = "folder"
"""The key of findings that concern no single configuration."""


def verify(
    folder: str | Path,
    progress: Callable[[str, int, int], None] | None = None,
    sources: DataSources = DEFAULT,
) -> dict[str, list[str]]:
    """Findings by configuration, those about the whole under "folder"; empty if all is well."""
    path = Path(folder)
    if not path.is_dir():
        raise DataError(f"there is no folder {path}; `build` makes one.")
    findings: dict[str, list[str]] = {FOLDER: []}
    try:
        manifest = read_manifest(path)
        data = symdata.dataset(manifest["dataset"])
        version, seed, configs = manifest["version"], manifest["seed"], manifest["configs"]
        if version != data.version:
            findings[FOLDER].append(
                f"was built by version {version} of {data.name}, and this is "
                f"version {data.version}: build it anew, or verify with that version."
            )
            return findings
        with _quiet():
            findings[FOLDER] += _names(path, configs)
            for done, (config, entry) in enumerate(configs.items()):
                if progress is not None:
                    progress(config, done, len(configs))
                findings[config] = _config(path, data, config, seed, entry, sources)
            if progress is not None:
                progress("", len(configs), len(configs))
    except DataError as error:
        findings[FOLDER].append(str(error))
    return findings


def _names(path: Path, configs: dict[str, Any]) -> list[str]:
    """Findings where the card offers other configurations than the manifest lists."""
    if not configs:
        return [f"{MANIFEST} lists no configuration: build the folder anew."]
    try:
        offered = set(datasets.get_dataset_config_names(str(path)))
    except Exception as error:
        return [f"datasets cannot open it: {_line(error)}"]
    wrong = sorted(offered ^ set(configs))
    return [f"README.md and {MANIFEST} disagree on: {', '.join(wrong)}."] if wrong else []


def _config(
    path: Path,
    data: DataSet,
    config: str,
    seed: int,
    entry: dict[str, Any],
    sources: DataSources,
) -> list[str]:
    """Findings on one configuration."""
    if entry["settings"] != data.settings(config):
        return [f"{MANIFEST} gives it the settings {entry['settings']}."]
    # A fresh cache: an older copy of the same folder must not be read instead.
    with tempfile.TemporaryDirectory(prefix="symdata-verify-") as cache:
        try:
            loaded = datasets.load_dataset(str(path), config, cache_dir=cache)
        except Exception as error:
            return [f"datasets cannot open it: {_line(error)}"]
        findings = []
        features, expected = data.tables(config, seed, sources)
        if set(loaded) != set(expected) or set(entry["splits"]) != set(expected):
            return [f"has the splits {sorted(loaded)}, not {sorted(expected)}."]
        for split, table in expected.items():
            findings += _split(split, loaded[split], table, features, entry)
    return findings


def _split(
    split: str,
    loaded: datasets.Dataset,
    expected: pa.Table,
    features: datasets.Features,
    entry: dict[str, Any],
) -> list[str]:
    """Findings on one split: against its own hash, and against the new draw."""
    findings = []
    if loaded.features != features:
        findings.append(f"{split}: declares the features {loaded.features}, not {features}.")
    found = loaded.data.table
    found_digest, expected_digest = digest(found), digest(expected)
    if found_digest != entry["splits"][split]["sha256"]:
        findings.append(f"{split}: its content is not what {MANIFEST} recorded.")
    if found_digest != expected_digest:
        where = difference(found, expected) or "differs"
        findings.append(f"{split}: {where} (against a new draw with the recorded seed).")
    return findings


def _line(error: BaseException) -> str:
    """The first line of the error at the root of a chain."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the progress bars and log lines of `datasets`, whose errors come back as findings."""
    bars, level = datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if not bars:
            datasets.enable_progress_bars()

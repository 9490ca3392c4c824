"""Datasets of symbench: one folder each, with a generator or loader and a card (README.md).

This module knows their names and imports none of them, so that listing them is quick. What can be
done with one (load, build, verify, publish) is in `symdata.hub`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from symdata.errors import DataError as DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

DATASETS = {
    "abstract_rules": "symdata.abstract_rules",
    "synthetic_trajectories": "symdata.synthetic_trajectories",
    "basketball": "symdata.basketball",
    "calms21": "symdata.calms21",
    "mnist4": "symdata.mnist4",
    "mnist10": "symdata.mnist10",
    "arrow_room": "symdata.arrow_room",
    "painted_digits": "symdata.painted_digits",
    "cifar10": "symdata.cifar10",
}
"""Name → package. A new dataset is a folder with a card, and one line here."""


class Dataset(Protocol):
    """What a dataset's package has at its top; importing it costs nothing heavy.

    CONFIGS: the published configurations, the default one first. NEEDS: the files that it is read
    from, as patterns, each with its alternatives; none where it is generated (see `symdata.root`).
    A set of which some configurations need more than that also has `missing(config)`: a line on
    what is not there, or None.
    UNPUBLISHED: why `publish` refuses it, to follow "because"; empty where it does not.
    """

    NAME: str
    VERSION: int
    DESCRIPTION: str
    CONFIGS: tuple[str, ...]
    NEEDS: tuple[tuple[str, ...], ...]
    UNPUBLISHED: str

    def settings(self, config: str) -> dict[str, Any]:
        """What a configuration's name stands for, in JSON; `DataError` if it is unknown."""
        ...

    def features(self, config: str) -> datasets.Features:
        """The columns that it declares."""
        ...

    def tables(self, config: str, seed: int) -> dict[str, pa.Table]:
        """Its splits, with these columns; a function of (VERSION, config, seed) alone.

        One that is read from files depends on these in place of the seed.
        """
        ...


def names() -> tuple[str, ...]:
    """The datasets' names."""
    return tuple(DATASETS)


def dataset(name: str) -> Dataset:
    """The package of the dataset with this name."""
    if name not in DATASETS:
        raise DataError(f"no dataset '{name}'; there are: {', '.join(DATASETS)}.")
    return cast(Dataset, import_module(DATASETS[name]))

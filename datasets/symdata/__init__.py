"""Datasets of symbench: one folder each, with a generator or loader and a card (README.md).

This module knows their names and imports none of them, so that listing them is quick. What one is,
its `DataSet` says; what can be done with one (load, build, verify) is in `symdata.hub`, and
`symdata.publishing` pushes one to the hub.
"""

from __future__ import annotations

import functools

from symdata.descriptor import DataSet as DataSet
from symdata.errors import DataError as DataError
from symdata.registration import loaded, registered
from symdata.sources import DataSources as DataSources

DATASETS = {
    "abstract_rules": "symdata.abstract_rules:DATA",
    "synthetic_trajectories": "symdata.synthetic_trajectories:DATA",
    "basketball": "symdata.basketball:DATA",
    "calms21": "symdata.calms21:DATA",
    "mnist4": "symdata.mnist4:DATA",
    "mnist10": "symdata.mnist10:DATA",
    "arrow_room": "symdata.arrow_room:DATA",
    "painted_digits": "symdata.painted_digits:DATA",
    "cifar10": "symdata.cifar10:DATA",
}
"""Name → its `DataSet`. A new dataset is a folder with a card, and one line here."""

ENTRY_POINTS = "symbench.datasets"
"""The group under which other packages register theirs, in the same form."""


def names() -> tuple[str, ...]:
    """The datasets' names: ours, then those of installed packages."""
    return tuple(registered(ENTRY_POINTS, DATASETS))


@functools.cache
def dataset(name: str) -> DataSet:
    """The dataset with this name."""
    known = registered(ENTRY_POINTS, DATASETS)
    if name not in known:
        raise DataError(f"no dataset '{name}'; there are: {', '.join(known)}.")
    found: DataSet = loaded(known[name], DataSet, f"dataset '{name}'")
    if found.name != name:
        raise DataError(f"dataset '{name}' calls itself '{found.name}': the names must be one.")
    return found

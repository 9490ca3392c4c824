"""Description of a data set: one literal, from which suites, judges, pictures and the command line
take what they need.

A data set is a folder (`DataSet.package`) with a card (README.md), whose `__init__.py` holds one
`DataSet` and imports nothing else that is heavy. The modules that compute are named in it, and
imported when they are used. The module `arrays` has

    load(config, seed, sources)                 the arrays of each split, by its name
    missing(config, sources)                    optional: a line on why it cannot be had here
    identity(folder)                            for data read from files: a hash of each, in JSON
    shuffled(config, count, seed, sources)      for scenes: the right objects by no rule
    broken(config, count, seed, sources)        for scenes: images with one rule broken, by kind

and the module `columns` makes a split (`part`) columns of a Hugging Face data set:

    features(data, config, part)                the declared columns
    table(part, declared)                       its rows
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from symdata.errors import DataError
from symdata.root import folder_of, missing_files
from symdata.sources import DEFAULT, DataSources

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class DataSet:
    """Description of one data set.

    version: raised whenever the same settings would give other data. configs: the
    published configurations, the default one first, each with its settings in JSON; `size`, where
    there is one, is that of an image in pixels, and `sizes` are the examples of each split. needs:
    the files that it is read from, as patterns, each with its alternatives; none where it is
    generated. download: `module:function` that fetches them, where their licence lets us.
    unpublished: why `publish` refuses it, to follow "because"; empty where it does not.

    channels: 1 for grey images, 3 for colour. classes: names of the classes, where they do
    not stand in the files. chance: the share of the largest class, where the generator or the
    format fixes it. clusters: how many clusters are looked for. factors: names of what generated an
    example. ground: what trajectories are drawn on, "plane", "court" or "cage". mirrored: whether a
    mirror image is of the same class.

    objects: how many objects a scene shows. rule: `module:function` that says what is wrong with a
    scene graph. agreement: `module:function` that says how many objects fit the rule, from the
    names and centres that a judge finds; empty where no such score is wanted. judge: the name of
    the judge that reads images. breaks: the kinds of broken rules. break_tests: images of each kind
    on which a judge is tested.
    """

    name: str
    version: int
    description: str
    package: str
    arrays: str
    columns: str
    configs: Mapping[str, Mapping[str, Any]]
    needs: tuple[tuple[str, ...], ...] = ()
    download: str = ""
    unpublished: str = ""
    channels: int = 0
    classes: tuple[str, ...] = ()
    chance: float | None = None
    clusters: int = 0
    factors: tuple[str, ...] = ()
    ground: str = "plane"
    mirrored: bool = True
    objects: int = 0
    rule: str = ""
    agreement: str = ""
    judge: str = ""
    breaks: tuple[str, ...] = ()
    break_tests: int = 400

    def settings(self, config: str) -> dict[str, Any]:
        """Settings of a configuration, in JSON; `DataError` if it is unknown."""
        if config not in self.configs:
            raise DataError(
                f"{self.name} has no configuration '{config}'; there are: "
                f"{', '.join(self.configs)}."
            )
        return deepcopy(dict(self.configs[config]))

    def missing(self, config: str, sources: DataSources = DEFAULT) -> str | None:
        """Line on why a configuration cannot be had here and what to do; None if it can."""
        self.settings(config)
        line = missing_files(self.name, self.needs, sources)
        if line is None and hasattr(self._arrays, "missing"):
            line = self._arrays.missing(config, sources)
        return line

    def identity(self, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """Name, version, and a hash of each file that is read where these are here; in JSON."""
        known: dict[str, Any] = {"name": self.name, "version": self.version}
        if self.needs and missing_files(self.name, self.needs, sources) is None:
            known |= self._arrays.identity(folder_of(self.name, self.needs, sources))
        return known

    def load(self, config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """Splits as this seed draws them; data read from files are the same for every seed."""
        self.settings(config)
        parts: dict[str, Any] = self._arrays.load(config, seed, sources)
        return parts

    def shuffled(
        self, config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT
    ) -> Any:
        """Scenes of the right objects put together by no rule, `count` of them."""
        return self._arrays.shuffled(config, count, seed, sources)

    def broken(
        self, config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT
    ) -> dict[str, Any]:
        """Scenes with one rule broken, `count` of each kind, by kind."""
        kinds: dict[str, Any] = self._arrays.broken(config, count, seed, sources)
        return kinds

    def tables(
        self, config: str, seed: int = 0, sources: DataSources = DEFAULT
    ) -> tuple[datasets.Features, dict[str, pa.Table]]:
        """Declared columns of a configuration, and its splits with these columns."""
        columns = import_module(self.columns)
        parts = self.load(config, seed, sources)
        declared = columns.features(self, config, next(iter(parts.values())))
        return declared, {split: columns.table(part, declared) for split, part in parts.items()}

    @property
    def _arrays(self) -> Any:
        return import_module(self.arrays)

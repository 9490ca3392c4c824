"""What a data set says of itself: one literal, from which suites, judges, pictures and the command
line take what they need.

A data set is a folder (`DataSet.package`) with a card (README.md), whose `__init__.py` holds one
`DataSet` and imports nothing else that is heavy. What computes is named by module and imported when
it is used. The module `arrays` has

    load(config, seed, sources)                 split → part, the numbers themselves
    missing(config, sources)                    optional: why it cannot be had here, in a line
    identity(folder)                            of what is read from files: a hash of each, in JSON
    shuffled(config, count, seed, sources)      of scenes: the right objects by no rule
    broken(config, count, seed, sources)        of scenes: kind → images with one rule broken

and the module `columns` says how a part becomes columns of a Hugging Face data set:

    features(data, config, part)                the declared columns
    table(part, declared)                       its rows
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from symdata import root
from symdata.errors import DataError
from symdata.sources import DEFAULT, DataSources

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class DataSet:
    """One data set.

    version: raised whenever a change of the code changes what the same settings give. configs: the
    published configurations, the default one first, each with its settings in JSON; `size`, where
    there is one, is that of an image in pixels, and `sizes` are the examples of each split. needs:
    the files that it is read from, as patterns, each with its alternatives; none where it is
    generated. download: `module:function` that fetches them, where their licence lets us.
    unpublished: why `publish` refuses it, to follow "because"; empty where it does not.

    channels: of an image, 1 for grey and 3 for colour. classes: names of the classes, where they do
    not stand in the files. chance: the share of the largest class, where the generator or the
    format fixes it. clusters: how many clusters are looked for. factors: names of what generated an
    example. ground: what trajectories are drawn on, "plane", "court" or "cage". mirrored: whether a
    mirror image is of the same class.

    objects: how many objects a scene shows. rule: `module:function` that says what is wrong with a
    scene graph. judge: the name of the judge that reads images. breaks: the kinds of broken rules.
    break_tests: images of each kind on which a judge is tested.
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
    judge: str = ""
    breaks: tuple[str, ...] = ()
    break_tests: int = 400

    def settings(self, config: str) -> dict[str, Any]:
        """What a configuration's name stands for, in JSON; `DataError` if it is unknown."""
        if config not in self.configs:
            raise DataError(
                f"{self.name} has no configuration '{config}'; there are: "
                f"{', '.join(self.configs)}."
            )
        return deepcopy(dict(self.configs[config]))

    def missing(self, config: str, sources: DataSources = DEFAULT) -> str | None:
        """Why a configuration cannot be had here, in a line with the way out; None if it can."""
        self.settings(config)
        line = root.missing(self.name, self.needs, sources)
        if line is None and hasattr(self._arrays, "missing"):
            line = self._arrays.missing(config, sources)
        return line

    def identity(self, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """Name, version, and a hash of each file that is read where these are here; in JSON."""
        known: dict[str, Any] = {"name": self.name, "version": self.version}
        if self.needs and root.missing(self.name, self.needs, sources) is None:
            known |= self._arrays.identity(root.folder(self.name, self.needs, sources))
        return known

    def load(self, config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """Its splits as this seed draws them; of what is read from files the seed says nothing."""
        self.settings(config)
        parts: dict[str, Any] = self._arrays.load(config, seed, sources)
        return parts

    def shuffled(
        self, config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT
    ) -> Any:
        """So many scenes of the right objects, put together by no rule."""
        return self._arrays.shuffled(config, count, seed, sources)

    def broken(
        self, config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT
    ) -> dict[str, Any]:
        """Kind of broken rule → so many scenes with it."""
        kinds: dict[str, Any] = self._arrays.broken(config, count, seed, sources)
        return kinds

    def tables(
        self, config: str, seed: int = 0, sources: DataSources = DEFAULT
    ) -> tuple[datasets.Features, dict[str, pa.Table]]:
        """The columns that a configuration declares, and its splits with these columns."""
        columns = import_module(self.columns)
        parts = self.load(config, seed, sources)
        declared = columns.features(self, config, next(iter(parts.values())))
        return declared, {split: columns.table(part, declared) for split, part in parts.items()}

    @property
    def _arrays(self) -> Any:
        return import_module(self.arrays)

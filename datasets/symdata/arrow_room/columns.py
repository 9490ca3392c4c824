"""The scenes as columns of a Hugging Face data set.

Letters: N scenes, 4 things in each.
"""

from __future__ import annotations

import pyarrow as pa
from datasets import ClassLabel, Features, Image, List, Value

from symdata import scene_columns
from symdata.arrow_room import COLOURS, MATERIALS, SHAPES
from symdata.descriptor import DataSet
from symdata.scenes import Scenes

# Rows whose uncompressed pictures go into one Arrow array, which holds at most 2 GB.
_ROWS = 10_000


def features(data: DataSet, config: str, part: Scenes) -> Features:
    """Columns: the image; looks and place of each thing; the direction of the arrow."""

    def each(kind: object, length: int = 4) -> List:
        return List(kind, length=length)

    number = Value("float32")
    return Features(
        image=Image(),
        shapes=each(ClassLabel(names=list(SHAPES))),
        colours=each(ClassLabel(names=list(COLOURS))),
        materials=each(ClassLabel(names=list(MATERIALS))),
        positions=each(each(number, 3)),
        pixels=each(each(number, 2)),
        boxes=each(each(number, 4)),
        directions=each(number, 2),
        headings=each(number, 2),
    )


def table(part: Scenes, declared: Features) -> pa.Table:
    """Table of N rows with the columns of `declared`."""
    parts = []
    for start in range(0, len(part), _ROWS):
        rows = slice(start, start + _ROWS)
        some = Scenes(part.images[rows], {name: each[rows] for name, each in part.graph.items()})
        parts.append(scene_columns.table(some, declared))
    return pa.concat_tables(parts)

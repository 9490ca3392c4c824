"""The problems as columns of a Hugging Face data set.

Letters: N problems of a split, T images of a problem.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Features, Image, List, Value

from symdata.abstract_rules.glyphs import glyphs
from symdata.abstract_rules.problems import Problems
from symdata.abstract_rules.tasks import TASKS
from symdata.descriptor import DataSet
from symdata.png import encode


def features(data: DataSet, config: str, part: Problems) -> Features:
    """Columns: T images, the label, the rule that made the problem, and T symbols (glyphs)."""
    return Features(
        images=List(Image()),
        label=ClassLabel(names=list(TASKS[part.task].classes)),
        rule=ClassLabel(names=list(TASKS[part.task].rules)),
        symbols=List(Value("uint8")),
    )


def table(problems: Problems, declared: Features) -> pa.Table:
    """Table of N rows with the columns of `declared`."""
    count, length = problems.symbols.shape
    symbols = pa.array(problems.symbols.reshape(-1))
    pictures = _pictures().take(symbols)
    images = pa.StructArray.from_arrays(
        [pictures, pa.nulls(len(pictures), pa.string())], names=["bytes", "path"]
    )
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * length)
    columns = {
        "images": pa.ListArray.from_arrays(offsets, images),
        "label": pa.array(problems.labels),
        "rule": pa.array(problems.rules.astype(np.int64)),
        "symbols": pa.ListArray.from_arrays(offsets, symbols),
    }
    return pa.table(columns).cast(declared.arrow_schema)


@cache
def _pictures() -> pa.Array:
    """The 100 glyphs as PNG files, each encoded once."""
    return pa.array([encode(glyph) for glyph in glyphs()], pa.binary())

"""Four relational tasks over 100 glyphs, some of which are seen only at test time.

The arrays are in `problems.py`, which needs NumPy and Pillow alone; here is what `symdata.hub`
needs to make a Hugging Face data set of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from symdata.abstract_rules.tasks import TASKS
from symdata.abstract_rules.tasks import VERSION as VERSION
from symdata.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

NAME = "abstract_rules"
DESCRIPTION = "Four relational tasks over 100 glyphs, some of which are seen only at test time."
CONFIGS = tuple(f"{task.name}_m{m}" for task in TASKS.values() for m in task.regimes)
NEEDS: tuple[tuple[str, ...], ...] = ()
UNPUBLISHED = ""


def settings(config: str) -> dict[str, Any]:
    """The task and the number of withheld symbols that a configuration's name says."""
    match = re.fullmatch(r"(\w+)_m(\d+)", config)
    if match is None or match[1] not in TASKS:
        raise DataError(f"{NAME} has no configuration '{config}'; there are: {', '.join(CONFIGS)}.")
    return {"task": match[1], "withheld": int(match[2])}


def features(config: str) -> datasets.Features:
    """The declared columns of a configuration."""
    from symdata.abstract_rules.columns import features

    return features(settings(config)["task"])


def tables(config: str, seed: int) -> dict[str, pa.Table]:
    """The splits "train" and "test" of a configuration, with the columns of `features`."""
    from symdata.abstract_rules.columns import table
    from symdata.abstract_rules.problems import generate

    splits = generate(**settings(config), seed=seed)
    return {split: table(problems) for split, problems in splits.items()}

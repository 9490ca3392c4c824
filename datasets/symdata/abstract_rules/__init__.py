"""Four relational tasks over 100 glyphs, some of which are seen only at test time.

The arrays are in `problems.py`, which needs NumPy and Pillow alone.
"""

from symdata.abstract_rules.tasks import TASKS, VERSION
from symdata.descriptor import DataSet

DATA = DataSet(
    name="abstract_rules",
    version=VERSION,
    description="Four relational tasks over 100 glyphs, some of which are seen only at test time.",
    package="symdata.abstract_rules",
    arrays="symdata.abstract_rules.problems",
    columns="symdata.abstract_rules.columns",
    configs={
        f"{task.name}_m{m}": {"task": task.name, "withheld": m}
        for task in TASKS.values()
        for m in task.regimes
    },
    channels=1,
)

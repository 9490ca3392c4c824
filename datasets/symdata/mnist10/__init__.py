"""Ten handwritten digits, one of each class, in quadrants that belong to sets of classes.

The images are made in `scenes.py`, their rule is in `rule.py`.
"""

from symdata.descriptor import DataSet
from symdata.digit_configs import BREAKS, CONFIGS

DATA = DataSet(
    name="mnist10",
    version=1,
    description=(
        "Ten handwritten digits, one of each class, in quadrants that belong to sets of classes."
    ),
    package="symdata.mnist10",
    arrays="symdata.mnist10.scenes",
    columns="symdata.scene_columns",
    configs=CONFIGS,
    channels=1,
    objects=10,
    rule="symdata.mnist10.rule:violations",
    agreement="symdata.mnist10.rule:agreement",
    judge="digits",
    breaks=BREAKS,
)

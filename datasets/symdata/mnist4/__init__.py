"""Four handwritten digits, one a quadrant, that count up clockwise at mirrored places.

The images are made in `scenes.py`, their rule is in `rule.py`.
"""

from symdata.descriptor import DataSet
from symdata.digit_configs import BREAKS, CONFIGS

DATA = DataSet(
    name="mnist4",
    version=1,
    description=(
        "Four handwritten digits, one a quadrant, that count up clockwise at mirrored places."
    ),
    package="symdata.mnist4",
    arrays="symdata.mnist4.scenes",
    columns="symdata.scene_columns",
    configs=CONFIGS,
    channels=1,
    objects=4,
    rule="symdata.mnist4.rule:violations",
    agreement="symdata.mnist4.rule:agreement",
    judge="digits",
    breaks=BREAKS,
)

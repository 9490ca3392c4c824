"""Windows of basketball play, seen from the offence or from the defence; read from a user's files.

The arrays are in `windows.py`.
"""

from symdata.descriptor import DataSet

DATA = DataSet(
    name="basketball",
    version=1,
    description="Five basketball players on a half-court: are they the offence or the defence?",
    package="symdata.basketball",
    arrays="symdata.basketball.windows",
    columns="symdata.trajectory_columns",
    configs={
        "default": {
            "frames": 50,
            "every": 2,
            "shift": [25.0, 25.0],
            "scale": [94.0, 50.0],
            "basket": [5.25, 25.0],
            "validation": [31, 208],
        }
    },
    needs=(("train.npz",), ("test.npz",)),
    unpublished="the tracking data belong to those from whom you have them, under their terms",
    classes=("offence", "defence"),
    chance=0.5,
    clusters=2,
    ground="court",
)

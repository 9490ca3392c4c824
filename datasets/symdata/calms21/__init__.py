"""Windows of two mice's movements (CalMS21); read from the official files, which a user downloads.

The arrays are in `windows.py`. The names of the classes stand in the files.
"""

from symdata.descriptor import DataSet

_WINDOWS = {
    "frames": 21,
    "strides": {"unlabeled": 21, "task1": 1},
    "half_frame": [512.0, 285.0],
    "components": 5,
    "validation": [52, 283],
}

DATA = DataSet(
    name="calms21",
    version=1,
    description="Two mice, seven keypoints each: what does the resident do to the intruder?",
    package="symdata.calms21",
    arrays="symdata.calms21.windows",
    columns="symdata.trajectory_columns",
    configs={
        # strides: frames from the start of a window to that of the next.
        "default": _WINDOWS,
        # Has a split more: the labelled windows on which classifiers of behaviour learn.
        "labelled": {**_WINDOWS, "labelled": "task1"},
    },
    needs=(("*unlabeled*.json", "*task1*train*.json"), ("*task1*test*.json",)),
    download="symdata.calms21.download:download",
    unpublished="CalMS21 is CC-BY-NC-SA 4.0 and each user downloads it from its own page",
    clusters=4,
    ground="cage",
)

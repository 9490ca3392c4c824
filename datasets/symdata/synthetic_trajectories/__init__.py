"""Noisy walks in the plane in one of four directions, generated; the arrays: `trajectories.py`."""

from symdata.descriptor import DataSet

DATA = DataSet(
    name="synthetic_trajectories",
    version=1,
    description="Noisy walks in the plane: two binary factors say where a walk ends.",
    package="symdata.synthetic_trajectories",
    arrays="symdata.synthetic_trajectories.trajectories",
    columns="symdata.trajectory_columns",
    configs={
        "default": {
            "sizes": {"train": 10_000, "validation": 2_000, "test": 2_000},
            "steps": 25,
            "centre": 10.0,
            "speed": [0.05, 0.4],
            "drift": 0.4,
            "noise": 0.2,
        }
    },
    classes=("low_x_low_y", "low_x_high_y", "high_x_low_y", "high_x_high_y"),
    chance=0.25,
    clusters=4,
    factors=("x", "y"),
)

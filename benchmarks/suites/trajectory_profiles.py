"""The profiles of the `trajectories` suite: tasks and budgets, and settings by family of methods.

Settings that are not named here are as published: see, for each data set, the `Settings` of the
methods. Read a family's settings from the general ("*", all data sets) to the special (one data
set). How the values were found is told in `docs/settings.md`.

The updates of one training are the published epochs times the published number of batches, so that
a data set of another size gets the same training. A neurosymbolic encoder trains several times,
once for each turn of its search.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.protocol import Budget, Profile
from benchmarks.suites.trajectory_entries import ENTRIES

_ALL = tuple(entry.name for entry in ENTRIES)
_RANKING = (
    "synthetic/clusters",
    "basketball/clusters",
    "calms21/clusters",
    "basketball/behaviour",
    "calms21/behaviour",
)

# The published baselines learn for 200 epochs on calms21, not 30, and two of them for more than 20
# on basketball. The encoder and task programming have their own families.
_MICE = {"calms21": Budget(steps=200 * 903, batch_size=256)}
_OWN_BUDGETS = {
    "tvae": _MICE,
    "beta": _MICE,
    "joint": {**_MICE, "basketball": Budget(steps=25 * 1383, batch_size=128)},
    "vq": {**_MICE, "basketball": Budget(steps=100 * 1383, batch_size=128)},
}

# Changes of `quick`: a fifteenth of the published updates with a higher rate, and on given data
# smaller networks.
_SMALL: dict[str, dict[str, Any]] = {
    "synthetic": {"learning_rate": 3e-3},
    "calms21": {"z": 8, "hidden": 32, "rnn": 32, "learning_rate": 3e-3},
    "basketball": {"hidden": 32, "rnn": 32, "learning_rate": 3e-3},
}
_RAMP = {"ramp": 640}
_SEARCH = {
    **_RAMP,
    "neural_epochs": 3.0,
    "symbolic_epochs": 3.0,
    "program_learning_rate": 3e-3,
    # The depth is limited, as every nonterminal costs a training of the whole model.
    "max_depth": 3,
}
_QUICK: dict[str, Mapping[str, Mapping[str, Any]]] = {
    "tvae": _SMALL,
    "vq": _SMALL,
    "joint": {"*": _RAMP, **_SMALL},
    "beta": {"*": _RAMP, **_SMALL},
    "encoder": {
        "*": _SEARCH,
        **_SMALL,
        "synthetic": {**_SMALL["synthetic"], "max_depth": 2},  # as published
    },
}
# Changes of `smoke`, in which a program learns for an instant, to show that everything runs.
_INSTANT = {"neural_epochs": 0.02, "symbolic_epochs": 0.02}
_BATCHES = {"synthetic": 32, "calms21": 64, "basketball": 64}

PROFILES = (
    Profile(
        "smoke",
        # synthetic/behaviour is too easy to rank anything; it only shows that its methods run.
        tasks=(*_RANKING, "synthetic/behaviour"),
        methods=_ALL,
        seeds=1,
        budgets={
            data: Budget(steps=4, batch_size=size, evaluate_on=100)
            for data, size in _BATCHES.items()
        },
        summary="seconds a cell, to see that everything runs",
        changes={**_QUICK, "encoder": {**_QUICK["encoder"], "*": {**_SEARCH, **_INSTANT}}},
    ),
    Profile(
        "quick",
        tasks=_RANKING,
        methods=_ALL,
        seeds=3,
        budgets={data: Budget(steps=1_000, batch_size=size) for data, size in _BATCHES.items()},
        summary="1,000 updates a training, minutes on 2 cores for the generated data",
        moved_seeds=1,
        changes=_QUICK,
    ),
    Profile(
        "paper",
        tasks=_RANKING,
        methods=_ALL,
        seeds=3,
        budgets={
            "synthetic": Budget(steps=50 * 313, batch_size=32),
            "calms21": Budget(steps=30 * 903, batch_size=256),
            "basketball": Budget(steps=20 * 1383, batch_size=128),
        },
        summary="the published sizes and updates, 3 seeds",
        own_budgets=_OWN_BUDGETS,
    ),
)

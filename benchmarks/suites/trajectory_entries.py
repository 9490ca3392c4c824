"""The rows of the `trajectories` suite: methods, baselines, ablations, controls.

How each profile sets them stands in `trajectory_profiles`, which calls them by their family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmarks.protocol import Entry

_CLUSTERS = ("*/clusters",)
_GIVEN = ("basketball/clusters", "calms21/clusters")
_MICE = ("calms21/clusters",)
_BEHAVIOUR = ("*/behaviour",)

_ENCODER = "methods.neurosymbolic_encoder:NeurosymbolicEncoder"
_PROGRAMS = "methods.task_programming:TaskProgramming"


def _encoder(programs: int, tasks: tuple[str, ...], dsl: str = "") -> Entry:
    own: dict[str, Any] = {"programs": programs}
    if dsl:
        own["dsl"] = f"calms21_{dsl}"
    what = f"{programs} program" + ("s" if programs > 1 else "")
    return Entry(
        f"neurosymbolic_{programs}" + (f"_dsl{dsl}" if dsl else ""),
        _ENCODER,
        own,
        "ablation" if dsl else "method",
        f"neurosymbolic encoder, {what}" + (f", DSL {dsl}" if dsl else ""),
        tasks,
        "encoder",
    )


METHODS = (
    _encoder(1, _CLUSTERS),
    _encoder(2, _CLUSTERS),
    _encoder(3, _GIVEN),
    *(_encoder(programs, _MICE, dsl) for dsl in "23" for programs in (1, 2)),
    *(
        Entry(
            f"task_programming_{name}",
            _PROGRAMS,
            {"programs_by": name, "with_features": True},
            kind,
            words,
            _BEHAVIOUR,
            "encoder",
        )
        for name, kind, words in (
            ("learned", "method", "features, and a TVAE that reflects one learned program"),
            ("expert", "baseline", "features, and a TVAE that reflects expert-written programs"),
            ("none", "baseline", "features, and a TVAE, without programs"),
        )
    ),
)


def _baseline(name: str, family: str, path: str, summary: str) -> Entry:
    return Entry(name, path, {}, "baseline", summary, _CLUSTERS, family)


BASELINES = (
    _baseline("tvae", "tvae", "baselines.tvae:TVAE", "trajectory VAE"),
    _baseline("tvae_kmeans", "tvae", "baselines.tvae:TVAEKMeans", "TVAE with the k-means loss"),
    _baseline(
        "joint_tvae",
        "joint",
        "baselines.joint_tvae:JointTVAE",
        "a binary latent beside the continuous one",
    ),
    _baseline("vq_tvae", "vq", "baselines.vq_tvae:VQTVAE", "one code of a codebook a trajectory"),
    _baseline("beta_tvae", "beta", "baselines.beta_tvae:BetaTVAE", "TVAE with a capacity"),
)
# The features that the encoder's first DSL reads, appended to the input of some baselines.
FEATURES = {
    "calms21": (
        "head_body_angle_resident",
        "head_body_angle_intruder",
        "social_angle_resident",
        "social_angle_intruder",
        "speed_resident",
        "speed_intruder",
        "nose_tail_distance",
        "nose_nose_distance",
    ),
    "basketball": tuple(
        f"{quantity}_{reduction}"
        for quantity in ("speed", "x", "y", "distance_to_basket")
        for reduction in ("average", "max", "min")
    ),
}
_TVAE, _, _JOINT, _VQ, _BETA = BASELINES
WITH_FEATURES = tuple(
    replace(
        entry,
        name=f"{entry.name}_features",
        kind="ablation",
        summary=f"{entry.name}, with the DSL's features in its input",
        tasks=_GIVEN,
        by_data={data: {"features": names} for data, names in FEATURES.items()},
    )
    for entry in (_TVAE, _JOINT, _VQ, _BETA)
)
CONTROLS = (
    Entry(
        "random",
        "baselines.trajectories.controls:Random",
        kind="control",
        summary="a random cluster",
        tasks=_CLUSTERS,
    ),
    Entry(
        "kmeans",
        "baselines.trajectories.controls:KMeansRaw",
        kind="control",
        summary="KMeans on the raw states; where there are no clusters, the raw states",
    ),
    Entry(
        "features",
        "baselines.trajectories.controls:Features",
        kind="baseline",
        summary="the data's features in the centre frame",
        tasks=_BEHAVIOUR,
    ),
)

ENTRIES = (*METHODS, *BASELINES, *WITH_FEATURES, *CONTROLS)


def most_clusters(method: str, settings: Mapping[str, Any]) -> int | None:
    """The most clusters that a method can give with its settings; None where they do not say."""
    families = {entry.name: entry.family for entry in ENTRIES}
    family = families.get(method.partition("[")[0])
    if family == "encoder" and "programs" in settings:
        return int(2 ** settings["programs"])  # one bit a program
    if family == "vq" and "codes" in settings:
        return int(settings["codes"])
    return 2 if family == "joint" else None

"""The rows of the `trajectories` suite: methods, baselines, ablations, controls."""

from __future__ import annotations

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
    )


METHODS = (
    _encoder(1, _CLUSTERS),
    _encoder(2, _CLUSTERS),
    _encoder(3, _GIVEN),
    *(_encoder(programs, _MICE, dsl) for dsl in "23" for programs in (1, 2)),
    *(
        Entry(f"task_programming_{name}", _PROGRAMS, {"programs_by": name}, kind, words, _BEHAVIOUR)
        for name, kind, words in (
            ("learned", "method", "TVAE that also predicts one learned program"),
            ("expert", "baseline", "TVAE that also predicts expert-written programs"),
            ("none", "baseline", "TVAE, without programs"),
        )
    ),
)
_BASELINES = (
    ("tvae", "baselines.tvae:TVAE", "trajectory VAE"),
    ("tvae_kmeans", "baselines.tvae:TVAEKMeans", "TVAE with the k-means loss"),
    ("joint_tvae", "baselines.joint_tvae:JointTVAE", "a binary latent beside the continuous one"),
    ("vq_tvae", "baselines.vq_tvae:VQTVAE", "one code of a codebook a trajectory"),
    ("beta_tvae", "baselines.beta_tvae:BetaTVAE", "TVAE with a capacity"),
)
BASELINES = tuple(
    Entry(name, path, kind="baseline", summary=words, tasks=_CLUSTERS)
    for name, path, words in _BASELINES
)
WITH_FEATURES = tuple(
    Entry(
        f"{name}_features",
        path,
        kind="ablation",
        summary=f"{name}, with the DSL's features in its input",
        tasks=_GIVEN,
    )
    for name, path, _ in _BASELINES
    if name != "tvae_kmeans"
)
CONTROLS = (
    Entry(
        "random",
        "baselines.trajectory_controls:Random",
        kind="control",
        summary="a random cluster",
        tasks=_CLUSTERS,
    ),
    Entry(
        "kmeans",
        "baselines.trajectory_controls:KMeansRaw",
        kind="control",
        summary="KMeans on the raw states; where there are no clusters, the raw states",
    ),
)

ENTRIES = (*METHODS, *BASELINES, *WITH_FEATURES, *CONTROLS)

"""The rows of the `scenes` suite: methods, baselines, ablations, controls, judges.

How each profile sets them stands in `scene_profiles`, which calls them by their family.
"""

from __future__ import annotations

from typing import Any

from benchmarks.protocol import Entry

DRAWING = ("mnist4/*", "mnist10/*", "arrow_room/*")
_JUDGING = ("*_judge/*",)

_PATHS = {
    "gnm": "methods.gnm:GNM",
    "genesis": "baselines.genesis:GENESIS",
    "convdraw": "baselines.convdraw:ConvDRAW",
    "vae": "baselines.vae:VAE",
}
_CONTROLS = "baselines.scenes.controls"

BETAS = (2, 4, 6, 8, 10)
GNM_BETAS = (2, 3)


def _entry(family: str, name: str, kind: str, summary: str, **settings: Any) -> Entry:
    return Entry(name, _PATHS[family], settings, kind, summary, DRAWING, family)


def _sweep(family: str, betas: tuple[int, ...]) -> tuple[Entry, ...]:
    return tuple(
        _entry(
            family,
            f"{family}_beta{beta}",
            "ablation",
            f"{family}, β = {beta} on the KL",
            beta=float(beta),
        )
        for beta in betas
    )


_GNM_SWEEP = _sweep("gnm", GNM_BETAS)
_BASELINE_SWEEPS = (*_sweep("convdraw", BETAS), *_sweep("vae", BETAS))

METHODS = (
    _entry("gnm", "gnm", "method", "generative neurosymbolic machine"),
    _entry("gnm", "gnm_gaussian", "ablation", "GNM, a Gaussian global prior", prior="gaussian"),
    _entry("gnm", "gnm_no_mlp", "ablation", "GNM, no interaction MLP", interaction=False),
    _entry("gnm", "gnm_8", "ablation", "GNM, 8 steps of StructDRAW", steps=8),
    *_GNM_SWEEP,
)
BASELINES = (
    _entry("genesis", "genesis", "baseline", "masks and components, in order"),
    _entry(
        "genesis",
        "genesis_narrow",
        "baseline",
        "GENESIS with a quarter of the channels and units",
        width=0.25,
    ),
    _entry("convdraw", "convdraw", "baseline", "convolutional DRAW, 4 steps"),
    _entry("convdraw", "convdraw_8", "baseline", "convolutional DRAW, 8 steps", steps=8),
    _entry(
        "convdraw",
        "convdraw_mlp",
        "ablation",
        "ConvDRAW with an interaction MLP",
        interaction=True,
    ),
    _entry("vae", "vae", "baseline", "one Gaussian latent"),
    *_BASELINE_SWEEPS,
)
CONTROLS = (
    Entry(
        "real",
        f"{_CONTROLS}:Real",
        kind="control",
        summary="test images as samples",
        tasks=DRAWING,
    ),
    Entry(
        "shuffled",
        f"{_CONTROLS}:Shuffled",
        kind="control",
        summary="real objects put together by no rule",
        tasks=DRAWING,
    ),
)
JUDGES = (
    Entry(
        "judge",
        "benchmarks.judges.method:Judge",
        kind="method",
        summary="the suite's own judge, which gives S-Acc",
        tasks=_JUDGING,
    ),
)

ENTRIES = (*METHODS, *BASELINES, *CONTROLS, *JUDGES)
# Names of the entries with a β of their own, which the profile `paper` alone runs.
SWEPT = tuple(entry.name for entry in (*_GNM_SWEEP, *_BASELINE_SWEEPS))

"""The rows of the `scenes` suite: methods, baselines, ablations, controls, judges."""

from __future__ import annotations

from typing import Any

from benchmarks.protocol import Entry

DRAWING = ("mnist4/*", "mnist10/*", "arrow_room/*")
_JUDGING = ("*_judge/*",)

_GNM = "methods.gnm:GNM"
_CONVDRAW = "baselines.convdraw:ConvDRAW"
_VAE = "baselines.vae:VAE"

BETAS = (2, 4, 6, 8, 10)
GNM_BETAS = (2, 3)


def _with_beta(name: str, path: str, betas: tuple[int, ...]) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            f"{name}_beta{beta}",
            path,
            {"beta": float(beta)},
            "ablation",
            f"{name}, β = {beta} on the KL",
            DRAWING,
        )
        for beta in betas
    )


def _entry(name: str, path: str, kind: str, summary: str, **settings: Any) -> Entry:
    return Entry(name, path, settings, kind, summary, DRAWING)


METHODS = (
    _entry("gnm", _GNM, "method", "generative neurosymbolic machine"),
    _entry("gnm_gaussian", _GNM, "ablation", "GNM, a Gaussian global prior", prior="gaussian"),
    _entry("gnm_no_mlp", _GNM, "ablation", "GNM, no interaction MLP", interaction=False),
    _entry("gnm_8", _GNM, "ablation", "GNM, 8 steps of StructDRAW", steps=8),
    *_with_beta("gnm", _GNM, GNM_BETAS),
)
BASELINES = (
    _entry("genesis", "baselines.genesis:GENESIS", "baseline", "masks and components, in order"),
    _entry("convdraw", _CONVDRAW, "baseline", "convolutional DRAW, 4 steps"),
    _entry("convdraw_8", _CONVDRAW, "baseline", "convolutional DRAW, 8 steps", steps=8),
    _entry(
        "convdraw_mlp", _CONVDRAW, "ablation", "ConvDRAW with an interaction MLP", interaction=True
    ),
    _entry("vae", _VAE, "baseline", "one Gaussian latent"),
    *_with_beta("convdraw", _CONVDRAW, BETAS),
    *_with_beta("vae", _VAE, BETAS),
)
CONTROLS = (
    _entry("real", "baselines.scene_controls:Real", "control", "test images as samples"),
    _entry(
        "shuffled",
        "baselines.scene_controls:Shuffled",
        "control",
        "real objects put together by no rule",
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

"""The rows of the `symbolic_sequences` suite: methods, baselines, ablations, controls.

How each profile sets them stands in `sequence_profiles`, which calls them by their family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.protocol import Entry

VOCABULARIES = (128, 256, 512)

_SEQUENCES = "methods.symbolic_sequences:SymbolicSequences"
_WORDS = {
    "gs": "Gumbel-softmax",
    "ss": "softmax, nearly hard",
    "vq": "nearest code",
    "rvq": "residual codes",
}


def _symbols(
    discretisation: str,
    vocabulary: int,
    variant: str = "",
    words: str = "",
    own: Mapping[str, Any] = {},
    family: str = "student",
) -> Entry:
    """A student; `variant` ends its name, `words` its summary, and `own` are further settings."""
    settings = {"discretisation": discretisation, "vocabulary": vocabulary, **own}
    name = "_".join(filter(None, (discretisation, str(vocabulary), variant)))
    summary = ", ".join(filter(None, (f"{vocabulary} symbols by {_WORDS[discretisation]}", words)))
    kind = "method" if discretisation == "gs" and not variant else "ablation"
    return Entry(name, _SEQUENCES, settings, kind, summary, family=family)


# Those that the paper has.
METHODS = (
    *(_symbols("gs", vocabulary) for vocabulary in VOCABULARIES),
    *(
        _symbols("gs", 256, exploration, f"penalty by {exploration}", {"exploration": exploration})
        for exploration in ("entropy", "information", "combined")
    ),
    *(_symbols(name, vocabulary) for name in ("ss", "vq") for vocabulary in VOCABULARIES),
)
# Those that it does not have; docs/settings.md tells what they gave.
VARIANTS = (
    _symbols("gs", 256, "marginal", "penalty by the batch's entropy", {"exploration": "marginal"}),
    _symbols("ss", 256, "soft", "at temperature 0.5", {"softmax_temperature": 0.5}),
    _symbols("gs", 256, "class", "loss on the teacher's class token", {"class_weight": 0.3}),
    _symbols("gs", 256, "headed", "projector from the teacher", {"projector": "teacher"}, "headed"),
)
BASELINES = (
    Entry(
        "dino",
        "baselines.dino:DINO",
        kind="baseline",
        summary="the teacher's class token",
        family="taught",
    ),
    *(
        Entry(
            f"vqvae_{vocabulary}",
            "baselines.vqvae:VQVAE",
            {"vocabulary": vocabulary},
            "baseline",
            f"VQ-VAE, {vocabulary} codes",
            family="autoencoder",
        )
        for vocabulary in VOCABULARIES
    ),
)
CONTROLS = (
    Entry(
        "gs_256_untrained",
        _SEQUENCES,
        {"discretisation": "gs", "vocabulary": 256},
        "control",
        "gs_256 before its first update",
        family="untrained",
    ),
    Entry(
        "kmeans_256",
        "baselines.symbolic_sequences.controls:KMeansCodes",
        {"vocabulary": 256},
        "control",
        "residual KMeans codes of the teacher's class token",
        family="taught",
    ),
    Entry(
        "random",
        "baselines.symbolic_sequences.controls:RandomSymbols",
        {"vocabulary": 256},
        "control",
        "random symbols",
    ),
    Entry(
        "pixels",
        "baselines.symbolic_sequences.controls:Pixels",
        kind="control",
        summary="raw pixels",
    ),
)

# The order is that of the run: the teacher is trained in the first cell, and beside it run the
# entries that need none.
ENTRIES = (*BASELINES, *reversed(CONTROLS), *METHODS, *VARIANTS)

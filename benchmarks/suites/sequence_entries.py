"""The rows of the `symbolic_sequences` suite: methods, baselines, ablations, controls.

How each profile sets them stands in `sequence_profiles`, which calls them by their family.
"""

from __future__ import annotations

from benchmarks.protocol import Entry

VOCABULARIES = (128, 256, 512)

_SEQUENCES = "methods.symbolic_sequences:SymbolicSequences"
_WORDS = {"gs": "Gumbel-softmax", "ss": "softmax, nearly hard", "vq": "nearest code"}


def _symbols(discretisation: str, vocabulary: int, exploration: str = "base") -> Entry:
    words = f"{vocabulary} symbols by {_WORDS[discretisation]}"
    own = {"discretisation": discretisation, "vocabulary": vocabulary, "exploration": exploration}
    name = f"{discretisation}_{vocabulary}"
    if exploration != "base":
        name, words = f"{name}_{exploration}", f"{words}, penalty by {exploration}"
    kind = "method" if (discretisation, exploration) == ("gs", "base") else "ablation"
    return Entry(name, _SEQUENCES, own, kind, words, family="student")


METHODS = (
    *(_symbols("gs", vocabulary) for vocabulary in VOCABULARIES),
    *(_symbols("gs", 256, exploration) for exploration in ("entropy", "information")),
    *(_symbols(name, vocabulary) for name in ("ss", "vq") for vocabulary in VOCABULARIES),
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
ENTRIES = (*BASELINES, *reversed(CONTROLS), *METHODS)

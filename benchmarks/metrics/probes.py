"""What a linear model can read off a representation.

Letters: N examples, d dimensions, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

VERSION = 1

PROBE_SEED = 0


def sample(embeddings: np.ndarray, deviations: np.ndarray | None) -> np.ndarray:
    """One draw from the posteriors of (N, d) means and deviations: what a decoder would be given.

    A latent that has collapsed still has means that differ in the sixth digit, which a linear model
    reads with ease and a decoder never sees; in samples nothing is left of them.
    """
    if deviations is None:
        return embeddings
    noise = np.random.Generator(np.random.Philox(PROBE_SEED)).standard_normal(embeddings.shape)
    return np.asarray(embeddings + deviations * noise)


def linear_probe(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of a logistic regression that has learned on half of the examples, on the others.

    embeddings: (N, d), standardised by the first half; labels: (N,). The halves are the even and
    the odd rows.
    """
    learned = np.arange(len(labels)) % 2 == 0
    return float(
        fitted(embeddings[learned], labels[learned]).score(embeddings[~learned], labels[~learned])
    )


def average_precision(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> float:
    """Mean over classes of the average precision of a logistic regression. train, test: (N, d).

    Classes that the training labels lack are ranked at random: their precision is their share.
    """
    from sklearn.metrics import average_precision_score

    present = np.unique(train_labels)
    said = np.zeros((len(test), int(max(train_labels.max(), test_labels.max())) + 1))
    if len(present) > 1:
        said[:, present] = fitted(train, train_labels).predict_proba(test)
    classes = np.unique(test_labels)
    return float(
        np.mean([average_precision_score(test_labels == one, said[:, one]) for one in classes])
    )


def label_fractions(
    labels: np.ndarray, fractions: Sequence[float], least: int = 1
) -> dict[float, np.ndarray]:
    """Rows of each fraction of the labels (N,), each class by itself, the smaller in the larger.

    At least `least` of every class are in, so that no class is missing at 1 %.
    """
    generator = np.random.Generator(np.random.Philox(PROBE_SEED))
    orders = [generator.permutation(np.flatnonzero(labels == one)) for one in np.unique(labels)]
    return {
        fraction: np.sort(
            np.concatenate([order[: max(least, round(fraction * len(order)))] for order in orders])
        )
        for fraction in fractions
    }


def fitted(embeddings: Any, labels: np.ndarray, iterations: int = 1000) -> Any:
    """A logistic regression of scikit-learn, C = 1, that has learned labels (N,).

    embeddings: (N, d) as an array, which it standardises, or sparse, which it takes as it is.
    iterations: the most that L-BFGS takes.
    """
    from scipy.sparse import issparse
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scale = "passthrough" if issparse(embeddings) else StandardScaler()
    return make_pipeline(scale, LogisticRegression(max_iter=iterations)).fit(embeddings, labels)

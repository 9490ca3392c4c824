"""Linear probes: logistic regressions from a representation to labels.

Letters: N examples, d dimensions, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

VERSION = 1

PROBE_SEED = 0


def sample(embeddings: np.ndarray, deviations: np.ndarray | None) -> np.ndarray:
    """A sample (N, d) from posteriors with these means and deviations, as a decoder would get it.

    The means of a collapsed latent still differ in the sixth digit, which a linear model reads with
    ease and a decoder never sees; in samples the noise hides them. Without deviations the means
    themselves are returned.
    """
    if deviations is None:
        return embeddings
    noise = np.random.Generator(np.random.Philox(PROBE_SEED)).standard_normal(embeddings.shape)
    return np.asarray(embeddings + deviations * noise)


def linear_probe(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of a logistic regression that learns on the even rows and is tested on the odd ones.

    embeddings: (N, d), standardised by the even rows; labels: (N,).
    """
    learned = np.arange(len(labels)) % 2 == 0
    return float(
        fitted(embeddings[learned], labels[learned]).score(embeddings[~learned], labels[~learned])
    )


def average_precision(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> float:
    """Mean over classes of the average precision of a logistic regression. train, test: (N, d).

    A class that the training labels lack gets equal scores: its precision is its share.
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
    """Choose rows for each fraction of the labels (N,), stratified by class and nested.

    Each fraction has at least `least` rows of every class, so that no class is missing at 1 %.
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
    """Fit a logistic regression of scikit-learn, C = 1, to labels (N,).

    embeddings: (N, d), standardised if an array, used as they are if sparse. iterations: the most
    that L-BFGS makes.
    """
    from scipy.sparse import issparse
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scale = "passthrough" if issparse(embeddings) else StandardScaler()
    return make_pipeline(scale, LogisticRegression(max_iter=iterations)).fit(embeddings, labels)

"""The linear probe: what a logistic regression that has seen labels reads off a representation.

Its settings are fixed, the same for every method. Published linear probes are one linear layer
that SGD trains; a logistic regression is the same model, brought to its optimum without a learning
rate to choose.

Letters: N training examples, M test examples, D dimensions, C classes.
"""

from __future__ import annotations

import warnings
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.metrics.probes import fitted

VERSION = 1

# Of L-BFGS. Where that is not the optimum yet, it is where every method stops alike.
ITERATIONS = 200

Features: TypeAlias = np.ndarray | csr_matrix


def probe(train: Features, labels: np.ndarray, test: Features, classes: int) -> np.ndarray:
    """The log-probability of each class: (M, C) float64; a class without training examples has −∞.

    train: (N, D), labels: (N,) integers below C, test: (M, D). Dense features are standardised by
    the training examples; sparse ones are taken as they are, as a one-hot column that is scaled to
    variance one would give the most weight to the rarest symbol.
    """
    from sklearn.exceptions import ConvergenceWarning

    present = np.unique(labels)
    said = np.full((test.shape[0], classes), -np.inf)
    if len(present) == 1:
        said[:, present] = 0.0
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = fitted(_single(train), labels, ITERATIONS)
        said[:, present] = model.predict_log_proba(_single(test))
    return said


def _single(features: Features) -> Features:
    """In single precision, which halves the time; half precision the learner does not take."""
    return features.astype(np.float32)

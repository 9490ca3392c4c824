"""The linear probe: a logistic regression from a representation to classes.

Its settings are fixed, the same for every method. Published linear probes are one linear layer
trained by SGD; a logistic regression is the same model, brought to its optimum without a learning
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

# The most iterations of L-BFGS, the same for every method even where the optimum is not reached.
ITERATIONS = 200

Features: TypeAlias = np.ndarray | csr_matrix


def probe(train: Features, labels: np.ndarray, test: Features, classes: int) -> np.ndarray:
    """Log-probabilities (M, C) float64 of the classes; −∞ for a class without training examples.

    train: (N, D), labels: (N,) integers below C, test: (M, D). Dense features are standardised by
    the training examples. Sparse ones are not: one-hot columns scaled to variance one would give
    the most weight to the rarest symbol.
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
    """Convert features to single precision: twice as fast as double; the learner refuses half."""
    return features.astype(np.float32)

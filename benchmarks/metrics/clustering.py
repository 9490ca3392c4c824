"""Metrics of clusters: agreement with labels, and collapse of a clustering or a latent.

Letters: N examples, d dimensions, k clusters.
"""

from __future__ import annotations

import warnings

import numpy as np

VERSION = 2

# A latent dimension is in use where its mean varies by more than this over the examples (Burda,
# Grosse, Salakhutdinov, ICLR 2016, appendix C).
ACTIVE_VARIANCE = 0.01
KMEANS_STARTS, KMEANS_SEED = 10, 0


def contingency(clusters: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts of examples, a row for each cluster, a column for each label, both (N,) integers."""
    _, rows = np.unique(clusters, return_inverse=True)
    _, columns = np.unique(labels, return_inverse=True)
    counts = np.zeros((rows.max() + 1, columns.max() + 1), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def purity(clusters: np.ndarray, labels: np.ndarray) -> float:
    """The share of examples that bear the most frequent label of their cluster."""
    return float(contingency(clusters, labels).max(axis=1).sum() / len(labels))


def normalized_mutual_information(clusters: np.ndarray, labels: np.ndarray, mean: str) -> float:
    """Mutual information over the mean of the two entropies, "arithmetic" or "geometric".

    The formula of Zhan et al. (TMLR 2022) has the geometric mean. Their figures have the arithmetic
    one: the program that computes them leaves scikit-learn's default, and takes a function from
    scikit-learn that came two releases after this default had become the arithmetic mean.
    """
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(labels, clusters, average_method=mean))


def rand_index(clusters: np.ndarray, labels: np.ndarray) -> float:
    """The share of pairs of examples on which clusters and labels agree: together, or apart."""
    from sklearn.metrics import rand_score

    return float(rand_score(labels, clusters))


def largest_cluster(clusters: np.ndarray) -> float:
    """The share of examples in the largest cluster; 1 where all are in one."""
    return float(np.unique(clusters, return_counts=True)[1].max() / len(clusters))


def active_units(embeddings: np.ndarray) -> float:
    """The number of dimensions in which posterior means (N, d) vary; 0 in a posterior collapse.

    The threshold is for latents whose prior is the standard normal distribution.
    """
    return float((embeddings.astype(np.float64).var(axis=0) > ACTIVE_VARIANCE).sum())


def kmeans(embeddings: np.ndarray, clusters: int) -> np.ndarray:
    """Cluster numbers (N,) of embeddings (N, d) by scikit-learn's KMeans, 10 starts, fixed seed."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    learner = KMeans(clusters, n_init=KMEANS_STARTS, random_state=KMEANS_SEED)
    with warnings.catch_warnings():
        # The warning says that a collapsed latent has fewer points than clusters; scores show it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(learner.fit_predict(embeddings), dtype=np.int64)

"""Clustering scores against counts by hand."""

import math

import numpy as np
import pytest

from benchmarks.metrics import clustering

# Cluster 0 holds labels a a b, cluster 1 b b, cluster 2 c a: 2 + 2 + 1 of 7 are the majority's.
CLUSTERS = np.array([0, 0, 0, 1, 1, 2, 2])
LABELS = np.array([0, 0, 1, 1, 1, 2, 0])


def test_purity_by_hand():
    assert clustering.purity(CLUSTERS, LABELS) == pytest.approx(5 / 7)
    assert clustering.purity(np.arange(7), LABELS) == 1.0
    assert clustering.purity(np.zeros(7, int), LABELS) == pytest.approx(3 / 7)


def test_purity_does_not_depend_on_the_numbers_of_the_clusters():
    renamed = np.array([40, -3, 7])[CLUSTERS]
    assert clustering.purity(renamed, LABELS) == clustering.purity(CLUSTERS, LABELS)


def test_rand_index_by_hand():
    pairs = [(i, j) for i in range(7) for j in range(i)]
    agree = sum((CLUSTERS[i] == CLUSTERS[j]) == (LABELS[i] == LABELS[j]) for i, j in pairs)
    assert clustering.rand_index(CLUSTERS, LABELS) == pytest.approx(agree / len(pairs))


@pytest.mark.parametrize(
    ("mean", "expected"), [("arithmetic", 2 / 3), ("geometric", 1 / math.sqrt(2))]
)
def test_mutual_information_is_over_a_mean_of_the_entropies(mean, expected):
    # Four labels under two clusters: I = log 2, H = log 2 and log 4 = 2 log 2.
    clusters, labels = np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3])
    found = clustering.normalized_mutual_information(clusters, labels, mean)
    assert found == pytest.approx(expected)
    alone = clustering.normalized_mutual_information(np.zeros(4, int), labels, mean)
    assert alone == 0.0


def test_collapse_shows():
    assert clustering.largest_cluster(CLUSTERS) == pytest.approx(3 / 7)
    assert clustering.largest_cluster(np.zeros(5, int)) == 1.0
    spread = np.random.default_rng(0).normal(size=(500, 1))
    embeddings = np.hstack([spread, 0.01 * spread, np.ones((500, 1))])
    assert clustering.active_units(embeddings) == 1.0


def test_kmeans_finds_blobs_and_survives_a_collapsed_latent():
    generator = np.random.default_rng(0)
    blobs = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 50, axis=0)
    found = clustering.kmeans(blobs + generator.normal(size=blobs.shape), 3)
    assert clustering.purity(found, np.repeat([0, 1, 2], 50)) == 1.0
    assert len(clustering.kmeans(np.zeros((20, 2)), 4)) == 20

"""Random symbols are random, k-means symbols are those of k-means, and pixels are pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from baselines.dino.frozen_teacher import Teacher
from baselines.symbolic_sequences import controls as symbol_controls
from baselines.symbolic_sequences.controls import (
    KMeansCodes,
    Pixels,
    RandomSymbols,
    kmeans,
    nearest,
)
from benchmarks.protocol import Budget, Examples, Run, SymbenchError


def images(count=60, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def run(seed=0, **options):
    return Run(seed=seed, budget=Budget(steps=2), **options)


def fitted(control, seed=0, given=None, **settings):
    made = control(control.Settings(**settings))
    made.fit(Examples({"images": images() if given is None else given}), run(seed))
    return made


def answers(made, given, seed=0, **options):
    return made.evaluate(Examples({"images": given}), run(seed, **options))


class Corners(nn.Module):
    """Class token: the first pixel's colour; one patch token of nothing but ones."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(100.0))

    def forward(self, x):
        colour = self.scale * x[:, :, 0, 0]
        return torch.stack([colour, torch.ones_like(colour)], 1)


@pytest.fixture
def teacher(monkeypatch):
    made = Teacher(Corners(), 3, 1, {"name": "corners"})
    monkeypatch.setattr(symbol_controls, "obtain", lambda *_: made)
    return made


def coloured(*colours, each=20):
    made = images(each * len(colours))
    made[:, 0, 0] = np.repeat(np.array(colours), each, axis=0)
    return made


def test_random_symbols_are_uniform_and_do_not_depend_on_their_neighbours():
    made, given = fitted(RandomSymbols, vocabulary=5), images(2000)
    found = answers(made, given)
    symbols = found["symbols"]
    assert symbols.shape == (2000, 8)
    shares = np.stack([np.bincount(column, minlength=5) for column in symbols.T]) / 2000
    np.testing.assert_allclose(shares, 1 / 5, atol=0.04)
    pairs = np.bincount(5 * symbols[:, 0] + symbols[:, 1], minlength=25) / 2000
    np.testing.assert_allclose(pairs, 1 / 25, atol=0.02)


def test_random_symbols_belong_to_the_image_and_the_seed():
    made, given = fitted(RandomSymbols), images(30)
    found = answers(made, given)
    order = np.random.default_rng(1).permutation(30)
    for name, array in answers(made, given[order]).items():
        np.testing.assert_array_equal(array, found[name][order])
    one = answers(made, given[:1])
    np.testing.assert_array_equal(one["prefixes"], found["prefixes"][:1])
    assert (answers(made, given, seed=1)["symbols"] != found["symbols"]).mean() > 0.9
    changed = given.copy()
    changed[:, 3, 3, 1] ^= 1
    assert (answers(made, changed)["symbols"] != found["symbols"]).mean() > 0.9


def test_prefixes_of_random_symbols_are_the_sums_of_their_vectors():
    found = answers(fitted(RandomSymbols, vocabulary=2, width=4), images(50))
    symbols, prefixes = found["symbols"], found["prefixes"]
    assert prefixes.shape == (50, 4, 4)
    np.testing.assert_array_equal(prefixes[:, 3], found["features"])
    # A prefix of two is a function of two symbols: as many different ones as there are pairs.
    pairs = symbols[:, 0] + 2 * symbols[:, 1]
    for pair in range(4):
        assert np.ptp(prefixes[pairs == pair, 1], axis=0).max() == 0
    assert len(np.unique(prefixes[:, 1], axis=0)) == 4
    assert len(np.unique(prefixes[:, 0], axis=0)) == 2


def test_the_first_symbol_is_the_cluster_and_the_second_that_of_what_is_left(teacher):
    # Two pairs of colours: between the pairs the first level decides, within them the second.
    colours = ((0, 0, 0), (0, 0, 20), (200, 0, 0), (200, 0, 20))
    given = coloured(*colours)
    made = fitted(KMeansCodes, given=given, vocabulary=2)
    found = answers(made, given)
    first, second = found["symbols"][:, 0], found["symbols"][:, 1]
    groups = np.repeat(np.arange(4), 20)
    assert len(set(first[groups < 2])) == len(set(first[groups > 1])) == 1
    assert first[0] != first[-1]
    assert all(len(set(second[groups == group])) == 1 for group in range(4))
    assert second[0] != second[20]
    tokens = given[:, 0, 0] / 255 * 100
    np.testing.assert_allclose(found["features"], tokens, atol=1e-3)
    middle = np.array([[0, 0, 10], [200, 0, 10]]) / 255 * 100
    np.testing.assert_allclose(found["prefixes"][[0, -1], 0], middle, atol=1)  # in small batches
    assert made.explanation == {"teacher": {"name": "corners"}}


def test_longer_prefixes_come_nearer_to_the_token(teacher):
    given = images(400)
    made = fitted(KMeansCodes, given=given, vocabulary=8)
    other = images(100, seed=1)
    found = answers(made, other)
    tokens = other[:, None, 0, 0] / 255 * 100
    errors = ((found["prefixes"] - tokens) ** 2).sum(-1).mean(0)
    assert (np.diff(errors) < 0).all()
    assert errors[3] < 0.1 * errors[0]
    assert made.parameters == 8 * 8 * 3


def test_the_symbols_of_an_image_do_not_hang_on_the_others(teacher):
    given = images(80)
    made = fitted(KMeansCodes, given=given, vocabulary=16)
    whole, one = answers(made, given), answers(made, given[7:8], at_once=1)
    np.testing.assert_array_equal(one["symbols"], whole["symbols"][7:8])
    np.testing.assert_allclose(one["features"], whole["features"][7:8], rtol=1e-5)


def test_the_same_seed_gives_the_same_codes_and_another_seed_others(teacher):
    given = images(80)
    first, again, other = (
        answers(fitted(KMeansCodes, seed, given, vocabulary=16), given)["symbols"]
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_fewer_images_than_clusters_are_each_their_own(teacher):
    given = coloured((0, 0, 0), (90, 0, 0), (0, 200, 9), each=1)
    found = answers(fitted(KMeansCodes, given=given, vocabulary=512), given)
    assert len(set(found["symbols"][:, 0])) == 3
    np.testing.assert_allclose(found["features"], given[:, 0, 0] / 255 * 100, atol=1e-3)


def test_the_nearest_centroid_by_brute_force(monkeypatch):
    monkeypatch.setattr(symbol_controls, "NEAREST_AT_ONCE", 7)
    generator = np.random.default_rng(0)
    points, centroids = generator.normal(size=(50, 3)), generator.normal(size=(9, 3))
    distances = ((points[:, None] - centroids) ** 2).sum(-1)
    np.testing.assert_array_equal(nearest(points, centroids), distances.argmin(1))


def test_kmeans_finds_clusters_that_lie_apart():
    centres = np.array([[0.0, 0], [10, 0], [0, 10]])
    points = np.repeat(centres, 50, axis=0) + np.random.default_rng(0).normal(size=(150, 2)) / 10
    found = kmeans(points.astype(np.float32), 3, seed=0)
    np.testing.assert_allclose(found[nearest(centres, found)], centres, atol=0.2)


def test_what_has_not_learned_answers_nothing():
    made = KMeansCodes(KMeansCodes.Settings())
    assert made.parameters is None
    with pytest.raises(SymbenchError, match=r"KMeansCodes has not learned yet; call fit first\.$"):
        answers(made, images(2))


def test_pixels_are_the_image():
    given = images(5)
    (features,) = answers(fitted(Pixels), given).values()
    assert features.dtype == np.float32
    np.testing.assert_allclose(features.reshape(given.shape) * 255, given, rtol=1e-6)
    assert Pixels.deterministic


@pytest.mark.parametrize("control", [RandomSymbols, Pixels, KMeansCodes])
def test_what_are_no_images_is_refused(control, teacher):
    made = fitted(control)
    with pytest.raises(SymbenchError, match="images are float64 of shape"):
        answers(made, images(2) / 255)
    assert control.reads == ()


@pytest.mark.parametrize("control", [RandomSymbols, KMeansCodes])
def test_the_vocabulary_is_checked(control):
    with pytest.raises(SymbenchError, match="vocabulary is 0; it must be a whole number, 1 or"):
        control.Settings(vocabulary=0)

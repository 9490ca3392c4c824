"""From images to answers: what changes in a training, what never does, and what it must learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from baselines.dino.augmentation import crop_and_flip
from baselines.dino.head import DINOHead
from baselines.dino.teacher import as_pixels
from benchmarks.protocol import DivergedError, Examples, SymbenchError
from benchmarks.training import train
from methods.symbolic_sequences import SymbolicSequences, SymbolicSettings, method
from symdata import DataSources
from tests.methods.symbolic_sequences import pupils
from tests.methods.symbolic_sequences.pupils import (
    PATCHES,
    SIZE,
    WIDTH,
    batch,
    images,
    network,
    run,
    settings,
    teacher,
)


@pytest.fixture(autouse=True)
def taught(monkeypatch, tmp_path):
    """The teacher of all; nothing is kept beyond a test."""
    monkeypatch.setattr(pupils, "SOURCES", DataSources(cache=tmp_path))
    monkeypatch.setattr(method, "obtain", lambda *_: teacher())


def fitted(steps=3, seed=0, examples=None, **changed):
    made = SymbolicSequences(settings(**changed))
    made.fit(examples or images(), run(seed, steps))
    return made


def weights(made):
    return {name: value.clone() for name, value in made.network.state_dict().items()}


def test_answers():
    made = fitted()
    out = made.evaluate(images(7), run())
    assert out["symbols"].shape == (7, 8)
    assert out["symbols"].dtype == np.int64
    np.testing.assert_array_equal(out["vocabulary"], [10] * 7)
    assert out["prefixes"].shape == (7, 4, WIDTH)
    assert out["features"].dtype == out["prefixes"].dtype == np.float32
    np.testing.assert_allclose(out["features"], out["prefixes"].sum(1), rtol=1e-6)
    assert made.illustrations["attention"].shape == (7, 8, PATCHES)
    assert made.illustrations["attention"].dtype == np.float16
    assert made.explanation == {"teacher": {"name": "untaught"}}
    learned = [one for name, one in made.network.named_parameters() if "teacher" not in name]
    assert made.parameters == sum(one.numel() for one in learned)


@pytest.mark.parametrize("discretisation", ["gs", "ss", "vq", "rvq"])
def test_features_depend_on_hard_symbols_alone(discretisation):
    made = fitted(steps=0, discretisation=discretisation, vocabulary=2)
    out = made.evaluate(images(300), run())
    _, first, count = np.unique(out["symbols"], axis=0, return_index=True, return_counts=True)
    assert count.max() > 1
    for row in first:
        same = (out["symbols"] == out["symbols"][row]).all(1)
        expected = np.broadcast_to(out["features"][row], (same.sum(), WIDTH))
        np.testing.assert_allclose(out["features"][same], expected, atol=1e-5)


def test_attention_of_the_first_inputs_alone(monkeypatch):
    monkeypatch.setattr(method, "SHOWN", 5)
    made, inputs = fitted(steps=0), images(9)
    options = run()
    options.at_once = 4
    made.evaluate(inputs, options)
    kept = made.illustrations["attention"]
    assert kept.shape == (5, 8, PATCHES)
    made.evaluate(inputs, run())
    np.testing.assert_allclose(made.illustrations["attention"], kept, atol=1e-3)


def test_the_number_and_order_of_inputs_change_nothing():
    made, inputs = fitted(), images(9)
    whole = made.evaluate(inputs, run())
    options = run()
    options.at_once = 2
    order = np.random.default_rng(0).permutation(9)
    turned = made.evaluate(inputs.take(order), options)
    np.testing.assert_array_equal(turned["symbols"], whole["symbols"][order])
    np.testing.assert_allclose(turned["features"], whole["features"][order], atol=1e-5)


@pytest.mark.parametrize("views", [0, 3])
def test_the_teachers_encoder_never_changes(views):
    made = SymbolicSequences(settings(views=views))
    before = teacher().digest()
    made.fit(images(), run(steps=5))
    made.evaluate(images(3), run())
    assert made.teacher.digest() == before
    assert not any("encoder" in name for name in made.network.state_dict())


def test_a_change_of_the_encoder_would_be_seen():
    """The planted fault."""
    one = teacher()
    before = one.digest()
    with torch.no_grad():
        one.encoder.local[0, 0] += 1e-3
    assert one.digest() != before


@pytest.mark.parametrize("views", [0, 3])
def test_the_same_seed_gives_the_same_and_another_another(views):
    one, same, other = (weights(fitted(seed=seed, views=views)) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_projectors_begin_at_random_or_as_the_teachers_head_which_stays_as_it_is(monkeypatch):
    torch.manual_seed(0)
    head, centre = DINOHead(WIDTH, 9, 5, 4), torch.linspace(-1, 1, 9)
    before = {name: value.clone() for name, value in head.state_dict().items()}
    monkeypatch.setattr(method, "obtain", lambda *_: teacher(head=head, centre=centre))
    network = fitted(steps=0, projector="teacher").network
    for projector in (network.projector, network.teacher_projector):
        assert projector is not head
        state = projector.state_dict()
        assert all(torch.equal(state[name], value) for name, value in before.items())
    assert torch.equal(network.centre, centre)
    assert all(one.requires_grad for one in network.projector.parameters())
    assert not any(one.requires_grad for one in network.teacher_projector.parameters())
    learned = fitted(steps=3, projector="teacher").network
    for projector in (learned.projector, learned.teacher_projector):
        assert not torch.equal(projector.prototypes, head.prototypes)
    assert not torch.equal(learned.centre, centre)
    assert all(torch.equal(head.state_dict()[name], value) for name, value in before.items())
    assert torch.equal(centre, torch.linspace(-1, 1, 9))
    random = fitted(steps=0).network
    assert random.projector.prototypes.shape == (16, 6)
    same = zip(random.projector.parameters(), random.teacher_projector.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in same)
    assert not random.centre.any()


def test_fresh_views_are_two_and_alike():
    """Of grey images every view is the same, so that their tokens must be, whatever the crop."""
    draw = method.fresh_views(teacher(), crop_and_flip(SIZE))
    grey = torch.full((3, SIZE, SIZE, 3), 100, dtype=torch.uint8)
    one, other = draw(grey).chunk(2)
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one, teacher().tokens(as_pixels(grey.numpy(), "cpu")))
    torch.manual_seed(0)
    one, other = draw(torch.tensor(np.asarray(images(5)["images"]))).chunk(2)
    assert one.shape == other.shape == (5, 1 + PATCHES, WIDTH)
    assert not torch.allclose(one, other, atol=0.1)


def test_without_updates_it_is_its_untrained_self():
    made = fitted(steps=0)
    assert made.evaluate(images(3), run())["symbols"].shape == (3, 8)
    torch.testing.assert_close(made.network.centre, torch.zeros(16))


def test_updates_that_give_no_number_are_an_error():
    net = network()
    with torch.no_grad():
        net.descriptor.begin[0] = float("nan")
    how = method.optimisation(settings(), 2)
    with pytest.raises(DivergedError, match="the loss became nan by step 2 of 2"):
        train(net, Examples({"tokens": batch()["tokens"].numpy()}), run(steps=2), how)


def test_answers_that_are_no_number_are_an_error():
    made = fitted(steps=0)
    with torch.no_grad():
        made.network.interpreter.project.bias[0] = float("inf")
    with pytest.raises(DivergedError, match=r"prefixes hold .* the training has diverged; lower"):
        made.evaluate(images(2), run())


def test_mistakes_are_said_in_a_line():
    made = SymbolicSequences(settings())
    with pytest.raises(SymbenchError, match="has not learned yet; call fit first"):
        made.evaluate(images(2), run())
    with pytest.raises(SymbenchError, match=r"there is no column 'images'.* got: states"):
        made.fit(Examples({"states": np.zeros(3)}), run())
    with pytest.raises(SymbenchError, match="they must be uint8"):
        made.fit(Examples({"images": np.zeros((2, SIZE, SIZE, 3))}), run())


def grouped(count, seed=0):
    """Images of four colours, whatever the crop shows, with noise: images, groups."""
    rng = np.random.default_rng(seed)
    colours = np.array([[220, 40, 40], [40, 220, 40], [40, 40, 220], [200, 200, 60]])
    groups = rng.integers(0, 4, count)
    noisy = colours[groups, None, None] + rng.integers(-30, 31, (count, SIZE, SIZE, 3))
    return Examples({"images": noisy.astype(np.uint8)}), groups


def told(steps, examples, groups):
    """Nats that a symbol says about the group, the mean over positions; the last scalars."""
    last, options = {}, run(steps=steps, batch_size=16)
    options.reporter = lambda **scalars: last.update(scalars)
    made = SymbolicSequences(settings(width=32, learning_rate=3e-3))
    made.fit(examples, options)
    symbols = made.evaluate(examples, run())["symbols"]
    return np.mean([mutual_info_score(column, groups) for column in symbols.T]), last


def test_it_learns_symbols_that_tell_groups_apart():
    examples, groups = grouped(160)
    (before, _), (after, last) = (told(steps, examples, groups) for steps in (0, 100))
    assert after > before + 0.4
    # What a reader needs to see a collapse is in the scalars; there is none here.
    assert last["perplexity"] > 1.5
    assert last["target_spread"] > last["target_entropy"] + 0.5


def test_a_crop_shows_what_the_teachers_large_ones_did():
    settings = SymbolicSettings(dino_scale=0.8, teacher_flip=0.0)
    drawn = method.augmentation(settings, SIZE)
    assert (drawn.size, drawn.scale, drawn.flip) == (SIZE, (0.8, 1.0), 0.0)
    assert (drawn.jitter, drawn.grey, drawn.solarise) == (0.0, 0.0, 0.0)

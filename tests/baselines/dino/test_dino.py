"""DINO: its loss pair by pair, what moves and what does not, and a small training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.dino import DINO
from baselines.dino.augmentation import Augmentation
from baselines.dino.head import balanced, cross_entropy, sharpened
from baselines.dino.self_distillation import DINONetwork, optimisation, pairs
from baselines.dino.teacher import collapse
from baselines.dino.teacher_settings import TaughtSettings
from benchmarks.protocol import Budget, Examples, SymbenchError
from benchmarks.training import train
from symdata import DataSources, dataset
from tests.baselines import teachers
from tests.baselines.teachers import SMALL, a_run, images

WHOLE = {"dino_scale": 1.0, "dino_least": 1.0, "teacher_flip": 0.0}
PLAIN = {"dino_jitter": 0.0, "dino_grey": 0.0, "dino_solarise": 0.0}


def a_network(total=10, epoch=0, **changes):
    torch.manual_seed(0)
    return DINONetwork(TaughtSettings(**(SMALL | changes)), 16, total, epoch)


def a_batch(count=4):
    return {"images": torch.from_numpy(images(count))}


def test_the_mean_over_pairs_by_hand():
    torch.manual_seed(0)
    target, logits = torch.rand(2 * 3, 5).softmax(-1), torch.randn(4 * 3, 5)
    sums = [
        cross_entropy(target[3 * g : 3 * g + 3], logits[3 * v : 3 * v + 3]).mean()
        for g in range(2)
        for v in range(4)
        if g != v
    ]
    assert len(sums) == 6
    torch.testing.assert_close(pairs(target, logits, 2), torch.stack(sums).mean())


def test_the_loss_without_augmentation_by_hand():
    network = a_network(**WHOLE, **PLAIN, local_crops=0)
    network.centre.normal_()
    x = a_batch()["images"].permute(0, 3, 1, 2) / 255
    loss, scalars = network.loss(a_batch(), 3)
    taught = network.teacher.head(network.teacher.encoder(x)[:, 0])
    target = sharpened(taught, network.centre, 0.04)
    expected = cross_entropy(target, network.student.head(network.student.encoder(x)[:, 0]))
    torch.testing.assert_close(loss, expected.mean())
    torch.testing.assert_close(scalars["centre"], taught.mean(0))
    used = target.mean(0)
    torch.testing.assert_close(scalars["entropy"], -(used * used.log()).sum())
    twice, _ = network.loss({"images": a_batch()["images"].repeat(2, 1, 1, 1)}, 3)
    torch.testing.assert_close(twice, loss)


def test_bfloat16_changes_the_loss_by_2_percent_at_most():
    network, losses = a_network(), []
    for mixed in (False, True):
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            losses.append(network.loss(a_batch(16), 3)[0])
    assert losses[1].dtype == torch.float32
    assert not torch.equal(*losses)
    torch.testing.assert_close(*losses, rtol=0.02, atol=0)
    losses[1].backward()


def test_sinkhorn_takes_the_place_of_the_centre():
    network = a_network(**WHOLE, **PLAIN, local_crops=0, dino_centring="sinkhorn")
    network.centre.normal_()
    x = a_batch()["images"].permute(0, 3, 1, 2).float() / 255
    loss, _ = network.loss(a_batch(), 3)
    large = torch.cat([x, x])
    target = balanced(network.teacher.head(network.teacher.encoder(large)[:, 0]), 0.04)[:4]
    expected = cross_entropy(target, network.student.head(network.student.encoder(x)[:, 0]))
    torch.testing.assert_close(loss, expected.mean())


def test_small_crops_are_seen_by_the_student_alone():
    network, sizes = a_network(), {"student": [], "teacher": []}
    for name, seen in sizes.items():
        stem = getattr(network, name).encoder.stem
        stem.register_forward_hook(
            lambda _, given, __, seen=seen: seen.append((len(given[0]), given[0].shape[-1]))
        )
    network.loss(a_batch(), 0)
    assert sizes == {"student": [(8, 16), (12, 8)], "teacher": [(8, 16)]}


def test_gradients_reach_every_parameter_of_the_student_and_none_of_the_teacher():
    network = a_network()
    network.loss(a_batch(1), 0)[0].backward()
    for name, parameter in network.student.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    assert all(parameter.grad is None for parameter in network.teacher.parameters())


def test_prototypes_stay_in_the_first_epoch():
    network = a_network(epoch=2)
    for step, stays in ((0, True), (1, True), (2, False)):
        network.zero_grad()
        network.loss(a_batch(), step)[0].backward()
        assert (network.student.head.prototypes.grad is None) == stays


def test_a_loss_changes_nothing_and_adapt_moves_teacher_and_centre():
    network = a_network(dino_momentum=0.5)
    with torch.no_grad():
        for parameter in network.student.parameters():
            parameter.add_(1.0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    _, scalars = network.loss(a_batch(), 0)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        network.adapt(scalars)
    after = network.state_dict()
    torch.testing.assert_close(after["centre"], 0.1 * scalars["centre"])
    for name, value in before.items():
        kind, _, rest = name.partition(".")
        if kind == "student":
            assert torch.equal(after[name], value)
        elif kind == "teacher":
            torch.testing.assert_close(after[name], (value + before[f"student.{rest}"]) / 2)


def test_parts_of_a_batch_move_the_centre_to_the_mean_of_all():
    seen = []
    for at_once in (None, 2):
        network = a_network(**WHOLE, **PLAIN, local_crops=0)
        settings, examples = network.settings, Examples({"images": images(6)})
        run = a_run(budget=Budget(steps=1, batch_size=6), at_once=at_once)
        shown = []
        run.reporter = lambda shown=shown, **scalars: shown.append(scalars)
        train(network, examples, run, optimisation(settings, 10))
        assert set(shown[0]) == {"step", "of", "loss", "entropy", "momentum"}
        seen.append(network.centre)
    torch.testing.assert_close(*seen)


def test_the_schedule_is_the_published_one_for_the_batch():
    how = optimisation(TaughtSettings(teacher_batch=128, teacher_rate=1e-3), 200)
    assert (how.learning_rate, how.warm_up, how.clip) == (5e-4, 20, 3.0)
    assert how.rate(199, 200) == pytest.approx(1e-6)
    assert (how.decay(0, 200), how.decay(199, 200)) == pytest.approx((0.04, 0.4))


def test_crops_have_the_sizes_and_shares_of_the_settings():
    network = a_network(dino_scale=0.3, dino_least=0.1, dino_solarise=0.5)
    kept = {"flip": 0.5, "jitter": 0.8, "hue": 0.1, "grey": 0.2, "solarise": 0.5}
    assert network.large == Augmentation(16, (0.3, 1.0), **kept)
    assert network.small == Augmentation(8, (0.1, 0.3), **kept)


def test_training_agrees_on_views_without_a_collapse():
    """The loss falls far below that of an undecided student, and images stay apart."""
    mild = {"dino_scale": 0.9, "local_crops": 0, "dino_momentum": 0.95, "teacher_rate": 0.2}
    sizes = {"teacher_width": 24, "dino_prototypes": 64}
    network = a_network(total=120, **PLAIN, **mild, **sizes)
    before = collapse(network, images(32), "cpu")
    losses, run = [], a_run(budget=Budget(steps=120, batch_size=16))
    run.reporter = lambda **scalars: losses.append(scalars["loss"])
    train(network, Examples({"images": images(32)}), run, optimisation(network.settings, 120))
    after = collapse(network, images(32), "cpu")
    assert losses[-1] < 0.5 * np.log(64)
    assert after["information"] > before["information"] + 0.5
    assert not after["collapsed"]


def test_the_method_gives_class_tokens_and_says_where_they_are_from(tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "SOURCES", DataSources(cache=tmp_path))
    method, train_images = DINO(TaughtSettings(**SMALL)), images(8)
    with pytest.raises(SymbenchError, match="call fit first"):
        method.evaluate(Examples({"images": train_images}), a_run())
    assert method.parameters is None
    method.fit(Examples({"images": train_images}), a_run())
    features = method.evaluate(Examples({"images": images(5, seed=1)}), a_run())["features"]
    x = torch.from_numpy(images(5, seed=1)).permute(0, 3, 1, 2) / 255
    np.testing.assert_allclose(features, method.teacher.tokens(x)[:, 0].numpy(), atol=1e-5)
    assert (features.dtype, features.shape) == (np.float32, (5, SMALL["teacher_width"]))
    assert method.explanation["teacher"]["name"] == "dino_tiny"
    assert method.parameters == sum(one.numel() for one in method.teacher.encoder.parameters())
    other = DINO(TaughtSettings(**SMALL))
    other.fit(Examples({"images": train_images}), a_run(7))
    assert other.teacher.digest() == method.teacher.digest()


def test_crops_are_mirrored_exactly_where_mirror_images_keep_their_class():
    for key, values in TaughtSettings.published.items():
        data = dataset(key.partition("/")[0])  # a key is a data set, or a task `name/regime`
        assert (TaughtSettings(**values).teacher_flip == 0) == (not data.mirrored), key

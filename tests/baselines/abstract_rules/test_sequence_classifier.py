"""What holds for every network method alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap

from baselines.abstract_rules.sequence_classifier import SequenceSettings
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Budget, Deduplicated, Examples, Run, SymbenchError
from benchmarks.training import train
from methods.esbn import ESBN
from tests.baselines.problems import METHODS, batch, network, pictures, run, same_different

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)

# Encoder conv, TCN on; T = 2 with two classes, T = 9 with four.
PUBLISHED = {
    "ESBN": (1_909_733, 1_910_759),
    "LSTMClassifier": (1_513_698, 1_514_724),
    "NTM": (2_572_014, 2_573_040),
    "MNM": (578_275, 578_533),
    "RelationNet": (528_098, 528_612),
    "TemporalRelationNet": (989_666, 990_180),
    "Transformer": (628_194, 628_708),
    "PrediNet": (470_810, 1_395_500),
}
# The published Transformer counts one encoder layer more than its architecture has; MNM counts a
# projection and a LayerNorm that it never uses, and TRN two layers.
COUNTED_TOO = {
    "Transformer": 198_272,
    "MNM": 32_896 + 1_024,
    "TemporalRelationNet": 2 * 65_792,
}


@every_method
def test_parameters_are_as_published(method):
    for (length, classes), published in zip(
        [(2, 2), (9, 4)], PUBLISHED[method.__name__], strict=True
    ):
        count = sum(p.numel() for p in network(method, length, classes).parameters())
        assert count + COUNTED_TOO.get(method.__name__, 0) == published


def test_more_published_counts():
    def count(method, *shape, **settings):
        return sum(p.numel() for p in network(method, *shape, **settings).parameters())

    predinet = next(m for m in METHODS if m.__name__ == "PrediNet")
    assert count(predinet, 6, 2) == 999_194
    assert count(ESBN, confidence=False) == 1_907_683
    assert count(ESBN, 9, 4, confidence=False) == 1_908_709
    assert count(ESBN, confidence=False, default_memory=True) == 1_908_067
    assert count(ESBN, 9, 4, confidence=False, default_memory=True) == 1_909_093


@every_method
@pytest.mark.parametrize(("length", "classes"), [(2, 2), (9, 4)])
def test_gradients_reach_every_parameter(method, length, classes):
    net = network(method, length, classes)
    # ESBN's biases start at 0, and so do its first states and keys: no gradient passes yet.
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.02 * torch.randn(p.shape, generator=generator))
    net.loss(batch(length, classes, problems=8), 0)[0].backward()
    without = {n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()}
    if method.__name__ == "TemporalRelationNet" and length == 2:
        # Two images make no triple.
        assert without == {n for n, _ in net.named_parameters() if "triples" in n}
    else:
        assert without == set()


@every_method
def test_random_encoder_stays(method):
    net = network(method, encoder="random", context_norm=False)
    net.loss(batch(), 0)[0].backward()
    assert all(p.grad is None for p in net.encoder.parameters())


@every_method
def test_a_batch_of_one_and_a_batch_twice(method):
    net = network(method, 6).eval()
    one = batch(6, problems=1)
    assert net(one["images"]).shape == (1, 2)
    assert torch.isfinite(net.loss(one, 0)[0])
    some = batch(6)
    rows = torch.arange(4).repeat(2)
    twice = {name: column[rows] for name, column in some.items()}
    assert torch.allclose(net.loss(some, 0)[0], net.loss(twice, 0)[0], rtol=1e-4, atol=1e-5)


@every_method
def test_encoding_distinct_images_once_changes_nothing(method):
    net, data = network(method, 6).eval().double(), batch(6)
    images = data["images"]
    everything = images.table[images.index].flatten(0, 1)
    apart = Deduplicated(everything, torch.arange(24).view(4, 6))
    torch.set_default_dtype(torch.float64)
    try:
        results = []
        for columns in (images, apart):
            net.zero_grad()
            loss, _ = net.loss({**data, "images": columns}, 0)
            loss.backward()
            gradients = [p.grad for p in net.parameters() if p.grad is not None]
            results.append([loss.detach(), *gradients])
    finally:
        torch.set_default_dtype(torch.float32)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert (a - b).abs().max() <= 1e-6 * a.abs().max().clamp(min=1.0)


@every_method
def test_stacked_parameters(method):
    networks = [network(method, 3, 2, seed=seed).eval() for seed in (0, 1)]
    data, base = batch(3), networks[0]
    parameters, buffers = stack_module_state(networks)

    def loss(parameters, buffers):
        return functional_call(base, (parameters, buffers), (data["images"],)).square().mean()

    stacked = vmap(torch.func.grad_and_value(loss), randomness="same")
    gradients, values = stacked(parameters, buffers)
    for i, net in enumerate(networks):
        value = net(data["images"]).square().mean()
        value.backward()
        assert torch.allclose(values[i], value, rtol=1e-4)
        for name, p in net.named_parameters():
            expected = torch.zeros_like(p) if p.grad is None else p.grad
            # Sums run in another order; what matters is the size beside the largest gradient.
            atol = 1e-5 + 5e-3 * float(expected.abs().max())
            assert torch.allclose(gradients[name][i], expected, rtol=1e-3, atol=atol), name


@every_method
def test_seeds_order_and_batch_size(method):
    examples = same_different()
    before = examples["images"].table.copy()
    inputs = examples.select(("images",))

    def learned(seed):
        fitted = method(method.Settings())
        fitted.fit(examples, run(seed))
        return fitted

    fitted = learned(0)
    logits = fitted.evaluate(inputs, run(0))["logits"]
    assert logits.shape == (24, 2)
    assert logits.dtype == np.float32
    assert np.array_equal(logits, learned(0).evaluate(inputs, run(0))["logits"])
    assert not np.allclose(logits, learned(1).evaluate(inputs, run(1))["logits"])
    order = np.random.default_rng(0).permutation(24)
    shuffled = fitted.evaluate(inputs.take(order), run(0))["logits"]
    assert np.allclose(shuffled, logits[order], atol=1e-5)
    single = [fitted.evaluate(inputs.take(slice(i, i + 1)), run(0))["logits"] for i in range(5)]
    assert np.allclose(np.concatenate(single), logits[:5], atol=1e-5)
    plain = Examples({"images": np.asarray(inputs["images"])})
    assert np.allclose(fitted.evaluate(plain, run(0))["logits"], logits, atol=1e-5)
    assert np.array_equal(examples["images"].table, before)


@every_method
def test_learning_lowers_the_loss(method):
    examples = same_different()
    net = network(method)
    data = {
        "images": Deduplicated(*map(torch.from_numpy, _parts(examples))),
        "labels": torch.from_numpy(examples["labels"]),
    }

    def loss():
        with torch.no_grad():
            return float(net.eval().loss(data, 0)[0])

    before = loss()
    train(net, examples, run(steps=30), Optimisation(learning_rate=1e-3))
    assert loss() < before - 0.05


def test_a_training_that_was_stopped_ends_in_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.training.REPORT_EVERY", 5)
    path, steps = tmp_path / "esbn.pt", []

    def weights(last, **changes):
        def reporter(step, **_):
            steps.append(step)
            if step == last:
                raise KeyboardInterrupt

        given = Run(0, Budget(steps=20, batch_size=8), reporter=reporter, checkpoint_seconds=0.0)
        fitted = ESBN(ESBN.Settings())
        fitted.fit(same_different(), replace(given, **changes))
        return fitted.network.state_dict()

    whole = weights(None)
    with pytest.raises(KeyboardInterrupt):
        weights(15, checkpoint=path)
    steps.clear()
    resumed = weights(None, checkpoint=path)
    assert steps == [10, 15, 20]
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def _parts(examples):
    return examples["images"].table, examples["images"].index


def test_segments_come_from_the_column():
    rng = np.random.default_rng(0)
    columns = {
        "images": Deduplicated(pictures(8), rng.integers(0, 8, (16, 6))),
        "labels": np.arange(16) % 2,
    }
    fitted = ESBN(ESBN.Settings())
    fitted.fit(Examples(columns), run())
    assert fitted.network.context_norm.lengths == [6]
    fitted.fit(Examples({**columns, "segments": np.tile([0, 0, 1, 1, 2, 2], (16, 1))}), run())
    assert fitted.network.context_norm.lengths == [2, 2, 2]
    with pytest.raises(SymbenchError, match="segments"):
        fitted.fit(Examples({**columns, "segments": rng.integers(0, 2, (16, 6))}), run())


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("encoder", "resnet", "conv, mlp, random"),
        ("learning_rate", 0.0, "above 0"),
        ("context_norm", "yes", "True, False"),
    ],
)
def test_wrong_settings(field, value, said):
    with pytest.raises(SymbenchError, match=said) as error:
        SequenceSettings(**{field: value})
    assert "\n" not in str(error.value)


def test_wrong_inputs():
    fitted = ESBN(ESBN.Settings())
    with pytest.raises(SymbenchError, match="fit first"):
        fitted.evaluate(same_different(), run())
    fitted.fit(same_different(), run())
    for images in (
        np.zeros((2, 3, 32, 32), np.uint8),
        np.zeros((2, 2, 28, 28), np.uint8),
        np.zeros((2, 2, 32, 32), np.float32),
    ):
        with pytest.raises(SymbenchError):
            fitted.evaluate(Examples({"images": images}), run())

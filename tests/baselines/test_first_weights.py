"""First weights: the deviations that were published, by hand, and torch's own where it is asked."""

from __future__ import annotations

import pytest
import torch

from baselines.lstm import LSTMClassifier
from baselines.ntm import NTM
from baselines.predinet import PrediNet
from baselines.relation_net import RelationNet, TemporalRelationNet
from baselines.transformer import Transformer
from benchmarks.protocol import SymbenchError
from methods.esbn import ESBN
from tests.baselines.problems import network


def xavier(into, out, gain=1.0):
    return gain * (2 / (into + out)) ** 0.5


def kaiming(into):
    return (2 / into) ** 0.5


def gates(layer, inputs):
    """The blocks of a controller of 512 units and so many inputs, with their deviations."""
    wide = layer.weight_recurrent
    if hasattr(layer, "weight_given"):
        wide = torch.cat([layer.weight_given, wide], 1)
    for weight, into in ((wide[:, :inputs], inputs), (wide[:, inputs:], 512)):
        assert weight.shape == (2048, into)
        yield weight[:1024], xavier(into, 1024)  # input and forget gate, in one draw
        yield weight[1024:1536], xavier(into, 512)  # output gate
        yield weight[1536:], xavier(into, 512, 5 / 3)  # candidate


def encoder(net):
    for layer, into in zip(net.encoder.convolutions, (16, 512, 512), strict=True):
        yield layer.weight, kaiming(into)
    for layer, into in zip(net.encoder.linears, (512, 256), strict=True):
        yield layer.weight, kaiming(into)


def esbn(net):
    yield from gates(net.controller, 257)
    yield net.key.weight, kaiming(512)
    yield net.gate.weight, xavier(512, 1)
    yield net.output.weight, xavier(512, 2)


def lstm(net):
    yield from gates(net.lstm, 128)
    yield net.output.weight, xavier(512, 2)


def ntm(net):
    yield from gates(net.controller, 384)
    yield net.memory, xavier(256, 10)
    for head in (0, 1):
        yield net.keys.weight[256 * head : 256 * (head + 1)], xavier(512, 256, 5 / 3)
        strength, gate, shifts, sharpness = net.controls.weight.view(2, 6, 512)[head].split(
            [1, 1, 3, 1]
        )
        yield strength, kaiming(512)
        yield gate, xavier(512, 1)
        yield shifts, xavier(512, 3)
        yield sharpness, kaiming(512)
    yield net.erase.weight, xavier(512, 256)
    yield net.add.weight, xavier(512, 256, 5 / 3)
    yield net.output.weight, xavier(512, 2)


def relation_net(net):
    yield net.g.first.weight, kaiming(258)
    yield net.g.second.weight, kaiming(512)
    yield net.f.weight, kaiming(256)
    yield net.output.weight, xavier(256, 2)


def trn(net):
    for g, into in ((net.g_pairs, 258), (net.g_triples, 387)):
        yield g.first.weight, kaiming(into)
        yield g.second.weight, kaiming(512)
    yield net.f.weight, kaiming(256)
    yield net.output.weight, xavier(256, 2)


def transformer(net):
    yield net.layer.qkv.weight, xavier(128, 384)
    yield net.layer.mix.weight, xavier(128, 128)
    yield net.layer.widen.weight, kaiming(128)
    yield net.layer.narrow.weight, kaiming(512)
    yield net.hidden.weight, kaiming(128)
    yield net.output.weight, xavier(256, 2)


def predinet(net):
    yield net.keys.weight, xavier(129, 16)
    for queries in net.queries.weight.chunk(2):
        yield queries, xavier(3 * 129, 512)
    yield net.relations.weight, xavier(129, 16)
    yield net.hidden.weight, kaiming(576)


PUBLISHED = {
    ESBN: esbn,
    LSTMClassifier: lstm,
    NTM: ntm,
    RelationNet: relation_net,
    TemporalRelationNet: trn,
    Transformer: transformer,
    PrediNet: predinet,
}


@pytest.mark.parametrize("method", PUBLISHED, ids=lambda method: method.__name__)
def test_weights_start_as_published(method):
    net, counted = network(method, 3), 0
    with torch.no_grad():
        for weight, deviation in (*encoder(net), *PUBLISHED[method](net)):
            counted += weight.numel()
            error = (2 * weight.numel()) ** -0.5
            assert float(weight.std()) == pytest.approx(deviation, rel=4 * error)
            # Uniform weights of this deviation end at 1.73 times it.
            assert weight.abs().max() > 1.8 * deviation
        matrices = [p for p in net.parameters() if p.dim() > 1]
        rest = {n: p for n, p in net.named_parameters() if p.dim() < 2}
        ones = ("context_norm.gain", "gamma", "norm.weight", "norm_attended.weight")
        for name, p in rest.items():
            assert (p == float(name.endswith((*ones, "norm_fed.weight")))).all(), name
    # PrediNet's 16 weights of two classes are looked at below.
    assert counted == sum(p.numel() for p in matrices) - 16 * (method is PrediNet)


def test_few_weights_over_many_networks():
    drawn = torch.cat([network(PrediNet, seed=seed).output.weight for seed in range(80)])
    # 2 / (8 + 2) under the root; Kaiming-normal weights would have 0.5.
    assert float(drawn.detach().std()) == pytest.approx(0.4472, rel=0.06)


def test_known_deviations():
    """In numbers: 2/1152 and 2/512 are squares of 1/24 and 1/16."""
    net = network(LSTMClassifier, 3).requires_grad_(False)
    assert float(net.lstm.weight_given[:1024].std()) == pytest.approx(1 / 24, rel=0.01)
    assert float(net.lstm.weight_given[1536:].std()) == pytest.approx(0.09317, rel=0.01)
    net = network(Transformer, 3).requires_grad_(False)
    assert float(net.layer.qkv.weight.std()) == pytest.approx(1 / 16, rel=0.01)


# Layers by the number of their inputs, for three images.
INPUTS = {
    Transformer: {"layer.qkv": 128, "layer.mix": 128, "layer.widen": 128, "layer.narrow": 512,
                  "hidden": 128, "output": 256},
    PrediNet: {"keys": 129, "queries": 387, "relations": 129, "hidden": 576, "output": 8},
}  # fmt: skip


@pytest.mark.parametrize("method", INPUTS, ids=lambda method: method.__name__)
def test_torch_start(method):
    net = network(method, 3, weights="torch").requires_grad_(False)
    for name, into in INPUTS[method].items():
        layer, bound = net.get_submodule(name), into**-0.5
        assert layer.in_features == into
        for p in layer.parameters():
            assert p.abs().max() <= bound
            if p.numel() > 100:
                assert p.abs().max() > 0.97 * bound
                assert float(p.std()) == pytest.approx(bound / 3**0.5, rel=0.15)
        if layer.bias is not None:
            assert layer.bias.all()
    same = network(method, 3).encoder.state_dict()
    assert all(torch.equal(p, same[name]) for name, p in net.encoder.state_dict().items())
    with pytest.raises(SymbenchError, match="published, torch"):
        method.Settings(weights="zeros")

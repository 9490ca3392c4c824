"""The rivals against literal readings of their definitions."""

from __future__ import annotations

from itertools import combinations, product

import torch
from torch import nn

from baselines.mnm import MNM, NeuralMemory
from baselines.ntm import NTM, address
from baselines.predinet import PrediNet
from baselines.relation_net import RelationNet, TemporalRelationNet, with_positions
from baselines.transformer import EncoderLayer, Transformer, sinusoids
from tests.baselines.problems import batch, network


def codes(length, problems=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(problems, length, 128, generator=generator, dtype=torch.float64)


def test_positions_are_appended():
    objects = with_positions(torch.zeros(1, 3, 128))
    assert objects.shape == (1, 3, 129)
    assert objects[0, :, -1].tolist() == [0, 1, 2]


def g(function, *objects):
    return function.second(function.first(torch.cat(objects)).relu()).relu()


def test_relation_net_is_a_sum_over_concatenated_pairs():
    net, z = network(RelationNet, 4).double(), codes(4)
    for logits, objects in zip(net.reason(z), with_positions(z), strict=True):
        total = sum(g(net.g, a, b) for a, b in product(objects, repeat=2))
        assert torch.allclose(logits, net.output(net.f(total).relu()))


def test_temporal_relation_net_takes_pairs_and_triples_in_order():
    net, z = network(TemporalRelationNet, 4).double(), codes(4)
    for logits, objects in zip(net.reason(z), with_positions(z), strict=True):
        pairs = sum(g(net.g_pairs, *group) for group in combinations(objects, 2))
        triples = sum(g(net.g_triples, *group) for group in combinations(objects, 3))
        assert torch.allclose(logits, net.output(net.f(pairs + triples).relu()))


def test_temporal_relation_net_of_two_images_sums_pairs_alone():
    net, z = network(TemporalRelationNet).double(), codes(2)
    for logits, objects in zip(net.reason(z), with_positions(z), strict=True):
        assert torch.allclose(logits, net.output(net.f(g(net.g_pairs, *objects)).relu()))


def test_predinet_compares_attended_objects():
    net, z = network(PrediNet, 4).double(), codes(4)
    for logits, objects in zip(net.reason(z), with_positions(z), strict=True):
        keys = objects @ net.keys.weight.t()
        queries = (net.queries.weight @ objects.flatten()).view(2, 32, 16)
        found = []
        for first, second in zip(*queries, strict=True):
            a, b = ((keys @ query).softmax(0) @ objects for query in (first, second))
            found += [net.relations(a) - net.relations(b), a[-1:], b[-1:]]
        assert torch.allclose(logits, net.output(net.hidden(torch.cat(found)).relu()))


def test_encoder_layer_is_the_published_one():
    ours = EncoderLayer().double()
    reference = nn.TransformerEncoderLayer(128, 8, 512, dropout=0.0, batch_first=True).double()
    with torch.no_grad():
        reference.self_attn.in_proj_weight.copy_(ours.qkv.weight)
        reference.self_attn.in_proj_bias.copy_(ours.qkv.bias)
    for module, name in [
        (ours.mix, "self_attn.out_proj"),
        (ours.widen, "linear1"),
        (ours.narrow, "linear2"),
        (ours.norm_attended, "norm1"),
        (ours.norm_fed, "norm2"),
    ]:
        reference.get_submodule(name).load_state_dict(module.state_dict())
    x = codes(5)
    assert torch.allclose(ours(x), reference(x), atol=1e-10)


def test_sinusoids_by_hand():
    table = sinusoids(3, 4)
    expected = [[0, 1, 0, 1]] + [
        [torch.sin(a), torch.cos(a), torch.sin(b), torch.cos(b)]
        for a, b in [(torch.tensor(t), torch.tensor(t / 100)) for t in (1.0, 2.0)]
    ]
    assert torch.allclose(table, torch.tensor(expected))


def test_transformer_sees_order():
    net, z = network(Transformer, 4).double(), codes(4)
    assert not torch.allclose(net.reason(z), net.reason(z.flip(1)))


OFF, ON = -40.0, 40.0


def test_ntm_addresses_by_content():
    memory = torch.eye(4, 6)[None]
    key = torch.tensor([[[0.0, 9.0, 0, 0, 0, 0]]])
    # A strong key, gate open, no shift, sharpness 1 + softplus(0).
    controls = torch.tensor([[[ON, ON, OFF, ON, OFF, 0.0]]])
    weights = address(memory, torch.zeros(1, 1, 4), key, controls)
    assert torch.allclose(weights, torch.tensor([[[0.0, 1.0, 0.0, 0.0]]]), atol=1e-6)


def test_ntm_addresses_by_location():
    memory, key = torch.eye(4, 6)[None], torch.ones(1, 1, 6)
    previous = torch.tensor([[[0.0, 0.0, 0.25, 0.75]]])
    for place, moved in [(2, [0.0, 0.25, 0.75, 0.0]), (4, [0.75, 0.0, 0.0, 0.25])]:
        # Gate shut, one shift (back, then forth, around the end), and sharpness 1 + softplus(0).
        controls = torch.full((1, 1, 6), OFF)
        controls[..., place], controls[..., 5] = ON, 0.0
        power = 1 + torch.tensor(2.0).log()
        expected = torch.tensor(moved) ** power
        weights = address(memory, previous, key, controls)
        assert torch.allclose(weights[0, 0], expected / expected.sum(), atol=1e-6)


def test_ntm_step_by_step():
    """Against the definition for one problem, with plain loops over slots."""
    net, z = network(NTM, 3, 2).double(), codes(3, problems=2)
    lstm = net.controller
    for logits, problem in zip(net.reason(z), z, strict=True):
        memory, weights = net.memory, [torch.zeros(10).double()] * 2
        h, c, read = z.new_zeros(512), z.new_zeros(512), z.new_zeros(256)
        for t in range(4):
            z_t = problem[t] if t < 3 else torch.zeros(128).double()
            recurrent = lstm.weight_recurrent @ torch.cat([read, h])
            gates = lstm.weight_given @ z_t + recurrent + lstm.bias_ih + lstm.bias_hh
            i, f, o, new = gates.split(512)
            c = f.sigmoid() * c + i.sigmoid() * new.tanh()
            h = o.sigmoid() * c.tanh()
            for head in range(2):
                if head == 0 and t == 0:
                    continue
                key = net.keys(h).view(2, 256)[head].tanh()
                control = net.controls(h).view(2, 6)[head]
                similar = torch.cosine_similarity(key[None], memory)
                content = (nn.functional.softplus(control[0]) * similar).softmax(0)
                gate, shift = control[1].sigmoid(), control[2:5].softmax(0)
                gated = gate * content + (1 - gate) * weights[head]
                moved = torch.stack(
                    [sum(gated[(m - s) % 10] * shift[s + 1] for s in (-1, 0, 1)) for m in range(10)]
                )
                sharp = moved ** (1 + nn.functional.softplus(control[5]))
                weights[head] = sharp / sharp.sum()
            if t > 0:
                read = weights[0] @ memory
            write = weights[1][:, None]
            memory = memory * (1 - write * net.erase(h).sigmoid()) + write * net.add(h).tanh()
        assert torch.allclose(logits, net.output(h), atol=1e-6)


def test_neural_memory_is_a_network_whose_weights_move():
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(3, 128, 128, generator=generator, dtype=torch.float64) / 11
    memory, weights = NeuralMemory(start), [list(start) for _ in range(2)]

    def layer(b, x, number):
        y = weights[b][number] @ x
        return y if number == 2 else y.tanh()

    for _ in range(3):
        key, *targets = torch.randn(4, 2, 128, generator=generator, dtype=torch.float64).tanh()
        rate = torch.rand(2, 1, generator=generator, dtype=torch.float64)
        memory.write(key, torch.cat(targets, 1), rate)
        for b in range(2):
            x, moved = key[b], []
            for number in range(3):
                y = layer(b, x, number)
                step = -2 / 128 * (y - targets[number][b])
                moved.append(weights[b][number] + torch.outer(step, rate[b] * x))
                x = y
            weights[b] = moved
    probe = torch.randn(2, 128, generator=generator, dtype=torch.float64)
    for b in range(2):
        x = probe[b]
        for number in range(3):
            x = layer(b, x, number)
        assert torch.allclose(memory.recall(probe[:, None])[b, 0], x)


def test_a_write_takes_the_last_layer_a_known_way():
    """By hand: units that copy, one write of the last layer alone."""
    memory = NeuralMemory(torch.eye(128).expand(3, -1, -1))
    key = torch.zeros(1, 128)
    key[0, 0] = 0.5
    first = torch.tensor(0.5).tanh()
    second = first.tanh()
    targets = torch.cat([key.tanh(), key.tanh().tanh(), torch.zeros(1, 128)], 1)
    targets[0, 2 * 128 + 1] = 64.0  # of the last layer's second unit, which answers 0
    memory.write(key, targets, torch.tensor([[0.5]]))
    recalled = memory.recall(key[:, None])[0, 0]
    # The unit moves by 2/128 · 64 · 0.5 · |input|², the first by 2/128 · -second · 0.5 · |input|².
    assert torch.allclose(recalled[1], 0.5 * second**2, atol=1e-6)
    assert torch.allclose(recalled[0], second - 1 / 128 * second**3, atol=1e-6)


def test_mnm_step_by_step():
    """Against the definition for one problem, with weights that are moved as such."""
    net, z = network(MNM, 3, 2).double(), codes(3, problems=2)
    lstm = net.controller
    logits, errors = net.think(z)
    for b, problem in enumerate(z):
        weights, total = list(net.start), 0.0
        h = c = read = z.new_zeros(128)

        def layers(x, weights):
            outputs = [x]
            for number in range(3):
                y = weights[number] @ outputs[-1]
                outputs.append(y if number == 2 else y.tanh())
            return outputs

        for t in range(4):
            z_t = problem[t] if t < 3 else torch.zeros(128).double()
            recurrent = lstm.weight_recurrent @ torch.cat([read, h])
            gates = lstm.weight_given @ z_t + recurrent + lstm.bias_ih + lstm.bias_hh
            i, f, o, new = gates.split(128)
            c = f.sigmoid() * c + i.sigmoid() * new.tanh()
            h = o.sigmoid() * c.tanh()
            pace, write_key, value, read_key = net.interface(h).tanh().split(128)
            rate = net.rate(pace).sigmoid()
            x, targets = layers(write_key, weights), net.targets(value).split(128)
            weights = [
                weights[n] - 2 / 128 * torch.outer(x[n + 1] - targets[n], rate * x[n])
                for n in range(3)
            ]
            total = total + (layers(write_key, weights)[-1] - value).square().mean()
            read = layers(read_key, weights)[-1]
        expected = net.output(net.read_out(torch.cat([h, read])))
        assert torch.allclose(logits[b], expected, atol=1e-8)
        assert torch.allclose(errors[b], total / 3, atol=1e-8)


def test_mnm_adds_its_reconstruction_and_keeps_its_first_memory():
    net, data = network(MNM, 3), batch(3)
    loss, scalars = net.loss(data, 0)
    assert scalars["reconstruction"] > 0
    assert torch.equal(net.loss(data, 1)[0], loss)
    assert net.start.abs().max() <= 128**-0.5
    assert not net.start.requires_grad
    assert "start" in net.state_dict()

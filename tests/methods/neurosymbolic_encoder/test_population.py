"""Programs as networks, against an evaluator of one program on one trajectory, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.protocol import Budget, Examples, Run
from methods.neurosymbolic_encoder.dsl import ATOM_TO_ATOM, LIST_TO_ATOM, LIST_TO_LIST
from methods.neurosymbolic_encoder.population import (
    Framewise,
    Population,
    Recurrent,
    hidden_units,
)
from methods.neurosymbolic_encoder.programs import Program
from methods.neurosymbolic_encoder.search import distil
from tests.methods.neurosymbolic_encoder.walks import EVERYTHING, frames, population, program


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def weights(made, p, of=lambda weight: weight.detach()):
    """What belongs to the p-th program alone: (place in its tree, name) → a view of the weight."""
    found = {}
    nodes = [node for node, _ in made.programs[p].nodes()]
    for (q, n), slot in made.slots.items():
        if q == p and nodes[n].feature:
            found[n, "scale"], found[n, "bias"] = of(made.scale)[slot], of(made.bias)[slot]
        elif q == p:
            found[n, "threshold"] = of(made.threshold)[slot]
    for stack, places in zip(made.stacks, made.where, strict=True):
        for m, (q, n) in enumerate(places):
            for name, weight in stack.named_parameters() if q == p else ():
                if name.startswith("given"):
                    shape = (*weight.shape[:-1], len(places), -1)
                    found[n, name] = of(weight).view(shape)[..., m, :]
                else:
                    found[n, name] = of(weight)[m]
    return found


class Literal:
    """The meaning of a program, one list or frame at a time; weights are read by place."""

    def __init__(self, made, p, data, features):
        self.weights = {key: weight.numpy().squeeze() for key, weight in weights(made, p).items()}
        self.data, self.features = data, features
        self.names = [feature.name for feature in EVERYTHING.features]
        self.program = made.programs[p]

    def value(self):
        length = len(self.data)
        if self.program.kind == LIST_TO_ATOM:
            return self.atom(self.program, 0, length)
        if self.program.kind == LIST_TO_LIST:
            return self.list(self.program, 0, length)[-1]
        return self.frame(self.program, 0, length - 1)

    def atom(self, node, n, length):
        """A list→atom of the first `length` frames; n: the node's place."""
        if node.rule is None:
            return self.recurrent(n, length)[-1]
        if node.rule == "final":
            return self.affine(node, n, length - 1)
        if node.rule == "map_average":
            values = [self.frame(node.arguments[0], n + 1, t) for t in range(length)]
            return sum(values) / length - self.weights[n, "threshold"]
        if node.rule == "average":
            return sum(self.list(node.arguments[0], n + 1, length)) / length
        return self.combine(node, n, lambda one, place: self.atom(one, place, length))

    def list(self, node, n, length):
        """A list→list of the first `length` frames: as many numbers."""
        if node.rule is None:
            return self.recurrent(n, length)
        if node.rule == "map":
            return [self.frame(node.arguments[0], n + 1, t) for t in range(length)]
        if node.rule == "map_prefixes":
            return [self.atom(node.arguments[0], n + 1, t + 1) for t in range(length)]
        return [
            self.combine(node, n, lambda one, place, t=t: self.list(one, place, length)[t])
            for t in range(length)
        ]

    def frame(self, node, n, t):
        """An atom→atom of frame t."""
        if node.rule is None:
            hidden = self.data[t] @ self.weights[n, "given"] + self.weights[n, "given_bias"]
            return np.maximum(hidden, 0) @ self.weights[n, "read"] + self.weights[n, "read_bias"]
        if node.rule == "select":
            return self.affine(node, n, t)
        return self.combine(node, n, lambda one, place: self.frame(one, place, t))

    def combine(self, node, n, value):
        values = []
        for one in node.arguments:
            values.append(value(one, n + 1))
            n += len(list(one.nodes()))
        if node.rule == "add":
            return values[0] + values[1]
        if node.rule == "multiply":
            return values[0] * values[1]
        assert node.rule == "if_then_else"
        share = sigmoid(values[0])
        return share * values[1] + (1 - share) * values[2]

    def affine(self, node, n, t):
        feature = self.features[t, self.names.index(node.feature)]
        return self.weights[n, "scale"] * feature + self.weights[n, "bias"]

    def recurrent(self, n, length):
        """A gated recurrent unit (Cho et al. 2014, as in PyTorch) and a number at each frame."""
        w = {name: weight for (place, name), weight in self.weights.items() if place == n}
        h, said = np.zeros(len(w["read"])), []
        for t in range(length):
            given = np.split(self.data[t] @ w["given"] + w["given_bias"], 3)
            held = np.split(h @ w["recurrent"] + w["recurrent_bias"], 3)
            reset, update = sigmoid(given[0] + held[0]), sigmoid(given[1] + held[1])
            h = (1 - update) * np.tanh(given[2] + reset * held[2]) + update * h
            said.append(h @ w["read"] + w["read_bias"])
        return said


ATOMS = (
    "final(b)",
    "map_average(select(c))",
    "add(final(a), final(c))",
    "multiply(final(a), map_average(select(b)))",
    "if_then_else(final(a), map_average(select(b)), final(c))",
    "map_average(multiply(select(a), add(select(b), select(a))))",
    "map_average(if_then_else(select(a), select(b), select(c)))",
    "average(map(select(a)))",
    "average(map_prefixes(final(b)))",
    "average(map_prefixes(map_average(select(a))))",
    "average(map_prefixes(if_then_else(final(a), map_average(select(b)), final(c))))",
    "average(map_prefixes(average(map_prefixes(map_average(select(c))))))",
    "average(add(map(select(a)), multiply(map(select(b)), map_prefixes(map_average(select(c))))))",
    "average(if_then_else(map(select(a)), map(select(b)), map_prefixes(final(c))))",
    "?",
    "map_average(?)",
    "average(?)",
    "average(map(?))",
    "average(map_prefixes(?))",
    "add(?, final(a))",
    "if_then_else(?, map_average(add(?, select(a))), multiply(average(?), ?))",
    "average(map_prefixes(add(?, average(multiply(?, map(?))))))",
)
LISTS = ("?", "map(select(a))", "map_prefixes(map_average(?))", "add(?, map_prefixes(average(?)))")
FRAMES = ("?", "select(a)", "multiply(select(a), ?)", "if_then_else(select(a), ?, select(c))")
ALL = (
    *ATOMS,
    *(program(text, LIST_TO_LIST) for text in LISTS),
    *(program(text, ATOM_TO_ATOM) for text in FRAMES),
)


def test_all_rules_mean_what_they_say():
    made, (data, features) = population(*ALL), frames()
    with torch.no_grad():
        logits = made(data, features).numpy()
    assert logits.shape == (len(ALL), 3)
    for p, one in enumerate(made.programs):
        for b in range(3):
            expected = Literal(made, p, data[b].numpy(), features[b].numpy()).value()
            assert logits[p, b] == pytest.approx(expected, rel=1e-9, abs=1e-9), str(one)


def test_a_program_by_hand():
    made = population("map_average(if_then_else(select(a), select(b), select(c)))")
    with torch.no_grad():
        made.scale.copy_(torch.tensor([0.0, 2.0, 1.0]).view(3, 1, 1))
        made.bias.copy_(torch.tensor([np.log(3), 1.0, -1.0]).view(3, 1, 1))
        made.threshold.fill_(0.5)
        features = torch.tensor([[[9.0, 1.0, 4.0], [9.0, 3.0, 0.0]]], dtype=torch.float64)
        logits = made(torch.zeros(1, 2, 4, dtype=torch.float64), features)
    # ¾ of (2·1 + 1, 2·3 + 1) and ¼ of (4 − 1, 0 − 1), averaged, minus ½.
    expected = 0.5 * (0.75 * 3 + 0.25 * 3 + 0.75 * 7 + 0.25 * -1) - 0.5
    assert logits.tolist() == [[pytest.approx(expected)]]


def test_a_batch_of_one_and_one_frame():
    made, (data, features) = population(*ALL), frames()
    with torch.no_grad():
        logits = made(data, features)
        for b in range(3):
            alone = made(data[b : b + 1], features[b : b + 1])
            torch.testing.assert_close(alone, logits[:, b : b + 1], rtol=1e-9, atol=1e-9)
        first = made(data[:, :1], features[:, :1])
    for p in range(len(ALL)):
        expected = Literal(made, p, data[0, :1].numpy(), features[0, :1].numpy()).value()
        assert float(first[p, 0]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_what_is_said_of_a_frame_knows_no_later_frame():
    """An average over a list is the mean of what the list ends with, cut after each frame."""
    listed = [program(text, LIST_TO_LIST) for text in LISTS]
    made = population(*listed, most=4, least=4)
    averaged = [Program(LIST_TO_ATOM, "average", (one,)) for one in listed]
    over = population(*averaged, most=4, least=4)
    for p in range(len(listed)):
        own = weights(made, p)
        for (n, name), weight in weights(over, p).items():
            weight.copy_(own[n - 1, name])
    data, features = frames(length=6)
    with torch.no_grad():
        ends = [made(data[:, : t + 1], features[:, : t + 1]) for t in range(6)]
        torch.testing.assert_close(over(data, features), torch.stack(ends).mean(0))


def alone(made, p):
    """The p-th program in a population of its own, with copies of its weights."""
    own = population(made.programs[p])
    theirs = weights(made, p)
    for key, weight in weights(own, 0).items():
        weight.copy_(theirs[key])
    return own


def copies(made):
    """The weights of each program as they are now."""
    return [
        {key: weight.clone() for key, weight in weights(made, p).items()}
        for p in range(len(made.programs))
    ]


# As many programs of one shape as an expansion has, and some of other shapes; one is there twice.
CHILDREN = (*ALL, "map_average(?)", "add(?, ?)", "multiply(?, ?)", "if_then_else(?, ?, ?)", "?")


def close(one, other):
    assert one.keys() == other.keys()
    for key in one:
        torch.testing.assert_close(one[key], other[key], rtol=1e-7, atol=1e-9)


def test_every_weight_belongs_to_one_program():
    made = population(*CHILDREN)
    views = [weight for p in range(len(CHILDREN)) for weight in weights(made, p).values()]
    with torch.no_grad():
        for weight in made.parameters():
            weight.zero_()
        for view in views:
            view.add_(1)
    assert all((weight == 1).all() for weight in made.parameters())
    assert sum(view.numel() for view in views) == sum(w.numel() for w in made.parameters())


def test_side_by_side_is_alone():
    """The same logits and the same gradient, of every weight, whoever else is there."""
    data, features = frames(count=4)
    made = population(*CHILDREN)
    singles = [alone(made, p) for p in range(len(CHILDREN))]
    logits = made(data, features)
    logits.square().sum().backward()
    for p, single in enumerate(singles):
        own = single(data, features)
        torch.testing.assert_close(own[0], logits[p])
        own.square().sum().backward()
    for p, single in enumerate(singles):
        gradients = weights(made, p, lambda weight: weight.grad)
        close(weights(single, 0, lambda weight: weight.grad), gradients)
        for key, gradient in gradients.items():
            assert (gradient != 0).any(), f"nothing reaches {key} of {made.programs[p]}"


def test_learning_side_by_side_is_learning_alone():
    """After training too: one optimiser for all is one optimiser for each."""
    data, features = frames(count=20, seed=1)
    labels = features[:, :, 0].mean(1) > 0
    every = Examples({"frames": data, "features": features, "labels": labels.double()})
    given = every.take(slice(4, 20)), every.take(slice(0, 4))
    made = population(*CHILDREN)
    singles = [alone(made, p) for p in range(len(CHILDREN))]

    def learn(one, seed=3):
        return distil(one, *given, Run(seed, Budget(steps=7, batch_size=6)), 0.05)

    before = copies(made)
    errors = learn(made)
    after = copies(made)
    for p, single in enumerate(singles):
        assert learn(single) == [errors[p]]
        close(copies(single)[0], after[p])
        assert all((weight != after[p][key]).any() for key, weight in before[p].items())
    # The check sees the fault: another order of the batches moves the weights elsewhere.
    other = alone(population(*CHILDREN), 0)
    learn(other, seed=4)
    with pytest.raises(AssertionError):
        close(copies(other)[0], after[0])


@pytest.mark.parametrize(
    ("most", "least", "units"),
    [(16, 8, [16, 8, 8, 8]), (10, 4, [10, 5, 4, 4]), (12, 4, [12, 6, 4, 4]), (4, 4, [4, 4, 4, 4])],
)
def test_hidden_units_halve_with_depth(most, least, units):
    assert [hidden_units(depth, most, least) for depth in range(4)] == units
    texts = ("?", "map_average(?)", "add(?, map_average(add(?, select(a))))")
    made = Population([program(text) for text in texts], EVERYTHING, 5, most, least)
    found = {}
    for stack, places in zip(made.stacks, made.where, strict=True):
        for place in places:
            found[place] = type(stack), stack.read.shape[1]
    assert found == {
        (0, 0): (Recurrent, units[0]),
        (1, 1): (Framewise, units[1]),
        (2, 1): (Recurrent, units[1]),
        (2, 4): (Framewise, units[3]),
    }


def test_weights_are_as_many_as_the_equations_say():
    def count(text):
        made = Population([program(text)], EVERYTHING, 5, 16, 8)
        return sum(weight.numel() for weight in made.parameters())

    assert count("final(a)") == 2
    assert count("map_average(select(a))") == 3
    assert count("map_average(add(select(a), select(b)))") == 5
    assert count("?") == 3 * 16 * (5 + 16 + 2) + 16 + 1
    assert count("add(final(a), ?)") == 2 + 3 * 8 * (5 + 8 + 2) + 8 + 1
    assert count("map_average(?)") == 1 + (5 + 1) * 8 + 8 + 1


def test_a_population_survives_its_state(tmp_path):
    made, (data, features) = population(*ALL), frames()
    torch.save(made.state_dict(), tmp_path / "weights.pt")
    other = population(*ALL, seed=9)
    assert not torch.allclose(other(data, features), made(data, features))
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    assert torch.equal(other(data, features), made(data, features))

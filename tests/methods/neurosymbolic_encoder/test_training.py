"""The trainings: who learns in a step, in which order, and on which rows."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
import torch

from benchmarks import curve
from benchmarks.protocol import Budget, DivergedError, Run
from benchmarks.training import rows_of
from methods.neurosymbolic_encoder import training as trainings
from methods.neurosymbolic_encoder.method import NeurosymbolicSettings
from methods.neurosymbolic_encoder.network import NeurosymbolicNetwork
from methods.neurosymbolic_encoder.search import Candidate
from methods.neurosymbolic_encoder.training import Training, batch_of
from tests.methods.neurosymbolic_encoder.walks import (
    ENDS,
    examples,
    of_the_model,
    program,
    run,
    validation,
    walks,
    without_noise,
)

RATE = 0.01
STATES = walks(40)[0]


def training(steps=3, batch_size=16, states=STATES, seed=0, **settings):
    made = NeurosymbolicSettings(
        dsl=f"{walks.__module__}:ENDS", **{"learning_rate": RATE, "ramp": 10} | settings
    )
    return Training(made, ENDS, examples(states), run(seed, steps, batch_size))


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def frozen(loop, text="final(y)"):
    made = loop.population([program(text)], "earlier")
    return made.requires_grad_(False)


def test_data_are_standardised_by_the_training_split():
    loop = training()
    kept = STATES[~validation(40)].astype(np.float64)
    mean, std = kept[:, :-1].mean((0, 1)), kept[:, :-1].std((0, 1))
    actions = np.diff(kept, axis=1)
    batch = batch_of(loop.data)
    np.testing.assert_allclose(batch["states"], (STATES[:, :-1] - mean) / std, atol=1e-4)
    moved = (np.diff(STATES, axis=1) - actions.mean((0, 1))) / actions.std((0, 1))
    np.testing.assert_allclose(batch["actions"], moved, atol=1e-4)
    ends = (STATES - kept.mean((0, 1))) / kept.std((0, 1))
    np.testing.assert_allclose(batch["features"], ends, atol=1e-4)
    parts = [batch["states"], batch["actions"]]
    assert torch.equal(batch["inputs"], torch.cat(parts, -1))
    every = np.concatenate([(STATES - mean) / std, ends], -1)
    np.testing.assert_allclose(batch["frames"], every, atol=1e-4)
    assert loop.train_rows.tolist() == np.flatnonzero(~validation(40)).tolist()
    assert loop.validation_rows.tolist() == np.flatnonzero(validation(40)).tolist()


def adam(before, gradient):
    """The first step of Adam, whatever its betas."""
    return before - RATE * gradient / (gradient.abs() + 1e-8)


def test_one_step_by_hand(monkeypatch):
    """First the adversary, by its own loss; then the model, against the adversary it now has."""
    without_noise(monkeypatch)

    def after(steps):
        loop = training(steps, 32)
        programs = [frozen(loop), loop.population([program("?")], "current")]
        return loop.train(programs, "x"), batch_of(loop.learned)

    (net, batch), (stepped, _) = after(0), after(1)
    opponent, model = list(net.adversary.requires_grad_(True).parameters()), of_the_model(net)
    loss, z, told, _ = net(batch, 0)
    first = torch.autograd.grad(net.adversary(z.detach(), told.detach()), opponent)
    with torch.no_grad():
        for weight, gradient in zip(opponent, first, strict=True):
            weight.copy_(adam(weight, gradient))
    own = [weight for weight in model if weight.numel()]
    second = torch.autograd.grad(loss - 10 * net.adversary(z, told), own)
    norm = sum(float(gradient.square().sum()) for gradient in second) ** 0.5
    second = [gradient * min(1.0, 10 / norm) for gradient in second]
    with torch.no_grad():
        for weight, gradient in zip(own, second, strict=True):
            weight.copy_(adam(weight, gradient))
    learned = dict(stepped.named_parameters())
    # An entry whose gradient is all but zero goes either way.
    gradients = {id(one): g for one, g in zip([*opponent, *own], [*first, *second], strict=True)}
    for name, weight in net.named_parameters():
        firm = gradients.get(id(weight), torch.ones_like(weight)).abs() > 1e-4
        torch.testing.assert_close(learned[name][firm], weight[firm], rtol=1e-4, atol=1e-5)
    assert same(state(stepped.programs[0]), state(net.programs[0]))


def test_the_opponents_optimiser_holds_the_adversary_and_nothing_else(monkeypatch):
    optimisers = []

    class Noted(torch.optim.Adam):
        def __init__(self, weights, **options):
            super().__init__(weights, **options)
            optimisers.append((self, options))

    monkeypatch.setattr(torch.optim, "Adam", Noted)
    loop = training()
    net = loop.train([frozen(loop), loop.population([program("?")], "current")], "x")
    held = [
        {id(weight) for group in one.param_groups for weight in group["params"]}
        for one, _ in optimisers
    ]
    opponent, model = held
    assert opponent == {id(weight) for weight in net.adversary.parameters()}
    assert model == {id(one) for one in of_the_model(net)}
    assert all(options["betas"] == (0.5, 0.999) for _, options in optimisers)


def test_gradients_are_clipped(monkeypatch):
    norms = []

    def clip(weights, most, **options):
        weights = [weight for weight in weights if weight.grad is not None]
        own(weights, most, **options)
        total = sum(float(weight.grad.square().sum()) for weight in weights) ** 0.5
        norms.append((most, total))

    own = torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    loop = training(gamma=1e4)
    loop.train([loop.population([program("?")], "current")], "x")
    assert norms == [(10.0, pytest.approx(10.0, rel=1e-3))] * 3


def test_frozen_programs_stay_bit_for_bit_what_they_are():
    loop = training(steps=20)
    fixed, current = frozen(loop), loop.population([program("final(x)")], "current")
    before, start = state(fixed), state(current)
    net = loop.train([fixed, current], "x")
    assert same(state(fixed), before)
    assert all(weight.grad is None for weight in fixed.parameters())
    assert not same(state(current), start)
    bits = loop.labels(net)
    x_says = state(current)["scale"].item() * loop.data["features"][:, -1, 0]
    assert torch.equal(bits, x_says + state(current)["bias"].item() > 0), "the last program's bit"


def test_the_ramp_counts_the_steps_of_one_training(monkeypatch):
    seen = []
    loop = training(steps=4)

    class Noted(NeurosymbolicNetwork):
        def forward(self, batch, step):
            seen.append(step)
            return super().forward(batch, step)

    monkeypatch.setattr(trainings, "NeurosymbolicNetwork", Noted)
    net = loop.train([], "one")
    loop.labels(loop.train([loop.population([program("?")], "current")], "two"))
    net.posterior(batch_of(rows_of(loop.data, slice(0, 3))))
    assert seen == [0, 1, 2, 3] * 2


def test_every_round_draws_its_weights_and_batches_afresh():
    loop = training(steps=0)
    one, other = (
        state(loop.train([], name)) for name in ("program 1, turn 1", "program 1, turn 2")
    )
    drawn = [name for name in one if not name.startswith("scale.")]
    assert all(not torch.equal(one[name], other[name]) for name in drawn)
    assert same(one, state(loop.train([], "program 1, turn 1")))
    elsewhere = state(training(0, seed=1).train([], "program 1, turn 1"))
    assert all(not torch.equal(one[name], elsewhere[name]) for name in drawn)


def test_validation_rows_change_no_weight():
    changed = STATES.copy()
    changed[validation(40)] = np.linspace(-1e3, 1e3, 9)[:, None]

    def learned(states):
        loop = training(5, 8, states)
        return state(loop.train([loop.population([program("?")], "current")], "x"))

    assert same(learned(STATES), learned(changed))
    # The check sees the fault: one training row that changes moves them all.
    planted = STATES.copy()
    planted[1] += np.linspace(0, 1, 9)[:, None]
    one, other = learned(STATES), learned(planted)
    assert not torch.equal(one["encoder.rnn.weight_ih_l0"], other["encoder.rnn.weight_ih_l0"])


def test_children_learn_for_their_epochs(monkeypatch):
    """Those with nonterminals for neural epochs, those without for symbolic epochs."""
    asked = []

    def distil(population, learned, validated, run, rate, name):
        budget = run.budget
        asked.append(
            ([str(one) for one in population.programs], budget.steps, budget.batch_size, rate)
        )
        features = loop.data["features"]
        assert torch.equal(learned["features"], features[~validation(40)])
        assert torch.equal(validated["features"], features[validation(40)])
        return [0.5 - len(str(one)) / 1000 for one in population.programs]

    monkeypatch.setattr(trainings, "distil", distil)
    loop = training(batch_size=10, neural_epochs=2.5, symbolic_epochs=4.0, penalty=0.0)
    texts = ("final(x)", "add(?, ?)", "final(y)", "?")
    children = [Candidate(7 + i, 0, program(text), text, 0.0) for i, text in enumerate(texts)]
    errors = loop.errors(children, torch.ones(40, dtype=torch.bool), "here")
    per_epoch = 32 / 10
    assert asked == [
        (["add(?list_to_atom, ?list_to_atom)", "?list_to_atom"], ceil(2.5 * per_epoch), 10, 1e-3),
        (["final(x)", "final(y)"], ceil(4 * per_epoch), 10, 1e-3),
    ]
    assert errors == [0.5 - len(str(one.program)) / 1000 for one in children], "in their own order"
    assert loop.errors([], torch.ones(40, dtype=torch.bool), "here") == []


def test_the_search_tells_where_it_stands():
    told = []
    loop = training(neural_epochs=60.0)
    loop.run = Run(0, Budget(steps=60, batch_size=16), reporter=lambda **one: told.append(one))
    labels = torch.ones(40, dtype=torch.bool)
    loop.errors([Candidate(1, 0, program("add(?, ?)"), "add", 0.02)], labels, "here")
    steps = [one["step"] for one in told]
    assert steps == sorted({*curve.points(60), 50, *(60 + one for one in curve.points(60)), 110})
    assert (loop.run.steps, loop.run.examples) == (120, 60 * 32)
    assert all(one["of"] > one["step"] for one in told)
    loop.end()
    assert told[-1] == {"step": 120, "of": 120}


def test_progress_and_divergence_are_told():
    told = []

    def reporter(**scalars):
        told.append(scalars)

    loop = training()
    loop.run = Run(0, Budget(steps=60, batch_size=16), reporter=reporter)
    loop.train([loop.population([program("?")], "current")], "x")
    assert [one["step"] for one in told] == [10, 20, 30, 40, 50, 60]
    assert all(one["of"] >= one["step"] for one in told)
    assert {"loss", "nll", "kl", "kl_program", "adversary"} <= told[0].keys()
    assert loop.run.steps == 60
    assert loop.run.examples == 60 * 16
    with pytest.raises(DivergedError) as caught:
        training(60, learning_rate=1e30).train([], "before any program")
    line = str(caught.value)
    assert line.startswith("the loss became nan by step 10 of 60 (before any program); lower")
    assert "\n" not in line

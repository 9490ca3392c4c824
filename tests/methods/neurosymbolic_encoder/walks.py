"""Small walks with two planted factors, languages for them, and programs written as text."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.protocol import Budget, Examples, Run
from methods.neurosymbolic_encoder.dsl import (
    ATOM_TO_ATOM,
    DSL,
    LIST_TO_ATOM,
    RULES,
    TYPES,
    Feature,
)
from methods.neurosymbolic_encoder.population import Population
from methods.neurosymbolic_encoder.programs import Program

BOTH = ("select", "final")
# Every rule there is, over features that come with the data.
EVERYTHING = DSL(
    "everything",
    (
        Feature("a", "the a", "cm", rules=BOTH),
        Feature("b", "the b", "", rules=BOTH),
        Feature("c", "the c", "cm/frame", rules=BOTH),
    ),
    {kind: tuple(rule for rule, kinds in RULES.items() if kind in kinds) for kind in TYPES},
)


def rightward(states):
    return np.diff(states[..., 0], axis=1, prepend=states[:, :1, 0])


# A language of one feature, in which the search has one way to go, and one of two features.
FORCED = DSL(
    "forced",
    (Feature("rightward", "the speed to the right", "m/frame", rightward),),
    {LIST_TO_ATOM: ("map_average",), ATOM_TO_ATOM: ("select",)},
)
ENDS = DSL(
    "ends",
    (
        Feature("x", "x", "m", lambda states: states[..., 0], ("final",)),
        Feature("y", "y", "m", lambda states: states[..., 1], ("final",)),
    ),
    {LIST_TO_ATOM: ("final",)},
)


def program(text, kind=LIST_TO_ATOM):
    """`add(final(a), ?)`: a hole is a question mark, whose type its place gives."""
    if text == "?":
        return Program(kind)
    rule, _, inner = text[:-1].partition("(")
    kinds = RULES[rule][kind]
    if not kinds:
        return Program(kind, rule, (), inner)
    parts = zip(_arguments(inner), kinds, strict=True)
    return Program(kind, rule, tuple(program(part, one) for part, one in parts))


def _arguments(text):
    parts, level = [""], 0
    for sign in text.replace(" ", ""):
        level += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and level == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def population(*programs, dsl=EVERYTHING, inputs=4, most=8, least=2, seed=0):
    """In double precision, with every weight away from where it starts."""
    made = [program(one) if isinstance(one, str) else one for one in programs]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = Population(made, dsl, inputs, most, least).double()
        with torch.no_grad():
            for weight in fresh.parameters():
                weight.add_(torch.randn_like(weight))
    return fresh


def frames(count=3, length=5, inputs=4, features=3, seed=0):
    """What a population reads: (B, T, R) and (B, T, F)."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (count, length, inputs), (count, length, features)
    return tuple(torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)


def walks(count=60, length=9, seed=0, noise=0.15):
    """States (N, T, 2) from (10, 10) on, which drift as their factors (N, 2) say."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 2, (count, 2))
    steps = rng.normal(0, noise, (count, length, 2))
    steps[:, 1:] += 0.4 * (2 * factors - 1)[:, None]
    return (10 + np.cumsum(steps, 1)).astype(np.float32), factors


def validation(count):
    return np.arange(count) % 5 == 0


def examples(states, **columns):
    return Examples({"states": states, "validation": validation(len(states)), **columns})


def run(seed=0, steps=3, batch_size=16):
    return Run(seed=seed, budget=Budget(steps=steps, batch_size=batch_size))


def of_the_model(network):
    """The weights that learn, but for the adversary's."""
    against = {id(weight) for weight in network.adversary.parameters()}
    return [one for one in network.parameters() if one.requires_grad and id(one) not in against]


def without_noise(monkeypatch):
    """Samples become means, and a sampled bit the likelier one."""
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    monkeypatch.setattr(torch, "rand_like", lambda given: torch.full_like(given, 0.5))

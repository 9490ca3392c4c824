"""What a program is said to be, against what it computes on features in their own units."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from methods.neurosymbolic_encoder.wording import Writer, formatted
from tests.methods.neurosymbolic_encoder.walks import EVERYTHING, population

# Of a, b and c in the training split.
MEAN, STD = np.array([3.0, -2.0, 10.0]), np.array([4.0, 0.5, 0.25])


def made(text, scales, biases, thresholds=()):
    """A program with the weights that it has on standardised features, in order of appearance."""
    one = population(text)
    with torch.no_grad():
        one.scale.copy_(torch.tensor(scales).view(-1, 1, 1))
        one.bias.copy_(torch.tensor(biases).view(-1, 1, 1))
        one.threshold.copy_(torch.tensor(thresholds))
    return one


def writer(one):
    return Writer(one, EVERYTHING, MEAN, STD)


def value(one, features):
    """The program's number for raw features (T, 3)."""
    normal = torch.from_numpy((np.asarray(features, float) - MEAN) / STD)[None]
    with torch.no_grad():
        return float(one(torch.zeros(1, len(normal[0]), 4, dtype=torch.float64), normal))


@pytest.mark.parametrize(
    ("given", "shown"),
    [(0, "0"), (2.0, "2"), (-0.0123456, "−0.0123"), (123.4, "123"), (-7.0149, "−7.01")],
)
def test_numbers_have_three_digits(given, shown):
    assert formatted(given) == shown


@pytest.mark.parametrize(
    ("text", "weights", "formula", "words"),
    [
        (  # slope 2/4, offset 1 − 3/2; above where 0.5 a − 0.5 > 0.5
            "map_average(select(a))",
            ([2.0], [1.0], [0.5]),
            "1[> 0.5] map_average(0.5·a − 0.5)",
            "1 where the average over time of the a is above 2 cm",
        ),
        (  # slope −0.5/0.25, offset 1 + 2 · 10
            "final(c)",
            ([-0.5], [1.0]),
            "1[> 0] final(−2·c + 21)",
            "1 where the c at the end is below 10.5 cm/frame",
        ),
        (  # a feature without a unit
            "map_average(select(b))",
            ([-1.0], [0.0], [-1.0]),
            "1[> −1] map_average(−2·b − 4)",
            "1 where the average over time of the b is below −1.5",
        ),
        (
            "multiply(map_average(select(a)), final(b))",
            ([2.0, 1.0], [1.0, 0.0], [0.25]),
            "1[> 0] multiply(map_average(0.5·a − 0.5) − 0.25, final(2·b + 4))",
            "1 where ((the average over time of (0.5 × the a − 0.5) − 0.25) times "
            "(2 × the b at the end + 4)) is above 0",
        ),
        (
            "map_average(if_then_else(select(a), multiply(select(b), select(b)), select(c)))",
            ([4.0, 1.0, -1.0, 0.25], [3.0, -4.0, 0.0, 10.0], [0.75]),
            "1[> 0.75] map_average(if_then_else(1·a + 0, multiply(2·b + 0, −2·b − 4), 1·c + 0))",
            "1 where the average over time of (((2 × the b + 0) times (−2 × the b − 4)) where "
            "(1 × the a + 0) is positive, else (1 × the c + 0)) is above 0.75",
        ),
        (
            "add(final(a), map_average(select(b)))",
            ([4.0, -1.0], [4.0, 0.5], [2.0]),
            "1[> 0] add(final(1·a + 1), map_average(−2·b − 3.5) − 2)",
            "1 where 1 × the a at the end plus −2 × the average over time of the b is above 4.5",
        ),
        (
            "map_average(?)",
            ([], [], [0.5]),
            "1[> 0.5] map_average(?atom_to_atom)",
            "1 where the average over time of a learned network's output is above 0.5",
        ),
    ],
)
def test_formula_and_words_by_hand(text, weights, formula, words):
    one = made(text, *weights)
    assert writer(one).text() == formula
    assert writer(one).words() == words
    again = writer(one)
    assert (again.words(), again.text(), again.words()) == (words, formula, words)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("text", ["map_average(select(b))", "final(c)", "final(a)"])
def test_the_turning_point_is_where_the_program_turns(text, seed):
    rng = np.random.default_rng(seed)
    thresholds = rng.normal(size=1) if text.startswith("map") else ()
    one = made(text, rng.normal(size=1) + 0.5, rng.normal(size=1), thresholds)
    words = writer(one).words()
    side, turn = re.search(r"is (above|below) (\S+)", words).groups()
    turn = float(turn.replace("−", "-"))
    f = "abc".index(re.search(r"[(]([abc])[)]", text)[1])
    off = 0.006 * abs(turn)  # the third digit is rounded
    assert off > 0
    features = np.tile(MEAN, (4, 1))
    for distance in (-off, off):
        features[:, f] = turn + distance
        assert (value(one, features) > 0) == ((distance > 0) == (side == "above")), words


def if_then_else(condition, then, otherwise):
    share = 1 / (1 + np.exp(-condition))
    return share * then + (1 - share) * otherwise


RULES = {
    "map_average": np.mean,
    "average": np.mean,
    "map": np.asarray,
    "final": lambda values: values[-1],
    "add": np.add,
    "multiply": np.multiply,
    "if_then_else": if_then_else,
}


@pytest.mark.parametrize(
    "text",
    [
        "final(a)",
        "map_average(select(c))",
        "map_average(add(select(a), multiply(select(b), select(c))))",
        "add(map_average(select(a)), multiply(final(b), map_average(select(a))))",
        "if_then_else(final(a), map_average(select(b)), add(final(c), map_average(select(a))))",
        "average(if_then_else(map(select(a)), map(select(b)), map(add(select(c), select(a)))))",
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_who_computes_the_formula_gets_the_programs_answer(text, seed):
    rng = np.random.default_rng(seed)
    count = len(re.findall(r"[(][abc][)]", text))
    thresholds = rng.integers(-8, 8, text.count("map_average")) / 4
    # So that slopes and offsets have three digits or fewer.
    weights = rng.integers(1, 5, count) / 2.0, rng.integers(-8, 8, count) / 4.0
    one = made(text, *weights, thresholds)
    writing = Writer(one, EVERYTHING, np.array([2.0, -2.0, 4.0]), np.array([2.0, 0.5, 1.0]))
    root, formula = re.fullmatch(r"1\[> (\S+)\] (.*)", writing.text()).groups()
    features = rng.normal(size=(5, 3)) * [2.0, 0.5, 1.0] + [2.0, -2.0, 4.0]
    normal = torch.from_numpy((features - [2.0, -2.0, 4.0]) / [2.0, 0.5, 1.0])[None]
    with torch.no_grad():
        said = float(one(torch.zeros(1, 5, 4, dtype=torch.float64), normal))
    formula = formula.replace("·", "*").replace("−", "-")
    named = {**RULES, **dict(zip("abc", features.T, strict=True))}
    computed = eval(formula, named) - float(root.replace("−", "-"))
    assert said == pytest.approx(computed, abs=1e-9)


def test_features_are_found_by_name_and_not_by_place():
    one = made("add(final(c), final(a))", [1.0, 1.0], [0.0, 0.0])
    assert writer(one).text() == "1[> 0] add(final(4·c − 40), final(0.25·a − 0.75))"


def test_a_constant_program_is_no_rule_about_a_turning_point():
    words = writer(made("final(a)", [0.0], [1.0])).words()
    assert "nan" not in words
    assert "inf" not in words
    assert words == "1 where 0 × the a at the end is above −1"

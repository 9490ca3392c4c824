"""Programs and searches as pictures: nothing is lost, and the tree stays readable."""

import itertools
import re

import pytest

from benchmarks.pictures.programs import highlighted, pretty, program, search

LONG = (
    "1[> −7.02] map_average(multiply(0.104·nose_tail_distance − 2.31, if_then_else(0.3·speed + "
    "1.2, −0.731·social_angle + 0.52, 1.2e−3·head_body_angle − 0.2))) − 0.4"
)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def height(figure):
    return figure.get_size_inches()[1]


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_a_formula_is_broken_between_its_arguments_and_keeps_its_text(columns):
    lines = pretty(LONG, columns)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", LONG)
    assert all(len(line) <= columns + 4 for line in lines)
    for line in lines:
        assert "".join(text for text, _ in highlighted(line)) == line


def test_a_short_formula_is_one_line():
    assert pretty("1[> 0] final(2.1·x − 21)", 60) == ["1[> 0] final(2.1·x − 21)"]


def test_weights_features_and_rules_are_told_apart():
    ink = {text: colour for text, colour in highlighted("final(−2.1·x_max − 1e−3)") if text != " "}
    assert len({ink["final"], ink["x_max"], ink["−2.1"]}) == 3
    assert ink["−2.1"] == ink["1e−3"]


def test_each_program_has_its_formula_and_its_words():
    one = {"text": "final(x)", "words": "1 where x is above 10"}
    figure = program({"programs": [one, {"text": "final(y)"}]})
    shown = texts(figure)
    assert {"Program 1", "Program 2", "final", "x", "y", "1 where x is above 10"} <= set(shown)
    assert height(program({"programs": [one]})) < height(figure)
    assert "".join(texts(program({}))).endswith("no programs")


def node(number, parent, rule, score=None, **changes):
    values = {"complete": False, "depth": 1, "cost": 0.01, "chosen": False, "excluded": None}
    error = None if score is None else score - 0.01
    return {
        **values,
        **{"id": number, "parent": parent, "program": rule, "rule": rule},
        **{"error": error, "score": score, **changes},
    }


@pytest.fixture
def tree():
    """Thirty children of the start, the best of which goes on; the second best led nowhere."""
    nodes = [node(0, None, "start", chosen=True)]
    nodes += [node(k, 0, f"rule_{k}", 0.5 - k / 100) for k in range(1, 29)]
    nodes[28] |= {"chosen": True}
    nodes += [node(k, 0, f"rule_{k}", excluded="deeper than 5") for k in (29, 30)]
    nodes += [node(31 + k, 28, f"deep_{k}", 0.1 + k / 100, complete=True) for k in range(5)]
    nodes[31] |= {"chosen": True}
    nodes += [node(41 + k, 27, f"lost_{k}", 0.3 + k / 100) for k in range(20)]
    return {"search": [{"program": 1, "nodes": nodes}]}


def test_a_search_shows_every_child_on_the_way_best_first(tree):
    figure = search(tree)
    (axes,) = figure.axes
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert all(f"rule_{k}" in places for k in range(1, 31))
    ys = [places[f"rule_{k}"][1] for k in (28, 27, 26, 1, 29)]
    assert ys == sorted(ys)
    assert places["deep_0"][0] > places["rule_28"][0] > places["start"][0]
    rows = sorted(y for x, y in places.values() if x == places["rule_1"][0])
    assert min(b - a for a, b in itertools.pairwise(rows)) > 0.15  # inches
    assert height(figure) < 7


def test_what_led_nowhere_is_shown_by_its_best_alone(tree):
    shown = texts(search(tree))
    assert {"lost_0", "lost_1", "lost_2", "… 17 more"} <= set(shown)
    assert "lost_3" not in shown


def test_numbers_reasons_and_marks(tree):
    (axes,) = search(tree).axes
    shown = [text.get_text() for text in axes.texts]
    assert "0.01 + 0.090 = 0.100" in shown
    assert shown.count("deeper than 5") == 2
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    strikes = [line for line in axes.lines if line.get_marker() != "o"]
    assert (len(dots), len(strikes)) == (5, 2)
    red = [text.get_text() for text in axes.texts if text.get_weight() == "bold"]
    assert red == ["Search for program 1", "start", "rule_28", "deep_0"]


def test_several_searches_and_none_are_drawn(tree):
    twice = {"search": [*tree["search"], {"program": 2, "nodes": tree["search"][0]["nodes"]}]}
    assert height(search(twice)) > 1.8 * (height(search(tree)) - 1)
    assert height(search({})) < 1

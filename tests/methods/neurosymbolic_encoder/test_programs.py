from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.protocol import SymbenchError
from methods.neurosymbolic_encoder.dsl import (
    ATOM_TO_ATOM,
    DSL,
    LIST_TO_ATOM,
    LIST_TO_LIST,
    RULES,
    TYPES,
    Feature,
    load,
)
from methods.neurosymbolic_encoder.programs import (
    Program,
    check_depth,
    least_depth,
    least_depths,
)
from tests.methods.neurosymbolic_encoder.walks import BOTH, EVERYTHING, program


@pytest.mark.parametrize(
    ("text", "depth", "holes"),
    [
        ("?", 1, 0),
        ("final(a)", 1, 0),
        ("map_average(?)", 2, 1),
        ("map_average(select(a))", 2, 1),
        ("add(map_average(select(a)), final(b))", 3, 3),
        ("if_then_else(final(a), ?, ?)", 2, 3),
        ("average(map(multiply(select(a), ?)))", 4, 4),
    ],
)
def test_depth_cost_and_text(text, depth, holes):
    one = program(text)
    assert one.depth == depth
    assert one.cost(0.25) == 0.25 * holes
    assert one.complete == ("?" not in text)
    shown = str(one)
    for kind in TYPES:
        shown = shown.replace(f"?{kind}", "?")
    assert shown == text


def test_expansion_fills_the_first_hole_from_the_left():
    one = Program(LIST_TO_ATOM)
    steps = [
        ("if_then_else", None, "if_then_else(?list_to_atom, ?list_to_atom, ?list_to_atom)"),
        (
            "map_average",
            None,
            "if_then_else(map_average(?atom_to_atom), ?list_to_atom, ?list_to_atom)",
        ),
        (
            "add",
            None,
            "if_then_else(map_average(add(?atom_to_atom, ?atom_to_atom)), ?list_to_atom, "
            "?list_to_atom)",
        ),
        (
            "select",
            "a",
            "if_then_else(map_average(add(select(a), ?atom_to_atom)), ?list_to_atom, "
            "?list_to_atom)",
        ),
        (
            "select",
            "b",
            "if_then_else(map_average(add(select(a), select(b))), ?list_to_atom, ?list_to_atom)",
        ),
        (
            "final",
            "c",
            "if_then_else(map_average(add(select(a), select(b))), final(c), ?list_to_atom)",
        ),
        (
            "average",
            None,
            "if_then_else(map_average(add(select(a), select(b))), final(c), "
            "average(?list_to_list))",
        ),
    ]
    for rule, feature, text in steps:
        before, hole = str(one), one.first_hole()
        assert rule in [name for name, _ in EVERYTHING.fillings(hole.kind)]
        grown = one.filled(rule, feature)
        assert str(one) == before, "the program that grows is left as it is"
        assert str(grown) == text
        one = grown


def test_nodes_come_from_left_to_right_with_their_depths():
    one = program("add(map_average(select(a)), multiply(final(b), ?))")
    assert [(node.rule, depth) for node, depth in one.nodes()] == [
        ("add", 0),
        ("map_average", 1),
        ("select", 2),
        ("multiply", 1),
        ("final", 2),
        (None, 2),
    ]


def test_programs_are_the_same_where_their_trees_are():
    one, other = program("add(final(a), final(b))"), program("add(final(a), final(b))")
    assert one == other
    assert one in [other]
    assert one != program("add(final(b), final(a))")
    assert one != program("multiply(final(a), final(b))")


def well_typed(node):
    if node.rule is None:
        return not node.arguments and node.feature is None and node.kind in TYPES
    wanted = RULES[node.rule][node.kind]
    return (
        tuple(one.kind for one in node.arguments) == wanted
        and (node.feature is not None) == (not wanted)
        and all(well_typed(one) for one in node.arguments)
    )


@st.composite
def languages(draw):
    """Some of the rules of each type; features that some of `select` and `final` read."""
    features = []
    for i in range(draw(st.integers(1, 3))):
        rules = draw(st.sampled_from([("select",), ("final",), BOTH]))
        features.append(Feature(f"f{i}", "", rules=rules))
    rules = {}
    for kind in TYPES:
        there = [rule for rule, kinds in RULES.items() if kind in kinds]
        rules[kind] = tuple(draw(st.lists(st.sampled_from(there), unique=True)))
    try:
        return DSL("drawn", tuple(features), rules, draw(st.sampled_from(TYPES)))
    except SymbenchError:
        return EVERYTHING


def completions(dsl):
    """Whether a program can be completed within a depth, by trying every rule in every hole."""

    @cache
    def hole(kind, depth):
        return depth > 0 and any(
            all(hole(one, depth - 1) for one in RULES[rule][kind]) for rule, _ in dsl.fillings(kind)
        )

    def tree(node, depth):
        if node.rule is None:
            return hole(node.kind, depth)
        return depth > 0 and all(tree(one, depth - 1) for one in node.arguments)

    return tree


@settings(max_examples=150, deadline=None)
@given(st.data(), languages())
def test_what_grows_keeps_its_types_and_the_bound_admits_what_can_be_completed(data, dsl):
    possible, least = completions(dsl), least_depths(dsl)
    one, opened = Program(dsl.start), 0
    for _ in range(data.draw(st.integers(0, 8), "expansions")):
        if one.complete:
            break
        hole = one.first_hole()
        rule, feature = data.draw(st.sampled_from(dsl.fillings(hole.kind)), "rule")
        opened += len(RULES[rule][hole.kind])
        one = one.filled(rule, feature)
    assert well_typed(one)
    assert one.kind == dsl.start
    assert one.cost(1.0) == opened
    for depth in range(1, 8):
        assert (least_depth(one, least) <= depth) == possible(one, depth)
    if one.complete:
        assert least_depth(one, least) == one.depth


def test_least_depths_by_hand():
    assert least_depths(load("synthetic")) == {
        LIST_TO_LIST: float("inf"),
        LIST_TO_ATOM: 1,
        ATOM_TO_ATOM: 1,
    }
    assert least_depths(load("basketball"))[LIST_TO_ATOM] == 2
    rules = {LIST_TO_ATOM: ("average",), LIST_TO_LIST: ("map",), ATOM_TO_ATOM: ("select",)}
    dsl = DSL("deep", (Feature("a", ""),), rules)
    assert least_depths(dsl) == {LIST_TO_LIST: 2, LIST_TO_ATOM: 3, ATOM_TO_ATOM: 1}
    assert least_depth(program("average(?)"), least_depths(dsl)) == 3
    check_depth(dsl, 3)
    with pytest.raises(SymbenchError) as caught:
        check_depth(dsl, 2)
    assert str(caught.value) == (
        "max_depth 2 admits no program of the DSL 'deep': the shallowest has depth 3; raise "
        "max_depth."
    )


def test_a_language_whose_programs_never_end_is_refused_at_any_depth():
    # `final` reads the feature, but a program of this type has no place for it.
    rules = {LIST_TO_ATOM: ("final",), ATOM_TO_ATOM: ("add",)}
    dsl = DSL("endless", (Feature("a", "", rules=("final",)),), rules, ATOM_TO_ATOM)
    with pytest.raises(SymbenchError) as caught:
        check_depth(dsl, 1000)
    assert str(caught.value) == (
        "the DSL 'endless' has no program that ends: its rules open nonterminals for ever; add a "
        "rule that reads a feature (select, final)."
    )

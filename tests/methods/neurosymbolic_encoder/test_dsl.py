from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.protocol import Examples, SymbenchError
from methods.neurosymbolic_encoder.dsl import (
    ATOM_TO_ATOM,
    DSL,
    DSLS,
    LIST_TO_ATOM,
    LIST_TO_LIST,
    STANDARD,
    Feature,
    load,
)
from symdata.basketball import windows
from symdata.calms21 import geometry
from symdata.synthetic_trajectories import trajectories
from tests.methods.neurosymbolic_encoder.walks import ENDS, EVERYTHING, FORCED, walks

SPEED = Feature("speed", "the speed", "cm/frame")
PLACE = Feature("x", "x", "cm", rules=("final",))


def test_rules_fill_types_in_the_order_in_which_they_are_written():
    dsl = DSL(
        "fish",
        (SPEED, PLACE, Feature("depth", "the depth", rules=("select", "final"))),
        {LIST_TO_ATOM: ("add", "final", "map_average"), ATOM_TO_ATOM: ("select",)},
    )
    assert dsl.fillings(LIST_TO_ATOM) == [
        ("add", None),
        ("final", "x"),
        ("final", "depth"),
        ("map_average", None),
    ]
    assert dsl.fillings(ATOM_TO_ATOM) == [("select", "speed"), ("select", "depth")]
    assert dsl.fillings(LIST_TO_LIST) == []
    assert dsl.feature("depth").words == "the depth"


@pytest.mark.parametrize(
    ("features", "rules", "said"),
    [
        ((), STANDARD, "its features need names, all different"),
        ((SPEED, SPEED), STANDARD, "its features need names, all different"),
        ((SPEED,), {LIST_TO_ATOM: ("average",)}, "it has no rule for list_to_list, which its"),
        ((SPEED,), {ATOM_TO_ATOM: ("select",)}, "it has no rule for list_to_atom, which its"),
        (
            (PLACE,),
            {LIST_TO_ATOM: ("final", "map_average"), ATOM_TO_ATOM: ("select",)},
            "it has no rule for atom_to_atom",
        ),
        (
            (SPEED,),
            {**STANDARD, ATOM_TO_ATOM: ("selekt",)},
            "no rule 'selekt' gives atom_to_atom; there are: select, if_then_else, add, multiply",
        ),
        ((SPEED,), {**STANDARD, LIST_TO_ATOM: ("map",)}, "no rule 'map' gives list_to_atom"),
        ((SPEED,), {**STANDARD, "bool": ("map",)}, "no rule 'map' gives bool; there are: none"),
        ((SPEED, PLACE), STANDARD, "none of its rules reads 'x', which is for final"),
        (
            (SPEED, Feature("depth", "the depth", rules=("selekt",))),
            STANDARD,
            "none of its rules reads 'depth', which is for selekt",
        ),
    ],
)
def test_a_language_that_cannot_be_used_is_refused_in_one_line(features, rules, said):
    with pytest.raises(SymbenchError) as caught:
        DSL("fish", features, rules)
    line = str(caught.value)
    assert line.startswith("the DSL 'fish' cannot be used: ")
    assert said in line
    assert "\n" not in line


def test_a_language_may_start_with_another_type():
    rules = {LIST_TO_LIST: ("map",), ATOM_TO_ATOM: ("select",)}
    assert DSL("fish", (SPEED,), rules, start=LIST_TO_LIST).fillings(LIST_TO_LIST)
    with pytest.raises(SymbenchError, match="it has no rule for lists, which its programs need"):
        DSL("fish", (SPEED,), rules, start="lists")


STATES = walks(4, 6)[0]


def test_columns_are_computed_or_come_with_the_data():
    dsl = DSL("fish", (*FORCED.features, SPEED))
    speed = np.arange(24, dtype=np.float64).reshape(4, 6)
    columns = dsl.columns(Examples({"states": STATES, "feature.speed": speed}))
    assert columns.shape == (4, 6, 2)
    assert columns.dtype == np.float32
    for i in range(4):
        for t in range(6):
            step = STATES[i, t, 0] - STATES[i, max(t - 1, 0), 0]
            assert columns[i, t].tolist() == [step, speed[i, t]]


def _holed(states):
    return np.where(states[..., 0] > 10, np.nan, 1.0)


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (Feature("pace", ""), "the data have no feature 'pace'; they have: speed, x"),
        (
            Feature("pace", "", compute=lambda states: states[:, 1:, 0]),
            r"'pace' has shape (4, 5); expected (4, 6)",
        ),
        (
            Feature("pace", "", compute=lambda states: states),
            r"'pace' has shape (4, 6, 2); expected (4, 6)",
        ),
        (
            Feature("pace", "", compute=lambda states: 1 / len(states[:0])),
            "computing 'pace' failed: ZeroDivisionError('division by zero')",
        ),
        (Feature("pace", "", compute=_holed), "'pace' holds values that are NaN or infinite"),
        (Feature("speed", ""), "'speed' has shape (4,); expected (4, 6)"),
        (Feature("x", ""), "'x' holds values that are NaN or infinite"),
    ],
)
def test_features_that_the_data_do_not_give_are_refused(feature, said):
    data = {"states": STATES, "feature.speed": np.zeros(4), "feature.x": np.full((4, 6), np.inf)}
    with pytest.raises(SymbenchError) as caught:
        DSL("fish", (feature,)).columns(Examples(data))
    assert str(caught.value) == f"the DSL 'fish' cannot be used: {said}."


def test_a_language_without_any_feature_in_the_data_says_so():
    with pytest.raises(SymbenchError, match="no feature 'speed'; they have: none"):
        DSL("fish", (SPEED,)).columns(Examples({"states": STATES}))


GIVEN = {
    "synthetic": trajectories.FEATURES,
    "basketball": windows.FEATURES,
    "calms21": geometry.FEATURES,
}


@pytest.mark.parametrize("name", DSLS)
def test_languages_of_the_suite_read_what_the_data_give(name):
    dsl, given = load(name), GIVEN[name.partition("_")[0]]
    names = [feature.name for feature in dsl.features]
    assert set(names) <= set(given)
    assert all(feature.compute is None and feature.words for feature in dsl.features)
    if not name.startswith("calms21"):
        assert names == list(given)


def test_languages_of_the_mice_are_the_published_ones():
    names = {name: {one.name for one in load(name).features} for name in DSLS}
    assert [len(names[f"calms21_{i}"]) for i in (1, 2, 3)] == [8, 10, 8]
    read = names["calms21_1"] | names["calms21_2"] | names["calms21_3"]
    assert read == set(geometry.FEATURES)
    noses = {"nose_nose_distance", "nose_tail_distance"}
    assert names["calms21_1"] & names["calms21_2"] == noses | {"social_angle_resident"}


def test_programs_of_the_synthetic_data_may_read_where_a_walk_ends():
    dsl = load("synthetic")
    assert [one for one in dsl.fillings(LIST_TO_ATOM) if one[1]] == [("final", "x"), ("final", "y")]
    assert {one[1] for one in dsl.fillings(ATOM_TO_ATOM) if one[1]} == {"speed", "acceleration"}
    assert all(one[0] != "final" for one in load("basketball").fillings(LIST_TO_ATOM))


FILE = """
from __future__ import annotations
from dataclasses import dataclass
from methods.neurosymbolic_encoder.dsl import DSL, Feature

@dataclass
class Tank:
    width: float = 2.0

FISH = DSL("fish", (Feature("x", "x", "cm", lambda states: states[..., 0] * Tank().width),))
BIRDS = DSL("birds", (Feature("height", "the height", "m"),))
NUMBER = 3
"""


def test_a_language_in_a_file_of_ones_own(tmp_path):
    file = tmp_path / "tank.py"
    file.write_text(FILE)
    dsl = load(f"{file}:FISH")
    assert dsl.name == "fish"
    np.testing.assert_array_equal(
        dsl.columns(Examples({"states": STATES}))[..., 0], 2 * STATES[..., 0]
    )
    assert load(f"{file}:BIRDS").features[0].unit == "m"


def test_two_files_of_one_name_are_two_languages(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        text = FILE.replace('DSL("fish"', f'DSL("fish of {folder}"')
        (tmp_path / folder / "tank.py").write_text(text)
    loaded = [load(f"{tmp_path}/{folder}/tank.py:FISH").name for folder in ("one", "two")]
    assert loaded == ["fish of one", "fish of two"]


def test_a_language_in_a_module():
    assert load(f"{walks.__module__}:ENDS").name == ENDS.name
    assert load(f"{walks.__module__}:EVERYTHING").features == EVERYTHING.features


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "synthetik",
            "no DSL 'synthetik'; there are: synthetic, basketball, calms21_1, calms21_2, "
            "calms21_3, or give file.py:NAME of your own.",
        ),
        ("", "no DSL ''; there are: synthetic"),
        (":FISH", "no DSL ':FISH'; there are: synthetic"),
        ("{file}:CATS", "tank.py has no DSL called 'CATS'; it has: FISH, BIRDS."),
        ("{file}:NUMBER", "tank.py has no DSL called 'NUMBER'; it has: FISH, BIRDS."),
        ("{file}:", "tank.py has no DSL called ''; it has: FISH, BIRDS."),
        ("{folder}/none.py:FISH", "none.py' cannot be imported: FileNotFoundError"),
        ("{folder}/broken.py:FISH", "broken.py' cannot be imported: ZeroDivisionError"),
        ("{folder}/untidy.py:FISH", "untidy.py' cannot be imported: SyntaxError"),
        ("no.such.module:FISH", "'no.such.module' cannot be imported: ModuleNotFoundError"),
        ("json:dumps", "json has no DSL called 'dumps'; it has: none."),
    ],
)
def test_a_wrong_name_is_answered_in_one_line_with_what_is_there(tmp_path, name, said):
    (tmp_path / "tank.py").write_text(FILE)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "untidy.py").write_text("def f(:\n    pass\n")
    with pytest.raises(SymbenchError) as caught:
        load(name.format(file=tmp_path / "tank.py", folder=tmp_path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_is_read_anew_and_hides_no_module_of_its_name(tmp_path):
    (tmp_path / "json.py").write_text(FILE)
    before = sys.modules["json"]
    assert load(f"{tmp_path}/json.py:FISH").name == "fish"
    (tmp_path / "json.py").write_text(FILE.replace('DSL("fish"', 'DSL("cod"'))
    assert load(f"{tmp_path}/json.py:FISH").name == "cod"
    assert sys.modules["json"] is before

"""How settings lie over each other, and what `--set` makes of entries."""

from dataclasses import dataclass, replace

import pytest

from benchmarks import plan, registry, resolution
from benchmarks.errors import SymbenchError
from benchmarks.plan import Filters
from benchmarks.protocol import Budget, Entry, Profile, Task, about, keys_of
from benchmarks.sources import published

METHOD = """
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class General:
    published: ClassVar = {"plane": {"a": 1, "b": 1, "c": 1}, "sphere": {"a": 2}}
    a: int = 0
    b: int = 0
    c: int = 0


@dataclass(frozen=True)
class Special(General):
    published: ClassVar = {"plane": {"b": 10, "d": 10}, "plane/far": {"a": 7}}
    c: int = 5
    d: float = 0.5
    name: str = "x"
    flag: bool = False
    maybe: float | None = 1.0
    many: tuple[float, ...] = (1.0, 2.0)
    words: tuple[str, ...] = ()


class Base:
    Settings: ClassVar[type] = Special

    def fit(self, train, run): ...
    def evaluate(self, inputs, run): ...


class Mine(Base):
    pass


class Inside:
    @dataclass(frozen=True)
    class Settings(General):
        published: ClassVar = {"sphere": {"b": 3}}
"""


class Empty(Task):
    """A task of which only the names matter."""

    version, score, needs = 1, None, ()

    def dataset(self): ...
    def load(self, seed): ...
    def check(self, outputs, count): ...
    def evaluate(self, outputs, targets, device="cpu"): ...


@dataclass(frozen=True)
class Named(Empty):
    name: str
    regime: str = "near"


@dataclass(frozen=True)
class WithData(Empty):
    name: str
    data: str
    regime: str


NEAR, FAR = Named("plane"), Named("plane", "far")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "mine.py").write_text(METHOD)
    return f"{tmp_path}/mine.py:Mine"


def profile(**given):
    return Profile("quick", (), (), 1, **({"budgets": {"*": Budget(steps=1)}} | given))


def test_a_task_is_looked_up_by_its_data_set_which_is_its_name_where_it_says_none():
    judged = WithData("plane_judge", "plane", "near")
    assert (judged.data, judged.id) == ("plane", "plane_judge/near")
    with pytest.raises(TypeError, match="data"):
        WithData("plane")
    table = {"plane_judge/near": 4, "plane": 2, "*": 1, "plane_judge": 3, "sphere": 5}
    assert list(about(table, judged).values()) == [1, 2, 3, 4]
    assert list(about(table, NEAR).values()) == [1, 2]


def test_published_settings_are_inherited_with_the_fields(path):
    # c of the plane is published for General, but Special gives it another default.
    assert published(path) == {
        "plane": {"a": 1, "b": 10, "d": 10},
        "sphere": {"a": 2},
        "plane/far": {"a": 7},
    }
    inside = path.replace("Mine", "Inside")
    assert published(inside) == {"plane": {"a": 1, "b": 1, "c": 1}, "sphere": {"a": 2, "b": 3}}
    assert published(path.replace("Mine", "NoSuchClass")) == {}
    assert published(f"{path}.py:Missing") == {}


def test_what_is_published_in_another_form_is_refused_in_a_line(tmp_path):
    text = "class Settings:\n    published = 2020\nclass A:\n    Settings = Settings\n"
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(SymbenchError, match="published of Settings is no dict by data set; write"):
        published(f"{tmp_path}/a.py:A")


@pytest.mark.parametrize("suite", registry.SUITES)
def test_settings_are_published_for_tasks_that_there_are(suite):
    suite = registry.suite(suite)
    keys = {key for task in suite.tasks for key in keys_of(task)}
    for entry in suite.entries:
        assert published(entry.path).keys() <= keys, entry.name


def test_the_special_lies_over_the_general_and_the_entry_over_the_profile(path):
    changes = {"mine": {"*": {"b": 20, "c": 20, "d": 20}, "plane": {"c": 30, "d": 30}}}
    by_data = {"plane": {"d": 40, "name": "by data"}}
    entry = Entry("one", path, {"name": "own"}, family="mine", by_data=by_data)
    made = resolution.resolved(profile(changes=changes), entry, NEAR)
    assert made.settings == {"a": 1, "b": 20, "c": 30, "d": 40, "name": "own"}
    assert resolution.resolved(profile(changes=changes), entry, FAR).settings["a"] == 7
    origins = {}
    for layer in resolution.layers(profile(changes=changes), entry, NEAR):
        origins |= dict.fromkeys(layer.settings, layer.origin)
    assert origins == {
        "a": "published on plane",
        "b": "profile quick, family mine",
        "c": "profile quick, family mine on plane",
        "d": "entry one on plane",
        "name": "entry one",
    }


def test_an_entry_without_a_family_is_changed_by_no_profile(path):
    table = {"": {"*": {"c": 20}}, "mine": {"*": {"c": 20}}}
    entry = Entry("one", path, {"name": "own"})
    made = resolution.resolved(profile(changes={"mine": table["mine"]}), entry, Named("cube"))
    assert made.settings == {"name": "own"}
    budgets = {"*": Budget(steps=1), "plane": Budget(steps=2), "plane/far": Budget(steps=3)}
    own = {"mine": {"plane": Budget(steps=9)}}
    given = profile(budgets=budgets, own_budgets=own)
    assert [given.budget(entry, task).steps for task in (Named("cube"), NEAR, FAR)] == [1, 2, 3]
    family = replace(entry, family="mine")
    assert [given.budget(family, task).steps for task in (Named("cube"), NEAR, FAR)] == [1, 9, 9]


def test_two_values_make_two_rows_with_names_of_their_own(path):
    entry = Entry("one", path, {"name": "own"}, "ablation", family="mine")
    made = resolution.variants([entry], ["d=0.001", "flag=yes", "d=1e-2", "d=0.0100"])
    assert [one.name for one in made] == ["one[d=0.001,flag=True]", "one[d=0.01,flag=True]"]
    assert made[1].settings == {"name": "own", "d": 0.01, "flag": True}
    assert (made[1].kind, made[1].family) == ("ablation", "mine")
    assert resolution.variants([entry], []) == [entry]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=3", 3),
        ("d=3", 3.0),
        ("d=1e-3", 0.001),
        ("flag=false", False),
        ("name=3", "3"),
        ("name=a=b", "a=b"),
        ("maybe=none", None),
        ("maybe=0.5", 0.5),
        ("many=1,0.5", (1.0, 0.5)),
        ("many=(2,)", (2.0,)),
        ("many=()", ()),
        ("words=speed", ("speed",)),
        ("words=speed,x", ("speed", "x")),
    ],
)
def test_a_value_has_the_type_of_its_setting(path, text, value):
    (made,) = resolution.variants([Entry("one", path)], [text])
    (given,) = made.settings.values()
    assert (given, type(given)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("flg=1", "no setting of one 'flg'; did you mean flag?"),
        ("d=fast", "d of one is 'fast'; it must be float, such as 0.5."),
        ("a=0.5", "a of one is '0.5'; it must be int, such as 0."),
        ("many=1,x", "it must be tuple[float, ...], such as 1.0,2.0."),
        ("d", "--set 'd' is not understood; write --set name=value."),
        ("=1", "--set '=1' is not understood"),
    ],
)
def test_a_mistake_in_a_setting_is_one_line(path, text, line):
    with pytest.raises(SymbenchError) as caught:
        resolution.variants([Entry("one", path)], [text])
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_method_that_has_nothing_to_set_says_so(planted):
    entry = Entry("chance", "baselines.abstract_rules.controls:Chance")
    with pytest.raises(SymbenchError, match="chance has nothing to set; choose methods"):
        resolution.variants([entry], ["a=1"])


def test_only_methods_that_are_selected_are_set(planted):
    filters = Filters(("planted",), ("basketball",), seeds=[0], settings=("scale=3",))
    assert [cell.method for cell in plan.cells(filters)] == [
        "side[scale=3.0]",
        "side_far[scale=3.0]",
    ]
    plain = plan.cells(replace(filters, settings=()))
    assert {cell.key for cell in plain}.isdisjoint(cell.key for cell in plan.cells(filters))

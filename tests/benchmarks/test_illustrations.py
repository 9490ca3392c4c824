"""Arrays that a method gives for pictures; outputs that answer for no input; a score's device."""

import json

import numpy as np
import pytest

from baselines.convdraw import ConvDRAW
from baselines.genesis import GENESIS
from baselines.vae import VAE
from benchmarks import conformance, runner, session, show
from benchmarks.pictures.scenes import of_a_model
from benchmarks.plan import Filters
from benchmarks.protocol import Budget, OutputError, Run
from benchmarks.records import Record, Store, read_illustrations
from methods.gnm import GNM
from tests.baselines.small_scenes import TINY, examples, network, run


def one_cell(planted, method, folder):
    """Run one cell of a method of the planted suite; its record and where that lies."""
    path = f"{planted.__file__}:{method}"
    filters = Filters(suites=("planted",), methods=(path,), tasks=("plane",), seeds=[0])
    session.run(filters, session.Options(folder, "cpu", jobs=0))
    (record,) = Store(folder).load()[0]
    return record, Store(folder).path(record)


def test_illustrations_come_back_as_they_were_and_are_drawn(planted, tmp_path):
    record, path = one_cell(planted, "Shows", tmp_path)
    assert record.status == "done"
    assert record.illustrations == f"seed0-{record.key}.npz"
    kept = read_illustrations(path.with_name(record.illustrations))
    assert {name: (array.dtype.str, array.shape) for name, array in kept.items()} == {
        "curve": ("<f4", (7,)),
        "images": ("|u1", (2, 3, 4)),
        "present": ("|b1", (2, 1)),
        "alone": ("<i8", ()),
    }
    np.testing.assert_array_equal(kept["images"].ravel(), np.arange(24))
    assert kept["present"].tolist() == [[True], [False]]
    drawn = path.with_suffix(".curve.png")
    before = drawn.read_bytes()
    drawn.unlink()
    assert str(drawn) in show.pictures(path)
    assert drawn.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:200])],
    ids=["gone", "cut"],
)
def test_without_whole_illustrations_the_other_pictures_are_drawn(planted, tmp_path, damage):
    record, path = one_cell(planted, "Shows", tmp_path)
    damage(path.with_name(record.illustrations))
    lines = show.pictures(path)
    assert lines[0] == str(path.with_suffix(".line.png"))
    assert lines[-1] == ("no whole illustrations beside the record: only what needs none is drawn.")
    assert not any("curve" in line for line in lines)


def test_methods_without_and_records_of_before_have_none(planted, tmp_path):
    record, path = one_cell(planted, "Side", tmp_path)
    assert record.illustrations is None
    assert list(tmp_path.rglob("*.npz")) == []
    old = json.loads(path.read_text())
    del old["illustrations"]
    assert Record.model_validate(old) == record


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": np.array(["a"])}, "illustration 'x' has dtype <U1; expected numbers."),
        ({"x": np.array([None])}, "illustration 'x' has dtype object; expected numbers."),
        ({"x": 1j}, "illustration 'x' has dtype complex128; expected numbers."),
        ({"a/b": 1.0}, "an illustration is called 'a/b'; expected letters, digits and '_'"),
        ({"file": 1.0}, "an illustration is called 'file'; expected letters"),
        ({3: 1.0}, "an illustration is called 3; expected letters"),
        ([1.0], "the method's illustrations are list; expected a dict of arrays."),
    ],
)
def test_illustrations_that_cannot_be_kept_are_a_failed_record(planted, tmp_path, given, message):
    class Planted:
        illustrations = given

    with pytest.raises(OutputError) as caught:
        runner.illustrations(Planted())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failing_illustration_is_the_failure_of_its_cell(planted, tmp_path):
    record, _ = one_cell(planted, "Words", tmp_path)
    assert record.status == "failed"
    assert record.error.type == "OutputError"
    assert record.error.message == "illustration 'x' has dtype <U1; expected numbers."


def test_a_score_is_computed_on_the_device_of_the_run(planted, monkeypatch):
    seen, evaluate = [], planted.Split.evaluate

    def watched(self, outputs, targets, device="cpu"):
        seen.append(device)
        return evaluate(self, outputs, targets, device)

    monkeypatch.setattr(planted.Split, "evaluate", watched)
    entry = planted.ENTRIES[0]
    for device in ("cpu:0", "cuda:1"):
        runner.answer(planted.TASKS[0], entry, Run(0, Budget(steps=1), device))
    assert seen == ["cpu:0", "cuda:1"]


ORDER, NUMBER = (
    "the order of the inputs does not change outputs",
    "the number of inputs at a time does not change outputs",
)
SEED, OTHER = "the same seed gives the same outputs", "another seed gives other outputs"


def findings(planted, method):
    """By rule: whether it is kept, or None where it was skipped; and the details."""
    found = conformance.check(f"{planted.__file__}:{method}", "planted")
    marks = {one.rule: None if one.skipped else one.ok for one in found}
    return marks, {one.rule: one.detail for one in found}


def test_what_is_drawn_need_not_follow_the_inputs(planted, monkeypatch):
    marks, _ = findings(planted, "Draws")
    assert [marks[rule] for rule in (SEED, OTHER, ORDER, NUMBER)] == [True, True, False, False]
    monkeypatch.setattr(planted.Split, "generated", ("clusters",))
    marks, details = findings(planted, "Draws")
    assert [marks[rule] for rule in (SEED, OTHER, ORDER, NUMBER)] == [True, True, None, None]
    assert details[ORDER] == details[NUMBER] == "clusters are drawn and answer for no input"


def test_what_answers_for_inputs_must_follow_them_beside_what_is_drawn(planted, monkeypatch):
    monkeypatch.setattr(planted.Split, "generated", ("clusters",))
    assert all(findings(planted, "DrawsAndEmbeds")[0].values())
    marks, details = findings(planted, "DrawsAndCounts")
    assert [marks[rule] for rule in (SEED, OTHER, ORDER, NUMBER)] == [True, True, False, False]
    assert details[ORDER].startswith("embeddings differ by")


def test_what_is_drawn_depends_on_the_seed_alone(planted, monkeypatch):
    monkeypatch.setattr(planted.Split, "generated", ("clusters",))
    marks, _ = findings(planted, "DrawsUnseeded")
    assert [marks[rule] for rule in (SEED, OTHER, ORDER)] == [False, True, None]


# Rooms have a background, which is a layer besides the sixteen components.
@pytest.mark.parametrize(
    ("method", "channels"), [(GNM, 1), (GNM, 3), (GENESIS, 3), (ConvDRAW, 1), (VAE, 3)]
)
def test_what_a_generator_of_scenes_shows_can_be_drawn(method, channels):
    made = method(method.Settings(**TINY.get(method, {})))
    made.network = network(method, channels=channels).eval()
    made.evaluate(examples(3, channels=channels), run())
    drawn = {name: picture() for name, picture in of_a_model(made.illustrations).items()}
    assert "reconstructions" in drawn
    assert ("components" in drawn) == (method in (GNM, GENESIS))
    assert all(figure.axes for figure in drawn.values())

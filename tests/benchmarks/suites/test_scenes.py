"""The suite: what methods see, what the tasks score, and what they warn of."""

import numpy as np
import pytest

import symdata
from benchmarks import plan, registry, resolution
from benchmarks.plan import profile_of
from benchmarks.protocol import Examples, OutputError, SymbenchError
from benchmarks.suites import scenes as suite

DRAWING, JUDGING = suite.Generation("mnist4", "sklearn_64"), suite.Judging("mnist4", "sklearn_64")


@pytest.fixture(scope="module")
def draw():
    return DRAWING.load(0)


@pytest.fixture(scope="module")
def judged():
    return JUDGING.load(0)


def test_a_model_sees_images_and_only_a_control_the_shuffled_ones(draw):
    assert set(draw.train) == {"images"}
    assert set(draw.inputs) - set(DRAWING.privileged) == {"images"}
    assert set(draw.targets) == {"real"}
    images = np.asarray(draw.train["images"])
    assert images.shape == (12_000, 64, 64, 1)
    assert images.dtype == np.uint8
    assert draw.inputs.count == draw.targets.count == 1_200


def test_every_seed_of_a_run_has_the_same_data(draw):
    assert DRAWING.load(7).fingerprint == draw.fingerprint


def test_real_images_obey_their_rule_and_shuffled_ones_do_not(draw, monkeypatch):
    monkeypatch.setitem(suite.D_STEPS_CAP, 64, 20)
    targets = draw.targets.take(slice(0, 100))
    real, shuffled = (np.asarray(draw.inputs[name])[:100] for name in ("images", "shuffled"))
    scores = DRAWING.evaluate({"samples": real}, targets)
    assert scores["s_acc"] >= 0.95
    assert scores["d_steps"] == 20
    assert scores["spread"] == pytest.approx(1, abs=0.1)
    assert "ll" not in scores
    assert scores["agreement"] >= 3.95
    floor = DRAWING.evaluate({"samples": shuffled}, targets)
    assert floor["s_acc"] <= 0.01
    assert 0.7 < floor["agreement"] < 1.5


def test_the_likelihoods_are_means_in_nats(draw, monkeypatch):
    monkeypatch.setitem(suite.D_STEPS_CAP, 64, 20)
    outputs = {
        "samples": np.asarray(draw.inputs["images"])[:8],
        "log_likelihood": np.array([1.0, 2.0, 3.0, 6.0] * 2, np.float32),
        "elbo": np.zeros(8, np.float32),
    }
    targets = draw.targets.take(slice(0, 8))
    scores = DRAWING.evaluate(outputs, targets)
    assert scores["ll"] == 3.0
    assert scores["elbo"] == 0.0
    # Five posterior samples give another quantity than a hundred.
    for samples, name in ((5, "ll_5"), (100, "ll")):
        scores = DRAWING.evaluate(outputs | {"posterior_samples": np.full(8, samples)}, targets)
        assert [key for key in scores if key.startswith("ll")] == [name]
        assert scores[name] == 3.0


def test_small_scenes_have_no_judge_and_are_ranked_by_d_steps(draw, monkeypatch):
    monkeypatch.setitem(suite.D_STEPS_CAP, 32, 20)
    small = suite.Generation("mnist4", "sklearn_32")
    images = np.asarray(draw.inputs["images"])[:8, ::2, ::2]
    real = Examples({"real": np.asarray(draw.targets["real"])[:8, ::2, ::2]})
    assert set(small.evaluate({"samples": images}, real)) == {"d_steps", "spread"}
    assert small.score.name == "d_steps"
    assert [one.name for one in small.also] == ["ll", "ll_5", "elbo"]
    assert small.rests_on == ("benchmarks.metrics.discrimination",)
    assert [one.name for one in DRAWING.also] == ["agreement", "d_steps", "ll", "ll_5", "elbo"]
    assert len(DRAWING.rests_on) == 2
    assert small.pictures({"samples": images}, draw, {}) == {}


def test_samples_that_are_all_alike_and_a_reached_cap_are_flagged():
    fine = {"spread": 0.9, "d_steps": 10.0}
    assert DRAWING.flags(fine) == []
    (line,) = DRAWING.flags(fine | {"spread": 0.01})
    assert "collapse" in line
    (line,) = DRAWING.flags(fine | {"d_steps": float(DRAWING.cap)})
    assert "cap of 1,000" in line


@pytest.mark.parametrize(
    ("outputs", "line"),
    [
        ({"samples": np.zeros((5, 64, 64), np.uint8)}, r"expected \(5, 64, 64, 1\) and uint8"),
        ({"samples": np.zeros((5, 64, 64, 1))}, "and uint8"),
        (
            {
                "samples": np.zeros((5, 64, 64, 1), np.uint8),
                "log_likelihood": np.zeros((5, 2), np.float32),
            },
            r"log_likelihood has shape \(5, 2\)",
        ),
    ],
)
def test_outputs_of_a_wrong_shape_are_refused(outputs, line):
    with pytest.raises(OutputError, match=line):
        DRAWING.check(outputs, 5)
    with pytest.raises(OutputError, match="bool"):
        JUDGING.check({"verdicts": np.zeros(5)}, 5)


def test_the_judge_is_shown_every_kind_in_turn(judged):
    kind = np.asarray(judged.targets["kind"])
    kinds = 1 + len(JUDGING.kinds)
    assert list(kind[:kinds]) == list(range(kinds))
    assert set(np.bincount(kind)) == {symdata.dataset("mnist4").break_tests}


def test_the_suites_judge_meets_its_figures(judged):
    entry = next(entry for entry in suite.ENTRIES if entry.name == "judge")
    entry = resolution.resolved(profile_of(suite.SUITE, "quick"), entry, JUDGING)
    method = registry.load_class(entry.path)(
        registry.load_class(entry.path).Settings(**entry.settings)
    )
    some = slice(0, 40 * (1 + len(JUDGING.kinds)))
    verdicts = method.evaluate(judged.inputs.take(some), None)["verdicts"]
    scores = JUDGING.evaluate({"verdicts": verdicts}, judged.targets.take(some))
    assert scores["worst_kind"] >= 0.975, scores


def test_a_judge_is_as_good_as_its_worst_kind():
    kind = np.tile(np.arange(7), 10)
    right = kind == 0
    targets = Examples({"kind": kind})
    assert JUDGING.evaluate({"verdicts": right}, targets)["worst_kind"] == 1.0
    generous = right | (kind == 3)
    scores = JUDGING.evaluate({"verdicts": generous}, targets)
    assert scores["worst_kind"] == scores["rejects_wrong_position"] == 0.0
    assert scores["accepts"] == scores["rejects_wrong_class"] == 1.0
    assert JUDGING.evaluate({"verdicts": ~right}, targets)["accepts"] == 0.0


def test_what_a_task_knows_of_its_data_is_what_the_data_set_says():
    for task in suite.TASKS:
        settings = symdata.dataset(task.data).settings(task.regime)
        assert task.size == settings["size"], task.id
    assert suite.Generation("arrow_room", "rendered_64").channels == 3
    assert {task.size for task in suite.TASKS if isinstance(task, suite.Judging)} == {64, 128}
    assert JUDGING.kinds == symdata.dataset("mnist10").breaks


def test_the_digits_are_chosen_by_name():
    assert DRAWING.skip() is None
    line = suite.Generation("mnist4", "mnist_64").skip()
    assert "--digits" in line
    assert "\n" not in line
    mnist = symdata.DataSources(digits="mnist")
    assert suite.Generation("mnist4", "mnist_64").skip(mnist) is None
    assert "--digits mnist" in DRAWING.skip(mnist)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("data", "channels"), [("mnist4", 1), ("arrow_room", 3)])
def test_samples_are_judged_again_from_a_file(data, channels, draw):
    samples = np.zeros((2, 64, 64, channels), np.uint8)
    samples.flags.writeable = False
    drawn = suite.Generation(data, "any_64").pictures({"samples": samples}, draw, {})
    assert set(drawn) == {"samples", "judged"}


def test_what_takes_long_in_quick_runs_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr("symdata.arrow_room.scenes.missing", lambda config, sources: None)
    rooms = {"arrow_room/rendered_64", "arrow_room_judge/rendered_64"}
    # The judge's task draws the whole data set, and each kind of break besides.
    room = symdata.dataset("arrow_room")
    rendered = sum(room.settings("rendered_64")["sizes"].values())
    judged = rendered + room.break_tests * len(room.breaks)
    lines = profile_of(suite.SUITE, "quick").on_request
    assert f"{rendered:,} images" in lines["arrow_room/rendered_64"]
    assert f"{judged:,} images" in lines["arrow_room_judge/rendered_64"]
    plain = plan.selection(plan.Filters(suites=("scenes",)))
    assert {f"{cell.task}/{cell.regime}" for cell in plain.cells}.isdisjoint(rooms)
    assert {task: line for task, line in plain.skipped.items() if "--task" in line}.keys() == rooms
    for pattern in ("arrow_room", "arrow_room/rendered_64", "arrow*/*"):
        named = plan.selection(plan.Filters(suites=("scenes",), tasks=(pattern,)))
        assert "arrow_room" in {cell.task for cell in named.cells}
        assert not named.skipped
    monkeypatch.setattr("symdata.arrow_room.scenes.missing", lambda config, sources: "no renderer.")
    assert plan.selection(plan.Filters(suites=("scenes",))).skipped.keys() >= rooms
    with pytest.raises(SymbenchError, match="cannot run here: no renderer"):
        plan.selection(plan.Filters(suites=("scenes",), tasks=("arrow_room",)))


def test_profiles_name_what_there_is():
    smoke, quick, paper = (profile_of(suite.SUITE, name) for name in ("smoke", "quick", "paper"))
    assert "mnist4/sklearn_64" in quick.tasks
    assert "arrow_room/rendered_128" in paper.tasks
    assert not any("beta" in name for name in (*smoke.methods, *quick.methods))
    assert {"gnm_beta3", "vae_beta10", "convdraw_beta6"} <= set(paper.methods)
    tasks = {task.id: task for task in suite.TASKS}
    digits = tasks["mnist4/mnist_128"]
    assert paper.budget(suite.ENTRIES[0], digits).total_steps(60_000) == 1_125_000
    (gnm,) = (entry for entry in suite.ENTRIES if entry.name == "gnm")
    for task in ("mnist4/mnist_128", "mnist10/mnist_128", "arrow_room/rendered_128"):
        assert not resolution.resolved(paper, gnm, tasks[task]).settings, "all is as published"
    assert "genesis" in paper.methods
    assert "genesis_narrow" not in paper.methods
    for short in (smoke, quick):
        assert "genesis" not in short.methods
        assert "genesis_narrow" in short.methods

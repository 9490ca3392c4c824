"""The suite: what methods see, what the tasks score, and what they warn of."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from baselines.joint_tvae import JointTVAE
from baselines.tvae import TVAE
from benchmarks import plan, registry, resolution, runner
from benchmarks.protocol import Budget, Examples, OutputError, Run
from benchmarks.suites import trajectories as suite
from benchmarks.suites.trajectory_entries import FEATURES
from symdata import DataSources
from symdata.basketball.windows import FEATURES as COURT
from symdata.calms21.geometry import FEATURES as MICE
from tests.symdata.mice import recording, sequence, unlabeled, write

CLUSTERS, BEHAVIOUR = suite.TASKS[0], suite.TASKS[3]


@pytest.fixture(scope="module")
def draw():
    return CLUSTERS.load(0)


def test_labels_and_factors_are_only_in_the_targets(draw):
    assert set(draw.targets) == {"labels", "factors"}
    assert not set(draw.train) & set(draw.targets)
    assert not set(draw.inputs) & set(draw.targets)
    assert set(draw.train) - set(draw.inputs) == {"validation"}
    assert draw.train.count == 12_000
    assert int(np.asarray(draw.train["validation"]).sum()) == 2_000
    assert draw.inputs.count == 2_000


def test_every_seed_draws_anew_and_the_same_seed_the_same(draw):
    assert CLUSTERS.load(0).fingerprint == draw.fingerprint
    assert CLUSTERS.load(1).fingerprint != draw.fingerprint


def test_true_classes_score_100_percent(draw):
    labels = np.asarray(draw.targets["labels"])
    scores = CLUSTERS.evaluate({"clusters": labels}, draw.targets)
    assert scores["purity"] == scores["rand_index"] == 1.0
    assert scores["nmi_arithmetic"] == scores["nmi_geometric"] == 1.0
    assert "probe_x" not in scores


def test_one_factor_gives_half_the_purity_and_the_whole_of_that_factor(draw):
    factors = np.asarray(draw.targets["factors"])
    scores = CLUSTERS.evaluate({"clusters": factors[:, 1]}, draw.targets)
    assert scores["factor_nmi"] == pytest.approx(1.0)
    assert scores["purity"] == pytest.approx(0.5, abs=0.03)


def test_embeddings_are_clustered_by_the_task_and_probed_in_samples(draw):
    factors = np.asarray(draw.targets["factors"])
    means = (2.0 * factors - 1).astype(np.float32)
    sharp = {"embeddings": means, "deviations": np.full_like(means, 0.05)}
    scores = CLUSTERS.evaluate(sharp, draw.targets)
    assert scores["purity"] == 1.0
    assert scores["probe_x"] == scores["probe_y"] == 1.0
    assert scores["active_units"] == 2
    collapsed = {"embeddings": 1e-3 * means, "deviations": np.ones_like(means)}
    scores = CLUSTERS.evaluate(collapsed, draw.targets)
    assert scores["probe_x"] == pytest.approx(0.5, abs=0.05)
    assert any("posterior collapse" in line for line in CLUSTERS.flags(scores))


def test_a_collapsed_clustering_is_flagged(draw):
    count = draw.targets.count
    scores = CLUSTERS.evaluate({"clusters": np.zeros(count, int)}, draw.targets)
    assert CLUSTERS.flags(scores) == ["collapse: the largest cluster holds 100.0 % of the examples"]
    fine = CLUSTERS.evaluate({"clusters": np.arange(count) % 4}, draw.targets)
    assert CLUSTERS.flags(fine) == []


@pytest.mark.parametrize(
    ("outputs", "line"),
    [
        ({"clusters": np.zeros(5)}, "expected (5,) whole numbers"),
        ({"clusters": np.zeros((5, 1), int)}, "expected (5,) whole numbers"),
        ({"embeddings": np.zeros(5)}, "expected (5, d)"),
        (
            {"embeddings": np.zeros((5, 2)), "deviations": np.zeros((5, 3))},
            "deviations and embeddings differ in shape",
        ),
    ],
)
def test_outputs_of_a_wrong_shape_are_refused(outputs, line):
    with pytest.raises(OutputError, match=line.replace("(", r"\(").replace(")", r"\)")):
        CLUSTERS.check(outputs, 5)


def test_behaviour_learns_on_one_split_and_is_tested_on_the_other():
    labels = np.repeat([0, 1, 2, 3], 250)[np.random.default_rng(0).permutation(1000)]
    tested = np.arange(1000) % 5 > 2
    targets = Examples({"labels": labels, "tested": tested})
    told = np.eye(4)[labels]
    scores = BEHAVIOUR.evaluate({"embeddings": told}, targets)
    assert scores["average_precision"] == pytest.approx(1.0)
    # An embedding that tells the labels of one split alone is of no use.
    for one in (tested, ~tested):
        half = np.where(one[:, None], told, 0)
        scores = BEHAVIOUR.evaluate({"embeddings": half}, targets)
        assert scores["average_precision"] < 0.35


def test_behaviour_asks_for_the_training_examples_and_those_of_the_test(draw):
    data = BEHAVIOUR.load(0)
    tested, states = np.asarray(data.targets["tested"]), np.asarray(data.inputs["states"])
    learned = ~np.asarray(data.train["validation"])
    assert np.array_equal(states[~tested], np.asarray(data.train["states"])[learned])
    assert np.array_equal(states[tested], np.asarray(draw.inputs["states"]))
    assert np.array_equal(data.targets["labels"][tested], draw.targets["labels"])
    assert set(data.targets) == {"labels", "tested"}
    # Any first rows are of both splits, as a short evaluation takes the first alone.
    assert 10 <= tested[:100].sum() <= 25


def test_mice_are_classified_with_the_labels_of_the_training_file(tmp_path):
    folder = tmp_path / "calms21"
    for name, count in (("train", 283), ("test", 40)):
        path = folder / f"calms21_task1_{name}.json"
        write(path, one=sequence(recording(count, seed=count)))
    write(folder / "calms21_unlabeled_1.json", one=unlabeled(recording(200)))
    task = suite.Behaviour("calms21")
    data = task.load(0, DataSources(root=tmp_path))
    tested = np.asarray(data.targets["tested"])
    assert (tested.sum(), (~tested).sum()) == (40 - 20, 283 - 20)
    assert np.asarray(data.targets["labels"]).min() == 0
    assert data.train.count == 163 // 21 + 37 // 21, "methods learn from the unlabelled videos"
    (folder / "calms21_task1_train.json").unlink()
    assert "holds no *task1*train*.json" in task.skip(DataSources(root=tmp_path))
    assert suite.Clusters("calms21").skip(DataSources(root=tmp_path)) is None


def test_more_labels_help():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 2000)
    weak = np.eye(4)[labels] + generator.normal(size=(2000, 4))
    scores = BEHAVIOUR.evaluate(
        {"embeddings": np.hstack([weak, generator.normal(size=(2000, 30))])},
        Examples({"labels": labels, "tested": np.arange(2000) >= 1200}),
    )
    assert scores["labels_1"] + 0.1 < scores["labels_100"]


def test_without_data_a_task_is_skipped_with_the_way_out():
    assert CLUSTERS.skip() is None
    line = suite.Clusters("basketball").skip()
    assert "--data-root" in line
    assert "\n" not in line


def played(root, value):
    """Basketball in which nobody moves, below this folder, and the sources that name it."""
    (root / "basketball").mkdir(parents=True, exist_ok=True)
    for name in ("train", "test"):
        path = root / "basketball" / f"{name}.npz"
        data = np.full((8, 50, 22), value, np.float32)
        data[..., 1::2] = np.linspace(0, 50 if name == "train" else 40, 11)
        np.savez(path, data=data)
    return DataSources(root=root)


def test_two_data_sets_under_one_name_never_share_a_table(tmp_path):
    task = suite.Clusters("basketball")
    seen = [task.dataset(played(tmp_path, value)) for value in (5.0, 6.0)]
    assert seen[0] != seen[1]


def test_two_roots_in_one_process_give_each_its_own(tmp_path, monkeypatch):
    """Whatever the environment says; the draws that a process keeps are told apart as well."""
    monkeypatch.setenv("SYMBENCH_DATA", str(tmp_path / "other"))
    task = suite.Clusters("basketball")
    one, other = played(tmp_path / "one", 5.0), played(tmp_path / "other", 6.0)
    monkeypatch.setattr(runner, "_DRAWS", {})
    for sources, feet in ((one, 5.0), (other, 6.0), (one, 5.0)):
        assert pickle.loads(pickle.dumps(sources)) == sources
        x = np.asarray(runner._load(task, 0, sources).inputs["feature.x_average"])
        assert (x == feet).all()
    assert task.skip(one) is task.skip(other) is None
    assert "--data-root" in task.skip()
    cells = [
        plan.cells(plan.Filters(("trajectories",), ("basketball",), ("tvae",)), where)
        for where in (one, other)
    ]
    assert {cell.variant for cell in cells[0]}.isdisjoint(cell.variant for cell in cells[1])


def test_the_appended_features_are_those_of_the_data_sets():
    assert set(FEATURES["basketball"]) == set(COURT)
    assert set(FEATURES["calms21"]) <= set(MICE)


def test_every_entry_builds_with_the_settings_of_every_profile():
    from benchmarks.runner import build

    for profile in suite.SUITE.profiles:
        for task in suite.TASKS:
            for entry in suite.ENTRIES:
                if entry.runs_on(task.id):
                    build(resolution.resolved(profile, entry, task))


def test_paper_has_the_published_settings():
    (paper,) = [one for one in suite.SUITE.profiles if one.name == "paper"]
    entries = {entry.name: entry for entry in suite.ENTRIES}
    tasks = {task.id: task for task in suite.TASKS}

    def settings(name, task):
        return resolution.resolved(paper, entries[name], tasks[task]).settings

    def budget(name, task):
        return paper.budget(entries[name], tasks[task])

    mice = settings("neurosymbolic_2", "calms21/clusters")
    assert (mice["z"], mice["hidden"], mice["gamma"], mice["programs"]) == (8, 256, 100.0, 2)
    assert settings("vq_tvae", "basketball/clusters")["codes"] == 2
    assert settings("tvae", "calms21/clusters")["z"] == 32
    assert budget("tvae", "calms21/clusters").steps == 200 * 903
    assert budget("neurosymbolic_2", "calms21/clusters").steps == 30 * 903
    assert budget("tvae", "synthetic/clusters").total_steps(10_000) == 50 * 313
    epochs = {"tvae": 20, "beta_tvae": 20, "joint_tvae": 25, "vq_tvae": 100}
    for name, count in epochs.items():
        assert budget(name, "basketball/clusters").steps == count * 1383
        assert settings(name, "basketball/clusters")["learning_rate"] == 1e-3
    assert settings("vq_tvae", "basketball/clusters")["beta"] == 0.1
    optimisation = JointTVAE(JointTVAE.Settings()).optimisation
    assert (optimisation.clip, optimisation.betas) == (10, (0.5, 0.999))
    assert TVAE(TVAE.Settings()).optimisation.betas == (0.9, 0.999)


@pytest.mark.skipif("SYMBENCH_DATA" not in os.environ, reason="needs data that users bring")
@pytest.mark.parametrize("name", ["basketball", "calms21"])
def test_given_data_load(name):
    data = suite.Clusters(name).load(0, DataSources(root=Path(os.environ["SYMBENCH_DATA"])))
    assert np.isfinite(np.asarray(data.train["states"])).all()
    assert set(np.unique(data.targets["labels"])) <= {0, 1, 2, 3}


def test_the_suite_is_registered():
    assert registry.suite("trajectories") is suite.SUITE


def test_test_windows_that_are_copies_are_a_flag_of_the_record(tmp_path):
    place = tmp_path / "basketball"
    place.mkdir()
    draw = np.random.default_rng(0).uniform(0, 47, (30, 50, 22)).astype(np.float32)
    np.savez(place / "train.npz", data=draw[:24])
    np.savez(place / "test.npz", data=draw[20:])
    (entry,) = registry.entries(suite.SUITE, ["random"])
    (task,) = (one for one in suite.TASKS if one.id == "basketball/clusters")
    run = Run(0, Budget(steps=1), sources=DataSources(root=tmp_path))
    result, *_ = runner.answer(task, entry, run)
    warning = f"8 of 20 test windows of {place / 'test.npz'} are copies of training windows"
    assert warning in result["flags"]

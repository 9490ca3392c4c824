from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from baselines.beta_tvae import BetaTVAE
from baselines.joint_tvae import JointTVAE
from baselines.trajectories.trajectory_method import columns_of
from baselines.tvae import TVAE
from baselines.vq_tvae import VQTVAE
from benchmarks.protocol import DivergedError, Examples, SymbenchError
from tests.baselines.small_trajectories import METHODS, examples, moving, run

DISCRETE = [JointTVAE, VQTVAE]


def fitted(method, data, seed=0, steps=3, batch_size=8, **settings):
    made = method(method.Settings(**settings))
    made.fit(data, run(seed, steps, batch_size))
    return made


def same(one, two, tolerance=0.0):
    return one.keys() == two.keys() and all(
        np.allclose(one[name], two[name], rtol=0, atol=tolerance) for name in one
    )


def test_columns_by_hand():
    states = np.array([[[1, 2], [4, 2], [3, 7]]], np.float32)
    data = columns_of(
        Examples({"states": states, "feature.a": np.array([[5, 6, 7]], np.float64)}), ("a",)
    )
    assert data["states"].tolist() == [[[1, 2], [4, 2]]]
    assert data["actions"].tolist() == [[[3, 0], [-1, 5]]]
    assert data["features"].tolist() == [[[5], [6]]]
    assert {column.dtype.name for column in data.values()} == {"float32"}


@pytest.mark.parametrize("method", METHODS)
def test_the_protocol_is_kept(method):
    data = examples(moving()[0])
    before = {name: np.array(data[name]) for name in data}
    made = fitted(method, data, features=["speed", "x"])
    inputs = data.select(("states", "feature.speed", "feature.x"))
    outputs = made.evaluate(inputs, run())
    assert all((before[name] == data[name]).all() for name in data)
    width = 3 if method is JointTVAE else 4
    assert outputs["embeddings"].shape == (24, width)
    assert outputs["embeddings"].dtype == np.float32
    assert ("clusters" in outputs) == (method in DISCRETE)
    if method in DISCRETE:
        assert outputs["clusters"].shape == (24,)
        assert outputs["clusters"].dtype == np.int64

    assert same(outputs, made.evaluate(inputs, run(seed=5))), "nothing is drawn"
    again = fitted(method, data, features=["speed", "x"]).evaluate(inputs, run())
    assert same(outputs, again)
    other = fitted(method, data, seed=1, features=["speed", "x"]).evaluate(inputs, run())
    assert not np.allclose(outputs["embeddings"], other["embeddings"], atol=1e-3)

    order = np.random.default_rng(0).permutation(24)
    shuffled = made.evaluate(inputs.take(order), run())
    assert same({name: array[order] for name, array in outputs.items()}, shuffled, 1e-5)
    alone = [made.evaluate(inputs.take(slice(i, i + 1)), run()) for i in range(24)]
    joined = {name: np.concatenate([part[name] for part in alone]) for name in outputs}
    assert same(outputs, joined, 1e-5)
    assert made.parameters == sum(weight.numel() for weight in made.network.parameters())
    assert pickle.loads(pickle.dumps(made.settings)) == made.settings


@pytest.mark.parametrize("method", METHODS)
def test_validation_rows_are_not_trained_on(method):
    states, _ = moving()
    validation = np.arange(24) % 3 == 0
    changed = states.copy()
    changed[validation] = 1e6 * np.arange(7)[:, None]
    outputs = [
        fitted(method, examples(part, validation)).evaluate(examples(states), run())
        for part in (states, changed)
    ]
    assert same(*outputs)
    # The check sees the fault: the same rows, not marked, change the result.
    planted = fitted(method, examples(changed)).evaluate(examples(states), run())
    assert not same(outputs[0], planted, 1e-3)


def test_evaluation_in_several_parts_is_that_in_one(monkeypatch):
    data = examples(moving()[0])
    made = fitted(VQTVAE, data)
    whole = made.evaluate(data, run())
    monkeypatch.setattr("baselines.trajectories.trajectory_method.EVALUATE_AT_ONCE", 5)
    assert same(whole, made.evaluate(data, run()), 1e-5)


def test_the_network_leaves_training_alone_where_steps_are_counted():
    """A capacity of few steps is reached by training steps alone, which the loop passes."""
    seen = []

    class Network(TVAE.Network):
        def loss(self, batch, step):
            seen.append(step)
            return super().loss(batch, step)

    class Method(TVAE):
        pass

    Method.Network = Network
    fitted(Method, examples(moving()[0]), steps=5).evaluate(examples(moving()[0]), run())
    assert seen == [0, 1, 2, 3, 4]


def purity(clusters, labels):
    hits = [np.bincount(labels[clusters == cluster]).max() for cluster in np.unique(clusters)]
    return sum(hits) / len(labels)


@pytest.mark.parametrize("method", METHODS)
def test_two_ways_of_moving_are_told_apart(method):
    states, _ = moving(128, frames=9)
    special = {
        # With γ = 10 the bit of some seeds is the same for all trajectories.
        JointTVAE: {"ramp": 100, "gamma": 1.0},
        VQTVAE: {"codes": 2},
        BetaTVAE: {"ramp": 30},
    }
    settings = {"learning_rate": 1e-2} | special.get(method, {})
    steps = 200 if method in DISCRETE else 60
    made = fitted(method, examples(states), steps=steps, batch_size=32, **settings)
    test, test_labels = moving(100, frames=9, seed=1)
    outputs = made.evaluate(examples(test), run())
    found = KMeans(2, n_init=4, random_state=0).fit_predict(outputs["embeddings"])
    assert purity(outputs.get("clusters", found), test_labels) > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_training_that_diverges_is_said_so(method, monkeypatch):
    monkeypatch.setattr("benchmarks.training.REPORT_EVERY", 1)
    with pytest.raises(DivergedError, match="the loss became nan"):
        fitted(method, examples(moving()[0]), steps=5, learning_rate=1e30)


def broken(**changes):
    data = examples(moving(6)[0])
    return Examples({name: changes.get(name.replace("feature.", ""), data[name]) for name in data})


STATES = moving(6)[0]
HOLED = STATES.copy()
HOLED[2, 1] = np.nan


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Examples({"validation": np.zeros(3, bool)}), "there is no column 'states'"),
        (examples(STATES).select(("states", "validation")), "there is no column 'feature.speed'"),
        (examples(STATES).select(("states", "feature.speed")), "there is no column 'validation'"),
        (broken(states=HOLED), "states hold 2 values that are NaN or infinite"),
        (broken(states=STATES[:, :1]), r"states have shape \(6, 1, 2\)"),
        (broken(states=STATES[..., 0]), r"states have shape \(6, 7\)"),
        (broken(states=STATES.astype(str)), "states have dtype"),
        (broken(speed=STATES[:, 1:, 0]), r"feature.speed has shape \(6, 6\); it must be \(6, 7\)"),
        (broken(speed=STATES[..., 0] * np.inf), "feature.speed hold 42 values"),
        (broken(validation=np.ones(6, bool)), "validation is True in every row"),
        (broken(validation=np.zeros(6)), "validation has shape .* and dtype float64"),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused(data, said):
    with pytest.raises(SymbenchError, match=said):
        fitted(TVAE, data, features=["speed"])


def test_evaluation_before_fit_and_of_other_trajectories_is_refused():
    method = TVAE(TVAE.Settings())
    assert method.parameters is None
    with pytest.raises(SymbenchError, match="TVAE has not learned yet; call fit first"):
        method.evaluate(examples(STATES), run())
    method.fit(examples(STATES), run())
    with pytest.raises(SymbenchError, match=r"has shape \(6, 2\) here; TVAE learned from those"):
        method.evaluate(examples(STATES[:, 1:]), run())
    with pytest.raises(SymbenchError, match="NaN"):
        method.evaluate(examples(HOLED), run())


def test_the_random_numbers_of_others_are_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    fitted(JointTVAE, examples(STATES)).evaluate(examples(STATES), run())
    assert (torch.rand(2) == expected).all()

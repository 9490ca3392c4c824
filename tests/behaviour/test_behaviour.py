"""The guard of versions: what is computed changes exactly when a declared version does."""

import pkgutil
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from baselines import convdraw, lstm
from baselines.scenes import scene_method
from benchmarks import judges, metrics, registry
from benchmarks.judges import digits
from benchmarks.metrics import neighbours
from benchmarks.sources import declared
from methods.gnm import components
from tests.behaviour.fingerprints import NAMES, fingerprint, stored, verdict
from tests.behaviour.methods import CASES
from tests.behaviour.parts import PARTS

# What torch draws from seed 0 where the fingerprints are made. Other releases and processors draw
# other numbers, which some methods learn from; what they compute cannot be compared.
DRAWN = "3.5083, -0.0052, 3, 5"


def drawn():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exponential = float(torch.empty(9).exponential_()[0])
        normal = float(nn.init.trunc_normal_(torch.empty(9), std=0.02)[0])
        chosen = int(torch.ones(9).multinomial(1))
        dropped = int((nn.functional.dropout(torch.ones(9)) == 0).sum())
    return f"{exponential:.4f}, {normal:.4f}, {chosen}, {dropped}"


@pytest.mark.parametrize("name", NAMES)
def test_versions_are_honest(name):
    said = verdict(name, stored().get(name), fingerprint(name))
    if said and drawn() != DRAWN:
        pytest.skip("torch draws other numbers here than where the fingerprints were made")
    assert not said, said


def test_every_method_metric_judge_and_teacher_has_a_fingerprint():
    suites = [registry.suite(name) for name in registry.SUITES]
    # A class without a version needs none: its sources are hashed, as those of other packages.
    paths = {entry.path for suite in suites for entry in suite.entries}
    paths = {path for path in paths if declared(path, "version") is not None}
    assert paths == {case.path for case in CASES}
    parts = {f"benchmarks.metrics.{one.name}" for one in pkgutil.iter_modules(metrics.__path__)}
    parts |= {part for suite in suites for task in suite.tasks for part in task.rests_on}
    parts |= {path.partition(":")[0] for path in judges.JUDGES.values()}
    for path in paths:
        parts |= set(declared(path, "rests_on", ()))
    assert parts == set(PARTS)
    assert set(stored()) == set(NAMES)


CONVDRAW = convdraw.ConvDRAWNetwork
BEFORE = {
    "version": 1,
    "defaults": {"rate": 0.1},
    "numbers": {"loss": [2.0], "x": [4, 0.0, 1.0, 0.3, 0]},
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"numbers": {"loss": [2.0001], "x": [4, 1e-5, 1.0, 0.3, 0]}}, ""),
        (
            {"numbers": {"loss": [2.01], "x": [4, 0.0, 1.0, 0.3, 0]}},
            "else (loss",
        ),
        ({"numbers": {"loss": [2.0], "x": [5, 0.0, 1.0, 0.3, 0]}}, "else (x"),
        ({"numbers": {"loss": [2.0], "x": [4, 0.0, 1.0, 0.31, 0]}}, "else (x"),
        ({"numbers": {"loss": [2.0]}}, "else (x"),
        ({"defaults": {"rate": 0.2}}, "else (default rate 0.1 → 0.2)"),
        ({"defaults": {"rate": 0.1, "width": 3}}, "other settings (width); its version may stay"),
        ({"version": 2}, "but computes the same here"),
        ({"version": 2, "defaults": {"rate": 0.2}}, "a new version, 2, and a new behaviour"),
    ],
)
def test_what_is_said_of_a_version(changes, said):
    line = verdict("LSTMClassifier on rules", BEFORE, {**BEFORE, **changes})
    assert said in line
    assert bool(line) == bool(said)


def test_the_line_names_the_number_to_raise_and_the_file():
    now = {**BEFORE, "numbers": {}}
    line = verdict("LSTMClassifier on rules", BEFORE, now)
    assert "Raise `version = 1` to 2 in baselines/lstm.py" in line
    line = verdict("GNM on squares", BEFORE, now)
    assert "in methods/gnm/method.py" in line
    line = verdict("benchmarks.metrics.neighbours", BEFORE, now)
    assert "Raise `VERSION = 1` to 2 in benchmarks/metrics/neighbours.py" in line
    assert "has no fingerprint yet" in verdict("x", None, now)


@dataclass(frozen=True)
class Faster(lstm.LSTMClassifier.Settings):
    learning_rate: float = 1e-3


def twice_the_kl(network, nll, kl, step):
    return scene_method.SceneNetwork.elbo_loss(network, nll, 2 * kl, step)


@pytest.mark.parametrize(
    ("name", "place", "attribute", "value"),
    [
        ("benchmarks.metrics.neighbours", neighbours.knn, "__defaults__", (0.7, "cpu")),
        ("benchmarks.judges.digits", digits, "PLAUSIBLE", 0.5),
        ("LSTMClassifier on rules", lstm.LSTMClassifier, "Settings", Faster),
        ("ConvDRAW on squares", CONVDRAW, "elbo_loss", twice_the_kl),
        ("GNM on squares", components, "SCALE_BIAS", -1.1),
    ],
    ids=["temperature", "threshold", "learning rate", "weight of the KL", "initial weights"],
)  # fmt: skip
def test_a_planted_change_is_caught(monkeypatch, name, place, attribute, value):
    monkeypatch.setattr(place, attribute, value)
    assert "computes something else" in verdict(name, stored()[name], fingerprint(name))

"""Settings are checked in one line each; schedules go by the share of training done."""

from __future__ import annotations

import pickle

import pytest

from benchmarks.protocol import SymbenchError
from methods.symbolic_sequences import SymbolicSettings
from methods.symbolic_sequences.method import optimisation
from methods.symbolic_sequences.network import PENALTIES
from methods.symbolic_sequences.settings import EXPLORATIONS


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"discretisation": "fsq"}, "discretisation is 'fsq'; it must be one of: gs, ss, vq, rvq"),
        ({"exploration": "none"}, "it must be one of: base, entropy, information, combined"),
        ({"discretisation": "vq", "exploration": "entropy"}, "with discretisation 'vq' it must be"),
        ({"class_weight": -1}, "class_weight is -1"),
        ({"vocabulary": 1}, "vocabulary is 1; it must be a whole number, 2 or more"),
        ({"width": 130}, r"width is 130; it must be a multiple of heads \(4\)"),
        ({"views": 1}, "views is 1; it must be 2 or more, or 0"),
        ({"views": -1}, "views is -1"),
        ({"gumbel_last": 0.0}, "gumbel_last is 0.0; it must be a finite number, above 0"),
        ({"softmax_temperature": 0}, "softmax_temperature is 0"),
        ({"teacher_temperature_first": 0}, "teacher_temperature_first is 0"),
        ({"momentum": 1.5}, "momentum is 1.5; it must be at most 1"),
        ({"prefix_weights": (1, 1)}, "prefix_weights are .* they must be 4"),
        ({"prefix_weights": (0, 0, 0, 0)}, "not all 0"),
        ({"prefix_weights": (1, 1, 1, -1)}, "none below 0"),
        ({"prefix_weights": 1.0}, "they must be 4"),
        ({"prefix_weights": "abcd"}, "they must be 4"),
        ({"mixed_precision": "no"}, "mixed_precision is 'no'; it must be one of: True, False"),
        ({"teacher": "resnet"}, "teacher is 'resnet'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(wrong, said):
    with pytest.raises(SymbenchError, match=said) as caught:
        SymbolicSettings(**wrong)
    assert "\n" not in str(caught.value)


def test_settings_survive_pickling_and_come_from_json():
    settings = SymbolicSettings(prefix_weights=[1, 2, 3, 4])
    assert settings == SymbolicSettings(prefix_weights=(1, 2, 3, 4))
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_the_gumbel_temperature_falls_by_the_same_factor():
    settings = SymbolicSettings(gumbel_first=2.0, gumbel_last=0.5)
    falling = [settings.temperature(step, 3) for step in range(3)]
    assert falling == pytest.approx([2.0, 1.0, 0.5])
    assert settings.temperature(0, 1) == 2.0
    assert settings.temperature(5, 3) == 0.5


def test_that_of_the_softmax_stays():
    settings = SymbolicSettings(discretisation="ss", softmax_temperature=0.01)
    assert {settings.temperature(step, 10) for step in range(10)} == {0.01}


def test_the_optimiser_has_the_published_schedules():
    how = optimisation(SymbolicSettings(learning_rate=1e-3), 1400)
    assert (how.optimiser, how.clip, how.warm_up) == ("adamw", 2.0, 100)
    assert how.rate(49, 1400) == pytest.approx(0.5e-3)
    assert how.rate(99, 1400) == pytest.approx(1e-3)
    assert how.rate(1399, 1400) == pytest.approx(1e-6)
    assert how.decay(0, 1400) == pytest.approx(0.04)
    assert how.decay(1399, 1400) == pytest.approx(0.4)


def test_every_exploration_has_its_penalties():
    assert set(PENALTIES) == set(EXPLORATIONS)

"""The published schedules, by hand, and settings that are refused."""

from __future__ import annotations

from math import log

import pytest

from benchmarks.protocol import SymbenchError
from methods.gnm import GNMSettings


def test_the_published_schedules():
    s = GNMSettings()
    assert [s.temperature(step) for step in (0, 1_000, 10_500, 20_000, 10**6)] == [
        1.0,
        1.0,
        0.75,
        0.5,
        0.5,
    ]
    for step, probability in ((0, 0.1), (2_000, 0.0505), (4_000, 0.001), (9_999, 0.001)):
        expected = log(probability) - log(1 - probability)
        assert s.presence_prior(step) == pytest.approx(expected)
    weights = [s.kl_weights(step)["global"] for step in (0, 25_000, 100_000, 200_000)]
    assert weights == [0.0, 0.25, 1.0, 1.0]
    assert s.kl_weights(0)["what"] == 1.0
    assert s.fixed_weights(0, colour=True) == {"what": 1.0, "where": 10.0, "background": 50.0}
    halfway = {"what": 1.0, "where": 5.5, "background": 50 - 49 * 250 / 50_000}
    assert s.fixed_weights(250, colour=True) == pytest.approx(halfway)
    assert s.fixed_weights(50_000, colour=True) == {"what": 1.0, "where": 1.0, "background": 1.0}
    assert s.fixed_weights(0, colour=False) == {"what": 1.0}
    ramped = GNMSettings(what_ramp=100)
    assert ramped.kl_weights(25)["what"] == ramped.fixed_weights(25, colour=False)["what"] == 0.25
    assert s.warmth(0) == 1.0
    assert GNMSettings(warm_up=100).warmth(25) == 0.25
    assert (s.optimiser, s.learning_rate, s.clip, s.steps) == ("rmsprop", 1e-4, 1.0, 4)


def test_a_ramp_of_no_length_is_at_its_end():
    s = GNMSettings(global_ramp=0, temperature_begin=0, temperature_end=0, presence_prior_end=0)
    assert s.kl_weights(0) == {"global": 1.0, "what": 1.0}
    assert s.temperature(0) == 0.5
    assert s.presence_prior(0) == pytest.approx(log(0.001 / 0.999))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("steps", 0),
        ("steps", 2.5),
        ("mlp", 0),
        ("interaction", 1),
        ("prior", "uniform"),
        ("temperature_last", 0.0),
        ("temperature_end", 10),
        ("presence_prior_first", 1.0),
        ("presence_prior_last", 0.0),
        ("global_ramp", -1),
        ("where_weight", -1.0),
        ("alpha_fixed", 1.5),
        ("glimpse_bias", "dark"),
        ("warm_up", 0.5),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_line(setting, value):
    with pytest.raises(SymbenchError, match=setting) as refused:
        GNMSettings(**{setting: value})
    assert "\n" not in str(refused.value)

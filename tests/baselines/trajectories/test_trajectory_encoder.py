from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, pi

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.trajectories.trajectory_encoder import (
    Decoder,
    Encoder,
    Scale,
    TrajectorySettings,
    capacity,
    free_bits,
    kl_normal,
)
from baselines.trajectories.trajectory_method import TrajectoryNetwork
from benchmarks.protocol import SymbenchError
from tests.baselines.small_trajectories import columns


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_by_hand(gru, x, way=""):
    """x: (B, T, I) → outputs (B, T, H), one step at a time."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    w, u, b, c = (getattr(gru, f"{name}_l0{way}").detach().numpy() for name in names)
    size = u.shape[1]
    h, outputs = np.zeros((len(x), size)), []
    for t in range(x.shape[1]):
        seen, kept = x[:, t] @ w.T + b, h @ u.T + c
        reset = sigmoid(seen[:, :size] + kept[:, :size])
        update = sigmoid(seen[:, size : 2 * size] + kept[:, size : 2 * size])
        new = np.tanh(seen[:, 2 * size :] + reset * kept[:, 2 * size :])
        h = (1 - update) * new + update * h
        outputs.append(h)
    return np.stack(outputs, 1)


def hidden_by_hand(layers, x):
    for layer in (layers[0], layers[2]):
        x = np.maximum(0, x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy())
    return x


def test_encoder_is_the_mean_of_two_directions_and_two_layers():
    torch.manual_seed(0)
    encoder = Encoder(3, TrajectorySettings(hidden=5, rnn=4))
    x = torch.randn(2, 6, 3)
    forth = gru_by_hand(encoder.rnn, x.numpy())
    back = gru_by_hand(encoder.rnn, x.numpy()[:, ::-1], "_reverse")
    expected = hidden_by_hand(encoder.hidden, np.concatenate([forth.mean(1), back.mean(1)], -1))
    np.testing.assert_allclose(encoder(x).detach(), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "recurrent"])
def test_the_unrolled_decoder_is_the_loop_over_steps(kind):
    torch.manual_seed(0)
    decoder = Decoder(2, 3, TrajectorySettings(hidden=5, rnn=4, decoder=kind))
    states, actions, z = torch.randn(2, 6, 2), torch.randn(2, 6, 2), torch.randn(2, 3)
    expected = np.zeros(2)
    for b in range(2):
        for t in range(6):
            seen = np.concatenate([states[b, t], z[b]])
            if kind == "recurrent":
                h = np.zeros(4)
                if t:
                    past = np.concatenate([states[b, :t], actions[b, :t]], -1)[None]
                    h = gru_by_hand(decoder.rnn, past)[0, -1]
                seen = hidden_by_hand(decoder.hidden, np.concatenate([seen, h]))
            weight, bias = (
                p.detach().numpy() for p in (decoder.action.weight, decoder.action.bias)
            )
            out = weight @ seen + bias
            for d in range(2):
                mean, log_variance, action = out[d], out[2 + d], float(actions[b, t, d])
                off = (action - mean) ** 2 / exp(log_variance)
                expected[b] += 0.5 * (off + log_variance + log(2 * pi))
    np.testing.assert_allclose(decoder.nll(states, actions, z).detach(), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "recurrent"])
def test_the_decoder_sees_no_action_before_it_is_to_be_told(kind):
    torch.manual_seed(0)
    decoder = Decoder(2, 3, TrajectorySettings(decoder=kind))
    states, actions, z = torch.randn(1, 6, 2), torch.randn(1, 6, 2), torch.randn(1, 3)
    changed = actions.clone()
    changed[:, 3] += 1
    for one, two in zip(decoder(states, actions, z), decoder(states, changed, z), strict=True):
        same = (one == two).all(-1)[0]
        assert same[:4].all()
        assert same[4:].any() == (kind == "linear")


@pytest.mark.parametrize("size", [1, -1])
def test_log_variances_are_clamped(size):
    decoder = Decoder(1, 1, TrajectorySettings(z=1))
    with torch.no_grad():
        decoder.action.weight.zero_()
        decoder.action.bias.copy_(torch.tensor([0.0, 100.0 * size]))
    nll = decoder.nll(torch.zeros(1, 1, 1), torch.ones(1, 1, 1), torch.zeros(1, 1))
    expected = 0.5 * (exp(-16 * size) + 16 * size + log(2 * pi))
    assert float(nll.detach()) == pytest.approx(expected, rel=1e-6)


def test_kl_has_its_closed_form():
    mu, log_variance = torch.tensor([[0.0, 1.0], [-2.0, 0.5]]), torch.tensor([[0.0, 0.0], [1, -3]])
    expected = [
        [0.5 * (exp(v) + m * m - 1 - v) for m, v in zip(*row, strict=True)]
        for row in zip(mu.tolist(), log_variance.tolist(), strict=True)
    ]
    np.testing.assert_allclose(kl_normal(mu, log_variance), expected, atol=1e-6)


def test_free_bits_are_free_for_each_example_and_dimension():
    kl = torch.tensor([[0.1, 0.5], [0.25, 0.0]], requires_grad=True)
    free = free_bits(kl, 0.25)
    assert free.tolist() == [[0.25, 0.5], [0.25, 0.25]]
    free.sum().backward()
    assert kl.grad[0].tolist() == [0, 1]
    assert kl.grad[1, 1] == 0


def test_capacity_rises_from_0_and_stays():
    assert [capacity(step, 4.0, 10) for step in (0, 1, 5, 10, 11, 999)] == [0, 0.4, 2, 4, 4, 4]


@dataclass(frozen=True)
class Doubled:
    """The same trajectories in other units, moved elsewhere."""

    factor: float
    offset: float

    def __call__(self, data):
        states = data["states"] * self.factor + self.offset
        return data | {"states": states, "actions": data["actions"] * self.factor}


def test_scale_standardises_the_training_split():
    data = columns(count=6, features=("speed",))
    states, actions, inputs = Scale(data)({k: torch.tensor(v) for k, v in data.items()})
    for values in (states, actions, inputs):
        flat = values.flatten(0, 1)
        np.testing.assert_allclose(flat.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(flat.std(0, correction=0), 1, atol=1e-5)
    assert inputs.shape == (6, 5, 5)
    assert (inputs[..., :2] == states).all()
    assert (inputs[..., 2:4] == actions).all()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.floats(-5, 5))
def test_nll_is_that_of_the_raw_actions(factor, offset):
    """In units `factor` times as small a density is that much smaller in each of T·D numbers."""
    data = columns(count=3)
    other = Doubled(factor, offset)(data)
    nlls = []
    for part in (data, other):
        torch.manual_seed(0)
        network = TrajectoryNetwork(TrajectorySettings(), Scale(part))
        states, actions, _ = network.scale({k: torch.tensor(v) for k, v in part.items()})
        nlls.append(network.nll(states, actions, torch.ones(3, 4)).detach())
    np.testing.assert_allclose(nlls[1] - nlls[0], 5 * 2 * log(factor), atol=0.02)


def test_a_constant_column_is_only_centred():
    data = columns()
    data["states"] = np.stack([data["states"][..., 0], np.full((4, 5), 0.1, np.float32)], -1)
    scale = Scale(data)
    assert scale.state_std[1] == 1
    states, _, _ = scale({k: torch.tensor(v) for k, v in data.items()})
    np.testing.assert_allclose(states[..., 1], 0, atol=1e-6)
    tiny = data | {"states": data["states"] * 1e-9}
    assert Scale(tiny).state_std[0] < 1e-6, "small numbers that vary are not constant"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"z": 0}, "z is 0; it must be a whole number, 1 or more"),
        ({"hidden": 1.5}, "hidden is 1.5"),
        ({"rnn": True}, "rnn is True"),
        ({"learning_rate": 0}, "learning_rate is 0; it must be a finite number, above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"decoder": "mlp"}, "decoder is 'mlp'; it must be one of: linear, recurrent"),
        ({"features": "speed"}, "features is 'speed'; it must be a list of names"),
        ({"features": ["x", "x"]}, "features x, x repeat"),
    ],
)
def test_settings_are_checked(wrong, said):
    with pytest.raises(SymbenchError, match=said):
        TrajectorySettings(**wrong)


def test_features_may_come_as_a_list():
    assert TrajectorySettings(features=["x", "speed"]).features == ("x", "speed")

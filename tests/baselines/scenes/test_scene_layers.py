from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

from baselines.scenes.scene_layers import (
    LEAST_STD,
    MLP,
    ConvLSTM,
    ImageEncoder,
    MapNorm,
    SubPixelDecoder,
    conv,
    gaussian,
    halvings_to,
    kl,
    log_density,
)
from baselines.vae import widening
from benchmarks.protocol import SymbenchError
from tests.baselines.small_scenes import parameters


@pytest.mark.parametrize(("channels", "features", "count"), [(1, 64, 258_784), (3, 128, 632_608)])
def test_the_published_encoder(channels, features, count):
    encoder = ImageEncoder(channels, 128, features)
    assert parameters(encoder) == count
    convolutions = [layer[0] for layer in encoder]
    assert [layer.kernel_size[0] for layer in convolutions] == [4, 3, 4, 3, 4, 3, 4, 3, 4]
    assert [layer.stride[0] for layer in convolutions] == [2, 1, 2, 1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize(
    ("size", "strides"), [(64, "211121212"), (32, "211111212"), (16, "211111112")]
)
def test_a_smaller_image_is_halved_less_often_and_later(size, strides):
    encoder = ImageEncoder(1, size, 5)
    convolutions = [layer[0] for layer in encoder]
    assert "".join(str(layer.stride[0]) for layer in convolutions) == strides
    assert all(layer.kernel_size[0] == 2 + layer.stride[0] for layer in convolutions)
    assert encoder(torch.zeros(2, 1, size, size)).shape == (2, 5, 4, 4)


def test_an_encoder_begins_blind_to_what_is_the_same_everywhere():
    encoder = ImageEncoder(3, 64, 8)
    for layer in encoder:
        kernel = layer[0].weight.detach()
        torch.testing.assert_close(
            kernel.sum((1, 2, 3)), torch.zeros(len(kernel)), atol=1e-4, rtol=0
        )
        assert kernel.std() > 0.01


@pytest.mark.parametrize("size", [0, 24, 100, 256])
def test_a_size_that_no_encoder_has(size):
    with pytest.raises(SymbenchError, match=f"{size} pixels a side; scenes have one of: 16, 32,"):
        halvings_to(4, size)


@pytest.mark.parametrize(
    ("inputs", "filters", "upscales", "kernels", "count", "side"),
    [
        (20, (64, 64, 32, 16, 8, 1), (4, 2, 2, 2, 1, 1), None, 50_177, 32),
        (64, (128, 64, 32, 16, 8, 4), (2,) * 6, (3,) * 6, 689_248, 64),
        (10, (128, 64, 32, 16, 8, 3), (4, 2, 4, 2, 2, 1), None, 92_203, 128),
    ],
)
def test_the_published_decoders(inputs, filters, upscales, kernels, count, side):
    decoder = SubPixelDecoder(inputs, filters, upscales, kernels)
    assert parameters(decoder) == count
    out = decoder(torch.zeros(2, inputs, 1, 1))
    assert out.shape == (2, filters[-1], side, side)


def test_channels_become_pixels_in_rows():
    decoder = SubPixelDecoder(1, (1,), (2,))
    with torch.no_grad():
        decoder[0].weight.zero_()
        decoder[0].bias.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert decoder(torch.zeros(1, 1, 1, 1)).tolist() == [[[[1, 2], [3, 4]]]]


def test_a_convolution_is_celu_then_one_group():
    layer = conv(1, 2, 3)
    with torch.no_grad():
        layer[0].weight.zero_()
        layer[0].bias.copy_(torch.tensor([2.0, -1.0]))
    values = np.array([2.0, np.exp(-1) - 1])  # CELU; the norm is over both channels together
    expected = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
    out = layer(torch.zeros(1, 1, 4, 4)).detach().numpy()
    np.testing.assert_allclose(out[0].mean((1, 2)), expected, atol=1e-6)


def test_the_layers_of_an_mlp():
    names = [type(layer).__name__ for layer in MLP(3, (5, 7), 2)]
    assert names == ["Linear", "CELU", "LayerNorm", "Linear", "CELU", "LayerNorm", "Linear"]
    assert [type(layer).__name__ for layer in MLP(3, (5,))] == ["Linear", "CELU", "LayerNorm"]
    assert parameters(MLP(3, (5, 7), 2)) == (3 * 5 + 5 + 10) + (5 * 7 + 7 + 14) + (7 * 2 + 2)
    assert [type(layer).__name__ for layer in MLP(3, (), 2)] == ["Linear"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_a_step_of_the_lstm():
    cell = ConvLSTM(1, 1, 1)
    with torch.no_grad():  # gates of [x, h]: keep, write, show, new
        cell.gates.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5], [1.0, -1.0]]))
        cell.gates.bias.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]))
    x, h, c = (torch.full((1, 1, 1, 1), value) for value in (0.5, -0.2, 0.7))
    keep, write = sigmoid(0.5 - 0.4 + 0.1), sigmoid(1.5 + 0.2 + 0.2)
    show, new = sigmoid(0.25 - 0.1 + 0.3), np.tanh(0.5 + 0.2 + 0.4)
    expected = keep * 0.7 + write * new
    h_next, c_next = cell(x, (h, c))
    assert float(c_next.detach()) == pytest.approx(expected, rel=1e-6)
    assert float(h_next.detach()) == pytest.approx(show * np.tanh(expected), rel=1e-6)


def test_an_lstm_of_kernel_1_is_the_convolution_that_it_stands_for():
    products = ConvLSTM(3, 4, 1)
    convolution = nn.Conv2d(7, 16, 1)
    with torch.no_grad():
        convolution.weight.copy_(products.gates.weight[..., None, None])
        convolution.bias.copy_(products.gates.bias)
    x = torch.randn(2, 7, 5, 6)
    torch.testing.assert_close(products.gates(x), convolution(x))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "shape",
    [(2, 8, 4, 6), (3, 1, 3, 5), (1, 3, 5, 7), (2, 16, 4, 4), (2, 5, 1, 1)],
    ids=["2 as one", "nothing fits", "5 as one", "enough channels", "one pixel"],
)
def test_the_norm_of_a_map_is_group_norm_however_pixels_are_taken_together(shape, layout):
    ours, plain = MapNorm(shape[1]), nn.GroupNorm(1, shape[1])
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    plain.load_state_dict(ours.state_dict())
    gradients = []
    x, push = torch.randn(shape).contiguous(memory_format=layout), torch.randn(shape)
    for norm in (ours, plain):
        seen = x.clone().requires_grad_(True)
        y = norm(seen)
        (y * push).sum().backward()
        gradients.append((y, seen.grad, norm.weight.grad, norm.bias.grad))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_an_lstm_of_maps_keeps_the_shape():
    h, c = ConvLSTM(3, 4, 3)(torch.zeros(2, 3, 5, 6), (torch.zeros(2, 4, 5, 6),) * 2)
    assert h.shape == c.shape == (2, 4, 5, 6)


def test_deviations_are_softplus_and_never_zero():
    drawn = gaussian(torch.tensor([[1.0, -2.0, 0.0, -200.0]], dtype=torch.bfloat16))
    assert drawn.loc.tolist() == [[1.0, -2.0]]
    assert drawn.loc.dtype == drawn.scale.dtype == torch.float32
    np.testing.assert_allclose(drawn.scale, [[log(2) + LEAST_STD, LEAST_STD]], rtol=1e-6)
    maps = gaussian(torch.zeros(2, 6, 4, 4))
    assert maps.loc.shape == (2, 3, 4, 4)


def test_kl_and_density_by_hand():
    posterior = Normal(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.5, 1.0]]]))
    prior = Normal(torch.tensor([[[0.0, 2.0]]]), torch.tensor([[[2.0, 1.0]]]))
    first = log(2 / 0.5) + (0.25 + 1) / 8 - 0.5
    assert kl(posterior, prior).tolist() == pytest.approx([first + 2.0])
    z = torch.tensor([[[0.0, 2.0]]])
    expected = -log(2) - log(2 * np.pi)  # at the means of the prior
    assert log_density(prior, z).tolist() == pytest.approx([expected])


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (ImageEncoder(1, 64, 64), (1, 64, 64)),
        (widening(64, 64, 1), (64, 4, 4)),
    ],
)
def test_what_differs_between_inputs_survives_the_first_weights(network, shape):
    def told(network):
        """How far apart the outputs are."""
        return float(network(inputs).std(0).mean())

    # Black images with a bright spot each; a map with a tenth of noise on what all share.
    if shape[0] == 1:
        inputs = torch.zeros(16, *shape)
        inputs.flatten(1)[torch.arange(16), torch.arange(16) * 255] = 1.0
    else:
        inputs = 1 + 0.1 * torch.randn(16, *shape)
    with torch.no_grad():
        ours = told(network)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
        assert ours > 1.5 * told(network)

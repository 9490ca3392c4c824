"""The decoders, against the convolutions that they stand for."""

from __future__ import annotations

import pytest
import torch

from baselines.scenes.scene_layers import SubPixelDecoder
from methods.gnm import glimpses
from methods.gnm.glimpses import ColourGlimpses, PointwiseDecoder, largest_map, trimmed


def test_upscales_are_dropped_from_the_end():
    assert trimmed((4, 2, 2, 2, 1, 1), 32) == (4, 2, 2, 2, 1, 1)
    assert trimmed((4, 2, 2, 2, 1, 1), 16) == (4, 2, 2, 1, 1, 1)
    assert trimmed((4, 2, 4, 2, 2, 1), 32) == (4, 2, 4, 1, 1, 1)
    assert trimmed((4, 2, 4, 2, 2, 1), 16) == (4, 2, 2, 1, 1, 1)


@pytest.mark.parametrize("upscales", [(4, 2, 1, 1), (4, 1, 2, 1)])
def test_pointwise_is_the_decoder_of_convolutions_and_shuffles(upscales):
    filters, inputs, spatial = (6, 5, 4, 2), 7, 1
    torch.manual_seed(0)
    fast = PointwiseDecoder(inputs, filters, upscales, spatial)
    slow = SubPixelDecoder(inputs, filters, upscales, kernels=(1, 1, 1, 3))
    layers = [layer for layer in slow if any(True for _ in layer.parameters())]
    with torch.no_grad():
        for layer, (linear, norm) in enumerate(zip(fast.linears, fast.norms, strict=True)):
            conv, group = layers[2 * layer], layers[2 * layer + 1]
            area, channels = upscales[layer] ** 2, filters[layer]
            # The shuffle wants a channel's pixels together, ours a pixel's channels.
            for name in ("weight", "bias"):
                ours = getattr(linear, name).view(area, channels, -1).transpose(0, 1)
                getattr(conv, name).copy_(ours.reshape(getattr(conv, name).shape))
                getattr(norm, name).normal_()
                getattr(group, name).copy_(getattr(norm, name))
        layers[-1].load_state_dict(fast.last.state_dict())
    z = torch.randn(3, inputs)
    assert sum(p.numel() for p in fast.parameters()) == sum(p.numel() for p in slow.parameters())
    torch.testing.assert_close(fast(z), slow(z[..., None, None]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("decoder", ["pointwise", "colour"])
def test_vectors_decoded_in_parts_are_as_those_decoded_together(monkeypatch, decoder):
    torch.manual_seed(0)
    sizes = ((8, 4, 1), (4, 2, 1))
    net = PointwiseDecoder(5, *sizes, 1) if decoder == "pointwise" else ColourGlimpses(5, *sizes)
    z, parts = torch.randn(7, 5), []
    # Of 8 channels of 4 by 4, and 4 and 1 of 8 by 8, the second map is the largest.
    assert net.largest == largest_map(*sizes) == 4 * 64
    whole = net(z)
    last = net.last if decoder == "pointwise" else net.net[-1]
    last.register_forward_hook(lambda _, __, output: parts.append(len(output)))
    for at_once, expected in ((2 * 4 * 64, [2, 2, 2, 1]), (1, 7 * [1])):
        monkeypatch.setattr(glimpses, "AT_ONCE", at_once)
        torch.testing.assert_close(net(z), whole)
        assert parts == expected
        parts.clear()


def test_what_differs_between_codes_survives_the_first_weights():
    def told(net):
        """How far apart the pictures are."""
        return float(net(z).std(0).mean())

    torch.manual_seed(0)
    z = 0.1 * torch.randn(16, 20)
    net = PointwiseDecoder(20, (64, 64, 32, 16, 8, 1), (4, 2, 2, 1, 1, 1), spatial=2)
    with torch.no_grad():
        ours = told(net)
        for linear in net.linears:
            linear.reset_parameters()
        assert ours > 1.5 * told(net)

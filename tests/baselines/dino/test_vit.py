"""The small vision transformer: sizes, positions, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from baselines.dino.vit import PIXEL_DEVIATION, PIXEL_MEAN, ViT
from benchmarks.protocol import SymbenchError


def a_vit(**changes):
    torch.manual_seed(0)
    return ViT(**({"size": 16, "patch": 4, "width": 12, "depth": 2, "heads": 3} | changes))


@pytest.mark.parametrize(("width", "depth", "patch"), [(96, 4, 4), (192, 6, 4), (96, 4, 8)])
def test_its_parameters_are_those_of_the_architecture(width, depth, patch):
    vit = ViT(32, patch, width, depth)
    block = 4 * width + (3 * width + 3) * width + (width + 1) * width + 8 * width**2 + 5 * width
    patches = (32 // patch) ** 2
    ends = (3 * patch**2 + 1) * width + width + (1 + patches) * width + 2 * width
    assert sum(one.numel() for one in vit.parameters()) == depth * block + ends


def test_shapes_for_both_sizes_and_a_batch_of_one():
    vit = a_vit()
    assert vit(torch.rand(1, 3, 16, 16)).shape == (1, 17, 12)
    assert vit(torch.rand(5, 3, 8, 8)).shape == (5, 5, 12)


def test_examples_of_a_batch_do_not_meet():
    vit, images = a_vit(), torch.rand(4, 3, 16, 16)
    torch.testing.assert_close(vit(images)[2:3], vit(images[2:3]), atol=1e-5, rtol=1e-4)


def test_patches_are_read_row_by_row_and_normalised():
    vit = a_vit(depth=0)
    images = torch.rand(1, 3, 16, 16)
    patch = ((images[0, :, 4:8, 8:12] - PIXEL_MEAN) / PIXEL_DEVIATION).flatten()
    index = 1 * 4 + 2
    expected = vit.norm(vit.stem.embed(patch) + vit.positions[0, 1 + index])
    torch.testing.assert_close(vit(images)[0, 1 + index], expected)


def test_each_channel_of_an_image_is_brought_to_one_contrast():
    vit, images = a_vit(norm="image"), torch.rand(3, 3, 16, 16)
    found = vit.normalised(images).detach().numpy()
    np.testing.assert_allclose(found.mean((2, 3)), 0, atol=1e-5)
    deviation = images.numpy().std((2, 3))
    np.testing.assert_allclose(found.std((2, 3)), deviation / (deviation + 0.05), rtol=1e-4)
    light = torch.tensor([0.9, 0.5, 0.7])[:, None, None]
    changed = vit.normalised(0.05 + light * images)
    assert (changed - vit.normalised(images)).abs().max() < 0.25
    assert torch.equal(vit.normalised(torch.full((1, 3, 16, 16), 0.5)), torch.zeros(1, 3, 16, 16))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_class_token_alone_is_that_of_all_tokens(depth):
    vit, images = a_vit(depth=depth), torch.rand(3, 3, 16, 16)
    torch.testing.assert_close(vit.class_token(images), vit(images)[:, 0])


def test_attention_by_hand():
    attention, x = a_vit().blocks[0].attention, torch.randn(1, 3, 12)
    q, k, v = attention.qkv(x)[0].reshape(3, 3, 3, 4).unbind(1)  # (T, A, D / A) each
    parts = []
    for head in range(3):
        match = q[:, head] @ k[:, head].T / 2  # of 4 features a head
        parts.append(match.softmax(-1) @ v[:, head])
    expected = attention.mix(torch.cat(parts, -1))
    torch.testing.assert_close(attention(x)[0], expected)


def test_positions_of_a_smaller_image_are_interpolated():
    vit = a_vit()
    grid = vit.positions[0, 1:].reshape(4, 4, 12).permute(2, 0, 1)[None]
    small = functional.interpolate(grid, (2, 2), mode="bicubic", align_corners=False)
    found = vit.positions_for(2)
    torch.testing.assert_close(found[0, 0], vit.positions[0, 0])
    torch.testing.assert_close(found[0, 1 + 2], small[0, :, 1, 0])


def test_gradients_reach_every_parameter():
    vit = a_vit()
    vit(torch.rand(1, 3, 16, 16)).square().mul(torch.rand(1, 17, 12)).sum().backward()
    for name, parameter in vit.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"size": 18}, "images of 18 pixels"), ({"width": 13}, "width 13 is not a multiple of 3")],
)
def test_sizes_that_do_not_fit_are_a_line(changes, message):
    with pytest.raises(SymbenchError, match=message):
        a_vit(**changes)

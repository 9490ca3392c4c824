"""Placing glimpses, against `grid_sample`, against a hand, and against what depth must do."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from methods.gnm import renderer


def random(count=3, side=8, spread=0.3):
    """Glimpses (B, 16, G, G) and boxes (B, 16, 4), some beyond the edges."""
    torch.manual_seed(0)
    where = torch.randn(count, 4, 4, 4)
    where[:, 0] = where[:, 0] * spread - 1
    return torch.rand(count, 16, side, side), renderer.boxes_of(where)


def by_grid_sample(glimpses, boxes, size):
    """glimpses: (B, K, C, G, G), boxes: (B, K, 4) → (B, K, C, size, size)."""
    flat = glimpses.flatten(0, 1)
    x, y, half_width, half_height = boxes.flatten(0, 1).unbind(-1)
    theta = flat.new_zeros(len(flat), 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = 1 / half_width, -x / half_width
    theta[:, 1, 1], theta[:, 1, 2] = 1 / half_height, -y / half_height
    shape = (len(flat), flat.shape[1], size, size)
    grid = F.affine_grid(theta, shape, align_corners=False)
    placed = F.grid_sample(flat, grid, padding_mode="zeros", align_corners=False)
    return placed.unflatten(0, glimpses.shape[:2])


@pytest.mark.parametrize("size", [32, 64, 128])
def test_placing_is_grid_sample(size):
    glimpses, boxes = random(side=size // 4)
    expected = by_grid_sample(glimpses.unsqueeze(2), boxes, size)
    placed = renderer.place(glimpses.unsqueeze(2), boxes, size)
    torch.testing.assert_close(placed, expected, atol=1e-5, rtol=0)
    total = renderer.place_sum(glimpses, boxes, size)
    torch.testing.assert_close(total, expected.sum(1)[:, 0], atol=1e-5, rtol=1e-5)


def test_so_it_is_with_boxes_of_all_sizes_but_for_rounding():
    # In double precision, as a box of a pixel or two makes much of single precision's last bits.
    glimpses, boxes = (tensor.double() for tensor in random(spread=2.0))
    expected = by_grid_sample(glimpses.unsqueeze(2), boxes, 64)
    placed = renderer.place(glimpses.unsqueeze(2), boxes, 64)
    torch.testing.assert_close(placed, expected, atol=1e-12, rtol=0)


def test_its_gradients_are_those_of_grid_sample():
    glimpses, boxes = random(count=2)
    weight = torch.rand(2, 32, 32)
    gradients = []
    for place in (
        lambda g, b: renderer.place_sum(g, b, 32),
        lambda g, b: by_grid_sample(g.unsqueeze(2), b, 32).sum(1)[:, 0],
    ):
        leaves = [glimpses.double().requires_grad_(), boxes.double().requires_grad_()]
        (place(*leaves) * weight).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_glimpse_placed_by_hand():
    # A 2×2 glimpse in the box x 4 to 6, y 2 to 4 of an 8×8 image: pixel for pixel.
    glimpse = torch.tensor([[0.1, 0.2], [0.3, 0.4]]).view(1, 1, 2, 2)
    box = torch.tensor([[[0.25, -0.25, 0.25, 0.25]]])
    expected = torch.zeros(8, 8)
    expected[2:4, 4:6] = glimpse[0, 0]
    torch.testing.assert_close(renderer.place_sum(glimpse, box, 8)[0], expected)
    assert renderer.corners(box, 8).tolist() == [[[4.0, 2.0, 6.0, 4.0]]]
    # Twice as wide, from x 3 to 7: the outer pixels are a quarter off the glimpse, and fade there.
    wide = torch.tensor([[[0.25, -0.25, 0.5, 0.25]]])
    row = renderer.place_sum(glimpse, wide, 8)[0, 2]
    left, right = 0.1, 0.2
    inner = [0.75 * left + 0.25 * right, 0.25 * left + 0.75 * right]
    faded = [0.25 * left, 0.75 * left, *inner, 0.75 * right, 0.25 * right]
    torch.testing.assert_close(row, torch.tensor([0.0, 0.0, *faded]))


def test_boxes_are_those_of_the_paper():
    where = torch.zeros(1, 4, 4, 4)
    where[0, :, 1, 2] = torch.tensor([0.3, 0.8, -0.5, 2.0])  # scale, ratio, x, y of row 1, column 2
    boxes = renderer.boxes_of(where)
    assert boxes.shape == (1, 16, 4)
    torch.testing.assert_close(boxes[0, 0], torch.tensor([-0.75, -0.75, 0.5, 0.5]))
    torch.testing.assert_close(boxes[0, 3, :2], torch.tensor([0.75, -0.75]))
    scale, root = torch.tensor(0.3).sigmoid(), torch.tensor(0.8).exp().sqrt()
    x = 0.5 * (2.5 + torch.tensor(-0.5).tanh()) - 1
    y = 0.5 * (1.5 + torch.tensor(2.0).tanh()) - 1
    torch.testing.assert_close(boxes[0, 6], torch.stack([x, y, scale / root, scale * root]))


def test_gradients_reach_where_what_and_presence():
    glimpses, _ = random(count=2)
    where = (torch.randn(2, 4, 4, 4) / 3).requires_grad_()
    presence = torch.rand(2, 16).requires_grad_()
    glimpses.requires_grad_()
    boxes = renderer.boxes_of(where)
    image = renderer.add_up(glimpses.unsqueeze(2), presence, boxes, 32)
    assert image.shape == (2, 1, 32, 32)
    (image * torch.rand(2, 1, 32, 32)).sum().backward()
    assert (glimpses.grad != 0).any((2, 3)).all()
    assert (presence.grad != 0).all()
    assert (where.grad != 0).all()


def test_absent_components_draw_nothing():
    glimpses, boxes = random(count=1)
    presence = torch.zeros(1, 16)
    assert not renderer.add_up(glimpses.unsqueeze(2), presence, boxes, 32).any()
    presence[0, 5] = 1
    image = renderer.add_up(glimpses.unsqueeze(2), presence, boxes, 32)
    alone = renderer.place(glimpses[:, 5:6].unsqueeze(2), boxes[:, 5:6], 32)[:, 0]
    torch.testing.assert_close(image, alone)


def coloured(alpha, presence, depth):
    """Two opaque components that cover all of a 4×4 image, red and green, before a blue wall."""
    colours = torch.eye(3)[:2].view(1, 2, 3, 1, 1).expand(-1, -1, -1, 4, 4)
    glimpses = torch.cat(
        [colours, torch.tensor(alpha).view(1, 2, 1, 1, 1).expand(-1, -1, -1, 4, 4)], 2
    )
    boxes = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 2, 4)
    wall = torch.eye(3)[2].view(1, 3, 1, 1).expand(-1, -1, 4, 4)
    scene = (glimpses, torch.tensor([presence]), torch.tensor([depth]), boxes, 4)
    blended = renderer.blend(*scene)
    torch.testing.assert_close(blended[:, :-1], renderer.shares(*scene).sum(1))
    return renderer.compose(blended, wall)[0, :, 1, 1]


def test_depth_alpha_and_background_by_hand():
    near, far = torch.tensor([1.0, -1.0]).sigmoid()
    # Alpha, presence and sigmoid(-depth) share the pixel; what alphas leave is the background's.
    share = 0.5 * near / (0.5 * near + 0.3 * far)
    expected = torch.stack([share * 0.5, (1 - share) * 0.3, torch.tensor(1 - 0.5 - 0.3)])
    got = coloured([0.5, 0.3], [1.0, 1.0], [-1.0, 1.0])
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)
    behind = coloured([1.0, 1.0], [1.0, 1.0], [-9.0, 9.0])
    torch.testing.assert_close(behind, torch.tensor([1.0, 0.0, 0.0]), atol=1e-3, rtol=0)
    nothing = coloured([1.0, 1.0], [0.0, 0.0], [0.0, 0.0])
    torch.testing.assert_close(nothing, torch.tensor([0.0, 0.0, 1.0]))


def test_a_number_that_is_none_stays_one():
    glimpses, boxes = random(count=1)
    boxes[0, 0, 0] = float("nan")
    assert renderer.place_sum(glimpses, boxes, 32).isnan().any()

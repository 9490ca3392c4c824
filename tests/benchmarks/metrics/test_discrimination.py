"""D-Steps on images whose difference is known."""

import numpy as np
import pytest
import torch

from benchmarks.metrics import discrimination
from benchmarks.metrics.discrimination import Discriminator, d_steps


def squares(count, seed, lit=lambda x, y: True, size=16):
    """A 4×4 square at a random place for which `lit(x, y)` holds, on black: (N, H, W, 1)."""
    generator = np.random.default_rng(seed)
    images = np.zeros((count, size, size, 1), dtype=np.uint8)
    for image in images:
        while True:
            x, y = generator.integers(0, size - 3, 2)
            if lit(x, y):
                break
        image[y : y + 4, x : x + 4] = 255
    return images


def test_images_of_the_same_kind_are_never_told_apart():
    assert d_steps(squares(200, 0), squares(200, 1), cap=160) == 160


def test_images_of_different_kinds_are_and_the_plainer_the_sooner():
    real = squares(200, 0)
    noise = np.random.default_rng(2).integers(0, 256, real.shape, dtype=np.uint8)
    left = squares(200, 3, lambda x, y: x < 5)
    easy, hard = d_steps(noise, real, cap=160), d_steps(left, real, cap=160)
    assert easy < 100
    assert easy < hard
    right = squares(200, 4, lambda x, y: x > 7)
    assert d_steps(left, right, cap=600) < 300


def test_labels_that_are_shuffled_teach_nothing():
    left, right = squares(200, 3, lambda x, y: x < 5), squares(200, 4, lambda x, y: x > 7)
    one = np.concatenate([left[:100], right[:100]])
    other = np.concatenate([left[100:], right[100:]])
    assert d_steps(one, other, cap=100) == 100


def test_it_makes_no_difference_which_side_is_called_generated():
    left, right = squares(150, 3, lambda x, y: x < 5), squares(150, 4, lambda x, y: x > 7)
    assert abs(d_steps(left, right, cap=400) - d_steps(right, left, cap=400)) <= 60


def test_the_accuracy_is_the_mean_of_both_sides_however_many_there_are():
    network = lambda images: images[:, 0, 0, 0].float() - 0.5  # noqa: E731
    ones, zeros = torch.ones(30, 4, 4, 1), torch.zeros(10, 4, 4, 1)
    assert discrimination._accuracy(network, [ones, zeros]) == 1
    assert discrimination._accuracy(network, [zeros, ones]) == 0
    assert discrimination._accuracy(network, [ones, ones[:5]]) == 0.5
    half = torch.cat([ones[:5], zeros[:5]])
    assert discrimination._accuracy(network, [ones, half]) == pytest.approx(0.75)


def test_always_the_same_answer_is_half_right_with_unequal_sides():
    # The many sides' majority must not count as knowledge.
    assert d_steps(squares(400, 0), squares(40, 1), cap=60) == 60


def test_undecided_is_half_right():
    network = lambda images: torch.zeros(len(images))  # noqa: E731
    sides = [torch.ones(3, 4, 4, 1), torch.ones(9, 4, 4, 1)]
    assert discrimination._accuracy(network, sides) == 0.5


def test_a_step_is_counted_every_twenty_and_the_median_is_taken(monkeypatch):
    images = squares(16, 0)
    calls = iter([0.5, 0.9, 0.95, 0.1, 0.2, 0.91])  # 40, 20 and 60 steps
    monkeypatch.setattr(discrimination, "_accuracy", lambda network, held_out: next(calls))
    assert d_steps(images, images, cap=100) == 40
    calls = iter([0.9, 0.95])  # 20 and 20 steps: no third run can change the median
    assert d_steps(images, images, cap=100) == 20


def test_same_images_same_steps_whatever_torch_drew_before():
    left, real = squares(100, 3, lambda x, y: x < 5), squares(100, 0)
    torch.manual_seed(1)
    first = d_steps(left, real, cap=60)
    state = torch.random.get_rng_state()
    torch.manual_seed(2)
    assert d_steps(left, real, cap=60) == first
    torch.manual_seed(1)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_held_out_image_is_never_learned_from():
    # Every image is alone of its kind: only a classifier that has seen it can know it.
    generator = np.random.default_rng(0)
    one, other = generator.integers(0, 256, (2, 40, 16, 16, 1), dtype=np.uint8)
    assert d_steps(one, other, cap=60) == 60


def test_images_move_by_whole_pixels_and_their_edges_fill_what_is_empty():
    images = torch.arange(2 * 16, dtype=torch.uint8).view(2, 4, 4, 1)
    found = discrimination.moved(images, torch.tensor([[1, 0], [0, -2]]))
    assert found.dtype == torch.uint8
    assert torch.equal(found[0], images[0][[1, 2, 3, 3]])  # up by one row
    assert torch.equal(found[1], images[1][:, [0, 0, 0, 1]])  # right by two columns
    assert torch.equal(discrimination.moved(images, torch.zeros(2, 2, dtype=torch.long)), images)


def test_the_verdict_on_an_image_does_not_depend_on_those_beside_it(monkeypatch):
    seen = []

    def look(network, held_out):
        alone, together = network(held_out[0][:1]), network(held_out[0])
        seen.append((network.training, torch.allclose(alone, together[:1], atol=1e-5)))
        return 0.0

    monkeypatch.setattr(discrimination, "_accuracy", look)
    d_steps(squares(40, 0), squares(40, 1), cap=40)
    assert set(seen) == {(False, True)}


@pytest.mark.parametrize(("size", "channels"), [(32, 1), (64, 3), (128, 1), (16, 3)])
def test_any_size_ends_in_a_map_of_four(size, channels):
    network = Discriminator(size, channels)
    images = torch.randint(0, 256, (3, size, size, channels), dtype=torch.uint8)
    assert network.features[:-2](images.permute(0, 3, 1, 2).float()).shape[2:] == (4, 4)
    logits = network(images)
    assert logits.shape == (3,)
    logits.sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


@pytest.mark.parametrize(
    ("generated", "real", "cap", "line"),
    [
        (np.zeros((9, 16, 16, 1), np.float32), squares(9, 0), 100, "generated images are float32"),
        (squares(9, 0), squares(4, 0), 100, "N at least 8"),
        (squares(9, 0), squares(9, 0, size=32), 100, r"real ones \(32, 32, 1\)"),
        (squares(9, 0), squares(9, 0), 10, "the cap is 10 steps"),
    ],
)
def test_what_cannot_be_compared_is_refused(generated, real, cap, line):
    with pytest.raises(ValueError, match=line):
        d_steps(generated, real, cap)

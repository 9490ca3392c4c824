"""Views, image by image against torchvision's v2, and the distributions they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from baselines.dino.augmentation import (
    Augmentation,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    crop_and_flip,
    crop_and_resize,
    crop_boxes,
    luma,
    resize_weights,
)
from benchmarks.protocol import SymbenchError

COUNT = 9
CPU = torch.device("cpu")


def images(count=COUNT, height=32, width=32):
    torch.manual_seed(0)
    return torch.rand(count, 3, height, width)


def close(found, expected, within=1e-5):
    torch.testing.assert_close(found, expected, atol=within, rtol=0)


@pytest.mark.parametrize("size", [32, 16, 8])
def test_crop_resize_and_flip_are_those_of_v2(size):
    x = images()
    torch.manual_seed(1)
    boxes = crop_boxes(COUNT, 32, 32, (0.05, 1.0), CPU)
    flipped = torch.arange(COUNT) % 2 == 1
    found = crop_and_resize(x, boxes, size, flipped)
    for k, (top, left, height, width) in enumerate(boxes.int().tolist()):
        expected = functional.resized_crop(
            x[k], top, left, height, width, [size, size], antialias=True
        )
        close(found[k], functional.hflip(expected) if flipped[k] else expected)


def test_weights_of_a_resize_by_hand():
    # Two new pixels out of four: triangles of width 2 around 1 and 3 of 0, 1, 2, 3, 4.
    weights = resize_weights(torch.tensor([1.0]), torch.tensor([4.0]), 6, 2)[0]
    first = np.array([0, 0.75, 0.75, 0.25, 0, 0]) / 1.75
    np.testing.assert_allclose(weights[0], first, atol=1e-6)
    np.testing.assert_allclose(weights[1], [0, 0, *first[3:0:-1], 0], atol=1e-6)


def test_nothing_outside_the_box_is_seen():
    x = torch.zeros(1, 3, 32, 32)
    x[:, :, 8:20, 4:30] = 1
    box = torch.tensor([[8.0, 4.0, 12.0, 26.0]])
    close(crop_and_resize(x, box, 32, torch.tensor([False])), torch.ones(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("ours", "theirs", "values"),
    [
        (adjust_brightness, functional.adjust_brightness, (0.6, 1.0, 1.4)),
        (adjust_contrast, functional.adjust_contrast, (0.6, 1.0, 1.4)),
        (adjust_saturation, functional.adjust_saturation, (0.0, 0.8, 1.2)),
        (adjust_hue, functional.adjust_hue, (-0.5, -0.1, 0.0, 0.3, 0.5)),
    ],
)
def test_colour_changes_are_those_of_v2(ours, theirs, values):
    x = images()
    x[0], x[1, 0], x[2, :, :4] = 0.5, x[1, 1], 0  # grey, two channels equal, black
    drawn = torch.tensor([values[k % len(values)] for k in range(COUNT)])
    found = ours(x, drawn)
    for k in range(COUNT):
        close(found[k], theirs(x[k], float(drawn[k])))


def test_grey_and_solarised_images_are_those_of_v2():
    x = images()
    close(luma(x), functional.rgb_to_grayscale(x), 1e-4)
    whole = {"scale": (1.0, 1.0), "flip": 0.0}
    close(Augmentation(**whole)(x), x)
    close(Augmentation(32, (1.0, 1.0), flip=1.0)(x), x.flip(-1))
    close(Augmentation(**whole, solarise=1.0)(x), functional.solarize(x, 0.5))
    grey = Augmentation(**whole, grey=1.0)(x)
    close(grey, functional.rgb_to_grayscale(x, num_output_channels=3), 1e-4)


@pytest.mark.parametrize("scale", [(0.05, 0.4), (0.4, 1.0), (0.08, 1.0)])
def test_boxes_are_distributed_as_those_of_v2(scale):
    count = 3000
    torch.manual_seed(2)
    ours = crop_boxes(count, 32, 32, scale, CPU).numpy()
    crop = v2.RandomResizedCrop(32, scale)
    make = getattr(crop, "make_params", None) or crop._get_params
    drawn = [make([torch.zeros(3, 32, 32)]) for _ in range(count)]
    theirs = np.array([[one[key] for key in ("top", "left", "height", "width")] for one in drawn])
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, :2] + ours[:, 2:] <= 32).all()
    for column in range(4):
        assert ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-4


def test_where_no_box_fits_the_largest_central_one_is_taken():
    # The whole area of an image four times as wide as high has no box of an allowed ratio.
    boxes = crop_boxes(3, 8, 32, (1.0, 1.0), CPU)
    assert boxes.tolist() == [[0, 10, 8, 11]] * 3


def test_every_image_has_random_numbers_of_its_own():
    x = images(1).repeat(6, 1, 1, 1)
    augment = Augmentation(32, (0.2, 1.0), jitter=1.0, hue=0.5)
    torch.manual_seed(0)
    views = augment(x)
    for one in range(6):
        for other in range(one):
            assert (views[one] - views[other]).abs().max() > 0.05
    torch.manual_seed(0)
    assert torch.equal(augment(x), views)


def test_probabilities_are_kept():
    x = images(1).repeat(4000, 1, 1, 1)[:, :, :4, :4]
    for name in ("flip", "grey", "jitter"):
        torch.manual_seed(3)
        settings = {"scale": (1.0, 1.0), "flip": 0.0} | {name: 0.3}
        views = Augmentation(4, **settings)(x)
        changed = (views - x).abs().flatten(1).max(1).values > 1e-3
        assert float(changed.float().mean()) == pytest.approx(0.3, abs=0.03), name


def test_views_stay_pixels_and_a_batch_of_one_goes():
    augment = Augmentation(16, (0.05, 0.4), 0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.2, 0.5)
    for count in (1, 50):
        views = augment(images(count))
        assert views.shape == (count, 3, 16, 16)
        assert views.min() >= -1e-6
        assert views.max() <= 1 + 1e-6


def test_views_keep_their_precision_where_networks_compute_in_less():
    augment, x, found = (
        Augmentation(16, jitter=1.0, grey=0.5, solarise=0.5),
        images(),
        [],
    )
    for mixed in (False, True):
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            found.append(augment(x))
    assert torch.equal(*found)


def test_the_students_views_are_crops_and_mirror_images_alone():
    x = torch.full((20, 3, 32, 32), 0.3)
    close(crop_and_flip()(x), x)
    assert crop_and_flip(flip=0.0).flip == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flip": 1.5}, "flip is 1.5; it must be from 0 to 1"),
        ({"hue": 0.7}, "hue is 0.7; it must be from 0 to 0.5"),
        ({"scale": (0.5, 0.2)}, "scale is"),
        ({"size": 0}, "size is 0"),
    ],
)
def test_settings_that_make_no_sense_are_a_line(settings, message):
    with pytest.raises(SymbenchError, match=message):
        Augmentation(**settings)

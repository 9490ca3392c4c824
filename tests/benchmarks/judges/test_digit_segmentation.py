"""Images made by hand, whose objects are known."""

import numpy as np
import pytest

from benchmarks.judges import digit_segmentation as segmentation
from benchmarks.judges.digit_segmentation import objects


def image(*rectangles, size=128):
    """Rectangles (x0, y0, x1, y1, brightness) on black → (1, S, S)."""
    made = np.zeros((1, size, size), dtype=np.uint8)
    for x0, y0, x1, y1, bright in rectangles:
        made[0, y0:y1, x0:x1] = bright
    return made


def test_nothing_is_found_where_nothing_is():
    for blank in (np.zeros((2, 128, 128), np.uint8), np.full((2, 64, 64), 30, np.uint8)):
        found = objects(blank)
        assert len(found.image) == len(found.windows) == 0
        assert found.boxes.shape == (0, 4)
    assert len(objects(np.zeros((0, 128, 128), np.uint8)).image) == 0


def test_boxes_and_centres_by_hand():
    found = objects(image((10, 20, 14, 40, 255), (80, 60, 100, 64, 255)))
    assert found.boxes.tolist() == [[10, 20, 14, 40], [80, 60, 100, 64]]
    assert found.centres == pytest.approx(np.array([[12, 30], [90, 62]]))
    assert found.windows.shape[1:] == (34, 34)


def test_a_centre_is_that_of_the_ink_and_not_of_the_box():
    found = objects(image((10, 10, 20, 20, 255), (20, 10, 30, 20, 85)))
    # Ink 3 : 1 about 15 and 25.
    assert found.centres[0] == pytest.approx([17.5, 15], abs=0.01)


def test_objects_are_in_the_order_of_the_images():
    images = np.concatenate([image(), image((5, 5, 9, 25, 255)),
                             image((90, 90, 94, 110, 255), (5, 5, 9, 25, 255))])  # fmt: skip
    assert objects(images).image.tolist() == [1, 2, 2]


@pytest.mark.parametrize(("gap", "count"), [(2, 1), (5, 1), (7, 2)])
def test_fragments_that_lie_close_are_one_digit(gap, count):
    bar = (20, 20, 30, 23, 255)
    body = (20, 23 + gap, 34, 38, 255)
    assert len(objects(image(bar, body)).image) == count


def test_what_together_is_longer_than_a_digit_is_not_one():
    one, other = (20, 20, 24, 40, 255), (26, 20, 46, 40, 255)
    assert len(objects(image(one, other)).image) == 2


def test_the_nearest_fragment_is_joined_first():
    left, right = (10, 10, 22, 30, 255), (36, 10, 48, 30, 255)
    dot = (32, 18, 35, 22, 255)
    assert objects(image(left, right, dot)).boxes[:, 0].tolist() == [10, 32]


def test_specks_are_no_objects_and_larger_dirt_is():
    digit = (60, 60, 64, 80, 255)
    assert len(objects(image(digit, (10, 10, 12, 12, 255))).image) == 1
    assert len(objects(image(digit, (10, 10, 14, 14, 255))).image) == 2
    assert len(objects(image(digit, (10, 10, 40, 40, 50))).image) == 1


def test_touching_digits_are_parted():
    one, other = (20, 20, 36, 40, 255), (44, 20, 60, 40, 255)
    for bridge in ((36, 30, 44, 32, 110), (36, 30, 44, 32, 255)):
        found = objects(image(one, other, bridge))
        assert len(found.image) == 2
        assert found.centres[:, 0] == pytest.approx([28, 52], abs=2)


def test_a_window_holds_its_object_and_no_neighbour():
    found = objects(image((20, 20, 30, 40, 255), (33, 21, 53, 45, 200)))
    assert [int(window.max()) for window in found.windows] == [255, 200]
    assert (found.windows[0] > 0).sum() == 200
    # Its centre of mass is in the middle of the window.
    assert found.windows[0, 7:27, 12:22].min() == 255


def test_grey_around_the_ink_is_kept_for_a_pixel():
    found = objects(image((16, 16, 44, 44, 40), (28, 20, 32, 40, 255)))
    assert found.boxes.tolist() == [[28, 20, 32, 40]]
    assert (found.windows[0] == 40).sum() == 2 * (6 + 20)


def test_thresholds_are_relative_to_the_brightest_pixel():
    bright, pale = image((20, 20, 24, 40, 255)), image((20, 20, 24, 40, 120))
    assert (objects(bright).windows == objects(pale).windows).all()


def test_all_lengths_scale_with_the_image():
    parts = (20, 20, 40, 24, 255), (20, 28, 36, 40, 255), (90, 90, 94, 110, 255)
    large, small = image(*parts), image(*parts)[:, ::2, ::2]
    assert objects(small).boxes.tolist() == (objects(large).boxes / 2).tolist()


def test_noise_and_white_are_no_digits_but_end():
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    salt = np.where(noise > 245, 255, 0).astype(np.uint8)
    for images in (noise, salt, np.full((3, 64, 64), 255, np.uint8)):
        assert (objects(images).boxes[:, 2:] > objects(images).boxes[:, :2]).all()


def test_the_cut_of_one_body_is_where_it_is_narrowest():
    mask = np.zeros((10, 40), dtype=bool)
    mask[:, :40] = True
    mask[:6, 17:19] = False
    parts = segmentation._parts(mask, mask.astype(np.float32), 1.0)
    assert set(parts[:, :17].ravel()) == {1}
    assert set(parts[:, 19:].ravel()) == {2}

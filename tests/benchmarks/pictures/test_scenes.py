"""Pictures of scenes: the right pixels in the right places, and marks that say what is so."""

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from benchmarks.pictures.album import CAPTION_LINES, Tile, album, text_width, wrapped
from benchmarks.pictures.drawing import DPI
from benchmarks.pictures.scenes import (
    BAD,
    COLUMNS,
    COMPONENT_ROWS,
    GOOD,
    JUDGED,
    KIND_COLUMNS,
    SHOWN,
    boxes,
    components,
    judged,
    kinds,
    of_a_model,
    reconstructions,
    samples,
    steps,
    traversal,
)
from benchmarks.pictures.style import SMALL

NEW = matplotlib.__version_info__ >= (3, 11)
LONG = "the top-right digit is a 5, not a 4; the bottom-left digit cannot be read as any digit"


def noise(*shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def tiles(figure):
    return figure.axes[1:]


def shown(axes):
    """The image (H, W, 3) of a tile."""
    (image,) = axes.images
    return np.asarray(image.get_array())


def assert_shown(axes, image):
    np.testing.assert_array_equal(shown(axes), np.broadcast_to(image, (*image.shape[:2], 3)))


def frames(figure):
    return [to_hex(patch.get_facecolor()).upper() for patch in figure.axes[0].patches]


def outlines(axes):
    """The boxes of a tile: x0, y0, x1, y1, in pixels of the image."""
    return [corners(patch) for patch in axes.patches if not patch.get_fill()]


def corners(patch):
    x, y = patch.get_xy()
    return x, y, x + patch.get_width(), y + patch.get_height()


def drawn(figure):
    """The dots of a figure as they get to the disk (height, width, 3)."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "scale"), [(32, 8), (64, 4), (128, 2), (20, 13)])
def test_every_pixel_is_a_square_of_its_own_colour(size, scale, channels):
    images = noise(5, size, size, channels)
    figure = samples(images, [(True, ""), (False, "no")] * 2 + [(True, "")])
    dots = drawn(figure)
    assert dots.shape[:2] == tuple(np.round(figure.get_size_inches() * DPI).astype(int)[::-1])
    for image, axes in zip(images, tiles(figure), strict=True):
        left, bottom, right, top = np.round(axes.bbox.extents).astype(int)
        window = dots[len(dots) - top : len(dots) - bottom, left:right]
        large = image.repeat(scale, 0).repeat(scale, 1)
        # Before 3.11, Matplotlib drew the last row of a square in the colour of the next one.
        some = slice(None) if NEW else slice((scale - 1) // 2, None, scale)
        window, large = window[some, some], large[some, some]
        np.testing.assert_array_equal(window, np.broadcast_to(large, window.shape))
    # Around the first stands its frame.
    left, bottom, _, top = np.round(tiles(figure)[0].bbox.extents).astype(int)
    for y, x in ((len(dots) - top - 3, left + 9), (len(dots) - bottom + 3, left - 3)):
        assert to_hex(dots[y, x] / 255).upper() == GOOD.upper()


def test_samples_are_framed_by_verdict_and_the_title_counts_them_all():
    verdicts = [(k % 4 != 1, "" if k % 4 != 1 else f"{LONG}, as number {k}") for k in range(40)]
    figure = samples(noise(40, 32, 32, 1), verdicts)
    assert texts(figure)[0] == "30 of 40 samples obey the rule (75.0 %)"
    assert texts(figure)[1].startswith("the first 24; ")
    assert len(tiles(figure)) == SHOWN == 24
    assert frames(figure) == [GOOD.upper(), BAD.upper(), GOOD.upper(), GOOD.upper()] * 6
    red = [text for text in figure.axes[0].texts if text.get_color() == BAD]
    said = " ".join(text.get_text() for text in red)
    assert said.count(LONG) == 6
    assert "as number 21" in said
    assert "as number 25" not in said
    # A reason stays below its own image: no wider than it, and above the next row.
    assert all(text_width(text.get_text(), SMALL) <= 256 for text in red)
    second = [text for text in red if text.get_position()[0] == red[0].get_position()[0]]
    ys = [text.get_position()[1] for text in second]
    assert ys == sorted(ys)
    assert len(ys) == len(set(ys))


def test_few_samples_and_none_are_a_picture_too():
    one = samples(noise(1, 64, 64, 3), [(False, "the arrow is missing")])
    assert texts(one)[0] == "0 of 1 samples obey the rule (0.0 %)"
    assert "the first" not in texts(one)[1]
    assert texts(one)[2:] == ["the arrow is missing"]
    assert len(tiles(one)) == 1
    assert texts(samples(noise(0, 64, 64, 3), []))[0] == "0 of 0 samples obey the rule"


def test_captions_keep_their_width_and_their_words():
    for width in (120, 200, 400):
        lines = wrapped(LONG, width, SMALL, most=99)
        assert " ".join(lines) == LONG
        assert all(text_width(line, SMALL) <= width for line in lines)
    cut = wrapped(LONG * 4, 200, SMALL)
    assert len(cut) == CAPTION_LINES
    assert cut[-1].endswith(" …")
    assert text_width(cut[-1], SMALL) <= 200
    assert (LONG * 4).startswith(" ".join(cut).removesuffix(" …"))
    assert wrapped("", 200, SMALL) == []
    assert text_width("WWWW", SMALL) > 2 * text_width("iiii", SMALL)


def overlap(one, other):
    across = min(one[2], other[2]) - max(one[0], other[0])
    return across > 1e-6 and min(one[3], other[3]) - max(one[1], other[1]) > 1e-6


def test_the_judge_names_what_it_found_in_boxes():
    found = [
        ("5", (0, 0, 14, 14), 0.994),
        ("6", (50, 0, 64, 14), 0.5),
        ("unsure", (50, 14, 64, 28), 0.2),
    ]
    figure = judged(noise(2, 64, 64, 1), [found, []], [(True, ""), (False, "a digit is missing")])
    first, second = tiles(figure)
    assert [text.get_text() for text in first.texts] == ["5 · 99 %", "6 · 50 %", "unsure · 20 %"]
    assert outlines(first) == [box for _, box, _ in found]
    assert not second.patches
    assert not second.texts
    assert texts(figure)[-1] == "a digit is missing"
    assert frames(figure) == [GOOD.upper(), BAD.upper()]
    # Names lie in the image, and cover neither each other nor a box.
    places = [corners(patch) for patch in first.patches if patch.get_fill()]
    assert len(places) == 3
    for number, place in enumerate(places):
        assert min(place) >= 0
        assert max(place) <= 64
        others = [*places[:number], *places[number + 1 :], *(box for _, box, _ in found)]
        assert not any(overlap(place, other) for other in others)
    inks = [to_hex(patch.get_edgecolor()) for patch in first.patches if not patch.get_fill()]
    assert inks == [to_hex(text.get_color()) for text in first.texts]
    assert len(set(inks)) == 3


def test_both_verdicts_are_among_the_judged():
    images = noise(60, 32, 32, 1)
    verdicts = [(k != 50, "" if k != 50 else "why") for k in range(60)]
    figure = judged(images, [[]] * 60, verdicts)
    assert len(tiles(figure)) == JUDGED
    assert frames(figure) == [GOOD.upper()] * (JUDGED - 1) + [BAD.upper()]
    assert_shown(tiles(figure)[-1], images[50])
    mostly = judged(images, [[]] * 60, [(not obeys, "") for obeys, _ in verdicts])
    assert frames(mostly).count(GOOD.upper()) == 1
    even = judged(images, [[]] * 60, [(k > 29, "") for k in range(60)])
    assert frames(even).count(GOOD.upper()) == JUDGED // 2


@pytest.mark.parametrize("size", [32, 64, 128])
def test_boxes_are_as_strong_as_they_are_present_and_absent_ones_are_not_there(size):
    places = np.array([[[1, 2, 9, 12], [3, 3, 5, 5], [-4, 8, 6, size + 3]]] * 3, np.float32)
    presence = np.array([[1.0, 0.099, 0.3], [0.0, 0.0, 0.0], [0.1, 0.5, 0.9]])
    figure = boxes(noise(3, size, size, 1), places, presence, "Samples")
    assert texts(figure)[0] == "Samples"
    first, none, last = tiles(figure)
    assert outlines(first) == [(1, 2, 9, 12), (-4, 8, 6, size + 3)]
    assert not none.patches
    assert len(outlines(last)) == 3
    strong, faint = first.patches
    assert (strong.get_alpha(), faint.get_alpha()) == (1.0, pytest.approx(0.3))
    assert strong.get_linewidth() > faint.get_linewidth()
    assert faint.get_clip_on()
    # The third component has one colour in all images, and the axes are those of the image.
    assert to_hex(faint.get_edgecolor()) == to_hex(last.patches[2].get_edgecolor())
    assert (first.get_xlim(), first.get_ylim()) == ((0, size), (size, 0))


def test_a_box_covers_its_pixels_on_the_sheet():
    image = np.zeros((1, 32, 32, 1), np.uint8)
    image[0, 8:20, 4:12] = 255
    dots = drawn(boxes(image, np.array([[[4, 8, 12, 20]]], np.float32), None, "t")).astype(int)
    coloured = np.argwhere(np.ptp(dots, axis=-1) > 40)
    (low, left), (high, right) = coloured.min(0), coloured.max(0)
    white = np.argwhere((dots[low:high, left:right] == 255).all(-1))
    assert abs((right - left) - 8 * 6) <= 8
    assert abs((high - low) - 12 * 6) <= 8
    assert len(white) > 0.75 * 8 * 6 * 12 * 6


def test_many_boxed_images_stop_at_two_rows():
    figure = boxes(noise(20, 32, 32, 3), np.zeros((20, 1, 4)), None, "t")
    assert len(tiles(figure)) == 2 * COLUMNS
    assert "fainter" not in texts(figure)[1]


def test_reconstructions_stand_below_their_inputs():
    images, made = noise(10, 64, 64, 1), noise(10, 64, 64, 1)[::-1]
    places = np.tile(np.array([2, 2, 9, 9], np.float32), (10, 1, 1))
    figure = reconstructions(images, made, places, np.ones((10, 1)))
    above, below = tiles(figure)[:COLUMNS], tiles(figure)[COLUMNS:]
    assert len(below) == COLUMNS
    for number in range(COLUMNS):
        assert_shown(above[number], images[number])
        assert_shown(below[number], made[number])
        assert above[number].bbox.x0 == below[number].bbox.x0
        assert above[number].bbox.y0 > below[number].bbox.y1
        assert (len(outlines(above[number])), len(outlines(below[number]))) == (1, 0)
    assert {"input", "reconstruction"} <= set(texts(figure))
    bare = reconstructions(images[:1], made[:1])
    assert len(tiles(bare)) == 2
    assert not any("box" in text for text in texts(bare))


def test_components_add_up_and_absent_ones_are_left_out():
    parts = np.zeros((2, 4, 32, 32, 1), np.uint8)
    for k in range(4):
        parts[:, k, 8 * k : 8 * k + 8] = 50 * (k + 1)
    parts[:, 2, 0], parts[:, 3] = 255, parts[:, 3] + 55  # they overlap, to more than 255
    parts[0, 1], parts[1] = 0, 0  # absent
    figure = components(noise(2, 32, 32, 1), parts)
    words = ["input", "1 layer", "2 layers", "3 layers", "input", "no layers"]
    assert texts(figure)[2:] == words
    found = [shown(axes)[::8, 0, 0].tolist() for axes in tiles(figure)[1:4]]
    assert found == [[50, 0, 0, 0], [255, 0, 150, 0], [255, 55, 205, 255]]
    assert not shown(tiles(figure)[-1]).any()
    assert tiles(figure)[4].bbox.y1 < tiles(figure)[3].bbox.y0


def test_of_many_components_the_last_sum_is_shown():
    parts = np.full((9, 16, 32, 32, 3), 10, np.uint8)
    figure = components(noise(9, 32, 32, 3), parts)
    assert len(tiles(figure)) == COMPONENT_ROWS * COLUMNS
    assert shown(tiles(figure)[COLUMNS - 1])[0, 0].tolist() == [160] * 3
    assert texts(figure)[2 + COLUMNS - 1] == "16 layers"
    single = components(noise(1, 32, 32, 3), parts[:1, :1])
    assert texts(single)[2:] == ["input", "1 layer"]


def test_steps_follow_each_other_after_the_input():
    images, canvases = noise(3, 64, 64, 3), noise(3, 4, 64, 64, 3)
    figure = steps(images, canvases)
    assert texts(figure)[1:] == ["input", "step 1", "step 2", "step 3", "step 4"]
    second = tiles(figure)[5:10]
    assert_shown(second[0], images[1])
    for step in range(4):
        assert_shown(second[1 + step], canvases[1, step])
    many = steps(images, noise(3, 20, 64, 64, 3))
    assert texts(many)[1:3] + texts(many)[-1:] == ["input", "step 1", "step 20"]
    assert len(tiles(many)) == 3 * (1 + COLUMNS)
    assert texts(steps(images, canvases[:, :1]))[1:] == ["input", "step 1"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_traversal_has_standard_deviations_above_its_columns(count):
    grid = noise(count, 9, 128, 128, 1)
    figure = traversal(grid, "Along the latent")
    assert texts(figure)[0] == "Along the latent"
    ticks = texts(figure)[2:]
    assert ticks == ["−2", "−1.5", "−1", "−0.5", "0", "0.5", "1", "1.5", "2"]
    assert len(tiles(figure)) == 9 * count
    for place, axes in enumerate(tiles(figure)):
        assert_shown(axes, grid[place // 9, place % 9])
    # Each number stands in the middle of its column.
    width = figure.get_size_inches()[0]
    for tick, axes in zip(figure.axes[0].texts[2:], tiles(figure)[:9], strict=True):
        box = axes.get_position()
        assert tick.get_position()[0] / DPI == pytest.approx(width * (box.x0 + box.x1) / 2)


def test_kinds_show_verdicts_counts_and_mistakes():
    images = {kind: noise(20, 32, 32, 1) for kind in ("obeys", "wrong_class", "smeared")}
    verdicts = {
        "obeys": np.array([True] * 19 + [False]),
        "wrong_class": np.array([False] * 20),
        "smeared": [True] * 20,
    }
    figure = kinds(images, verdicts)
    assert len(tiles(figure)) == 3 * KIND_COLUMNS
    said = texts(figure)
    for line in (
        "obeys: 19 of 20 accepted",
        "wrong class: 20 of 20 rejected",
        "smeared: 0 of 20 rejected",
    ):
        assert said.count(line) == 1
    assert said.count("rejected: a mistake") == 1
    assert said.count("accepted: a mistake") == KIND_COLUMNS
    colours = frames(figure)
    assert colours[:KIND_COLUMNS] == [GOOD.upper()] * (KIND_COLUMNS - 1) + [BAD.upper()]
    assert colours[KIND_COLUMNS : 2 * KIND_COLUMNS] == [BAD.upper()] * KIND_COLUMNS
    assert colours[2 * KIND_COLUMNS :] == [GOOD.upper()] * KIND_COLUMNS
    assert_shown(tiles(figure)[KIND_COLUMNS - 1], images["obeys"][19])
    none = {"smeared": images["smeared"][:0], "obeys": images["obeys"][:2]}
    few = kinds(none, {"smeared": [], "obeys": [True, True]})
    assert len(tiles(few)) == 2
    assert not any("smeared" in line for line in texts(few))


def test_a_model_has_the_pictures_that_its_illustrations_allow():
    assert of_a_model({}) == {}
    images = noise(2, 32, 32, 1)
    vae = {"images": images, "reconstructions": images, "drawn": noise(3, 32, 32, 1)}
    assert set(of_a_model(vae)) == {"reconstructions"}
    everything = {
        **vae,
        "boxes": np.zeros((2, 4, 4), np.float32),
        "presence": np.ones((2, 4), np.float32),
        "components": noise(2, 4, 32, 32, 1),
        "steps": noise(2, 4, 32, 32, 1),
        "drawn_boxes": np.zeros((3, 4, 4), np.float32),
        "drawn_presence": np.zeros((3, 4), np.float32),
        "traversal_global": noise(2, 9, 32, 32, 1),
        "traversal_position": noise(1, 9, 32, 32, 1),
    }
    found = of_a_model(everything)
    assert set(found) == {
        *("reconstructions", "components", "steps", "drawn"),
        *("traversal_global", "traversal_position"),
    }
    counts = {name: len(tiles(picture())) for name, picture in found.items()}
    assert counts == {
        "reconstructions": 4,
        "components": 10,
        "steps": 10,
        "drawn": 3,
        "traversal_global": 18,
        "traversal_position": 9,
    }
    assert sum(len(outlines(axes)) for axes in tiles(found["reconstructions"]())) == 8
    assert not any(outlines(axes) for axes in tiles(found["drawn"]()))


def test_a_long_title_is_broken_and_the_sheet_grows():
    tile = Tile(noise(32, 32, 1))
    short, long = (album([[tile]], " ".join(["title"] * count)) for count in (1, 20))
    assert long.get_size_inches()[1] > short.get_size_inches()[1] + 0.3
    width = long.get_size_inches()[0] * DPI
    assert all(text_width(line, 10.5, bold=True) < width for line in texts(long))
    assert sum(line.count("title") for line in texts(long)) == 20


def test_no_picture_needs_pyplot(python):
    script = """
import sys, io
import numpy as np
from benchmarks.pictures import scenes
images = np.zeros((2, 32, 32, 1), np.uint8)
judged = scenes.judged(images, [[("5", (1, 1, 9, 9), 0.5)]] * 2, [(False, "why")] * 2)
samples = scenes.samples(images, [(True, "")] * 2)
for figure in (judged, samples, scenes.traversal(images[None], "t")):
    figure.savefig(io.BytesIO(), format="png")
assert "matplotlib.pyplot" not in sys.modules
"""
    done = python("-c", script)
    assert done.returncode == 0, done.stderr

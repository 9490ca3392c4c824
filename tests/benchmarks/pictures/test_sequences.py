"""Pictures of symbol sequences: the right images, the attended patches, shares that are shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.backends.backend_agg import FigureCanvasAgg

from benchmarks.pictures.album import text_width
from benchmarks.pictures.drawing import DPI
from benchmarks.pictures.sequences import (
    COLUMNS,
    MOST_SYMBOLS,
    ROWS,
    attended,
    class_by_symbol,
    class_shares,
    of_a_method,
    symbol_gallery,
    symbols_and_attention,
    users_of,
    varied,
)
from benchmarks.pictures.style import SMALL
from benchmarks.protocol import SymbenchError


def noise(*shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def flat(count, colours=True, size=32):
    """Images of one colour each, so that an image is known by its colour."""
    inks = np.arange(count)[:, None] * np.array([1, 3 if colours else 1, 2 if colours else 1]) + 40
    return np.broadcast_to(inks[:, None, None].astype(np.uint8), (count, size, size, 3))


def at(*patches, count=64):
    """All attention on these patches, equally."""
    one = np.zeros(count, np.float16)
    one[list(patches)] = 1 / len(patches)
    return one


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def shown(axes):
    (image,) = axes.images
    return np.asarray(image.get_array()).astype(int)


def tiles(figure):
    return [shown(axes) for axes in figure.axes[1:]]


def cells(tile, grid):
    """A tile (h, w, 3) → (grid · grid, 3), the middle of each patch."""
    middles = [int((place + 0.5) * len(tile) / grid) for place in range(grid)]
    return tile[np.ix_(middles, middles)].reshape(-1, 3)


def drawn(figure):
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


@pytest.mark.parametrize(("size", "grid"), [(32, 8), (32, 14), (224, 8), (224, 14)])
def test_attention_tints_the_patches_that_have_it_and_no_others(size, grid):
    images = noise(1, size, size, 3)
    looked = [0, grid * grid - 1]
    attention = at(*looked, count=grid * grid)[None, None]
    figure = symbols_and_attention(images, np.array([[7]]), attention)
    plain, heated = tiles(figure)
    factor = len(plain) // size
    np.testing.assert_array_equal(plain, images[0].repeat(factor, 0).repeat(factor, 1))
    red = heated[..., 0] - heated[..., 2] > 20
    expected = np.zeros((grid, grid), bool)
    expected.reshape(-1)[looked] = True
    rows = np.arange(len(red)) * grid // len(red)
    np.testing.assert_array_equal(red, expected[rows[:, None], rows])


def test_the_tint_grows_with_attention_above_the_even_share_whatever_the_unit():
    weights = np.linspace(0, 1, 16)
    both = np.stack([weights, weights / 100])[None]
    _, one, other = tiles(symbols_and_attention(flat(1, False), np.array([[1, 2]]), both))
    redness = cells(one, 4) @ [1, 0, -1]
    assert (redness[:8] == 0).all()
    assert (np.diff(redness[7:]) > 0).all()
    np.testing.assert_array_equal(one, other)


def test_an_even_attention_looks_even():
    nearly = np.random.default_rng(0).uniform(1, 1.2, 64)
    maps = np.stack([np.full(64, 1 / 64, np.float16), nearly, at(9)])[None]
    _, even, noisy, peak = tiles(symbols_and_attention(flat(1, False), np.zeros((1, 3), int), maps))
    most = [int((tile[..., 0] - tile[..., 2]).max()) for tile in (even, noisy, peak)]
    assert most[0] == 0
    assert most[1] < 0.15 * most[2]


def test_symbols_stand_below_their_maps_with_the_width_of_attention():
    symbols = np.array([[3, 3, 127], [511, 0, 5]])
    attention = np.stack([[at(1), at(2, 3, 4, 5), at(*range(20))], [at(9)] * 3])
    figure = symbols_and_attention(
        noise(2, 32, 32, 3), symbols, attention, np.array([1, 0]), ("air_ship", "frog")
    )
    said = texts(figure)
    assert [line for line in said if " · " in line] == [
        *("511 · 1 patch", "0 · 1 patch", "5 · 1 patch"),
        *("3 · 1 patch", "3 · 4 patches", "127 · 20 patches"),
    ]
    assert said.index("air ship") < said.index("frog")
    assert {"position 1", "position 3"} <= set(said)
    assert "position 4" not in said
    assert len(tiles(figure)) == 8
    assert "64 patches" in said[1] + said[2]


def test_images_of_all_classes_come_first():
    labels = np.array([4, 4, 4, 2, 4, 2, 0])
    assert varied(labels, 5) == [6, 3, 0, 5, 1]
    assert varied(labels, 99) == [6, 3, 0, 5, 1, 2, 4]
    figure = symbols_and_attention(
        flat(7), np.zeros((7, 1), int), np.ones((7, 1, 4), np.float16), labels
    )
    assert len(tiles(figure)) == 2 * ROWS
    np.testing.assert_array_equal(tiles(figure)[0][0, 0], flat(7)[6, 0, 0])
    assert [line for line in texts(figure) if line.startswith("class")][:3] == [
        *("class 0", "class 2", "class 4")
    ]


def test_longer_sequences_are_cut_and_say_so():
    figure = symbols_and_attention(noise(1, 32, 32, 3), np.zeros((1, 12), int), np.ones((1, 12, 4)))
    assert len(tiles(figure)) == 1 + COLUMNS
    assert "the first 8 of 12" in texts(figure)[0]


def test_what_is_attended_by_hand():
    assert attended(np.array([0.1, 0.5, 0.15, 0.26])).tolist() == [False, True, False, True]
    assert attended(np.array([0.1, 0.6, 0.2, 0.29])).tolist() == [False, True, False, False]
    assert attended(np.array([1.0, 1.2, 1.1, 1.0])).tolist() == [False, True, True, False]
    for even in (np.full(9, 1 / 9, np.float16), np.zeros(4), np.array([3.0])):
        assert not attended(even).any()
    # A peak above an even ground is marked alone, however much lies on the ground.
    assert np.flatnonzero(attended(np.array([1.0] * 200 + [5.0]))).tolist() == [200]


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(0.01, 1)))
def test_the_region_has_more_than_all_that_is_left_out(weights):
    region = attended(weights)
    assert region[weights.argmax()] == (weights.max() > 1.005 * weights.mean())
    if region.any():
        assert weights[region].min() > weights[~region].max()
        assert weights[region].min() >= max(weights.max() / 2, weights.mean())
    back = np.random.default_rng(0).permutation(len(weights))
    np.testing.assert_array_equal(attended(4 * weights[back]), region[back])


def test_the_gallery_shows_the_images_with_the_most_use():
    # Symbol 5 is used most; image k holds it k times, in the last places.
    symbols = np.array([[5 if place >= 8 - row else 200 + row for place in range(8)]
                        for row in range(7)])  # fmt: skip
    assert users_of(5, symbols).tolist() == [6, 5, 4, 3, 2, 1]
    figure = symbol_gallery(flat(7), symbols)
    said = texts(figure)
    first = next(line for line in said if line.startswith("symbol"))
    assert first == "symbol 5: 37.5 % of places, 6 of 7 images"
    for tile, row in zip(tiles(figure)[:6], [6, 5, 4, 3, 2, 1], strict=True):
        np.testing.assert_array_equal(tile, np.broadcast_to(flat(7)[row, 0, 0], tile.shape))
    captions = [line for line in said if line[0].isdigit()]
    assert captions[:6] == ["3–8", "4–8", "5–8", "6–8", "7–8", "8"]
    # Next comes symbol 200, eight times in image 0.
    np.testing.assert_array_equal(tiles(figure)[6][0, 0], flat(7)[0, 0, 0])
    assert f"({ROWS} of 8 used)" in said[0]


def test_of_images_that_use_a_symbol_equally_often_the_sharpest_come_first():
    symbols = np.array([[1, 2], [1, 2], [1, 2], [1, 1]])
    blurred = at(*range(64))
    attention = np.stack([[blurred, at(0)], [at(3), blurred], [at(3, 4), blurred], [blurred] * 2])
    assert users_of(1, symbols, attention).tolist() == [3, 1, 2, 0]
    assert users_of(2, symbols, attention).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("size", "grid"), [(32, 8), (32, 14), (224, 8), (224, 14)])
def test_the_marked_region_is_the_attended_one(size, grid):
    images = flat(1, size=size)
    looked = [grid + 1, grid + 2, 3 * grid + 4]
    elsewhere = at(0, count=grid * grid)
    # Position 2 holds another symbol, whose attention has no part in the mark.
    attention = np.stack([at(*looked, count=grid * grid), elsewhere])[None]
    figure = symbol_gallery(images, np.array([[9, 4]]), attention)
    said = [line for line in texts(figure) if line.startswith("symbol")]
    tile = tiles(figure)[[line.startswith("symbol 9") for line in said].index(True)]
    coloured = (cells(tile, grid) == images[0, 0, 0]).all(1)
    assert np.flatnonzero(coloured).tolist() == looked
    outside = cells(tile, grid)[~coloured]
    assert (np.ptp(outside, axis=1) == 0).all()
    assert outside.min() > 150


def test_the_attention_of_all_places_of_a_symbol_is_marked_together():
    attention = np.stack([at(5), at(10), at(15)])[None]
    attention = attention[..., :16]
    (tile,) = tiles(symbol_gallery(flat(1), np.array([[3, 3, 3]]), attention))
    coloured = (cells(tile, 4) == flat(1)[0, 0, 0]).all(1)
    assert np.flatnonzero(coloured).tolist() == [5, 10, 15]


def test_one_symbol_for_everything_is_a_picture_too():
    symbols = np.zeros((12, 8), int)
    figure = symbol_gallery(noise(12, 32, 32, 3), symbols, np.ones((12, 8, 64), np.float16))
    assert "symbol 0: 100.0 % of places, 12 of 12 images" in texts(figure)
    assert len(tiles(figure)) == COLUMNS
    assert [line for line in texts(figure) if line == "1–8"] == ["1–8"] * COLUMNS
    # It looks at all patches alike: nothing is marked.
    for tile, image in zip(tiles(figure), noise(12, 32, 32, 3), strict=False):
        np.testing.assert_array_equal(tile, image.repeat(5, 0).repeat(5, 1))
    table = class_by_symbol(np.arange(12) % 3, symbols, ("a", "b", "c"))
    np.testing.assert_allclose(heat(table), np.full((3, 1), 1 / 3))


def test_scattered_positions_are_counted():
    symbols = np.array([[1, 0, 1, 0, 1, 0, 1, 0], [1, 1, 0, 2, 2, 2, 0, 1]])
    said = texts(symbol_gallery(flat(2), symbols))
    # Symbol 1 has 7 places, 0 has 6, 2 has 3; first comes the image with the most of them.
    captions = [line for line in said if line[0].isdigit()]
    assert captions == ["4 of 8", "1–2, 8", "4 of 8", "3, 7", "4–6"]


def heat(figure):
    return np.asarray(figure.axes[2].images[0].get_array())


def test_shares_of_classes_by_hand():
    labels = np.array([0, 0, 2])
    symbols = np.array([[7, 7], [7, 300], [300, 300]])
    numbers, shares, use = class_shares(labels, symbols, 4)
    assert numbers.tolist() == [7, 300]
    np.testing.assert_allclose(shares, [[1, 1 / 3], [0, 0], [0, 2 / 3], [0, 0]])
    np.testing.assert_allclose(use, [0.5, 0.5])
    numbers, shares, _ = class_shares(labels, symbols[:, 1:], 3)
    np.testing.assert_allclose(shares, [[1, 0.5], [0, 0], [0, 0.5]])


@pytest.mark.parametrize("vocabulary", [2, 128, 512])
def test_the_table_shows_shares_that_sum_to_one_by_symbol(vocabulary):
    rng = np.random.default_rng(vocabulary)
    labels, symbols = rng.integers(0, 10, 700), rng.integers(0, vocabulary, (700, 8))
    figure = class_by_symbol(labels, symbols)
    table = heat(figure)
    assert table.shape == (10, min(vocabulary, MOST_SYMBOLS))
    np.testing.assert_allclose(table.sum(0), 1)
    shown_numbers = [int(tick.get_text()) for tick in figure.axes[2].get_xticklabels()]
    for place, symbol in enumerate(shown_numbers):
        own = np.repeat(labels, 8)[symbols.reshape(-1) == symbol]
        np.testing.assert_allclose(table[:, place], np.bincount(own, minlength=10) / len(own))
        bar = figure.axes[1].patches[place]
        assert bar.get_height() == pytest.approx(100 * len(own) / symbols.size)
    # The most used are shown, and how much of all use that is.
    counts = np.bincount(symbols.reshape(-1), minlength=vocabulary)
    hidden = np.delete(counts, shown_numbers)
    assert counts[shown_numbers].min() >= hidden.max(initial=0)
    about = " ".join(texts(figure)[1:])
    assert "5,600 uses in all" in about
    said = f"{len(table.T)} most used of {vocabulary} symbols"
    assert (said in about) == (vocabulary > MOST_SYMBOLS)


def test_informative_symbols_form_a_diagonal():
    labels = np.repeat(np.arange(4), 30)
    scrambled = np.array([90, 17, 4, 60])
    symbols = np.stack([scrambled[labels], scrambled[labels] + 1], 1)
    symbols[::10, 0] = 5
    figure = class_by_symbol(labels, symbols, ("ape", "bee", "cat", "dog"))
    main = heat(figure).argmax(0)
    assert (np.diff(main) >= 0).all()
    assert set(main) == {0, 1, 2, 3}
    assert [tick.get_text() for tick in figure.axes[2].get_yticklabels()] == [
        *("ape", "bee", "cat", "dog")
    ]
    one = class_by_symbol(labels, symbols, position=1)
    np.testing.assert_array_equal(heat(one), np.eye(4))
    assert "position 2" in " ".join(texts(one))
    # A class without an example has its row all the same.
    assert heat(class_by_symbol(labels, symbols, tuple("abcdef"))).shape[0] == 6


def test_symbols_that_are_hardly_used_are_left_out_where_others_are_used():
    labels, symbols = np.arange(40) % 4, np.full((40, 2), 6)
    symbols[:9, 1], symbols[9:19, 1] = 1, 2
    figure = class_by_symbol(labels, symbols)
    assert [tick.get_text() for tick in figure.axes[2].get_xticklabels()] == ["2", "6"]
    assert "the 2 most used of 3 symbols, 89 % of all use" in " ".join(texts(figure))
    few = class_by_symbol(labels[:5], symbols[:5])
    assert heat(few).shape == (5 - 1, 2)


def overlapping(boxes):
    for number, one in enumerate(boxes):
        for other in boxes[:number]:
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            if across > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1:
                return True
    return False


@pytest.mark.parametrize(("count", "vocabulary"), [(1, 512), (10, 20), (100, 1), (100, 512)])
def test_nothing_written_on_the_table_overlaps_or_leaves_it(count, vocabulary):
    rng = np.random.default_rng(0)
    labels, symbols = rng.integers(0, count, 400), rng.integers(0, vocabulary, (400, 8))
    figure = class_by_symbol(labels, symbols, [f"a long class name {k}" for k in range(count)])
    canvas = drawn(figure)
    written = [text for axes in figure.axes for text in [*axes.texts, axes.xaxis.label]]
    for axes in figure.axes[1:]:
        written += [*axes.get_xticklabels(), *axes.get_yticklabels()]
    boxes = [one.get_window_extent(canvas.get_renderer()) for one in written if one.get_text()]
    wide, high = canvas.get_width_height()
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= wide and box.y1 <= high for box in boxes)
    assert not overlapping(boxes)


def test_captions_fit_below_their_images():
    symbols, attention = np.full((3, 8), 511), np.ones((3, 8, 196))
    attention[..., 100] = 0
    figure = symbols_and_attention(noise(3, 32, 32, 3), symbols, attention)
    captions = [line for line in texts(figure) if line.startswith("511")]
    assert captions == ["511 · 195 patches"] * 24
    assert all(text_width(line, SMALL) <= 160 for line in captions)


def test_a_method_has_the_pictures_that_its_outputs_allow():
    images, labels = noise(30, 32, 32, 3), np.arange(30) % 10
    symbols = np.random.default_rng(0).integers(0, 128, (30, 8))
    bare = of_a_method(images, labels, symbols)
    assert list(bare) == ["gallery", "classes", "classes_first"]
    assert "outlined" not in " ".join(texts(bare["gallery"]())[:3])
    attention = np.random.default_rng(1).dirichlet(np.ones(64), (20, 8)).astype(np.float16)
    full = of_a_method(images, labels, symbols, attention, list("abcdefghij"))
    assert list(full) == ["attention", "gallery", "classes", "classes_first"]
    assert "outlined" in " ".join(texts(full["gallery"]())[:3])
    # Only the first 20 have maps; the table counts all 30.
    assert any(line.endswith(" of 20 images") for line in texts(full["gallery"]()))
    everything = class_shares(labels, symbols, 10)[2]
    heights = [bar.get_height() for bar in full["classes"]().axes[1].patches]
    assert max(heights) == pytest.approx(100 * everything.max())
    assert np.shape(heat(full["classes_first"]()))[1] == len(np.unique(symbols[:, 0]))


def test_attention_with_the_class_token_is_refused():
    given_wrongly = np.ones((2, 8, 65), np.float16)
    with pytest.raises(SymbenchError, match=r"65 patches.*class token"):
        symbols_and_attention(noise(2, 32, 32, 3), np.zeros((2, 8), int), given_wrongly)
    with pytest.raises(SymbenchError, match="65 patches"):
        symbol_gallery(noise(2, 32, 32, 3), np.zeros((2, 8), int), given_wrongly)


def test_no_picture_needs_pyplot(python):
    script = """
import sys, io
import numpy as np
from benchmarks.pictures.sequences import of_a_method
images, symbols = np.zeros((3, 32, 32, 3), np.uint8), np.zeros((3, 8), int)
for picture in of_a_method(images, np.arange(3), symbols, np.ones((3, 8, 64))).values():
    picture().savefig(io.BytesIO(), format="png")
assert "matplotlib.pyplot" not in sys.modules
"""
    done = python("-c", script)
    assert done.returncode == 0, done.stderr

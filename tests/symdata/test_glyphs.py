import numpy as np
import pytest
from PIL import Image

from symdata.abstract_rules.glyphs import CHARACTERS, SHEET, glyphs
from symdata.abstract_rules.render_glyphs import INK, font_file, render

# Mean absolute difference of two glyphs in grey levels; the nearest, spade and diamond, have 25.
FLOOR = 20


def test_a_hundred_distinct_characters_and_cells():
    assert len(set(CHARACTERS)) == len(CHARACTERS) == 100
    assert glyphs().shape == (100, 32, 32)
    assert glyphs().dtype == np.uint8


def test_every_pair_looks_different():
    table = glyphs().astype(float)
    distance = np.abs(table[:, None] - table[None]).mean(axis=(2, 3))
    distance[np.diag_indices(100)] = np.inf
    assert distance.min() > FLOOR


def test_black_on_white_centred_and_nothing_clipped():
    for character, glyph in zip(CHARACTERS, glyphs(), strict=True):
        ink = glyph < 128
        assert ink.mean() > 0.04, character
        assert (glyph[[0, -1]] == 255).all(), character
        assert (glyph[:, [0, -1]] == 255).all(), character
        spans = []
        for axis in (0, 1):
            inked = np.flatnonzero((glyph < 255).any(axis=axis))
            spans.append(inked[-1] - inked[0] + 1)
            assert abs(inked[0] + inked[-1] - 31) <= 2, character
        assert INK - 1 <= max(spans) <= INK + 2, character


def test_the_font_has_every_character():
    ft2font = pytest.importorskip("matplotlib.ft2font")
    charmap = ft2font.FT2Font(str(font_file())).get_charmap()
    assert [c for c in CHARACTERS if not charmap.get(ord(c))] == []


def test_the_script_draws_the_committed_sheet():
    pytest.importorskip("matplotlib")
    drawn = render()
    cells = drawn.reshape(10, 32, 10, 32).swapaxes(1, 2).reshape(100, 32, 32)
    # Versions of the renderer differ in a few grey levels at the edges, and in no shape.
    assert np.abs(cells.astype(int) - glyphs()).mean(axis=(1, 2)).max() < FLOOR / 4


def test_the_sheet_is_small_and_the_table_cannot_be_changed_by_a_caller():
    from symdata.abstract_rules import glyphs as module

    sheet = module.__file__.replace("glyphs.py", SHEET)
    with Image.open(sheet) as image:
        assert (image.mode, image.size) == ("L", (320, 320))
    with pytest.raises(ValueError, match="read-only"):
        glyphs()[0, 0, 0] = 0

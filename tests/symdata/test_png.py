import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from symdata.png import encode

sides = st.integers(1, 40)


@given(
    st.one_of(st.tuples(sides, sides), st.tuples(sides, sides, st.just(3))).flatmap(
        lambda shape: arrays(np.uint8, shape)
    )
)
@settings(max_examples=40, deadline=None)
def test_pillow_reads_back_what_was_written(image):
    written = encode(image)
    with Image.open(io.BytesIO(written)) as opened:
        opened.verify()
    with Image.open(io.BytesIO(written)) as opened:
        assert opened.mode == ("L" if image.ndim == 2 else "RGB")
        assert np.array_equal(np.asarray(opened), image)


def test_pictures_of_more_than_one_block():
    image = np.arange(300 * 301 * 3, dtype=np.uint32).astype(np.uint8).reshape(300, 301, 3)
    assert image.size > 2 * 0xFFFF
    with Image.open(io.BytesIO(encode(image))) as opened:
        assert np.array_equal(np.asarray(opened), image)


def test_the_bytes_are_known():
    written = encode(np.array([[7]], dtype=np.uint8))
    stored = b"\x78\x01\x01\x02\x00\xfd\xff\x00\x07" + zlib.adler32(b"\x00\x07").to_bytes(4)
    assert written[:8] == b"\x89PNG\r\n\x1a\n"
    assert written[8 + 25 :][4 : 8 + len(stored)] == b"IDAT" + stored
    assert len(written) == 8 + 25 + 12 + len(stored) + 12


@pytest.mark.parametrize("image", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.uint8([1])])
def test_what_no_png_can_hold_is_refused(image):
    with pytest.raises(ValueError, match="uint8"):
        encode(image)

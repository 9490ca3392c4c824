"""PNG files with the same bytes on every machine.

A compressing encoder gives other bytes with every build of zlib. This one stores the pixels
uncompressed, for which there is one way only; Parquet compresses and deduplicates them anyway.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

_GREY, _RGB = 0, 2
_BLOCK = 0xFFFF


def encode(image: np.ndarray) -> bytes:
    """PNG file of an image: (H, W) grey or (H, W, 3) RGB, uint8."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise ValueError(f"a PNG takes uint8 (H, W) or (H, W, 3), not {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    rows = np.zeros((height, 1 + image[0].size), dtype=np.uint8)  # the leading 0 says: no filter
    rows[:, 1:] = image.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _GREY if image.ndim == 2 else _RGB, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", _stored(rows.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _stored(data: bytes) -> bytes:
    """A zlib stream of stored blocks (RFC 1950, RFC 1951 section 3.2.4)."""
    blocks = [data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK)]
    stream = b"\x78\x01"
    for k, block in enumerate(blocks):
        size = len(block)
        stream += struct.pack("<BHH", k == len(blocks) - 1, size, size ^ 0xFFFF) + block
    return stream + struct.pack(">I", zlib.adler32(data))

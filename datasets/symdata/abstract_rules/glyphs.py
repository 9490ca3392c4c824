"""The 100 symbols as 32x32 grey pictures, read from the sheet that lies beside this file.

The sheet is committed because two versions of FreeType draw the same letter with different
pixels; `render_glyphs.py` is the script that drew it.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from PIL import Image

SIZE = 32
COLUMNS = 10
SHEET = "glyphs.png"

CHARACTERS = tuple(
    "→↗↕↩↺⇄➤↯♚♛"
    "♜♝♞♙♠♥♦♣☂☀"
    "☁★✪☾❄☎☕☘☠☢"
    "☣☮☯☸☺♀♂♃♄♅"
    "♆♉♊♋♌♎♑♒♓♨"
    "♫♻⚅⚑⚒⚓⚖⚗⚙⚛"
    "⚜⚠✂✈✉✌✎✓✿❦"
    "◐▲■▦☰⌂⌘€£¥"
    "₩₪₹∫∞∑√∇∃∝"
    "∩≠⋈#&@§ΩΨℵ"
)
"""Symbol k of the data sets is `CHARACTERS[k]`, in row k // 10 and column k % 10 of the sheet."""


@cache
def glyphs() -> np.ndarray:
    """Glyphs (100, 32, 32) uint8, black 0 on white 255; read-only, as all callers share them."""
    with (files(__package__) / SHEET).open("rb") as stream, Image.open(stream) as sheet:
        pixels = np.array(sheet, dtype=np.uint8)
    cells = pixels.reshape(-1, SIZE, COLUMNS, SIZE).swapaxes(1, 2)
    table = np.ascontiguousarray(cells.reshape(-1, SIZE, SIZE))
    table.setflags(write=False)
    return table

"""Draw `glyphs.png`: `python -m symdata.abstract_rules.render_glyphs` (needs Matplotlib).

Each outline is scaled so that its longer side fills 28 of the cell's 32 pixels and is put in the
middle, so that symbols differ by shape and not by size or place. Drawing the sheet anew changes
pixels where Matplotlib's renderer has changed, and with them every fingerprint: raise the data
set's version when that happens.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from symdata.abstract_rules.glyphs import CHARACTERS, COLUMNS, SHEET, SIZE

INK = 28
DPI = 100


def font_file() -> Path:
    """DejaVu Sans as Matplotlib ships it; a system's own copy may be another version."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def render() -> np.ndarray:
    """Sheet of all symbols, (320, 320) uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(fname=str(font_file()))
    rows = len(CHARACTERS) // COLUMNS
    figure = Figure((COLUMNS * SIZE / DPI, rows * SIZE / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for k, character in enumerate(CHARACTERS):
        row, column = divmod(k, COLUMNS)
        outline = TextPath((0, 0), character, size=100, prop=font)
        box = outline.get_extents()
        place = (
            Affine2D()
            .translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2)
            .scale(INK / max(box.width, box.height))
            .translate((column + 0.5) * SIZE, (rows - row - 0.5) * SIZE)
        )
        shape = place.transform_path(outline)
        figure.add_artist(PathPatch(shape, transform=None, facecolor="black", linewidth=0))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0].copy()


if __name__ == "__main__":
    target = Path(__file__).with_name(SHEET)
    Image.fromarray(render()).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size} bytes")

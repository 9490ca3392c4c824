"""Pictures of the `symbolic_sequences` suite: attention of symbols, and their use by class.

Letters: N images, M those with attention maps, H, W height and width of an image in pixels,
h, w those of its tile on the sheet in dots, L symbols of a sequence, S × S = P patches of an image,
C classes, K symbols that are used. Images are uint8 RGB; symbols are integers from 0; attention is
given for each symbol over the patches, row by row, in any unit, as only shares of a map count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isqrt

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import ColorbarBase
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure

from benchmarks.pictures.album import MARGIN, Tile, album, text_width, wrapped
from benchmarks.pictures.drawing import DPI
from benchmarks.pictures.style import (
    ACCENT,
    COLOURS,
    FAINT,
    INK,
    LARGE,
    MUTED,
    NORMAL,
    SMALL,
    line_height,
    sheet,
)
from benchmarks.protocol import SymbenchError

ROWS, COLUMNS = 6, 8
# The most symbols of the table; the numbers of more could not be read.
MOST_SYMBOLS = 48
# The fewest uses of a symbol in the table, if others have more; rarer ones fit one class by chance.
FEWEST_USES = 10
# Dots to which the longer side of an image is enlarged, as nearly as a whole factor allows.
SIDE = 160
# The share of a map's largest attention from which a patch belongs to the region looked at.
MUCH = 0.5
# The least multiple of the even share that full red stands for, so that even attention looks even.
FULL = 3.0
# The multiple of the even share up to which attention counts as even: half precision rounds.
EVEN = 1.005
# The contrast that is left where there is no attention.
_PALE_MAP, _PALE_OUTSIDE = 0.6, 0.35
_LIGHT, _DARK = (255, 235, 80), (20, 20, 20)
_SHARES = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", COLOURS[0], "#101C2E"])


def symbols_and_attention(
    images: np.ndarray,
    symbols: np.ndarray,
    attention: np.ndarray,
    labels: np.ndarray | None = None,
    classes: Sequence[str] = (),
) -> Figure:
    """Draw a row for each image: it, and for each of its symbols the number and the attention.

    images: (M, H, W, 3); symbols: (M, L); attention: (M, L, P). labels: (M,), by which images of
    different classes are chosen; classes: names that stand above them.
    """
    grid = _side(attention)
    shown = range(min(len(images), ROWS)) if labels is None else varied(labels[: len(images)], ROWS)
    rows, names, length = [], [], min(symbols.shape[1], COLUMNS)
    for row in shown:
        image = _enlarged(images[row])
        tiles = [Tile(image, caption="input")]
        for symbol, weights in zip(symbols[row, :length], attention[row, :length], strict=True):
            held = int(attended(weights).sum())
            caption = f"{symbol} · {held} patch{'es' * (held != 1)}"
            tiles.append(Tile(_heated(image, weights, grid), caption=caption, ink=INK))
        rows.append(tiles)
        if labels is not None:
            names.append(_class(int(labels[row]), classes))
    some = f" (the first {length} of {symbols.shape[1]})" if length < symbols.shape[1] else ""
    return album(
        rows,
        f"Symbols of an image, and where each looks{some}",
        "the redder, the more attention above an even share; below: the symbol, and at how many of "
        f"{grid * grid} patches it looks with at least half of the most attention",
        headings=("", *(f"position {place + 1}" for place in range(length))),
        names=names,
        side=_tile_side(rows),
    )


def symbol_gallery(
    images: np.ndarray, symbols: np.ndarray, attention: np.ndarray | None = None
) -> Figure:
    """Draw a row for each symbol, the most used first: the images that use it most, marked.

    images: (M, H, W, 3); symbols: (M, L); attention: (M, L, P), None where the method has none and
    nothing is marked. The order of the images is that of `users_of`.
    """
    grid = None if attention is None else _side(attention)
    count, length = symbols.shape
    numbers, uses = np.unique(symbols, return_counts=True)
    rows, names = [], []
    for place in np.argsort(-uses, kind="stable")[:ROWS]:
        symbol = int(numbers[place])
        users = users_of(symbol, symbols, attention)
        tiles = []
        for row in users[:COLUMNS]:
            image, held = _enlarged(images[row]), np.flatnonzero(symbols[row] == symbol)
            if attention is not None and grid is not None:
                image = _marked(image, attended(_together(attention[row, held])), grid)
            tiles.append(Tile(image, caption=_places(held, length), ink=INK))
        rows.append(tiles)
        share = 100 * uses[place] / symbols.size
        used = f"{share:.1f} % of places, {len(users):,} of {count:,} images"
        names.append(f"symbol {symbol}: {used}")
    marks = "; outlined: where it looks, none if at all alike" if grid else ""
    some = f"{len(rows)} of {len(numbers)} used"
    return album(
        rows,
        f"The most used symbols ({some}), with images that use them most",
        f"below: the positions in the sequence that hold the symbol{marks}",
        names=names,
        side=_tile_side(rows),
    )


def class_by_symbol(
    labels: np.ndarray,
    symbols: np.ndarray,
    classes: Sequence[str] = (),
    position: int | None = None,
) -> Figure:
    """Draw the shares of the classes in each symbol's uses, and above them the number of uses.

    labels: (N,); symbols: (N, L); position: in the sequence, from 0; None: all of them together.
    Symbols are ordered by the class that uses them most, so that informative ones form a diagonal.
    The most used ones are shown; those that are hardly used are left out.
    """
    if position is not None:
        symbols = symbols[:, position : position + 1]
    count = max(int(labels.max(initial=0)) + 1, len(classes))
    numbers, shares, use = class_shares(labels, symbols, count)
    most = np.argsort(-use, kind="stable")[:MOST_SYMBOLS]
    often = most[use[most] * symbols.size > FEWEST_USES - 0.5]
    most = often if len(often) else most
    order = most[np.lexsort((-shares[:, most].max(0), shares[:, most].argmax(0)))]
    where = "all positions" if position is None else f"position {position + 1}"
    about = f"share of each class in the uses of a symbol, {where}, {symbols.size:,} uses in all; "
    about += "above: how often it is used"
    if len(order) < len(numbers):
        shown = 100 * use[order].sum()
        about += f"; the {len(order)} most used of {len(numbers)} symbols, {shown:.0f} % of all use"
    names = [_class(label, classes) for label in range(count)]
    return _table(numbers[order], shares[:, order], use[order], names, about)


def of_a_method(
    images: np.ndarray,
    labels: np.ndarray,
    symbols: np.ndarray,
    attention: np.ndarray | None = None,
    classes: Sequence[str] = (),
) -> dict[str, Callable[[], Figure]]:
    """The pictures of a method's symbols by name; without attention, those that need none.

    images: (N, H, W, 3); labels: (N,); symbols: (N, L); attention: (M, L, P) of the first M images.
    """
    found: dict[str, Callable[[], Figure]] = {}
    if attention is not None and len(attention):
        most = len(attention)
        found["attention"] = partial(
            symbols_and_attention, images[:most], symbols[:most], attention, labels[:most], classes
        )
        found["gallery"] = partial(symbol_gallery, images[:most], symbols[:most], attention)
    else:
        found["gallery"] = partial(symbol_gallery, images, symbols)
    found["classes"] = partial(class_by_symbol, labels, symbols, classes)
    found["classes_first"] = partial(class_by_symbol, labels, symbols, classes, 0)
    return found


def attended(attention: np.ndarray) -> np.ndarray:
    """Mark the patches (P,) that have at least half of the largest attention (P,), as bool.

    Patches with no more than an even share are not marked: an even attention looks nowhere.
    """
    weights = np.asarray(attention, np.float64)
    return np.asarray((weights >= MUCH * weights.max()) & (weights > EVEN * weights.mean()))


def users_of(symbol: int, symbols: np.ndarray, attention: np.ndarray | None = None) -> np.ndarray:
    """Find the images that hold a symbol, those that hold it most first.

    symbols: (M, L), attention: (M, L, P). Among images that hold it equally often, those come first
    in which the largest share of its attention is on a single patch.
    """
    uses = symbols == symbol
    rows = np.flatnonzero(uses.any(1))
    sharpness = np.zeros(len(rows))
    if attention is not None:
        maps = [_together(attention[row, uses[row]]) for row in rows]
        sharpness = np.array([one.max() / max(one.sum(), 1e-12) for one in maps])
    return rows[np.lexsort((rows, -sharpness, -uses[rows].sum(1)))]


def class_shares(
    labels: np.ndarray, symbols: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The K used symbols, the shares (C, K) of the classes in each, and the use (K,) of each.

    labels: (N,), symbols: (N, L), count: C. Shares sum to 1 for each symbol; use sums to 1.
    """
    numbers, places = np.unique(symbols, return_inverse=True)
    places = places.reshape(symbols.shape)  # the shape differs between releases of NumPy
    cells = np.asarray(labels)[:, None] * len(numbers) + places
    uses = np.bincount(cells.reshape(-1), minlength=count * len(numbers))
    uses = uses.reshape(count, len(numbers))
    return numbers, uses / uses.sum(0), uses.sum(0) / uses.sum()


def varied(labels: np.ndarray, most: int) -> list[int]:
    """Choose at most `most` rows: the first of each class, then the second of each, and so on."""
    earlier: dict[int, int] = {}
    ranks = []
    for row, label in enumerate(map(int, labels)):
        ranks.append((earlier.get(label, 0), label, row))
        earlier[label] = earlier.get(label, 0) + 1
    return [row for _, _, row in sorted(ranks)[:most]]


def _side(attention: np.ndarray) -> int:
    """The side S of the grid of patches of attention (M, L, S·S)."""
    patches = attention.shape[-1]
    side = isqrt(patches)
    if side * side != patches or not side:
        raise SymbenchError(
            f"attention is over {patches} patches; their number must be a square, such as 64; "
            "leave out the class token."
        )
    return side


def _together(attention: np.ndarray) -> np.ndarray:
    """Sum the attention (places of a symbol in one image, P) over the places."""
    return np.asarray(attention, np.float64).sum(0)


def _enlarged(image: np.ndarray) -> np.ndarray:
    """Enlarge an image (H, W, 3) to its tile (h, w, 3)."""
    factor = max(1, round(SIDE / max(image.shape[:2])))
    return np.asarray(image.repeat(factor, 0).repeat(factor, 1))


def _tile_side(rows: Sequence[Sequence[Tile]]) -> int:
    """The longer side in dots of the tiles, which are enlarged already."""
    return max(rows[0][0].image.shape[:2]) if rows else SIDE


def _over(image: np.ndarray, values: np.ndarray, grid: int) -> np.ndarray:
    """Spread values (P,) of patches over the tile (h, w, 3): an array (h, w)."""
    high, wide = image.shape[:2]
    down, across = np.arange(high) * grid // high, np.arange(wide) * grid // wide
    return values.reshape(grid, grid)[down[:, None], across]


def _pale(image: np.ndarray, contrast: float) -> np.ndarray:
    """Turn a tile (h, w, 3) into light greys (h, w, 1), float."""
    grey = image @ np.array([0.299, 0.587, 0.114])
    return np.asarray(255 - contrast * (255 - grey))[..., None]


def _heated(image: np.ndarray, weights: np.ndarray, grid: int) -> np.ndarray:
    """Turn a tile (h, w, 3) grey, and tint it red by how far weights (P,) exceed their mean."""
    shares = np.asarray(weights, np.float64) / max(float(np.mean(weights, dtype=float)), 1e-12)
    strength = (shares - 1).clip(0) / (max(FULL, float(shares.max())) - 1)
    tint = 1 - _over(image, strength, grid)[..., None] * (1 - np.array(to_rgb(ACCENT)))
    return np.rint(_pale(image, _PALE_MAP) * tint).astype(np.uint8)


def _marked(image: np.ndarray, region: np.ndarray, grid: int) -> np.ndarray:
    """Keep a tile's colours (h, w, 3) in the region (P,) alone, and draw its outline.

    An empty region, as even attention gives it, leaves the tile as it is.
    """
    if not region.any():
        return image
    inside = _over(image, region, grid)
    tile = np.where(inside[..., None], image, np.rint(_pale(image, _PALE_OUTSIDE)))
    tile[inside & ~_eroded(inside, 3)] = _LIGHT
    tile[inside & ~_eroded(inside, 1)] = _DARK
    return tile.astype(np.uint8)


def _eroded(inside: np.ndarray, dots: int) -> np.ndarray:
    """Erode a mask (h, w) bool by so many dots along both axes."""
    for _ in range(dots):
        wide = np.pad(inside, 1)
        inside = inside & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return inside


def _places(held: np.ndarray, length: int) -> str:
    """Write places, given from 0, as counted from 1: `1, 3–5`; many runs as `6 of 8`."""
    runs = np.split(held, np.flatnonzero(np.diff(held) > 1) + 1)
    if len(runs) > 3:
        return f"{len(held)} of {length}"
    ends = [(int(run[0]) + 1, int(run[-1]) + 1) for run in runs]
    return ", ".join(f"{one}" if one == last else f"{one}–{last}" for one, last in ends)


def _class(label: int, classes: Sequence[str]) -> str:
    if 0 <= label < len(classes):
        return str(classes[label]).replace("_", " ")
    return f"class {label}"


def _table(
    numbers: np.ndarray, shares: np.ndarray, use: np.ndarray, names: Sequence[str], about: str
) -> Figure:
    """Draw the figure of `class_by_symbol`; shares: (C, K), use: (K,), in the columns' order."""
    count, columns = shares.shape
    margin, step = MARGIN / DPI, line_height(SMALL)
    cell = min(0.5, max(0.19, 4 / columns))
    row = 0.24 if count <= 20 else 0.14
    size = NORMAL if count <= 20 else SMALL
    left = margin + max(text_width(name, size) for name in [*names, "how often"]) / DPI + 0.12
    across, down, bars = cell * columns, row * count, 0.55
    width = max(5.0, left + across + 1.0)
    lines = wrapped(about, round((width - 2 * margin) * DPI), SMALL)
    top = margin + line_height(LARGE) + step * len(lines) + 0.18
    height = top + bars + 0.08 + down + 0.5
    figure, ground = sheet(width, height)
    ground.text(margin, margin, "Classes by symbol", size=LARGE, color=INK, weight="bold", va="top")
    for number, line in enumerate(lines):
        y = margin + line_height(LARGE) + step * number + 0.04
        ground.text(margin, y, line, fontsize=SMALL, color=MUTED, va="top")

    def place(x: float, y: float, wide: float, high: float) -> Axes:
        return figure.add_axes((x / width, 1 - (y + high) / height, wide / width, high / height))

    bar = place(left, top, across, bars)
    bar.bar(np.arange(columns), 100 * use, color=MUTED, width=0.7)
    bar.set(xlim=(-0.5, columns - 0.5), xticks=[], ylim=(0, 100 * use.max()))
    bar.set_yticks([100 * use.max()], [f"{100 * use.max():.1f} %"], fontsize=SMALL, color=MUTED)
    heat = place(left, top + bars + 0.08, across, down)
    # The scale's end is at least twice the even share, so that even shares look even.
    largest = min(1.0, max(float(shares.max()), 2 / count))
    heat.imshow(shares, cmap=_SHARES, vmin=0, vmax=largest, aspect="auto", interpolation="nearest")
    heat.set_yticks(range(count), names, fontsize=size, color=INK)
    turned = 90 if cell < 0.3 else 0
    heat.set_xticks(
        range(columns), [f"{one}" for one in numbers], size=SMALL, color=INK, rotation=turned
    )
    heat.set_xlabel("symbol", fontsize=SMALL, color=MUTED, labelpad=2)
    scale = place(left + across + 0.2, top + bars + 0.08, 0.12, down)
    ColorbarBase(scale, cmap=_SHARES, norm=Normalize(0, largest))
    scale.set_yticks([0, largest], ["0 %", f"{100 * largest:.0f} %"], fontsize=SMALL, color=MUTED)
    for axes in (bar, heat, scale):
        axes.tick_params(length=0, pad=3)
        for spine in axes.spines.values():
            spine.set(color=FAINT, linewidth=0.8)
    for side in ("top", "right", "left"):
        bar.spines[side].set_visible(False)
    return figure

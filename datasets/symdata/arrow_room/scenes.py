"""The scenes of the room: `load(config)` draws them, renders them once, and keeps the images.

Rooms are drawn in `rooms.py` and `breaks.py`, which take a moment and need no renderer; images
come from `rendering.py` by way of `workers.py`, over all cores, and `symdata.cache` keeps them.

Letters: N scenes, K things in each, H = W pixels.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from operator import index

import numpy as np
from tqdm import tqdm

from symdata import cache
from symdata.arrow_room import DATA, camera, workers
from symdata.arrow_room.breaks import BREAKS
from symdata.arrow_room.breaks import shuffled as shuffled_rooms
from symdata.arrow_room.rooms import Rooms, Stream, obeying
from symdata.arrow_room.shapes import ARROW_CODE
from symdata.errors import DataError
from symdata.sampling import Draw
from symdata.scenes import Scenes
from symdata.sources import DEFAULT, DataSources

# Images that a process renders at a time, which an interruption can lose.
PIECE = 20


def load(config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, Scenes]:
    """The splits "train", "validation" and "test"."""
    sizes = DATA.settings(config)["sizes"]
    drawn = {split: obeying(count, stream(config, split, seed)) for split, count in sizes.items()}
    return {split: _scenes(config, split, seed, rooms, sources) for split, rooms in drawn.items()}


def shuffled(config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT) -> Scenes:
    """Scenes of an arrow and three objects of any shapes, materials and places: no rule at all."""
    rooms = shuffled_rooms(count, stream(config, "shuffled", seed))
    return _scenes(config, "shuffled", seed, rooms, sources)


def broken(
    config: str, count: int, seed: int = 0, sources: DataSources = DEFAULT
) -> dict[str, Scenes]:
    """Scenes with exactly one rule broken, `count` of each kind, by kind."""
    return {
        kind: _scenes(config, kind, seed, make(count, stream(config, kind, seed)), sources)
        for kind, make in BREAKS.items()
    }


def missing(config: str, sources: DataSources = DEFAULT) -> str | None:
    """Line on why the configuration cannot be had here and what to do; None if it can."""
    if find_spec("mitsuba") is not None:
        return None
    size = DATA.settings(config)["size"]
    for split, count in DATA.settings(config)["sizes"].items():
        shape = (count, size, size, 3)
        if not cache.kept(
            sources.cache, _name(config, split), _description(config, split, 0), shape
        ):
            return "its images are rendered with Mitsuba: pip install 'symbench[render]'."
    return None


def graph(rooms: Rooms, size: int) -> dict[str, np.ndarray]:
    """Contents of the rooms, and their places in images of this size; see the data set's card."""
    arrows = rooms.shapes == ARROW_CODE
    which = arrows.argmax(axis=1)
    rows = np.arange(len(rooms))
    there = arrows.any(axis=1)[:, None]
    directions = np.where(there, rooms.turns[rows, which], 0)
    centres = rooms.positions[rows, which]
    ahead = centres.copy()
    ahead[:, :2] += 1e-3 * directions
    step = camera.project(ahead) - camera.project(centres)
    length = np.sqrt(step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1])
    headings = step / np.where(there[:, 0], length, 1)[:, None]
    return {
        "shapes": rooms.shapes,
        "colours": rooms.colours,
        "materials": rooms.materials,
        "positions": rooms.positions.astype(np.float32),
        "pixels": (size * camera.project(rooms.positions)).astype(np.float32),
        "boxes": (size * rooms.boxes).astype(np.float32),
        "directions": directions.astype(np.float32),
        "headings": headings.astype(np.float32),
    }


def stream(config: str, part: str, seed: int) -> Stream:
    """Random streams of a split, or of a kind of scenes, by purpose."""
    seed = index(seed)
    if seed < 0:
        raise DataError(f"a seed is an integer from 0 on, not {seed}.")
    return partial(Draw, DATA.name, DATA.version, config, part, seed=seed)


def _name(config: str, part: str) -> str:
    return f"{DATA.name}/{config}-{part}"


def _description(config: str, part: str, seed: int, count: int | None = None) -> dict[str, object]:
    """Description of all that determines the images of a split, or of `count` scenes of a kind."""
    chosen = DATA.settings(config)
    sizes = chosen.pop("sizes")
    scenes = {"part": part, "seed": seed, "count": sizes[part] if count is None else count}
    return {"dataset": DATA.name, "version": DATA.version, "config": config, **chosen, **scenes}


def _scenes(config: str, part: str, seed: int, rooms: Rooms, sources: DataSources) -> Scenes:
    """Scenes of these rooms, with images from the cache or rendered now."""
    chosen = DATA.settings(config)
    size, samples = chosen["size"], chosen["samples_per_pixel"]
    description = _description(config, part, seed, len(rooms))
    label = f"{DATA.name} {config} {part}"
    path = cache.file_for(sources.cache, _name(config, part), description)

    def make(pieces: Sequence[slice]) -> Iterator[tuple[slice, np.ndarray]]:
        left = sum(piece.stop - piece.start for piece in pieces)
        print(
            f"Rendering {left} of {len(rooms)} images of {label} for {path}; an interruption loses "
            f"nothing that is done.",
            file=sys.stderr,
        )
        bar = tqdm(
            total=len(rooms), initial=len(rooms) - left, desc=label, unit="image", disable=None
        )
        with bar:
            for piece, images in workers.render(rooms, pieces, size, samples):
                yield piece, images
                bar.update(len(images))

    shape = (len(rooms), size, size, 3)
    images = cache.keep(
        sources.cache, _name(config, part), description, shape, "uint8", PIECE, make, _maker
    )
    return Scenes(images, graph(rooms, size))


def _maker() -> str:
    """Mitsuba and its version; `DataError` where it is not installed."""
    try:
        return f"mitsuba {version('mitsuba')}"
    except PackageNotFoundError:
        raise DataError(
            f"the images of {DATA.name} are rendered with Mitsuba, which is not installed: "
            f"pip install 'symbench[render]'."
        ) from None

"""The rule of the room: `violations` says what in a scene breaks it.

Four things of one material stand in the room: one arrow, two objects of one shape and one of
another. The arrow is the nearest to the camera, and points at the object that is unlike the others.

Source: Jiang and Ahn, "Generative Neurosymbolic Machines" (NeurIPS 2020), Arrow Room.

Letters: K things, at most one of which is an arrow when its direction matters.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from symdata.arrow_room import MATERIALS
from symdata.arrow_room.camera import distance

THINGS, OBJECTS = 4, 3


def violations(
    shapes: Sequence[str],
    materials: Sequence[str],
    positions: np.ndarray,
    direction: np.ndarray | None,
    degrees: float = 2.0,
    nearer: float = 0.0,
) -> tuple[str, ...]:
    """Faults of a scene against the rule, a short phrase each; empty if it obeys.

    shapes, materials: K names. positions: (K, 3), the centres. direction: (2,) along which the
    arrow points on the floor, None where there is no arrow. degrees: how far off it may point.
    nearer: by how much it is to be the nearest; below zero, it may be farther by so much.
    """
    arrows = [k for k, shape in enumerate(shapes) if shape == "arrow"]
    objects = [k for k, shape in enumerate(shapes) if shape != "arrow"]
    found = []
    if len(shapes) != THINGS:
        found.append(f"there are {len(shapes)} things, not {THINGS}")
    if len(arrows) != 1:
        found.append("there is no arrow" if not arrows else f"there are {len(arrows)} arrows")
    if len(set(materials)) > 1:
        found.append("not all are of one material")
    kinds = Counter(shapes[k] for k in objects)
    odd = [k for k in objects if kinds[shapes[k]] == 1]
    if len(objects) == OBJECTS and len(kinds) != 2:
        found.append(
            f"all three objects are {shapes[objects[0]]}s"
            if len(kinds) == 1
            else "no two objects have the same shape"
        )
    if len(arrows) == 1:
        arrow = arrows[0]
        far = distance(np.asarray(positions, dtype=np.float64))
        nearest = min((far[k] for k in objects), default=math.inf)
        if nearest - far[arrow] <= nearer:
            found.append("the arrow is not the closest to the camera")
        if direction is not None and len(objects) == OBJECTS and len(odd) == 1:
            found += _pointing(shapes, positions, np.asarray(direction), arrow, odd[0], degrees)
    return tuple(found)


def agreement(names: Sequence[str], centres: np.ndarray, size: int) -> int:
    """The most things that fit into one room: an arrow, two of a shape, one of another: 0 to 4.

    They are of one material. names: of K things, such as "metal cube"; centres (K, 2) and size, in
    pixels, are not asked: directions and places do not matter.
    """
    best = 0
    for material in MATERIALS:
        start = f"{material} "
        held = Counter(name.removeprefix(start) for name in names if name.startswith(start))
        arrow = min(held.pop("arrow", 0), 1)
        pairs = (
            min(held[pair], 2) + max((min(held[odd], 1) for odd in held if odd != pair), default=0)
            for pair in held
        )
        best = max(best, arrow + max(pairs, default=0))
    return best


def _pointing(
    shapes: Sequence[str],
    positions: np.ndarray,
    direction: np.ndarray,
    arrow: int,
    odd: int,
    degrees: float,
) -> list[str]:
    """Faults in where the arrow points."""
    off = [
        _angle(direction, positions[k] - positions[arrow]) for k in range(len(shapes)) if k != arrow
    ]
    others = [k for k in range(len(shapes)) if k != arrow]
    closest = others[int(np.argmin(off))]
    if off[others.index(odd)] <= degrees and closest == odd:
        return []
    if closest != odd and min(off) <= degrees:
        return [f"the arrow points at a {shapes[closest]}, not at the {shapes[odd]}"]
    return [f"the arrow does not point at the {shapes[odd]}"]


def _angle(one: np.ndarray, other: np.ndarray) -> float:
    """Angle between two directions, in degrees."""
    across = one[0] * other[1] - one[1] * other[0]
    along = one[0] * other[0] + one[1] * other[1]
    return math.degrees(math.atan2(abs(across), along))

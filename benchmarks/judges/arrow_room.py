"""The judge of `arrow_room`: it finds the things in an image and their places, and asks the rule.

A detector (`room_detector`) names the things and their places in the image. The camera never moves,
so that each gives a place on the floor, about which `symdata.arrow_room.rule.violations` is asked.
An object that cannot be recognised makes the image fail, as it would before a person.

Letters: N images, S their side in pixels.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from benchmarks.judges import Found, Judges, Verdict, checked_images, stored
from benchmarks.judges.room_detector import Detector, Thing
from symdata.arrow_room import MATERIALS, SHAPES, camera, rule
from symdata.arrow_room.shapes import HEIGHTS

NAME = "arrow_room"
VERSION = 1

# Confidence below which a thing counts as not recognisable.
PLAIN = 0.5
# Tolerances of the rule for detected places, which are not exact: the arrow's error in degrees, and
# its margin over the next thing. Both lie between obeying and breaking scenes of the data set.
DEGREES, NEARER = 14.0, -0.15


def load(data: str) -> Judges:
    """The judge of "arrow_room": images uint8 (N, S, S, 3) → a verdict for each."""
    weights, _ = stored.read(NAME, VERSION)
    detector = Detector(weights)
    detector.network = BothWays(detector.network)  # type: ignore[assignment]

    def judge(images: np.ndarray) -> list[Verdict]:
        size = checked_images(images, 3).shape[1]
        return [verdict(things, size) for things in detector(images)]

    return judge


class BothWays(nn.Module):
    """The mean of a detector's maps for images and for their mirror images, mirrored back."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """See `RoomDetector.forward`."""
        said: dict[str, Tensor] = self.network(images)
        other = {name: of.flip(3) for name, of in self.network(images.flip(3)).items()}
        x = images.new_tensor([-1.0, 1.0])[:, None, None]
        other["offset"], other["turn"] = x * other["offset"], x * other["turn"]
        other["sides"] = other["sides"][:, [2, 1, 0, 3]]
        return {name: (of + other[name]) / 2 for name, of in said.items()}


def verdict(things: list[Thing], size: int) -> Verdict:
    """Ask the rule about the things detected in an image of this size."""
    found = tuple(_found(thing, size) for thing in things)
    if any(thing.confidence < PLAIN for thing in things):
        return Verdict(False, "an object cannot be recognised", found)
    arrows = [thing for thing in things if SHAPES[thing.shape] == "arrow"]
    reasons = rule.violations(
        [SHAPES[thing.shape] for thing in things],
        [MATERIALS[thing.material] for thing in things],
        np.array([_position(thing) for thing in things]).reshape(-1, 3),
        arrows[0].direction if arrows else None,
        DEGREES,
        NEARER,
    )
    return Verdict(not reasons, reasons[0] if reasons else "", found)


def _position(thing: Thing) -> np.ndarray:
    """The position (3,) of a thing in the world, from its place in the image and its height."""
    height = HEIGHTS[thing.shape]
    return np.append(camera.unproject(thing.place, height), height)


def _found(thing: Thing, size: int) -> Found:
    x0, y0, x1, y1 = (float(size * edge) for edge in np.clip(thing.box, 0, 1))
    name = f"{MATERIALS[thing.material]} {SHAPES[thing.shape]}"
    return Found(name, (x0, y0, x1, y1), thing.confidence)

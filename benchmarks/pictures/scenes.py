"""Pictures of the `scenes` suite: a model's samples, the judge's verdicts, the parts of scenes.

Letters: N images, H, W, C their height, width and channels (1 grey, 3 RGB), K components or boxes,
T steps, R directions of a latent, P places along one. Images are uint8; boxes are x0, y0, x1, y1 in
pixels, y down; presence is in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.pictures.album import Box, Tile, album
from benchmarks.pictures.style import ACCENT, COLOURS

GOOD, BAD = COLOURS[2], ACCENT
# Colours of boxes: Paul Tol's "light" scheme, which is visible on a dark ground.
INKS = ("#77AADD", "#EE8866", "#EEDD88", "#FFAABB", "#99DDFF", "#44BB99", "#BBCC33")
# The presence below which a component counts as absent.
ABSENT = 0.1
# The most images of a picture, and the number in a row.
SHOWN, SHOWN_COLUMNS = 24, 6
JUDGED, JUDGED_COLUMNS = 8, 4
COLUMNS = 8
KIND_COLUMNS = 6
COMPONENT_ROWS, STEP_ROWS, DIRECTIONS = 4, 4, 8
# The reach of a traversal to either side, in standard deviations.
REACH = 2.0

Verdicts = Sequence[tuple[bool, str]]
Founds = Sequence[Sequence[tuple[str, Sequence[float], float]]]


def samples(images: np.ndarray, verdicts: Verdicts) -> Figure:
    """Draw the first samples (N, H, W, C), framed by verdict, with the reason of a rejection.

    verdicts: for each sample, whether it obeys and why not; there may be more than images.
    """
    tiles = [_judged(*one) for one in zip(images[:SHOWN], verdicts, strict=False)]
    obeying = sum(bool(obeys) for obeys, _ in verdicts)
    share = f" ({100 * obeying / len(verdicts):.1f} %)" if verdicts else ""
    first = f"the first {len(tiles)}; " if len(tiles) < len(verdicts) else ""
    return album(
        _in_rows(tiles, SHOWN_COLUMNS),
        f"{obeying} of {len(verdicts)} samples obey the rule{share}",
        f"{first}green frame: obeys, as the judge says; red: does not, and why",
    )


def judged(images: np.ndarray, founds: Founds, verdicts: Verdicts) -> Figure:
    """Draw the judge's findings in a few images (N, H, W, C), if possible with both verdicts.

    founds: for each image its objects, as name, box and confidence in [0, 1].
    """
    shown = _mixed([obeys for obeys, _ in verdicts[: len(images)]], JUDGED)
    tiles = []
    for row in shown:
        boxes = tuple(
            Box(box, INKS[place % len(INKS)], 1.0, f"{name} · {100 * confidence:.0f} %")
            for place, (name, box, confidence) in enumerate(founds[row])
        )
        tiles.append(_judged(images[row], verdicts[row], boxes))
    return album(
        _in_rows(tiles, JUDGED_COLUMNS),
        "What the judge has found",
        "objects, and how sure it is of each; green frame: the scene obeys; red: does not, and why",
        side=384,
    )


def _judged(image: np.ndarray, verdict: tuple[bool, str], boxes: tuple[Box, ...] = ()) -> Tile:
    obeys, reason = verdict
    return Tile(image, GOOD if obeys else BAD, "" if obeys else reason, BAD, boxes)


def boxes(images: np.ndarray, boxes: np.ndarray, presence: np.ndarray | None, title: str) -> Figure:
    """Draw images (N, H, W, C) with boxes (N, K, 4) of components, fainter where less present.

    presence: (N, K), None if all are there.
    """
    tiles = _boxed(images[: 2 * COLUMNS], boxes, presence)
    return album(_in_rows(tiles, COLUMNS), title, _about_boxes(presence), side=192)


def _about_boxes(presence: np.ndarray | None) -> str:
    return "a box for each component" + ("" if presence is None else _FAINTER)


_FAINTER = f", the fainter the less it is present; none below {ABSENT:g}"


def _boxed(images: np.ndarray, boxes: np.ndarray, presence: np.ndarray | None) -> list[Tile]:
    if presence is None:
        presence = np.ones(boxes.shape[:2])
    tiles = []
    for image, places, present in zip(images, boxes, presence, strict=False):
        outlines = (
            Box(box, INKS[k % len(INKS)], min(float(strength), 1.0))
            for k, (box, strength) in enumerate(zip(places, present, strict=True))
            if strength >= ABSENT
        )
        tiles.append(Tile(image, boxes=tuple(outlines)))
    return tiles


def reconstructions(
    images: np.ndarray,
    reconstructions: np.ndarray,
    boxes: np.ndarray | None = None,
    presence: np.ndarray | None = None,
) -> Figure:
    """Draw images (N, H, W, C) above their reconstructions; boxes are in the images alone.

    boxes: (N, K, 4); presence: (N, K), None if all boxes are there.
    """
    images = images[:COLUMNS]
    above = [Tile(image) for image in images] if boxes is None else _boxed(images, boxes, presence)
    below = [Tile(image) for image in reconstructions[:COLUMNS]]
    return album(
        [above, below],
        "Reconstructions of test images",
        "" if boxes is None else _about_boxes(presence),
        names=("input", "reconstruction"),
        side=192,
    )


def components(images: np.ndarray, components: np.ndarray) -> Figure:
    """Draw a row for each image (N, H, W, C): it, and the sums of its first 1, 2, … components.

    components: (N, K, H, W, C), what each adds to the image, in the order of drawing, with a
    background where the model has one. Components that add nothing are left out; of many sums some
    are shown, with the last.
    """
    rows = []
    for row, image in enumerate(images[:COMPONENT_ROWS]):
        parts = components[row].astype(np.int32)
        parts = parts[parts.any((1, 2, 3))]
        sums = np.cumsum(parts, axis=0).clip(0, 255).astype(np.uint8)
        tiles = [Tile(image, caption="input")]
        for last in _spread(len(sums), COLUMNS - 1):
            tiles.append(Tile(sums[last], caption=_counted(last + 1)))
        if not len(sums):
            tiles.append(Tile(np.zeros_like(image), caption=_counted(0)))
        rows.append(tiles)
    return album(
        rows,
        "Scenes component by component",
        "in the order of drawing; what adds nothing is left out",
        side=192,
    )


def _counted(count: int) -> str:
    return f"{count or 'no'} layer{'s' * (count != 1)}"


def steps(images: np.ndarray, steps: np.ndarray) -> Figure:
    """Draw a row for each image (N, H, W, C): it, and the canvases of its steps (N, T, H, W, C)."""
    shown = _spread(steps.shape[1], COLUMNS)
    rows = [
        [Tile(image), *(Tile(canvases[step]) for step in shown)]
        for image, canvases in zip(images[:STEP_ROWS], steps, strict=False)
    ]
    headings = ["input", *(f"step {step + 1}" for step in shown)]
    title = "Reconstructions step by step"
    return album(rows, title, headings=headings, side=192 if len(shown) < COLUMNS else 128)


def traversal(rows: np.ndarray, title: str) -> Figure:
    """Draw a row for each direction of a latent (R, P, H, W, C), from −2 to 2 standard deviations.

    P is odd, so that all rows share the image in the middle.
    """
    ticks = [f"{tick:g}".replace("-", "−") for tick in np.linspace(-REACH, REACH, rows.shape[1])]
    return album(
        [[Tile(image) for image in row] for row in rows[:DIRECTIONS]],
        title,
        "a row for each direction; above: standard deviations from the start",
        headings=ticks,
        side=128,
    )


def kinds(
    images: Mapping[str, np.ndarray],
    verdicts: Mapping[str, Sequence[bool] | np.ndarray],
    obeying: str = "obeys",
) -> Figure:
    """Draw a row for each kind of images (N, H, W, C), framed by verdicts (N,), True if it obeys.

    obeying: the kind that obeys the rule; all others break it. Mistakes of the judge fill up to
    half of a row.
    """
    rows, names = [], []
    for kind, stack in images.items():
        accepted = [bool(verdict) for verdict in verdicts[kind]]
        wanted = kind == obeying
        right = [verdict == wanted for verdict in accepted]
        word = "accepted" if wanted else "rejected"
        wrong = "rejected" if wanted else "accepted"
        tiles = [
            Tile(
                stack[place],
                GOOD if accepted[place] else BAD,
                "" if right[place] else f"{wrong}: a mistake",
                BAD,
            )
            for place in _mixed(right, KIND_COLUMNS)
        ]
        if tiles:
            rows.append(tiles)
            names.append(f"{kind.replace('_', ' ')}: {sum(right)} of {len(right)} {word}")
    return album(
        rows,
        "What the judge says of images with one part of the rule broken",
        "green frame: accepted; red: rejected; mistakes are shown where there are any",
        names=names,
        side=192,
    )


def of_a_model(shown: Mapping[str, Any]) -> dict[str, Callable[[], Figure]]:
    """The pictures of a model's illustrations by name, those for which it has the arrays.

    shown: `images` (N, H, W, C), `reconstructions`, `boxes`, `presence`, `components`, `steps`;
    `drawn` (N, H, W, C) with `drawn_boxes`, `drawn_presence`; `traversal_global` and
    `traversal_position` (R, P, H, W, C).
    """
    inputs = shown.get("images")
    found: dict[str, Callable[[], Figure]] = {}
    if inputs is not None and "reconstructions" in shown:
        marks = shown.get("boxes"), shown.get("presence")
        found["reconstructions"] = partial(
            reconstructions, inputs, shown["reconstructions"], *marks
        )
    if inputs is not None and "components" in shown:
        found["components"] = partial(components, inputs, shown["components"])
    if inputs is not None and "steps" in shown:
        found["steps"] = partial(steps, inputs, shown["steps"])
    if "drawn" in shown and "drawn_boxes" in shown:
        marks = shown["drawn_boxes"], shown.get("drawn_presence")
        found["drawn"] = partial(boxes, shown["drawn"], *marks, "Samples and their components")
    for name, title in _TRAVERSALS.items():
        if name in shown:
            found[name] = partial(traversal, shown[name], title)
    return found


_TRAVERSALS = {
    "traversal_global": "Along directions of the latent of the whole scene",
    "traversal_position": "Along the position of one object, all else unchanged",
}


def _in_rows(tiles: Sequence[Tile], columns: int) -> list[Sequence[Tile]]:
    return [tiles[start : start + columns] for start in range(0, len(tiles), columns)]


def _spread(count: int, most: int) -> list[int]:
    """Choose at most `most` of `count` places, evenly spread, with the first and the last."""
    places = np.round(np.linspace(0, count - 1, min(count, most))).astype(int)
    return [int(place) for place in places]


def _mixed(flags: Sequence[bool], most: int) -> list[int]:
    """Choose at most `most` places in order, if possible half with a true and half a false flag."""
    first, second = ([k for k, flag in enumerate(flags) if flag == sort] for sort in (True, False))
    less = second[: max(most // 2, most - len(first))]
    return sorted([*first[: most - len(less)], *less])

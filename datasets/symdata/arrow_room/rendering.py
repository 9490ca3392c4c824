"""Images of rooms by Mitsuba 3: grey floor, soft lights, rubber and metal, as CLEVR has them.

The variant is `scalar_rgb`, for everybody: it needs no LLVM and no GPU, and variants differ in
their pixels, as each draws its random numbers in its own way. A room's image depends on the room
alone, and not on what is rendered before it or beside it.

Letters: N rooms, K things, H = W pixels.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from symdata.arrow_room import COLOURS, MATERIALS, RENDERER, SHAPES, camera, shapes
from symdata.arrow_room.rooms import Rooms

# The eight colours of CLEVR (Johnson et al. 2017), which takes them for linear light.
RGB = {
    "gray": (87, 87, 87),
    "red": (173, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 105, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}

# Place and half width of the square lamps, equally bright, which face the middle of the room.
LAMPS = {
    "key": ((6.5, -3.5, 7.5), 2.5),
    "fill": ((-7.0, -5.0, 5.0), 1.45),
    "back": ((-2.0, 7.0, 7.0), 1.3),
}
LAMP, AMBIENT, FLOOR = 5.0, 0.22, 0.7
# Two bounces: metal shows a lit floor, and things tint the floor beside them.
DEPTH = 3
PASSES, SPECK = 4, 1.3


@cache
def _mitsuba() -> Any:
    """Mitsuba with its variant, using one thread: images are rendered side by side instead."""
    import drjit
    import mitsuba

    mitsuba.set_variant(RENDERER)
    mitsuba.set_log_level(mitsuba.LogLevel.Error)
    drjit.set_thread_count(0)
    return mitsuba


def render(rooms: Rooms, size: int, samples: int) -> np.ndarray:
    """Images (N, H, W, 3) uint8 in sRGB; samples: rays through each pixel, four times a square.

    The rays come in four passes. Where one is much brighter than the middle of all, a ray has
    reached a lamp by way of metal by chance, and the pixel would be a bright speck: it is dimmed.
    """
    mitsuba = _mitsuba()
    images = np.empty((len(rooms), size, size, 3), dtype=np.uint8)
    for k in range(len(rooms)):
        scene = mitsuba.load_dict(_scene(rooms.take(slice(k, k + 1)), size))
        noise = PASSES * int(rooms.noise[k])
        passes = [
            np.asarray(mitsuba.render(scene, seed=(noise + p) % (1 << 32), spp=samples // PASSES))
            for p in range(PASSES)
        ]
        light = np.minimum(np.stack(passes).astype(np.float64), 1)
        light = np.minimum(light, SPECK * np.median(light, axis=0)).mean(axis=0)
        images[k] = np.rint(255 * _srgb(light))
    return images


def _srgb(linear: np.ndarray) -> np.ndarray:
    """Pixel values in [0, 1] for linear light in [0, 1] (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _scene(room: Rooms, size: int) -> dict[str, Any]:
    """The description of one room (N = 1) that Mitsuba loads."""
    transform = _mitsuba().ScalarTransform4f
    view = transform().look_at(origin=list(camera.EYE), target=list(camera.TARGET), up=[0, 0, 1])
    film = {"type": "hdrfilm", "width": size, "height": size, "pixel_format": "rgb"}
    scene: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": DEPTH},
        "sensor": {
            "type": "perspective",
            "fov": camera.FIELD_OF_VIEW,
            "fov_axis": "x",
            "to_world": view,
            "film": {**film, "rfilter": {"type": "box"}},
            "sampler": {"type": "multijitter"},
        },
        "ambient": {"type": "constant", "radiance": _rgb([AMBIENT] * 3), "sampling_weight": 0.0},
        "lamps": _lamps(),
        "floor": {
            "type": "rectangle",
            "to_world": transform().scale(80),
            "bsdf": {"type": "diffuse", "reflectance": _rgb([FLOOR] * 3)},
        },
    }
    for k, shape in enumerate(room.shapes[0]):
        surface = _surface(int(room.colours[0, k]), int(room.materials[0, k]))
        parts = _thing(int(shape), room.positions[0, k], room.turns[0, k])
        for number, part in enumerate(parts):
            if isinstance(part, dict):
                scene[f"thing_{k}_{number}"] = {**part, "bsdf": surface}
            else:
                scene[f"thing_{k}_{number}"] = part(surface)
    return scene


def _rgb(values: list[float]) -> dict[str, Any]:
    return {"type": "rgb", "value": values}


def _surface(colour: int, material: int) -> dict[str, Any]:
    """Rubber scatters and shines a little; metal reflects, tinted and blurred."""
    metal = MATERIALS[material] == "metal"
    return {
        "type": "principled",
        "base_color": _rgb([value / 255 for value in RGB[COLOURS[colour]]]),
        "metallic": 1.0 if metal else 0.0,
        "roughness": 0.35 if metal else 0.55,
        "specular": 0.5 if metal else 0.35,
    }


def _thing(shape: int, centre: np.ndarray, turn: np.ndarray) -> list[Any]:
    """The surfaces of a thing: Mitsuba's own, or a function from a material to a mesh."""
    transform = _mitsuba().ScalarTransform4f
    x, y, z = (float(value) for value in centre)
    cosine, sine = (float(value) for value in turn)
    turned = transform([[cosine, -sine, 0, x], [sine, cosine, 0, y], [0, 0, 1, z], [0, 0, 0, 1]])
    name = SHAPES[shape]
    if name == "sphere":
        return [{"type": "sphere", "center": [x, y, z], "radius": shapes.SPHERE}]
    if name == "cube":
        return [{"type": "cube", "to_world": turned @ transform().scale(shapes.CUBE)}]
    if name == "cylinder":
        top = [x, y, z + shapes.CYLINDER]
        side = {"p0": [x, y, z - shapes.CYLINDER], "p1": top, "radius": shapes.CYLINDER}
        lid = transform().translate(top) @ transform().scale(shapes.CYLINDER)
        return [{"type": "cylinder", **side}, {"type": "disk", "to_world": lid}]
    return [lambda surface: _arrow(surface, turned)]


def _arrow(surface: dict[str, Any], to_world: Any) -> Any:
    """The arrow as a mesh with flat faces."""
    corners, faces = arrow_mesh()
    matrix = np.array(to_world.matrix)
    return _mesh(corners @ matrix[:3, :3].T + matrix[:3, 3], faces, {"bsdf": surface})


@cache
def _lamps() -> Any:
    """All lamps as one mesh, so that they are one emitter.

    A scene keeps its emitters in an order that varies from run to run, and the random numbers that
    choose among several would vary with it; the surrounding light, with its weight of 0, is never
    chosen so. A point on the mesh is chosen by area, and so each lamp by its power.
    """
    corners = []
    for place, half in LAMPS.values():
        ahead = -np.array(place) / np.linalg.norm(place)
        right = np.cross(ahead, (0, 0, 1))
        right *= half / np.linalg.norm(right)
        up = np.cross(right, ahead)
        corners += [place - right - up, place - right + up, place + right + up, place + right - up]
    faces = [(k + a, k + b, k + c) for k in (0, 4, 8) for a, b, c in ((0, 1, 2), (0, 2, 3))]
    emitter = {"type": "area", "radiance": _rgb([LAMP] * 3)}
    return _mesh(np.array(corners), np.array(faces), {"emitter": emitter})


def _mesh(corners: np.ndarray, faces: np.ndarray, rest: dict[str, Any]) -> Any:
    """Mesh with these corners (V, 3) in the world and faces (F, 3), anticlockwise from the front.

    It is loaded from a file, the one way that every version of Mitsuba has.
    """
    lines = [
        "ply\nformat ascii 1.0",
        f"element vertex {len(corners)}",
        *(f"property float {axis}" for axis in "xyz"),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices\nend_header",
        *(" ".join(f"{value:.9g}" for value in corner) for corner in corners),
        *(f"3 {a} {b} {c}" for a, b, c in faces),
    ]
    with tempfile.TemporaryDirectory(prefix="symbench-") as folder:
        path = Path(folder) / "mesh.ply"
        path.write_text("\n".join(lines) + "\n")
        mesh = {"type": "ply", "filename": str(path), "face_normals": True}
        return _mitsuba().load_dict({**mesh, **rest})


@cache
def arrow_mesh() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) about the arrow's centre and triangles (F, 3), anticlockwise from outside."""
    outline, half = shapes.ARROW_OUTLINE, shapes.THICKNESS / 2
    top = np.hstack([outline, np.full((len(outline), 1), half)])
    # The head, then the shaft as two triangles; the outline runs anticlockwise from the tip.
    flat = [(0, 1, 6), (2, 3, 4), (2, 4, 5)]
    triangles = [top[list(corners)] for corners in flat]
    triangles += [top[list(corners)][::-1] * (1, 1, -1) for corners in flat]
    following = np.roll(top, -1, axis=0)
    for one, other in zip(top, following, strict=True):
        low_one, low_other = one * (1, 1, -1), other * (1, 1, -1)
        triangles += [np.array([one, low_one, low_other]), np.array([one, low_other, other])]
    corners = np.concatenate(triangles)
    return corners, np.arange(len(corners)).reshape(-1, 3)

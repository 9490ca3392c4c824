"""Rooms as images: where things are seen, what is kept, and what is said when it cannot be done."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import datasets
import numpy as np
import pytest

from symdata import DataSources, arrow_room, hub
from symdata import __path__ as package
from symdata.arrow_room import breaks, scenes, shapes, workers
from symdata.arrow_room.rooms import Rooms, obeying
from symdata.errors import DataError
from symdata.sampling import Draw
from symdata.scenes import fingerprint

needs_mitsuba = pytest.mark.skipif(
    importlib.util.find_spec("mitsuba") is None, reason="Mitsuba is not installed"
)
TINY = "rendered_tiny"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A configuration that takes a moment, and a cache of its own."""
    sizes = {"train": 5, "validation": 2, "test": 2}
    settings = {"size": 32, "sizes": sizes, "renderer": "mitsuba", "samples_per_pixel": 4}
    monkeypatch.setitem(arrow_room.DATA.configs, TINY, settings)
    monkeypatch.setattr(scenes, "PIECE", 2)
    monkeypatch.setattr(workers, "cores", lambda: 1)
    return DataSources(cache=tmp_path / "kept")


def room(*things, material=0):
    """A room with things given by shape, colour, x, y and the unit vector of the turn."""
    kinds, colours, *where = zip(*things, strict=True)
    x, y, cosine, sine = np.array(where, dtype=float)
    return Rooms(
        np.array([kinds]),
        np.array([colours]),
        np.full((1, len(things)), material),
        np.stack([x, y], axis=-1)[None],
        np.stack([cosine, sine], axis=-1)[None],
        np.array([7]),
    )


@needs_mitsuba
def test_things_are_seen_where_the_graph_says():
    """Red things on a grey floor; the four things in turn, at the edges of the room and turned."""
    from symdata.arrow_room.rendering import render

    red = arrow_room.COLOURS.index("red")
    for shape, x, y in ((0, -2.0, 1.0), (1, 1.5, -1.0), (2, 2.0, 2.5), (3, 0.5, -0.5)):
        given = room((shape, red, x, y, 0.8, 0.6))
        image = render(given, 64, 16)[0].astype(int)
        reddish = image[..., 0] - image[..., 1:].max(axis=-1) > 40
        rows, columns = np.nonzero(reddish)
        seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        known = scenes.graph(given, 64)
        assert np.abs(seen - known["boxes"][0, 0]).max() < 1.5, shape


@needs_mitsuba
def test_the_arrow_is_seen_to_point_where_the_graph_says():
    """Its head is wider than its shaft, on the side to which it points."""
    from symdata.arrow_room.rendering import render

    red = arrow_room.COLOURS.index("red")
    for cosine, sine in ((0.0, 1.0), (-1.0, 0.0), (0.6, -0.8)):
        given = room((3, red, 0, -0.5, cosine, sine))
        image = render(given, 96, 16)[0].astype(int)
        rows, columns = np.nonzero(image[..., 0] - image[..., 1:].max(axis=-1) > 40)
        known = scenes.graph(given, 96)
        away = np.stack([columns, rows], axis=-1) + 0.5 - known["pixels"][0, 0]
        along = away @ known["headings"][0]
        across = away[:, 0] * known["headings"][0, 1] - away[:, 1] * known["headings"][0, 0]
        front, back = across[along > 0], across[along < -3]
        assert np.ptp(front) > 1.2 * np.ptp(back)


@needs_mitsuba
def test_materials_and_colours_can_be_told_apart():
    from symdata.arrow_room.rendering import render

    one = room((1, 1, -1.5, 0, 1, 0), (1, 6, 1.5, 0, 1, 0))
    rubber = render(one, 48, 16)[0].astype(int)
    metal = render(replace(one, materials=one.materials + 1), 48, 16)[0].astype(int)
    x, y = np.rint(scenes.graph(one, 48)["pixels"][0]).astype(int).T
    red, cyan = rubber[y, x]
    assert red[0] > red[1] + 60
    assert cyan[1] > cyan[0] + 60
    spread = [
        image[y[0] - 4 : y[0] + 4, x[0] - 4 : x[0] + 4].std(axis=(0, 1)).mean()
        for image in (rubber, metal)
    ]
    assert spread[1] > 1.5 * spread[0]  # metal mirrors lamps and floor
    floor = rubber[-6:].reshape(-1, 3)
    assert np.ptp(floor.mean(axis=0)) < 2  # grey
    assert 100 < floor.mean() < 210


@needs_mitsuba
def test_an_image_depends_on_its_room_alone():
    from symdata.arrow_room.rendering import render

    given = obeying(3, partial(Draw, "alone", seed=0))
    whole = render(given, 32, 4)
    assert np.array_equal(render(given.take(slice(2, 3)), 32, 4)[0], whole[2])
    again = render(replace(given, noise=given.noise + 1).take(slice(0, 1)), 32, 4)[0]
    assert 0 < np.abs(again.astype(int) - whole[0]).mean() < 30  # other noise, the same room
    pieces = list(workers.render(given, [slice(1, 3), slice(0, 1)], 32, 4, processes=2))
    for piece, images in pieces:
        assert np.array_equal(images, whole[piece])
    assert len(pieces) == 2


@needs_mitsuba
def test_generated_kept_and_gone_on_with(tiny, monkeypatch, capsys):
    calls = []
    original = workers.render

    def watched(rooms, pieces, size, samples, processes=None):
        calls.append(len(pieces))
        for done, made in enumerate(original(rooms, pieces, size, samples, processes)):
            if calls == [3] and done == 2:
                raise KeyboardInterrupt
            yield made

    monkeypatch.setattr(workers, "render", watched)
    with pytest.raises(KeyboardInterrupt):
        scenes.load(TINY, 0, tiny)
    splits = scenes.load(TINY, 0, tiny)
    assert calls == [3, 1, 1, 1]  # of the first split only the piece that was missing
    said = capsys.readouterr().err
    assert re.search(rf"Rendering 5 of 5 images of arrow_room {TINY} train for {tiny.cache}", said)
    assert "Rendering 1 of 5 images" in said
    assert fingerprint(scenes.load(TINY, 0, tiny)) == fingerprint(splits)
    assert calls == [3, 1, 1, 1]
    assert {split: part.images.shape for split, part in splits.items()} == {
        "train": (5, 32, 32, 3),
        "validation": (2, 32, 32, 3),
        "test": (2, 32, 32, 3),
    }
    train = splits["train"]
    assert train.images.dtype == np.uint8
    assert (train.images.reshape(5, -1).std(axis=1) > 10).all()
    shaped = {name: (array.shape, str(array.dtype)) for name, array in train.graph.items()}
    assert shaped == {
        "shapes": ((5, 4), "int64"),
        "colours": ((5, 4), "int64"),
        "materials": ((5, 4), "int64"),
        "positions": ((5, 4, 3), "float32"),
        "pixels": ((5, 4, 2), "float32"),
        "boxes": ((5, 4, 4), "float32"),
        "directions": ((5, 2), "float32"),
        "headings": ((5, 2), "float32"),
    }
    # Whoever has the images needs no renderer.
    monkeypatch.setattr(scenes, "find_spec", lambda _: None)
    assert scenes.missing(TINY, tiny) is None


@needs_mitsuba
def test_shuffled_and_broken_are_rendered(tiny, monkeypatch):
    kinds = ("mixed_material", "arrow_missing")
    monkeypatch.setattr(scenes, "BREAKS", {kind: breaks.BREAKS[kind] for kind in kinds})
    assert scenes.shuffled(TINY, 2, 0, tiny).images.shape == (2, 32, 32, 3)
    found = scenes.broken(TINY, 2, 0, tiny)
    assert tuple(found) == kinds
    gone = found["arrow_missing"]
    assert gone.graph["shapes"].shape == (2, 3)
    assert not gone.graph["directions"].any()
    assert len(gone) == 2


@needs_mitsuba
def test_it_is_built_opened_and_verified(tiny, tmp_path):
    folder = hub.build("arrow_room", tmp_path / "data", [TINY], sources=tiny)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "hf"))
    part = scenes.load(TINY, 0, tiny)["train"]
    row = loaded["train"][3]
    assert np.array_equal(np.asarray(row["image"]), part.images[3])
    assert row["shapes"] == part.graph["shapes"][3].tolist()
    assert row["positions"] == part.graph["positions"][3].tolist()
    assert row["headings"] == part.graph["headings"][3].tolist()
    named = loaded["train"].features["shapes"].feature.names
    assert named == list(arrow_room.SHAPES)
    assert hub.verify(folder, sources=tiny) == {"folder": [], TINY: []}


def test_without_mitsuba_one_line_says_what_to_do(tiny, monkeypatch):
    def absent(_):
        raise scenes.PackageNotFoundError

    monkeypatch.setattr(scenes, "find_spec", lambda _: None)
    monkeypatch.setattr(scenes, "version", absent)
    line = scenes.missing(TINY, tiny)
    assert line.endswith("pip install 'symbench[render]'.")
    assert "\n" not in line
    with pytest.raises(DataError, match=r"pip install 'symbench\[render\]'"):
        scenes.load(TINY, 0, tiny)
    assert not list(tiny.cache.rglob("*.h5"))


def test_a_worker_that_dies_is_one_line_and_leaves_none_behind(monkeypatch):
    monkeypatch.setattr(workers, "_START", "import sys; sys.exit('no room in memory')")
    given = obeying(2, partial(Draw, "dies", seed=0))
    with pytest.raises(DataError, match=r"has died: no room in memory\.$"):
        list(workers.render(given, [slice(0, 1), slice(1, 2)], 32, 4, processes=2))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@needs_mitsuba
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_workers_end_with_the_process_that_started_them(how):
    """Whether it is asked to stop or killed; Ctrl-C leaves nothing on the terminal but its own."""
    # Tests that a shell runs in the background inherit that SIGINT is ignored.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from functools import partial; from symdata.sampling import Draw;"
        "from symdata.arrow_room import rooms, workers;"
        "drawn = rooms.obeying(400, partial(Draw, 'x', seed=0));"
        "made = workers.render(drawn, [slice(k, k + 1) for k in range(400)], 32, 4, 1);"
        "next(made); print('begun', flush=True);"
        "list(made)"
    )
    env = {**os.environ, "PYTHONPATH": package[0].removesuffix("symdata")}
    main = subprocess.Popen(
        [sys.executable, "-c", code],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert main.stdout.readline() == b"begun\n"
    if how == "SIGINT":
        os.killpg(main.pid, signal.SIGINT)  # as a terminal sends it: to all of them
    else:
        main.kill()
    _, said = main.communicate(timeout=60)
    if how == "SIGINT":
        assert said.decode().strip().splitlines()[-1] == "KeyboardInterrupt"
        assert said.count(b"Traceback") == 1
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(main.pid, 0)  # is anybody of its group still there?
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("a worker outlived the process that started it")


def test_seeds_and_configurations_are_checked():
    with pytest.raises(DataError, match=r"seed.*not -1"):
        scenes.load("rendered_64", -1)
    with pytest.raises(DataError, match="there are: rendered_128, rendered_64"):
        scenes.load("rendered_63")
    assert arrow_room.DATA.settings("rendered_128")["sizes"]["train"] == 60_000


def test_the_arrow_is_closed_and_faces_outwards():
    from symdata.arrow_room.rendering import arrow_mesh

    corners, faces = arrow_mesh()
    one, two, three = (corners[faces[:, k]] for k in range(3))
    # Gauss: the signed volume of the tetrahedra to the origin is that of the whole.
    volume = np.einsum("fi,fi->f", one, np.cross(two, three)).sum() / 6
    head = shapes.HEAD_WIDTH * shapes.HEAD_LENGTH / 2
    shaft = shapes.SHAFT_WIDTH * (shapes.LENGTH - shapes.HEAD_LENGTH)
    assert volume == pytest.approx((head + shaft) * shapes.THICKNESS)
    edges = [
        tuple(map(tuple, corners[[face[k], face[(k + 1) % 3]]].round(9).tolist()))
        for face in faces
        for k in range(3)
    ]
    backwards = {(b, a) for a, b in edges}
    # The outline's two inner corners on the head's back edge lie on one triangle's side.
    assert len(set(edges) - backwards) <= 12

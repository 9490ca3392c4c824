"""What the scenes of `mnist4` and `mnist10` have in common: pixels, graph, splits, breaks, build.

Where SYMBENCH_DIGITS names MNIST, its scenes are checked as well.
"""

import io
import os
import subprocess
import sys
import time
from functools import lru_cache
from importlib import import_module

import datasets
import numpy as np
import pytest
from PIL import Image

import symdata
from symdata import DataSources, digit_scenes, digits, hub
from symdata import __path__ as package
from symdata.digit_breaks import FAR, smeared
from symdata.digit_configs import CONFIGS
from symdata.digit_scenes import Layout, cell_of, painted, stream
from symdata.errors import DataError
from symdata.scene_columns import png_column
from symdata.scenes import Scenes, fingerprint

NAMES = ("mnist4", "mnist10")
KINDS = (
    "wrong_class",
    "wrong_order",
    "wrong_position",
    "missing_digit",
    "added_digit",
    "smeared",
)
# Where a copy of MNIST lies, or "mnist", if the user has said so.
GIVEN = DataSources(digits=os.environ.get("SYMBENCH_DIGITS") or "sklearn")
HAVE_MNIST = GIVEN.digits != "sklearn"
SOURCES = [
    "sklearn",
    pytest.param("mnist", marks=pytest.mark.skipif(not HAVE_MNIST, reason="no MNIST")),
]


@lru_cache(maxsize=8)
def generated(name, config, seed=0):
    return import_module(f"symdata.{name}.scenes").load(config, seed, GIVEN)


@lru_cache(maxsize=8)
def broken(name, config, count=120):
    return import_module(f"symdata.{name}.scenes").broken(config, count, 0, GIVEN)


def shuffled(name, config, count, seed=0):
    return import_module(f"symdata.{name}.scenes").shuffled(config, count, seed, GIVEN)


def rule(name):
    return import_module(f"symdata.{name}.rule").violations


def cells(scenes):
    """(N, K, c, c), what the image holds in each box."""
    size = scenes.images.shape[1]
    corners, side = scenes.graph["boxes"][..., :2].astype(int), np.arange(cell_of(size))
    rows = (corners[..., 1, None] + side)[..., :, None]
    columns = (corners[..., 0, None] + side)[..., None, :]
    first = np.arange(len(scenes))[:, None, None, None]
    return scenes.images[first, rows, columns, 0]


def mass_centres(scenes):
    """(N, K, 2), the centres of mass of the ink in the boxes, in pixels of the image."""
    ink = cells(scenes).astype(float)
    grid = np.arange(ink.shape[-1]) + 0.5
    mass = ink.sum(axis=(2, 3))
    within = np.stack([(ink.sum(axis=k) * grid).sum(axis=-1) / mass for k in (2, 3)], axis=-1)
    return scenes.graph["boxes"][..., :2] + within


def found(name, scenes):
    """What the rule says of each scene, told the classes and the centres of the ink."""
    judge, size = rule(name), scenes.images.shape[1]
    pairs = zip(scenes.graph["classes"], mass_centres(scenes), strict=True)
    return [judge(classes, centres, size) for classes, centres in pairs]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("config", ["sklearn_32", "sklearn_64"])
def test_sizes_and_types(name, config):
    settings = symdata.dataset(name).settings(config)
    size, count = settings["size"], {"mnist4": 4, "mnist10": 10}[name]
    splits = generated(name, config)
    assert {split: len(part) for split, part in splits.items()} == settings["sizes"]
    for part in splits.values():
        assert part.images.shape == (len(part), size, size, 1)
        assert part.images.dtype == np.uint8
        assert list(part.graph) == ["classes", "boxes", "quadrants"]
        assert part.graph["classes"].shape == part.graph["quadrants"].shape == (len(part), count)
        assert part.graph["boxes"].shape == (len(part), count, 4)
        assert part.graph["classes"].dtype == part.graph["quadrants"].dtype == np.int64
        assert part.graph["boxes"].dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", SOURCES)
def test_each_cell_shows_a_digit_of_its_class_and_split_and_the_rest_is_black(name, source):
    loaded = digits.load(source, GIVEN)
    shown = {}
    for split, part in generated(name, f"{source}_64").items():
        images, labels = loaded.part(split)
        small = digits.shrunk(images, 14)
        of = {picture.tobytes(): label for picture, label in zip(small, labels, strict=True)}
        held = cells(part).reshape(-1, 14, 14)
        classes = part.graph["classes"].ravel()
        for picture, label in zip(held, classes, strict=True):
            assert of.get(picture.tobytes()) == label
        assert held.sum(dtype=int) == part.images.sum(dtype=int)
        shown[split] = {picture.tobytes() for picture in held}
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert not shown[one] & shown[other]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("config", ["sklearn_32", "sklearn_64"])
def test_boxes_lie_in_their_quadrants_and_do_not_overlap(name, config):
    for part in generated(name, config).values():
        half = part.images.shape[1] / 2
        boxes, quadrants = part.graph["boxes"], part.graph["quadrants"]
        assert (boxes[..., 2:] - boxes[..., :2] == cell_of(2 * int(half))).all()
        left, top = np.isin(quadrants, (0, 3)), np.isin(quadrants, (0, 1))
        assert (np.where(left, boxes[..., 2] <= half, boxes[..., 0] >= half)).all()
        assert (np.where(top, boxes[..., 3] <= half, boxes[..., 1] >= half)).all()
        assert boxes.min() >= 0
        assert boxes.max() <= 2 * half
        assert (np.diff(quadrants, axis=1) >= 0).all()
        assert not overlaps(boxes).any()


def overlaps(boxes):
    """(N,) whether any two of (N, K, 4) boxes share a pixel."""
    low = np.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = np.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    return ((high > low).all(axis=-1).sum(axis=(1, 2))) > boxes.shape[1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("size", [64, 128])
def test_the_ink_of_every_scene_obeys_the_rule(name, source, size):
    if size == 64:
        scenes = generated(name, f"{source}_64")["test"]
    else:
        draw = stream(symdata.dataset(name), f"{source}_128", "a few", 0)
        layout = import_module(f"symdata.{name}.scenes").arrange(300, size, draw)
        scenes = painted(layout, digits.load(source, GIVEN), "test", size, draw)
    assert set(found(name, scenes)) == {()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("size", [64, 128])
def test_the_ink_of_every_broken_scene_breaks_it(name, source, size):
    kinds = broken(name, f"{source}_{size}")
    assert tuple(kinds) == KINDS
    for kind, scenes in kinds.items():
        assert len(scenes) == 120
        assert not overlaps(scenes.graph["boxes"]).any(), kind
        assert all(found(name, scenes)), kind


@pytest.mark.parametrize("name", NAMES)
def test_a_break_changes_one_digit_or_two(name):
    count = {"mnist4": 4, "mnist10": 10}[name]
    kinds = broken(name, "sklearn_64")
    numbers = {kind: scenes.graph["classes"].shape[1] for kind, scenes in kinds.items()}
    expected = dict.fromkeys(KINDS, count)
    assert numbers == expected | {"missing_digit": count - 1, "added_digit": count + 1}
    for kind, scenes in kinds.items():
        assert (np.diff(scenes.graph["quadrants"], axis=1) >= 0).all()
        unread = (scenes.graph["classes"] == -1).sum(axis=1)
        assert (unread == (kind == "smeared")).all()
    for kind in KINDS[:3]:
        # Every digit is a whole one of the class that the graph says.
        images, labels = digits.load("sklearn").part("test")
        small = digits.shrunk(images, 14)
        of = {picture.tobytes(): label for picture, label in zip(small, labels, strict=True)}
        held = cells(kinds[kind]).reshape(-1, 14, 14)
        assert [of[picture.tobytes()] for picture in held] == (
            kinds[kind].graph["classes"].ravel().tolist()
        )


@pytest.mark.parametrize("source", SOURCES)
def test_a_smeared_digit_is_bright_and_resembles_no_class(source):
    images, labels = digits.load(source, GIVEN).part("test")
    images, labels = images[:400], labels[:400]
    smears = smeared(images)
    assert np.array_equal(smears.max(axis=(1, 2)), images.max(axis=(1, 2)))
    assert (smears[:, [0, 27]] == 0).all()
    assert (smears[:, :, [0, 27]] == 0).all()
    # Strokes are gone: between neighbours there is no step as there is in writing.
    steps = [np.abs(np.diff(x.astype(int), axis=a)).max() for x in (images, smears) for a in (1, 2)]
    assert min(steps[:2]) > 100
    assert max(steps[2:]) < 70
    # The classes' mean smears are more alike than the writings of one class.
    means = [np.stack([x[labels == k].mean(axis=0) for k in range(10)]) for x in (images, smears)]
    spread = [x.std(axis=0).mean() / x.mean() for x in means]
    assert spread[1] < spread[0] / 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("config", ["sklearn_32", "sklearn_128"])
def test_shuffled_scenes_have_the_right_objects_and_no_rule(name, config):
    scenes = shuffled(name, config, 300)
    count = {"mnist4": 4, "mnist10": 10}[name]
    assert scenes.images.shape[0] == 300
    assert scenes.graph["classes"].shape == (300, count)
    boxes = scenes.graph["boxes"]
    assert not overlaps(boxes).any()
    assert boxes.min() >= 0
    assert boxes.max() <= scenes.images.shape[1]
    assert all(found(name, scenes))
    shares = np.bincount(scenes.graph["classes"].ravel(), minlength=10) / (300 * count)
    assert np.abs(shares - 0.1).max() < 0.05
    centres = (boxes[..., :2] + boxes[..., 2:]) / scenes.images.shape[1] - 1
    for quadrant, (right, below) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)]):
        inside = ((centres > 0) == (right, below)).all(axis=-1)
        assert np.array_equal(inside, scenes.graph["quadrants"] == quadrant)
        assert 0.2 < inside.mean() < 0.3
    assert fingerprint({"a": scenes}) == fingerprint({"a": shuffled(name, config, 300)})
    assert fingerprint({"a": scenes}) != fingerprint({"a": shuffled(name, config, 300, 1)})


def test_wrong_positions_are_far():
    """Of mnist4 one digit is off: along x or y by no less than the tolerance and half of it."""
    for size in (32, 64, 128):
        boxes = broken("mnist4", f"sklearn_{size}").get("wrong_position").graph["boxes"]
        corners = boxes[..., :2]
        mirrored = np.where(
            [[0, 0], [1, 0], [1, 1], [0, 1]], size - cell_of(size) - corners, corners
        )
        off = np.abs(mirrored - np.median(mirrored, axis=1, keepdims=True)).max(axis=-1)
        assert ((off > 0).sum(axis=1) == 1).all()
        assert off.max(axis=1).min() >= FAR * size / 128


def test_painting_by_hand():
    bank = digits.load("sklearn")
    layout = Layout(np.array([[3, 8]]), np.array([[[5, 0], [100, 99]]]), np.array([[0, 2]]))
    scenes = painted(layout, bank, "train", 128, stream(symdata.dataset("mnist4"), "x", "y", 0))
    assert scenes.graph["boxes"].tolist() == [[[5, 0, 33, 28], [100, 99, 128, 127]]]
    images, labels = bank.part("train")
    for k, (x, y) in ((3, (5, 0)), (8, (100, 99))):
        inside = scenes.images[0, y : y + 28, x : x + 28, 0]
        assert (images[labels == k] == inside).all(axis=(1, 2)).sum() == 1
    rest = scenes.images.copy()
    rest[0, 0:28, 5:33] = rest[0, 99:127, 100:128] = 0
    assert not rest.any()


def test_a_fingerprint_sees_everything():
    def scenes():
        graph = {"classes": np.arange(8).reshape(2, 4), "boxes": np.zeros((2, 4), np.float32)}
        return Scenes(np.zeros((2, 4, 4, 1), np.uint8), graph)

    known = fingerprint({"train": scenes()})
    assert known == fingerprint({"train": scenes()})
    others = [scenes() for _ in range(4)]
    others[0].images[1, 3, 3] = 1
    others[1].graph["classes"][1, 3] = 0
    others[2].graph["boxes"][0, 0] = 1
    others[3].graph["places"] = others[3].graph.pop("boxes")
    prints = {fingerprint({"train": one}) for one in others} | {fingerprint({"test": scenes()})}
    assert len(prints | {known}) == 6


@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_images_take_less_than_five_seconds(name):
    digits.load("sklearn")
    arrange = import_module(f"symdata.{name}.scenes").arrange
    draw = stream(symdata.dataset(name), "sklearn_128", "speed", 0)
    start = time.process_time()
    painted(arrange(10_000, 128, draw), digits.load("sklearn"), "train", 128, draw)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", NAMES)
def test_seeds_splits_and_configurations_differ(name):
    one = generated(name, "sklearn_32")
    assert fingerprint(one) != fingerprint(generated(name, "sklearn_32", 1))
    assert not np.array_equal(one["validation"].graph["boxes"], one["test"].graph["boxes"])
    with pytest.raises(DataError, match=r"seed.*not -1"):
        generated(name, "sklearn_32", -1)
    with pytest.raises(DataError, match="there are: sklearn_128, mnist_128"):
        generated(name, "sklearn_96")


@pytest.mark.parametrize("name", NAMES)
def test_missing_digits_are_said_in_one_line(name):
    source, hub_of_mnist = symdata.dataset(name), DataSources(digits="mnist")
    assert [source.missing(config) is None for config in CONFIGS] == [True, False] * 3
    with pytest.raises(DataError, match="--digits mnist"):
        source.load("mnist_32")
    found = [source.missing(config, hub_of_mnist) is None for config in CONFIGS]
    assert found == [False, True] * 3


def test_pictures_are_grey_or_coloured():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    for channels in (1, 3):
        files = png_column(images[..., :channels]).field("bytes").to_pylist()
        shown = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
        assert np.array_equal(np.stack(shown).reshape(2, 5, 7, channels), images[..., :channels])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_built_opened_and_verified(name, tmp_path):
    folder = hub.build(name, tmp_path / "data", ["sklearn_32"], seed=4)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    part = generated(name, "sklearn_32", 4)["test"]
    row = loaded["test"][17]
    assert np.array_equal(np.asarray(row["image"]), part.images[17, ..., 0])
    for column, values in part.graph.items():
        assert row[column] == values[17].tolist()
    assert loaded["train"].features["quadrants"].feature.names[2] == "bottom_right"
    assert hub.verify(folder) == {"folder": [], "sklearn_32": []}
    card = (folder / "README.md").read_text()
    assert "jiang2020generative" in card
    assert hub.DatasetCard(card).data["license"] == ["cc-by-sa-3.0", "cc-by-4.0"]


def test_another_process_draws_the_same_without_torch():
    code = (
        "import sys; from symdata.mnist10.scenes import load;"
        "from symdata.scenes import fingerprint; print(fingerprint(load('sklearn_32')));"
        "print([m for m in ('torch', 'datasets') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": package[0].removesuffix("symdata"), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    known = fingerprint(generated("mnist10", "sklearn_32"))
    assert result.stdout.splitlines() == [known, "[]"]


def test_a_place_can_be_anywhere_in_a_quadrant():
    for size in (32, 64, 128):
        places = digit_scenes.grid(size)
        side = size // 2 - cell_of(size)
        assert len(np.unique(places, axis=0)) == len(places) == (side + 1) ** 2
        assert places.min() == 0
        assert places.max() == side

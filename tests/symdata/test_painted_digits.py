"""Painted digits: the same bytes everywhere, legible, and poor as raw pixels."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from symdata import digits, hub
from symdata.errors import DataError
from symdata.labelled_images import fingerprint
from symdata.painted_digits import CLASSES, images, settings
from symdata.painted_digits.images import load, resized

# A change here is a new VERSION: published figures belong to the old one.
PINNED = {
    "10k": "f563376ef536044d6f6d5f2333b4a6ac01ceef1fb20c4e58e4c371e006df8688",
    "tiny": "8a5aef3cc57091ade6e5d64cce58908652b3b1a9d3d14ead23564894bc89cc81",
}

BRIGHTNESS = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def splits():
    """The larger configuration, drawn once."""
    return load("10k")


@pytest.fixture(scope="module")
def pasted():
    """Masks of the first 500 handwritten digits: (500, 32, 32)."""
    draw = images.stream(images.NAME, images.VERSION, "10k", "train", 0)
    return images._placed(digits.load("sklearn").images, np.arange(500), 32, [26, 34], draw)


def test_the_content_is_pinned(splits):
    assert fingerprint(splits) == PINNED["10k"]
    for _ in range(2):
        assert fingerprint(load("tiny")) == PINNED["tiny"]


def test_another_seed_gives_other_images(splits):
    one, two = load("tiny", 0), load("tiny", 1)
    assert not np.array_equal(one["train"].images, two["train"].images)
    assert not np.array_equal(one["train"].images[:100], one["test"].images)
    with pytest.raises(DataError, match="a seed is an integer from 0 on, not -1"):
        load("tiny", -1)


def test_splits_are_balanced_and_in_no_order(splits):
    for split, count in {"train": 10_000, "test": 2_000}.items():
        part = splits[split]
        assert part.images.shape == (count, 32, 32, 3)
        assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int64)
        assert np.bincount(part.labels).tolist() == [count // len(CLASSES)] * 10
        assert len(set(part.labels[:20].tolist())) > 5


def test_a_change_of_a_pixel_or_of_a_label_changes_the_fingerprint(splits):
    part = splits["test"]
    for name in ("images", "labels"):
        arrays = {"images": part.images.copy(), "labels": part.labels.copy()}
        arrays[name].flat[7] ^= 1
        other = images.LabelledImages(**arrays)
        assert fingerprint({"test": other}) != fingerprint({"test": part})
    assert fingerprint({"train": part}) != fingerprint({"test": part})


def test_no_handwriting_is_in_both_splits(monkeypatch):
    """Where the handwriting of one split is mirrored, the other split stays as it was."""
    whole = digits.load("sklearn")
    for hidden, shown in (("train", "test"), ("test", "train")):
        pictures = whole.images.copy()
        for part in images._WRITTEN[hidden]:
            rows = whole.splits[part]
            pictures[rows] = pictures[rows][:, :, ::-1]
        spoilt = digits.Digits(pictures, whole.labels, whole.splits)
        monkeypatch.setattr(images, "handwritten", lambda _, spoilt=spoilt: spoilt)
        changed = load("tiny")
        monkeypatch.setattr(images, "handwritten", lambda _: whole)
        usual = load("tiny")
        assert np.array_equal(changed[shown].images, usual[shown].images)
        differs = (changed[hidden].images != usual[hidden].images).any(axis=(1, 2, 3))
        assert differs.all()


def test_the_handwriting_shown_is_of_the_class():
    whole = digits.load("sklearn")
    labels = np.repeat(np.arange(10), 30)
    draw = images.stream(images.NAME, images.VERSION, "tiny", "train", 0)
    which = images._written(labels, whole.labels, draw)
    assert np.array_equal(whole.labels[which], labels)
    assert len(set(which.tolist())) > 250


def test_ink_stays_one_pixel_from_the_border_and_is_whole(pasted):
    assert (pasted[:, [0, -1]] < images._INK).all()
    assert (pasted[:, :, [0, -1]] < images._INK).all()
    written = digits.load("sklearn").images[:500]
    # Area means keep the ink: by the squared ratio of sides.
    ratio = pasted.sum(axis=(1, 2), dtype=float) / written.sum(axis=(1, 2), dtype=float)
    sides = 28 * np.sqrt(ratio)
    assert np.abs(sides - sides.round()).max() < 0.3
    assert set(sides.round().astype(int)) == set(range(26, 35))


def test_all_places_are_taken(pasted):
    inked = pasted >= images._INK
    tops, lefts = (inked.any(axis=axis).argmax(axis=1) for axis in (2, 1))
    assert tops.min() == lefts.min() == 1
    bottoms, rights = (31 - inked.any(axis=k)[:, ::-1].argmax(axis=1) for k in (2, 1))
    assert bottoms.max() == rights.max() == 30
    assert abs(np.corrcoef(tops, lefts)[0, 1]) < 0.15


def test_resizing_takes_area_means():
    assert np.array_equal(
        resized(np.full((1, 28, 28), 200, np.uint8), 20), np.full((1, 20, 20), 200)
    )
    written = digits.load("sklearn").images[:20]
    assert np.array_equal(resized(written, 28), written)
    assert np.array_equal(resized(written, 14), digits.shrunk(written, 14))
    # Ink two pixels wide, of which new pixel 0, 1.4 wide, has 1.4 and pixel 1 the rest.
    column = np.zeros((1, 28, 28), np.uint8)
    column[:, :, :2] = 140
    assert resized(column, 20)[0, 5, :3].tolist() == [140, 60, 0]


@pytest.mark.parametrize("contrast", [72, 120])
def test_ink_is_brighter_than_both_ends_of_the_ground(contrast):
    draw = images.stream(images.NAME, images.VERSION, "law", "train", 0)
    colours = images._colours(2000, contrast, draw)
    assert colours.shape == (2000, 3, 3)
    start, end, ink = np.moveaxis(colours @ BRIGHTNESS, 1, 0)
    assert (ink - np.maximum(start, end)).min() >= contrast - 1e-9
    assert colours.min() == 0
    assert colours.max() == 255


def test_grounds_go_from_one_end_to_the_other_in_all_directions():
    draw = images.stream(images.NAME, images.VERSION, "law", "train", 0)
    slopes = images._slopes(3000, 32, draw)
    assert (slopes.min(axis=(1, 2)) == 0).all()
    assert (slopes.max(axis=(1, 2)) == 256).all()
    right = slopes[:, 0, -1] - slopes[:, 0, 0]
    down = slopes[:, -1, 0] - slopes[:, 0, 0]
    assert {(a > 0, b > 0) for a, b in zip(right, down, strict=True)} >= {
        (True, True),
        (True, False),
        (False, True),
        (False, False),
    }
    assert (np.abs(right) + np.abs(down) >= 255).all()


def test_painting_by_hand():
    """Full ink has the ink's colour, no ink the ground's; inverted images are 255 less them."""
    masks = np.zeros((200, 32, 32), np.uint8)
    masks[:, 16:] = 255
    name = (images.NAME, images.VERSION, "law", "train", 0)
    painted = images._painted(masks, 72, images.stream(*name)).astype(int)
    inverted = images.stream(*name)("polarity").below(2, 200) == 1
    assert 60 < inverted.sum() < 140
    plain = np.where(inverted[:, None, None, None], 255 - painted, painted)
    ink = images._colours(200, 72, images.stream(*name))[:, 2]
    # Noise goes up to 15 levels either way, and clipping brings colours nearer.
    off = np.abs(plain[:, 16:] - ink[:, None, None])
    assert off.max() == 15
    assert off.mean() == pytest.approx(5.3, abs=0.4)
    bright = plain @ BRIGHTNESS
    assert (bright[:, 16:].mean(axis=(1, 2)) - bright[:, :16].mean(axis=(1, 2))).min() > 60


def accuracy(train, labels, test, expected):
    """Of 20 neighbours by cosine similarity."""
    neighbours = KNeighborsClassifier(20, metric="cosine").fit(train, labels)
    return neighbours.score(test, expected)


def test_raw_pixels_are_poor_and_the_ink_alone_in_its_place_is_not(splits):
    train, test = splits["train"], splits["test"]
    rows = slice(0, 400)
    raw = [part.images.reshape(len(part), -1) / np.float32(255) for part in (train, test)]
    poor = accuracy(raw[0], train.labels, raw[1][rows], test.labels[rows])
    assert 0.15 < poor < 0.35
    # What the images show, before it was painted.
    whole = digits.load("sklearn")
    written = {name: whole.part(name) for name in ("train", "test")}
    flat = {name: part[0].reshape(len(part[0]), -1) for name, part in written.items()}
    good = accuracy(flat["train"], written["train"][1], flat["test"], written["test"][1])
    assert good > 0.9


def test_the_hub_takes_it(tmp_path):
    folder = hub.build("painted_digits", tmp_path / "built", ["tiny"])
    assert hub.verify(folder) == {"folder": [], "tiny": []}
    loaded, part = hub.load("painted_digits", "tiny")["test"], load("tiny")["test"]
    assert np.array_equal(np.asarray(loaded[3]["image"]), part.images[3])
    assert loaded["label"] == part.labels.tolist()
    assert loaded.features["label"].names == [str(k) for k in range(10)]


def test_an_unknown_configuration_is_one_line():
    with pytest.raises(DataError, match="no configuration '5k'; there are: 10k, tiny"):
        load("5k")
    assert settings("10k")["sizes"] == {"train": 10_000, "test": 2_000}
    assert images.missing("10k") is None

"""Painted digits: the same bytes everywhere, legible, and poor as raw pixels."""

import colorsys

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from symdata import digits, hub
from symdata.errors import DataError
from symdata.labelled_images import fingerprint
from symdata.painted_digits import DATA, images
from symdata.painted_digits.images import load, resized

# A change here is a new VERSION: published figures belong to the old one.
PINNED = {
    "10k": "1f3617ccb799faa98b271a928ffb7ac533e94fc17863a01bde73a4c2f64d7649",
    "tiny": "5a80575192203b6efacd1080b59401504b0b9e87541a15138b12b0a3d68e102f",
}

BRIGHTNESS = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def splits():
    """The larger configuration, drawn once."""
    return load("10k")


@pytest.fixture(scope="module")
def pasted():
    """Masks of the first 500 handwritten digits: (500, 32, 32)."""
    draw = images.stream(DATA, "10k", "train", 0)
    return images._placed(digits.load("sklearn").images, np.arange(500), 32, [16, 20], draw)


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
        assert np.bincount(part.labels).tolist() == [count // len(DATA.classes)] * 10
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
    draw = images.stream(DATA, "tiny", "train", 0)
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
    assert set(sides.round().astype(int)) == set(range(16, 21))


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


def drawn(labels, spread=206, contrast=40, name="law"):
    draw = images.stream(DATA, name, "train", 0)
    return images._colours(labels, spread, contrast, draw)


@pytest.mark.parametrize("contrast", [40, 90])
def test_ink_and_ground_differ_in_brightness_either_way(contrast):
    inks, greys = drawn(np.arange(3000) % 10, contrast=contrast)
    differences = inks @ BRIGHTNESS - greys
    assert np.abs(differences).min() >= contrast - 1e-9
    assert min((differences > 0).mean(), (differences < 0).mean()) > 0.1
    assert (greys.min(), greys.max()) == (20, 235)


def test_hues_lie_about_that_of_the_class_and_reach_into_those_beside_it():
    labels = np.arange(20_000) % 10
    inks, _ = drawn(labels)
    hues = np.array([colorsys.rgb_to_hsv(*ink)[0] for ink in inks / 255])
    away = (hues - labels / 10 + 0.5) % 1 - 0.5
    # The difference of two uniform numbers has a triangular law: deviation spread / sqrt 6.
    assert away.std() == pytest.approx(206 / 1536 / 6**0.5, rel=0.05)
    assert abs(away.mean()) < 0.005
    assert np.abs(away).max() < 206 / 1536 + 0.01
    assert 0.25 < (np.abs(away) > 0.05).mean() < 0.5
    exact = drawn(labels[:100], spread=1)[0]
    hues = np.array([colorsys.rgb_to_hsv(*ink)[0] for ink in exact / 255])
    assert np.abs((hues - labels[:100] / 10 + 0.5) % 1 - 0.5).max() < 0.01


def test_colours_by_hand():
    """Red, yellow, green, blue, a dark grey, and a half of the way from red to yellow."""
    hue = np.array([0, 256, 512, 1024, 700, 128])
    chroma, value = np.array([255, 255, 255, 255, 0, 100]), np.array([255, 255, 255, 255, 90, 200])
    expected = [[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 0, 255], [90, 90, 90], [200, 150, 100]]
    assert images.coloured(hue, chroma, value).tolist() == expected


def test_painting_by_hand():
    """Full ink has the ink's colour, no ink the ground's grey; both with noise."""
    masks, labels = np.zeros((200, 32, 32), np.uint8), np.arange(200) % 10
    masks[:, 16:] = 255
    chosen = DATA.settings("10k")
    name = (DATA, "law", "train", 0)
    painted = images._painted(masks, labels, chosen, images.stream(*name)).astype(int)
    inks, greys = drawn(labels)
    # Away from black and white, where clipping brings colours nearer.
    plain = (inks > 100) & (inks < 155)
    off = (painted[:, 16:] - inks[:, None, None]).transpose(0, 3, 1, 2)[plain]
    assert np.abs(off).max() == 99
    assert off.std() == pytest.approx(100 / 6**0.5, rel=0.02)
    assert abs(off.mean()) < 0.3
    middle = (greys > 100) & (greys < 155)
    off = painted[middle, :16] - greys[middle, None, None, None]
    assert np.abs(off).max() == 99
    assert off.std() == pytest.approx(100 / 6**0.5, rel=0.02)


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
    assert DATA.settings("10k")["sizes"] == {"train": 10_000, "test": 2_000}
    assert DATA.missing("10k") is None

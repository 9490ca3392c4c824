"""Handwritten digits: enlarged, shrunk, parted, and what is said where MNIST cannot be had.

Where SYMBENCH_DIGITS names MNIST, it is read as well.
"""

import os
import subprocess
import sys

import datasets
import numpy as np
import pytest
import sklearn.datasets
from huggingface_hub import HfApi, constants

from symdata import __path__ as package
from symdata import digits
from symdata.digits import centred, enlarged, load, missing, shrunk
from symdata.errors import DataError
from symdata.sources import DataSources

HUB = DataSources(digits="mnist")
# Where a copy of MNIST lies, or "mnist", if the user has said so.
GIVEN = os.environ.get("SYMBENCH_DIGITS", "")


def mass_centres(images):
    """(M, 28, 28) → (M, 2), x and y, in pixels from the cell's top left corner."""
    ink, grid = images.astype(float), np.arange(28) + 0.5
    mass = ink.sum(axis=(1, 2))
    return np.stack([(ink.sum(axis=k) * grid).sum(axis=1) / mass for k in (1, 2)], axis=1)


def keys(x):
    """The kernel of cubic convolution, a = -1/2, written as it is published."""
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def test_scikit_learns_digits_are_parted_by_class():
    loaded = load("sklearn")
    assert loaded.images.shape == (1797, 28, 28)
    assert (loaded.images.dtype, loaded.labels.dtype) == (np.uint8, np.int64)
    rows = np.concatenate(list(loaded.splits.values()))
    assert sorted(rows) == list(range(1797))
    for split, share in {"train": 0.7, "validation": 0.15, "test": 0.15}.items():
        images, labels = loaded.part(split)
        assert len(images) == len(labels)
        whole = np.bincount(loaded.labels)
        assert np.abs(np.bincount(labels) - share * whole).max() < 1.5
    assert len(np.unique(loaded.images.reshape(1797, -1), axis=0)) == 1797


def test_enlarging_is_cubic_convolution():
    small = sklearn.datasets.load_digits().images[:40].astype(np.uint8)
    where = (np.arange(28) - 4 + 0.5) / 2.5 - 0.5
    weights = keys(where[:, None] - np.arange(8))
    expected = np.clip(weights @ small @ weights.T * 255 / 16, 0, 255)
    assert np.abs(enlarged(small) - expected).max() <= 0.5 + 1e-6


def test_enlarging_a_full_square_by_hand():
    """Away from the border the weights add up to one; the border is a cell's edge, then black."""
    (square,) = enlarged(np.full((1, 8, 8), 16, dtype=np.uint8))
    assert (square[8:20, 8:20] == 255).all()
    assert (square[[0, 27]] == 0).all()
    assert np.array_equal(square, square.T)
    assert np.array_equal(square, square[::-1])
    # Pixels 3 and 4 lie 0.7 and 0.3 source pixels outside the first: the kernel's tails remain.
    row = (keys(0.7) + keys(1.7), keys(0.3) + keys(1.3))
    assert square[3, 14] == round(255 * float(row[0]))
    assert square[4, 14] == round(255 * float(row[1]))


def test_digits_lie_about_the_middle_of_their_cell():
    images = load("sklearn").images
    assert np.abs(mass_centres(images) - 14).max() <= 0.5 + 1e-9
    small = sklearn.datasets.load_digits().images.astype(np.uint8)
    before = enlarged(small).sum(axis=(1, 2), dtype=int)
    assert (images.sum(axis=(1, 2), dtype=int) > 0.98 * before).all()


def test_centring_shifts_by_four_pixels_at_most():
    images = np.zeros((2, 28, 28), dtype=np.uint8)
    images[0, 10, 16] = 200  # 3.5 above and 2.5 right of the middle
    images[1, 0:9, 0] = 100  # too far to be brought there
    moved = centred(images)
    assert np.argwhere(moved[0]).tolist() in ([[13, 13]], [[14, 14]], [[13, 14]], [[14, 13]])
    assert np.unique(np.argwhere(moved[1])[:, 0]).tolist() == list(range(4, 13))
    assert np.unique(np.argwhere(moved[1])[:, 1]).tolist() == [4]


@pytest.mark.parametrize("cell", [28, 14, 7])
def test_shrinking_takes_means(cell):
    images = load("sklearn").images[:30]
    step = 28 // cell
    means = images.reshape(30, cell, step, cell, step).mean(axis=(2, 4))
    assert np.array_equal(shrunk(images, cell), np.floor(means + 0.5))


def test_shrinking_rounds_halves_up():
    image = np.zeros((1, 28, 28), dtype=np.uint8)
    image[0, 0, :2], image[0, 26:, 26:] = (1, 1), 255
    assert shrunk(image, 14)[0, 0, 0] == 1
    assert shrunk(image, 14)[0, 13, 13] == 255
    assert shrunk(image, 14).sum() == 256


def test_other_digits_than_those_known_are_refused(monkeypatch):
    bunch = sklearn.datasets.load_digits()
    bunch.images[3, 4, 4] = 16 - bunch.images[3, 4, 4]
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: bunch)
    with pytest.raises(DataError, match="gives other digits"):
        digits._sklearn.__wrapped__()


def test_unknown_digits_are_one_line():
    with pytest.raises(DataError, match="no digits 'emnist'; there are: sklearn, mnist"):
        load("emnist")


def test_without_a_word_there_is_no_mnist():
    assert missing("sklearn") is None
    line = missing("mnist")
    assert "\n" not in line
    assert "--digits mnist" in line
    assert "--digits FOLDER" in line
    with pytest.raises(DataError, match="need MNIST"):
        load("mnist")


def test_where_mnist_was_chosen_the_others_are_left_out_but_can_be_loaded():
    assert missing("mnist", HUB) is None
    assert "--digits mnist" in missing("sklearn", HUB)
    assert len(load("sklearn", HUB).labels) == 1797


def test_offline_is_one_line(tmp_path):
    code = "from symdata import DataSources, digits, errors\n"
    code += "try: digits.load('mnist', DataSources(digits='mnist'))\n"
    code += "except errors.DataError as error: print(error)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PYTHONPATH": package[0].removesuffix("symdata"),
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = result.stdout.splitlines()
    assert line.startswith("MNIST cannot be loaded from ylecun/mnist (")
    assert "--digits FOLDER" in line
    assert result.stderr == ""


def test_a_hub_out_of_reach_is_one_line_at_once(monkeypatch):
    def no_network(*_, **__):
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(HfApi, "repo_info", no_network)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(DataError, match=r"\(OSError: no route to host\): try with a netw") as error:
        load("mnist", HUB)
    assert "\n" not in str(error.value)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of pictures with labels, in MNIST's layout, that is not MNIST."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    place = tmp_path / "digits"
    images, labels = load("sklearn").part("test")
    columns = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    rows = datasets.Dataset.from_dict(
        {"image": list(images[:20]), "label": labels[:20]}, features=columns
    )
    for split in ("train", "test"):
        rows.to_parquet(place / f"{split}-00000-of-00001.parquet")
    return place


def test_a_folder_with_something_else_is_one_line(folder):
    with pytest.raises(DataError, match=rf"what {folder} holds is not MNIST"):
        load("mnist", DataSources(digits=str(folder)))


def test_a_damaged_folder_is_one_line(folder):
    path = folder / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=rf"cannot be loaded from {folder} \(") as error:
        load("mnist", DataSources(digits=str(folder)))
    assert "\n" not in str(error.value)


def test_half_a_folder_and_none_are_one_line(folder):
    (folder / "train-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match="it has no split 'train'"):
        load("mnist", DataSources(digits=str(folder)))
    (folder / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match=f"cannot be loaded from {folder}"):
        load("mnist", DataSources(digits=str(folder)))


def test_no_other_array_has_mnists_hash():
    one = (np.zeros((2, 28, 28), np.uint8), np.array([1, 256]))
    other = (np.zeros((2, 28, 28), np.uint8), np.array([1, 0]))
    assert digits._hash(one) != digits._hash(other)


@pytest.mark.skipif(GIVEN in ("", "sklearn"), reason="SYMBENCH_DIGITS names no MNIST")
def test_mnist_is_what_it_is():
    loaded = load("mnist", DataSources(digits=GIVEN))
    assert loaded.images.shape == (70_000, 28, 28)
    assert {split: len(rows) for split, rows in loaded.splits.items()} == {
        "train": 50_000,
        "validation": 10_000,
        "test": 10_000,
    }
    assert loaded.labels[loaded.splits["train"][0]] == 5
    assert loaded.labels[loaded.splits["test"][0]] == 7
    assert np.abs(mass_centres(loaded.images) - 14.5).max() < 0.55

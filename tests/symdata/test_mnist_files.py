"""MNIST in the files that people have it in; here a small stand-in with a hash of its own."""

import gzip
import struct

import numpy as np
import pytest

from symdata import digits, mnist_files
from symdata.digits import load
from symdata.errors import DataError
from symdata.sources import DataSources

RANDOM = np.random.default_rng(0)
PARTS = (
    RANDOM.integers(0, 256, (12, 28, 28), dtype=np.uint8),
    RANDOM.integers(0, 10, 12),
    RANDOM.integers(0, 256, (5, 28, 28), dtype=np.uint8),
    RANDOM.integers(0, 10, 5),
)
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array):
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def write_idx(folder, change=lambda content: content, rename=lambda name: name):
    for name, array in zip(NAMES, PARTS, strict=True):
        path = folder / rename(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change(idx(array)))


def write_npz(folder, flat=False):
    arrays = [one.reshape(len(one), -1) if flat and one.ndim > 1 else one for one in PARTS]
    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez(folder / "mnist.npz", **dict(zip(names, arrays, strict=True)))


def write_csv(folder, head="", packed=False):
    for split, images, labels in (("train", *PARTS[:2]), ("test", *PARTS[2:])):
        rows = np.concatenate([labels[:, None], images.reshape(len(images), -1)], axis=1)
        text = head + "\n".join(",".join(map(str, row)) for row in rows.tolist()) + "\n"
        path = folder / f"mnist_{split}.csv{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())


TITLES = "label," + ",".join(f"{k}x{j}" for k in range(28) for j in range(28)) + "\n"


@pytest.mark.parametrize(
    "write",
    [
        write_idx,
        lambda folder: write_idx(folder / "MNIST" / "raw"),
        lambda folder: write_idx(folder, rename=lambda name: name.replace("-idx", ".idx")),
        lambda folder: write_idx(folder, gzip.compress, lambda name: f"{name}.gz"),
        write_npz,
        lambda folder: write_npz(folder, flat=True),
        write_csv,
        lambda folder: write_csv(folder, TITLES),
        lambda folder: write_csv(folder, "\ufeff"),
        lambda folder: write_csv(folder, "\ufeff" + TITLES),
        lambda folder: write_csv(folder, TITLES, packed=True),
    ],
)
def test_every_form_gives_the_same_digits(tmp_path, monkeypatch, write):
    write(tmp_path)
    for found, expected in zip(mnist_files.read(tmp_path), PARTS, strict=True):
        np.testing.assert_array_equal(found, expected)
    monkeypatch.setattr(digits, "_MNIST", digits._hash(PARTS))
    loaded = load("mnist", DataSources(digits=str(tmp_path)))
    np.testing.assert_array_equal(loaded.images, np.concatenate(PARTS[0::2]))
    np.testing.assert_array_equal(loaded.labels, np.concatenate(PARTS[1::2]))


def test_other_digits_in_these_files_are_refused(tmp_path):
    write_npz(tmp_path)
    with pytest.raises(DataError, match=f"what {tmp_path} holds is not MNIST"):
        load("mnist", DataSources(digits=str(tmp_path)))


def test_a_folder_without_such_files_is_read_otherwise(tmp_path):
    assert mnist_files.read(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (NAMES[2], None, f"holds {NAMES[0]}, but no {NAMES[2]}."),
        (NAMES[0], b"", f"{NAMES[0]} cannot be read (it is no whole IDX file of octets)"),
        (NAMES[0], idx(PARTS[0])[:-1], "it is no whole IDX file of octets"),
        (NAMES[0], idx(PARTS[0])[:6], "it is no whole IDX file of octets"),
        (NAMES[1], idx(PARTS[3]), "images (12, 28, 28) and labels (5,) do not fit MNIST"),
        (
            NAMES[3],
            gzip.compress(idx(PARTS[3]), mtime=0)[:-9],
            f"{NAMES[3]} cannot be read (Compressed file",
        ),
        (NAMES[3], b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
    ],
)
def test_bad_idx_files_are_one_line_that_names_the_file(tmp_path, name, content, says):
    write_idx(tmp_path)
    path = tmp_path / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    refused(tmp_path, says)


def test_bad_npz_and_csv_files_are_one_line_that_names_the_file(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, images=PARTS[0])
    refused(tmp_path, f"{path} cannot be read (it has not the arrays x_train, y_train, x_test")
    path.write_bytes(b"PK\x03\x04")
    refused(tmp_path, f"{path} cannot be read (")
    path.unlink()
    write_csv(tmp_path)
    for content in ("1,2,3\n", "a\nb\n", "1,2\n1\n", ""):
        (tmp_path / "mnist_test.csv").write_text(content)
        refused(tmp_path, f"{tmp_path / 'mnist_test.csv'} cannot be read (")


def refused(folder, says):
    with pytest.raises(DataError) as caught:
        load("mnist", DataSources(digits=str(folder)))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)

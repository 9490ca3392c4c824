"""CIFAR-10: where it is looked for, what is taken for it, and what is said where it is not there.

Where SYMBENCH_CIFAR10 names a folder with CIFAR-10, it is read as well.
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import datasets
import numpy as np
import pytest
from huggingface_hub import HfApi, constants

from symdata import DataSources, hub, publishing
from symdata import __path__ as package
from symdata.cifar10 import DATA, images, source
from symdata.cifar10.images import digest, load, missing, ordered
from symdata.errors import DataError
from symdata.labelled_images import fingerprint

# A copy that the user has named.
VARIABLE = "SYMBENCH_CIFAR10"
COPY = os.environ.get(VARIABLE, "")
# Of all that the copy holds; a change here is a new VERSION.
PINNED = {
    "full": "5e447060954b880352b5e9cdc15d60bc6184898e9ff0b32643a69818775b2a5b",
    "10k": "18f2415feccb596826e17299e7c48ed54729f3a4ecd0959290f96ea6022ef300",
}

COUNTS = {"train": 60, "test": 20}


def drawn():
    """Pictures with classes of CIFAR-10's kind, far fewer: as many of each class."""
    rng = np.random.default_rng(3)
    return {
        split: (
            rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8),
            rng.permutation(np.arange(count) % 10),
        )
        for split, count in COUNTS.items()
    }


def write(place, parts, columns=source.COLUMNS):
    kinds = (datasets.Image(), datasets.ClassLabel(names=list(DATA.classes)))
    features = datasets.Features(dict(zip(columns, kinds, strict=True)))
    for split, arrays in parts.items():
        values = dict(zip(columns, (list(arrays[0]), arrays[1].tolist()), strict=True))
        rows = datasets.Dataset.from_dict(values, features=features)
        rows.to_parquet(place / f"{split}-00000-of-00001.parquet")
    return place


@pytest.fixture(autouse=True)
def at(tmp_path, monkeypatch):
    """Sources with a cache for this test alone; nothing else is named unless a test does."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "arrow")
    images._whole.cache_clear()
    yield partial(DataSources, cache=tmp_path / "kept")
    images._whole.cache_clear()


@pytest.fixture
def small(monkeypatch):
    """80 pictures count as CIFAR-10."""
    monkeypatch.setattr(images, "SPLITS", COUNTS)
    monkeypatch.setattr(images, "_CIFAR10", digest(ordered(drawn())))
    sizes = {"full": COUNTS, "10k": {"train": 30, "test": 10}}
    for config, some in sizes.items():
        monkeypatch.setitem(DATA.configs, config, {"size": 32, "sizes": some})


@pytest.fixture
def folder(small, tmp_path):
    return write(tmp_path / "copy", drawn())


@pytest.fixture
def here(folder, at):
    """Sources with that folder."""
    return at(cifar10=str(folder))


def rows_of(part):
    return {(image.tobytes(), int(label)) for image, label in zip(part[0], part[1], strict=True)}


def test_a_copy_is_read_without_loss(here):
    assert missing("full", here) is None
    loaded = load("full", sources=here)
    assert list(loaded) == ["train", "test"]
    for split, part in loaded.items():
        assert part.images.shape == (COUNTS[split], 32, 32, 3)
        assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int64)
        assert rows_of((part.images, part.labels)) == rows_of(drawn()[split])


def test_copies_in_any_order_give_the_same_arrays(here, tmp_path, at):
    expected = load("full", sources=here)
    backwards = {split: (a[::-1], b[::-1]) for split, (a, b) in drawn().items()}
    other = at(cifar10=str(write(tmp_path / "other", backwards)))
    assert fingerprint(load("full", sources=other)) == fingerprint(expected)


def test_the_smaller_configuration_has_the_first_of_each_class(here):
    full, part = load("full", sources=here), load("10k", 5, here)
    for split, each in {"train": 3, "test": 1}.items():
        assert np.bincount(part[split].labels).tolist() == [each] * 10
        seen, rows = dict.fromkeys(range(10), 0), []
        for row, label in enumerate(full[split].labels.tolist()):
            seen[label] += 1
            rows += [row] * (seen[label] <= each)
        assert np.array_equal(part[split].images, full[split].images[rows])
        assert np.array_equal(part[split].labels, full[split].labels[rows])


def test_it_is_decoded_once_until_a_file_changes(folder, here, monkeypatch):
    expected = fingerprint(load("full", sources=here))
    images._whole.cache_clear()
    with monkeypatch.context() as unread:
        unread.setattr(source, "read", lambda _: pytest.fail("read again"))
        assert fingerprint(load("full", sources=here)) == expected
    path = folder / "test-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="cannot be loaded"):
        load("full", sources=here)


def test_a_folder_below_the_data_root_is_found(small, tmp_path, at):
    below = at(root=tmp_path)
    assert "CIFAR-10 is read from where you say" in missing("full", below)
    write(tmp_path / "cifar10", drawn())
    assert missing("full", below) is None
    assert len(load("full", sources=below)["train"]) == 60
    # The place of its own comes first.
    named = at(root=tmp_path, cifar10=str(tmp_path / "elsewhere"))
    assert missing("full", named).startswith(f"no folder {tmp_path / 'elsewhere'}")


def test_without_a_word_there_is_none():
    line = missing("10k")
    assert "\n" not in line
    for way in ("--cifar10 FOLDER", "--cifar10 hub", VARIABLE, "--data-root"):
        assert way in line
    with pytest.raises(DataError, match="CIFAR-10 is read from where you say"):
        load("10k")


@pytest.mark.parametrize("fault", ["pixel", "label", "missing", "size", "swapped"])
def test_what_is_not_cifar10_is_one_line(folder, here, fault):
    """One pixel by one level, one label, one image too few, other sizes, test and train mixed."""
    parts = drawn()
    pictures, labels = parts["train"]
    if fault == "pixel":
        pictures[17, 3, 4, 1] ^= 1
    elif fault == "label":
        labels[17] = (labels[17] + 1) % 10
    elif fault == "missing":
        parts["train"] = pictures[1:], labels[1:]
    elif fault == "size":
        parts = {split: (a[:, :28, :28], b) for split, (a, b) in parts.items()}
    elif fault == "swapped":
        pictures[0], parts["test"][0][0] = parts["test"][0][0].copy(), pictures[0].copy()
    write(folder, parts)
    with pytest.raises(DataError) as error:
        load("full", sources=here)
    assert str(error.value) == (
        f"what {folder} holds is not CIFAR-10, whose pixels and labels are known: copy "
        "uoft-cs/cifar10 there anew, or give --cifar10 hub."
    )


def test_no_number_passes_for_a_class():
    expected = digest(ordered(drawn()))
    for wrong in (-1, 256, -256):
        parts = drawn()
        row = int(np.flatnonzero(parts["train"][1] == (0 if wrong < 0 else wrong % 256))[0])
        parts["train"][1][row] = wrong
        assert digest(ordered(parts)) != expected


def test_half_a_folder_and_other_columns_are_one_line(folder, here):
    write(folder, drawn(), ("image", "label"))
    with pytest.raises(DataError, match=r"it has no columns 'img' and 'label'\): copy uoft-cs"):
        load("full", sources=here)
    write(folder, drawn())
    (folder / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match="it has no split 'test'"):
        load("full", sources=here)
    (folder / "train-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match=f"cannot be loaded from {folder}") as error:
        load("full", sources=here)
    assert "\n" not in str(error.value)


def test_offline_is_one_line(tmp_path):
    code = "import symdata\nfrom symdata import errors\nfrom symdata.cifar10 import images\n"
    code += "hub = symdata.DataSources(cifar10='hub')\n"
    code += "try: images.load('full', sources=hub)\nexcept errors.DataError as error: print(error)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PYTHONPATH": package[0].removesuffix("symdata"),
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path / "kept"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = result.stdout.splitlines()
    assert line.startswith("CIFAR-10 cannot be loaded from uoft-cs/cifar10 (")
    assert "--cifar10 FOLDER" in line
    assert result.stderr == ""


def test_a_hub_out_of_reach_is_one_line_at_once(monkeypatch, at):
    def no_network(*_, **__):
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(HfApi, "repo_info", no_network)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert missing("full", at(cifar10="hub")) is None
    with pytest.raises(DataError, match=r"\(OSError: no route to host\): try with a netw") as error:
        load("full", sources=at(cifar10="hub"))
    assert "\n" not in str(error.value)


def test_the_hub_is_asked_for_by_its_name(small, monkeypatch, at):
    asked = []
    monkeypatch.setattr(HfApi, "repo_info", lambda *_, **__: None)
    monkeypatch.setattr(source, "read_pictures", lambda where, *_: asked.append(where) or drawn())
    assert len(load("full", sources=at(cifar10="hub"))["test"]) == 20
    assert asked == [source.HUB]


def test_it_is_built_and_verified_but_not_published(here, tmp_path):
    built = hub.build("cifar10", tmp_path / "built", ["10k"], sources=here)
    assert hub.verify(built, sources=here) == {"folder": [], "10k": []}
    loaded = hub.load("cifar10", "10k", sources=here)["test"]
    part = load("10k", sources=here)["test"]
    assert loaded.features["label"].names == list(DATA.classes)
    assert np.array_equal(np.asarray(loaded[3]["image"]), part.images[3])
    with pytest.raises(DataError, match="is not published, because CIFAR-10 is on the hub already"):
        publishing.publish("cifar10", "me/cifar10")


def test_building_without_a_copy_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(DataError, match=r"full cannot be made here: CIFAR-10 is read .*--cifar10"):
        hub.build("cifar10", tmp_path / "built")
    assert not (tmp_path / "built").exists()


@pytest.mark.skipif(not Path(COPY or "?").is_dir(), reason=f"{VARIABLE} names no folder")
def test_cifar10_is_what_it_is(at):
    copy = at(cifar10=COPY)
    for config, each in {"full": (5_000, 1_000), "10k": (1_000, 200)}.items():
        loaded = load(config, sources=copy)
        assert fingerprint(loaded) == PINNED[config]
        for part, count in zip(loaded.values(), each, strict=True):
            assert np.bincount(part.labels).tolist() == [count] * 10
    # The mean and deviation of the training pixels are known from many papers.
    pixels = load("full", sources=copy)["train"].images.reshape(-1, 3) / np.float32(255)
    assert pixels.mean(axis=0, dtype=float) == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    assert pixels.std(axis=0, dtype=float) == pytest.approx([0.2470, 0.2435, 0.2616], abs=5e-5)

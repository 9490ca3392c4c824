"""The teacher: trained once, kept by content, frozen; and what happens when something is amiss."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import dataclass
from functools import partial
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from baselines.dino import teacher as module
from baselines.dino.self_distillation import DINONetwork
from baselines.dino.teacher import TaughtSettings, collapse, key_of, obtain
from benchmarks.protocol import SymbenchError
from symdata import DataSources, cache
from symdata.errors import DataError
from tests.baselines import teachers
from tests.baselines.teachers import SMALL, a_run, images

SETTINGS = TaughtSettings(**SMALL)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "SOURCES", DataSources(cache=tmp_path))
    return tmp_path / "teachers"


@pytest.fixture
def trained(monkeypatch):
    """How many teachers were trained."""
    counted, train = [], module.train

    def counting(*given):
        counted.append(1)
        train(*given)

    monkeypatch.setattr(module, "train", counting)
    return counted


def test_it_is_trained_once_and_read_after_that(folder, trained, capsys):
    first = obtain(images(), SETTINGS, a_run(seed=0))
    assert first.about["from_cache"] is False
    assert "Training the teacher" in capsys.readouterr().err
    second = obtain(images(), SETTINGS, a_run(seed=5))
    assert (len(trained), second.about["from_cache"]) == (1, True)
    assert second.digest() == first.digest() == second.about["digest"]
    x = torch.rand(3, 3, 16, 16)
    assert torch.equal(first.tokens(x), second.tokens(x))
    (weights,), (record,) = folder.glob("*.pt"), folder.glob("*.json")
    assert weights.stem == record.stem == f"dino_tiny-{key_of(images(), SETTINGS)}"
    assert not list(folder.glob("*.checkpoint"))
    assert not list(folder.glob(".*"))


def test_its_record_says_what_it_is(folder):
    about = obtain(images(), SETTINGS, a_run()).about
    (record,) = folder.glob("*.json")
    kept = json.loads(record.read_text())
    assert kept.pop("sha256")
    assert kept == about
    assert about["settings"] == SETTINGS.of_teacher()
    assert (about["steps"], about["images"]) == (4, 8)
    assert about["loss"] > 0
    assert about["seconds"] > 0
    assert set(about["collapse"]) >= {"information", "effective_rank", "collapsed"}


def test_the_same_images_and_settings_give_the_same_weights(folder):
    first = obtain(images(), SETTINGS, a_run(seed=1)).digest()
    for path in folder.iterdir():
        path.unlink()
    assert obtain(images(), SETTINGS, a_run(seed=2)).digest() == first


@dataclass(frozen=True)
class OfAMethod(TaughtSettings):
    symbols: int = 8


def test_the_key_tells_images_and_settings_of_teachers_but_not_of_methods(monkeypatch):
    key = key_of(images(), SETTINGS)
    assert key_of(images(), OfAMethod(**SMALL, symbols=4)) == key
    assert key_of(images(seed=1), SETTINGS) != key
    assert key_of(images(), TaughtSettings(**SMALL | {"local_crops": 2})) != key
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    assert key_of(images(), SETTINGS) != key


def test_it_is_frozen():
    teacher = obtain(images(), SETTINGS, a_run())
    assert not any(one.requires_grad for one in teacher.encoder.parameters())
    assert not teacher.encoder.training
    x = torch.rand(2, 3, 16, 16, requires_grad=True)
    tokens = teacher.tokens(x)
    assert tokens.shape == (2, 1 + teacher.patches, teacher.width) == (2, 17, 12)
    assert teacher.side == 4
    assert not tokens.requires_grad


def test_the_head_and_the_centre_are_kept_with_it():
    trained, found = (obtain(images(), SETTINGS, a_run()) for _ in range(2))
    assert found.about["from_cache"]
    assert torch.equal(trained.centre, found.centre)
    assert trained.centre.any()
    for name, value in trained.head.state_dict().items():
        assert torch.equal(value, found.head.state_dict()[name])
    assert not any(one.requires_grad for one in found.head.parameters())


def test_a_digest_sees_every_weight():
    teacher = obtain(images(), SETTINGS, a_run())
    before = teacher.digest()
    for parameter in teacher.encoder.parameters():
        place = parameter.view(-1)
        was = place[-1].clone()
        place[-1] += 1e-3
        assert teacher.digest() != before
        place[-1] = was
    assert teacher.digest() == before


@pytest.mark.parametrize("suffix", [".pt", ".json"])
@pytest.mark.parametrize("damage", [lambda b: b[:50], lambda b: b[:-20] + bytes(20), lambda b: b""])
def test_a_damaged_file_costs_a_line_and_a_training(folder, trained, capsys, suffix, damage):
    first = obtain(images(), SETTINGS, a_run()).digest()
    (path,) = folder.glob(f"*{suffix}")
    path.write_bytes(damage(path.read_bytes()))
    capsys.readouterr()
    again = obtain(images(), SETTINGS, a_run())
    assert again.digest() == first
    assert len(trained) == 2
    assert "is damaged: the teacher is trained anew" in capsys.readouterr().err
    assert obtain(images(), SETTINGS, a_run()).about["from_cache"]


class KilledError(Exception):
    pass


def test_a_training_that_was_killed_goes_on(folder, monkeypatch):
    whole = obtain(images(), SETTINGS, a_run()).digest()
    for path in folder.iterdir():
        path.unlink()
    monkeypatch.setattr("benchmarks.training.REPORT_EVERY", 1)
    monkeypatch.setattr(module, "Run", partial(module.Run, checkpoint_seconds=0.0))
    steps = []

    def reporter(step, **_):
        steps.append(step)
        if step == 3 and steps.count(3) == 1:
            raise KilledError

    with pytest.raises(KilledError):
        obtain(images(), SETTINGS, a_run(reporter=reporter))
    assert list(folder.glob("*.checkpoint"))
    teacher = obtain(images(), SETTINGS, a_run(reporter=reporter))
    assert steps == [1, 2, 3, 2, 3, 4]
    assert teacher.digest() == whole
    assert not list(folder.glob("*.checkpoint"))


def say(place):
    """Say which teacher a process gets, and whether it was there."""
    teacher = obtain(images(), SETTINGS, a_run(sources=DataSources(cache=Path(place))))
    print(teacher.digest(), teacher.about["from_cache"])


def test_of_two_processes_one_trains_and_the_other_waits(python, tmp_path):
    code = "import sys; from tests.baselines.dino.test_teacher import say; say(sys.argv[1])"
    both = [python.start("-c", code, tmp_path) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    answers = [process.output.read_text().split() for process in both]
    assert len({digest for digest, _ in answers}) == 1
    assert sorted(cached for _, cached in answers) == ["False", "True"]


def test_who_waits_says_so(folder, capsys, monkeypatch):
    held = []

    class Busy(cache.FileLock):
        def acquire(self, timeout=None, **options):
            if timeout == 0:
                held.append(timeout)
                raise cache.Timeout("held")
            return super().acquire(timeout=timeout, **options)

    monkeypatch.setattr(cache, "FileLock", Busy)
    obtain(images(), SETTINGS, a_run())
    assert held == [0]
    assert "Waiting for another process that makes the teacher" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_a_line(tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(DataError, match=r"cannot write to .*SYMBENCH_CACHE"):
        obtain(images(), SETTINGS, a_run(sources=DataSources(cache=place)))


def test_two_caches_in_one_process_have_a_teacher_each(tmp_path, trained):
    """Environment variables say nothing here: a run carries the folder itself."""
    for place in (tmp_path / "one", tmp_path / "two", tmp_path / "one"):
        obtain(images(), SETTINGS, a_run(sources=DataSources(cache=place)))
        assert len(list(place.glob("teachers/dino_tiny-*.pt"))) == 1
    assert len(trained) == 2


class Levels(nn.Module):
    """An encoder whose class token says which of 12 levels the image has, or nothing."""

    blind = False

    def class_token(self, images):
        levels = (images.mean((1, 2, 3)) * 255 / 20).round().long()
        return nn.functional.one_hot(levels * (not self.blind), 12).float()


def test_a_collapse_is_seen():
    network = DINONetwork(TaughtSettings(**SMALL | {"dino_prototypes": 12}), 16, 1, 0)
    network.teacher.encoder, network.teacher.head.mlp = Levels(), nn.Identity()
    network.teacher.head.prototypes.data = torch.eye(12)
    grey = (20 * np.arange(24) % 240).astype(np.uint8)[:, None, None, None]
    shown = np.broadcast_to(grey, (24, 16, 16, 3))
    found = collapse(network, shown, "cpu")
    # Each level has a prototype of its own, and 11 directions are left after centring.
    assert found["entropy_of_mean"] == pytest.approx(log(12), rel=1e-4)
    assert found["mean_entropy"] == pytest.approx(0, abs=1e-4)
    assert found["effective_rank"] == pytest.approx(11, rel=1e-3)
    assert not found["collapsed"]
    network.teacher.encoder.blind = True
    for uniform in (False, True):
        network.centre[0] = float(uniform)
        found = collapse(network, shown, "cpu")
        assert found["entropy_of_mean"] == pytest.approx(log(12) * uniform, abs=1e-4)
        assert found["information"] == pytest.approx(0, abs=1e-4)
        assert found["effective_rank"] == pytest.approx(1)
        assert found["collapsed"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teacher": "resnet"}, "teacher is 'resnet'; it must be one of: dino_tiny, dino_vitb16"),
        ({"teacher_width": 0}, "teacher_width is 0; it must be a whole number, 1 or more"),
        ({"teacher_rate": 0.0}, "teacher_rate is 0.0; it must be a finite number, above 0"),
        ({"dino_hue": 0.6}, "hue is 0.6"),
        ({"dino_momentum": 1.5}, "dino_momentum is 1.5"),
        ({"dino_scale": 1.2}, "scale is"),
    ],
)
def test_settings_that_make_no_sense_are_a_line(settings, message):
    with pytest.raises(SymbenchError, match=message):
        TaughtSettings(**settings)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 16, 16, 3)), "images are float64"),
        (np.zeros((2, 16, 12, 3), np.uint8), r"shape \(2, 16, 12, 3\)"),
        (np.zeros((2, 16, 16, 1), np.uint8), r"shape \(2, 16, 16, 1\)"),
        (np.zeros((2, 20, 20, 3), np.uint8), "20 pixels and half of it do not divide"),
    ],
)
def test_images_that_do_not_fit_are_a_line(wrong, message):
    with pytest.raises(SymbenchError, match=message):
        obtain(wrong, SETTINGS, a_run())


class OfTimm(nn.Module):
    """What of a timm model is used: 14 × 14 patches and a class token."""

    num_features = 5

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 5))

    def forward_features(self, images):
        self.seen = images
        patches = images.unfold(2, 16, 16).unfold(3, 16, 16).mean((-1, -2)).flatten(2).mT
        return torch.cat([patches.mean(1, keepdim=True), patches], 1) @ self.weight


def with_timm(monkeypatch, create):
    fake = types.SimpleNamespace(create_model=create, __version__="1.0")
    monkeypatch.setitem(sys.modules, "timm", fake)


def test_the_published_teacher_sees_enlarged_normalised_images(monkeypatch, folder):
    model, asked = OfTimm(), []

    def create(name, pretrained):
        asked.append((name, pretrained))
        return model

    with_timm(monkeypatch, create)
    teacher = obtain(images(), TaughtSettings(teacher="dino_vitb16"), a_run())
    assert asked == [("vit_base_patch16_224.dino", True)]
    assert (teacher.width, teacher.patches, teacher.side) == (5, 196, 14)
    x = torch.tensor([0.2, 0.5, 0.9])[None, :, None, None].expand(2, 3, 32, 32)
    assert teacher.tokens(x).shape == (2, 197, 5)
    expected = (x[0, :, 0, 0] - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    assert model.seen.shape == (2, 3, 224, 224)
    torch.testing.assert_close(model.seen[0].mean((1, 2)), expected, atol=1e-4, rtol=1e-4)
    assert not folder.exists()
    assert teacher.about["name"] == teacher.name == "dino_vitb16"


def test_without_timm_or_its_weights_there_is_a_line(monkeypatch):
    settings = TaughtSettings(teacher="dino_vitb16")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(SymbenchError, match=r"pip install 'symbench\[teacher\]'.*dino_tiny"):
        obtain(images(), settings, a_run())

    def create(name, pretrained):
        raise OSError("cannot reach the hub\nat all")

    with_timm(monkeypatch, create)
    with pytest.raises(SymbenchError, match=r"cannot be had \(cannot reach the hub\).*dino_tiny"):
        obtain(images(), settings, a_run())

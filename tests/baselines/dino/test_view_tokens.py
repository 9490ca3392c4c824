"""Tokens of a fixed set of views: what is kept, and that it is what the teacher says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.dino import view_tokens as module
from baselines.dino.augmentation import Augmentation, crop_and_flip
from baselines.dino.teacher import TaughtSettings, obtain
from baselines.dino.view_tokens import class_tokens_of, tokens_of, view_tokens
from benchmarks.protocol import SymbenchError
from symdata import DataSources
from tests.baselines import teachers
from tests.baselines.teachers import SMALL, a_run, images

VIEWS = crop_and_flip(16)


@pytest.fixture
def teacher(tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "SOURCES", DataSources(cache=tmp_path))
    return obtain(images(), TaughtSettings(**SMALL), a_run())


@pytest.fixture
def asked(teacher, monkeypatch):
    """How many images the teacher was given, chunk by chunk."""
    counts, tokens = [], teacher.tokens

    def counting(pixels):
        counts.append(len(pixels))
        return tokens(pixels)

    monkeypatch.setattr(teacher, "tokens", counting)
    return counts


def pixels(some):
    return torch.from_numpy(some).permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize("at_once", [None, 3])
def test_tokens_of_whole_images_are_those_of_the_teacher(teacher, asked, at_once):
    found = tokens_of(images(7), teacher, a_run(), at_once)
    assert asked == ([7] if at_once is None else [3, 3, 1])
    assert (found.dtype, found.shape) == (np.float32, (7, 17, 12))
    np.testing.assert_allclose(found, teacher.tokens(pixels(images(7))).numpy(), atol=1e-5)
    np.testing.assert_allclose(class_tokens_of(images(7), teacher, a_run()), found[:, 0], atol=1e-5)


def test_views_that_change_nothing_have_the_tokens_of_the_images(teacher):
    whole = Augmentation(16, (1.0, 1.0), flip=0.0)
    found = view_tokens(images(5), teacher, 3, whole, a_run())
    assert (found.dtype, found.shape) == (np.float16, (5, 3, 17, 12))
    expected = tokens_of(images(5), teacher, a_run())
    for view in range(3):
        np.testing.assert_allclose(found[:, view], expected, atol=4e-3)


def test_views_are_drawn_once_and_differ(teacher, asked):
    found = view_tokens(images(), teacher, 2, VIEWS, a_run(seed=0))
    count = sum(asked)
    assert count == 16
    assert np.array_equal(view_tokens(images(), teacher, 2, VIEWS, a_run(seed=9)), found)
    assert sum(asked) == count
    assert (np.abs(found[:, 0].astype(float) - found[:, 1]).max((1, 2)) > 1e-2).all()


def test_views_do_not_depend_on_which_pieces_were_there(teacher, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "PIECE", 3)
    whole = view_tokens(images(), teacher, 2, VIEWS, a_run())
    for path in tmp_path.glob("view_tokens*"):
        path.unlink()
    tokens, calls = teacher.tokens, []

    def failing(some):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return tokens(some)

    monkeypatch.setattr(teacher, "tokens", failing)
    with pytest.raises(KeyboardInterrupt):
        view_tokens(images(), teacher, 2, VIEWS, a_run())
    assert np.array_equal(view_tokens(images(), teacher, 2, VIEWS, a_run()), whole)
    assert len(calls) == 4  # the first of three pieces was kept


@pytest.mark.parametrize("what", ["teacher", "images", "views", "augmentation"])
def test_whatever_changes_the_tokens_has_them_made_anew(teacher, asked, what):
    view_tokens(images(), teacher, 2, VIEWS, a_run())
    count = sum(asked)
    some, views, augment = images(), 2, VIEWS
    if what == "teacher":
        with torch.no_grad():
            teacher.encoder.norm.bias.add_(1)
    elif what == "images":
        some = images(seed=4)
    elif what == "views":
        views = 3
    else:
        augment = crop_and_flip(16, flip=0.0)
    view_tokens(some, teacher, views, augment, a_run())
    assert sum(asked) == count + 8 * views


def test_the_streams_of_torch_are_left_alone(teacher):
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    view_tokens(images(), teacher, 2, VIEWS, a_run())
    assert torch.equal(torch.rand(1), expected)


def test_no_views_is_a_line(teacher):
    with pytest.raises(SymbenchError, match="0 views were asked for"):
        view_tokens(images(), teacher, 0, VIEWS, a_run())

"""A column of repeated items is read as the array that it stands for, or refused in one line."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from benchmarks.columns import Deduplicated, advised

TABLE = np.random.default_rng(0).integers(0, 255, (5, 4, 4), dtype=np.uint8)
INDEX = np.random.default_rng(1).integers(0, 5, (8, 3))
COLUMN, WHOLE = Deduplicated(TABLE, INDEX), TABLE[INDEX]
MASK, PLACES = np.arange(8) % 3 == 0, np.array([6, -1, 0])


@pytest.mark.parametrize(
    "read",
    [
        np.asarray,
        lambda c: np.array(c, copy=True),
        lambda c: np.asarray(c, dtype=np.float32),
        torch.tensor,
        torch.as_tensor,
        torch.asarray,
        torch.from_dlpack,
        lambda c: torch.tensor(c, dtype=torch.float64),
        lambda c: torch.stack([torch.as_tensor(one) for one in c]),
        lambda c: next(iter(DataLoader(c, batch_size=4))),
        lambda c: c / 255.0,
        lambda c: (1 - c, c + c, WHOLE * c, -c, abs(c), c**2, c // 3, c & 1, divmod(c, 7)),
        lambda c: (c > 100, c == WHOLE, c != c[::-1], 3 in c, 256 in c),
        lambda c: np.float32(0.5) * c,
        lambda c: c @ np.ones((4, 2)),
        lambda c: (c.dtype, c.ndim, c.shape, c.size, len(c), np.shape(c), np.ndim(c)),
        lambda c: (c.mean(), c.max(axis=(0, 1)), np.mean(c, axis=0), np.unique(c), c.T, c.tolist()),
        lambda c: (c.astype(np.float32), c.reshape(len(c), -1), np.reshape(c, -1), c.copy()),
        lambda c: (np.stack([c, c]), np.concatenate([c, c[:2]]), np.stack(list(c))),
    ],
)
def test_what_is_done_with_an_array_can_be_done_with_the_column(read):
    np.testing.assert_equal(_plain(read(COLUMN)), _plain(read(WHOLE)))


def _plain(value):
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value if isinstance(value, np.dtype | list) else (np.asarray(value), type(value))


SHORT = [
    *(slice(2, 6), slice(None, None, -1), PLACES, PLACES.tolist(), MASK, MASK.tolist()),
    *((slice(None), 0), (slice(None), -1), (slice(3), [0, 2]), (PLACES, [0, 1, 2]), []),
    *(WHOLE[:, :, 0, 0] > 100, None, (None, slice(2)), torch.tensor([3, 1]), torch.tensor(MASK)),
]
ARRAYS = [
    *(5, -1, np.int64(2), (2, 1), (2, -1, 3), (2, slice(None)), Ellipsis, (..., 0), WHOLE > 100),
    *((slice(None), slice(1), 2), (slice(None), slice(None), PLACES[1:]), (MASK, 0, 1, 2)),
]


@pytest.mark.parametrize("key", SHORT)
def test_a_choice_of_examples_or_items_is_that_of_the_array_and_stays_small(key):
    chosen = COLUMN[key]
    assert chosen.table is TABLE
    np.testing.assert_array_equal(np.asarray(chosen), WHOLE[key], strict=True)


@pytest.mark.parametrize("key", ARRAYS)
def test_one_example_or_a_part_of_items_is_an_array(key):
    assert isinstance(COLUMN[key], np.ndarray)
    np.testing.assert_array_equal(COLUMN[key], WHOLE[key], strict=True)


def test_columns_end_and_are_iterated_as_arrays_are():
    assert len(list(COLUMN)) == 8
    for key in (8, (0, 3), (0, 0, 0, 0, 0)):
        with pytest.raises(IndexError):
            COLUMN[key]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda c: c.sort(),
        lambda c: c.fill(0),
        lambda c: c.float(),
        lambda c: c.to("cpu"),
        lambda c: c.__setitem__(0, 1),
        lambda c: c.__array__(copy=False),  # NumPy 2 asks so for `np.array(c, copy=False)`
        torch.from_numpy,
        lambda c: torch.nn.functional.relu(c),
        lambda c: setattr(c, "shape", (8, -1)),
    ],
)
def test_what_only_an_array_can_do_is_one_line_that_names_the_array(misuse):
    with pytest.raises((TypeError, AttributeError, ValueError)) as caught:
        misuse(COLUMN)
    said = advised(caught.value)
    assert said.endswith('; numpy.asarray(train["images"]) is an array of the whole column.')
    assert said.count("numpy.asarray") == 1
    np.testing.assert_array_equal(COLUMN.table[COLUMN.index], WHOLE)


def test_other_errors_are_left_as_they_are():
    assert advised(ValueError("no moon today.")) == "no moon today."
    assert advised(KeyError()) == "KeyError()"
    assert not hasattr(COLUMN, "numpy")


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_copies_stay_small(again):
    column = again(COLUMN)
    assert isinstance(column, Deduplicated)
    np.testing.assert_array_equal(np.asarray(column), WHOLE)


def test_a_column_of_tensors_is_read_likewise():
    column = Deduplicated(torch.from_numpy(TABLE), torch.from_numpy(INDEX))
    np.testing.assert_array_equal(np.asarray(column), WHOLE)
    assert column[torch.tensor(MASK)].index.shape == (3, 3)
    assert torch.equal(column[4], torch.from_numpy(WHOLE[4]))

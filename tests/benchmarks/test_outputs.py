"""Answers in any form of array are taken as the numbers that they are."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.outputs import checked_outputs, illustrations, parameters
from benchmarks.protocol import OutputError
from benchmarks.records import Store, read_outputs
from tests.records import make_record

NUMBERS = torch.tensor([[0.5, -2.0], [1.25, 3.0], [0.0, 8.0]])


class OnGPU:
    """Behaves as a tensor on another device: no array before it is fetched."""

    def detach(self):
        return self

    def cpu(self):
        return NUMBERS

    def __array__(self, *arguments, **named):
        raise TypeError("can't convert cuda:0 device type tensor to numpy.")


def given(planted, value):
    return checked_outputs(planted.TASKS[0], {"embeddings": value}, 3)["embeddings"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (NUMBERS, np.float32),
        (NUMBERS.clone().requires_grad_(), np.float32),
        (NUMBERS.bfloat16(), np.float32),
        (NUMBERS.half(), np.float32),
        (NUMBERS.double(), np.float64),
        (NUMBERS.to_sparse(), np.float32),
        (NUMBERS.T.contiguous().T, np.float32),
        (torch._neg_view(-NUMBERS), np.float32),
        (OnGPU(), np.float32),
        (NUMBERS.tolist(), np.float64),
        (tuple(NUMBERS.clone().requires_grad_()), np.float32),
        ([list(row) for row in NUMBERS.clone().requires_grad_()], np.float32),
        (NUMBERS.numpy().astype(np.float16), np.float32),
        (NUMBERS.numpy().astype(np.longdouble), np.float64),
        (NUMBERS.numpy().astype(">f8"), np.float64),
        (np.asfortranarray(NUMBERS.numpy()), np.float32),
    ],
)
def test_numbers_are_numbers_whatever_holds_them_and_can_be_stored(planted, value, kind, tmp_path):
    array = given(planted, value)
    assert array.dtype == kind
    np.testing.assert_array_equal(array, NUMBERS.numpy())
    path = Store(tmp_path).save(make_record(), {"embeddings": array})
    stored = read_outputs(path.with_suffix(".parquet"))["embeddings"]
    np.testing.assert_array_equal(stored, array, strict=True)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([[1.0, 2.0], [3.0], [4.0]], "embeddings is no regular array"),
        ([torch.zeros(2), torch.zeros(1), torch.zeros(2)], "embeddings is no regular array"),
        ([None] * 3, "dtype object; expected numbers"),
        (["a", "b", "c"], "expected numbers"),
        (torch.zeros(3, 2, dtype=torch.complex64), "dtype complex64"),
        (torch.full((3, 2), torch.nan, dtype=torch.bfloat16), "6 values that are NaN"),
        (torch.zeros(()), r"shape \(\); expected 3 rows"),
        ([], r"shape \(0,\)"),
    ],
)
def test_what_is_no_array_of_numbers_is_one_line(planted, value, says):
    with pytest.raises(OutputError, match=says) as caught:
        given(planted, value)
    assert "\n" not in str(caught.value)


def test_illustrations_may_be_tensors_too():
    method = SimpleNamespace(illustrations={"curve": NUMBERS.bfloat16()})
    np.testing.assert_array_equal(illustrations(method)["curve"], NUMBERS.numpy())


def test_parameters_are_those_stated_or_those_of_a_module():
    assert parameters(SimpleNamespace(parameters=np.int64(7))) == 7
    assert parameters(torch.nn.Linear(3, 2)) == 8
    assert parameters(SimpleNamespace(parameters=lambda: [])) == 0
    assert parameters(SimpleNamespace(parameters="many")) is None
    assert parameters(object()) is None

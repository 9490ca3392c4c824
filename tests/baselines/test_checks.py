"""Checks of settings: what each accepts, and the line that it refuses with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from baselines.checks import number, one_of, true_or_false, whole
from benchmarks.errors import SymbenchError

WHOLE = "x is {!r}; it must be a whole number, 2 or more."
ABOVE = "x is {!r}; it must be a finite number, above 0."
LEAST = "x is {!r}; it must be a finite number, 0 or more."
NAMES = "x is {!r}; it must be one of: red, blue."
EITHER = "x is {!r}; it must be one of: True, False."


@pytest.mark.parametrize(
    ("check", "arguments", "accepted", "refused", "line"),
    [
        (whole, (2,), (2, 10**9), (1, 2.0, True, "2", None), WHOLE),
        (number, (0, True), (1e-9, 3), (0, -1, float("inf"), float("nan"), True, "1"), ABOVE),
        (number, (0,), (0, 0.0, 3), (-1e-9, float("inf"), float("nan"), None), LEAST),
        (one_of, (("red", "blue"),), ("red", "blue"), ("green", "re", None, 0), NAMES),
        (one_of, ({"red": 1, "blue": 2},), ("red", "blue"), (1, ""), NAMES),
        (true_or_false, (), (True, False), (1, 0, "yes", None), EITHER),
    ],
)
def test_a_check_passes_what_fits_and_refuses_the_rest_in_a_line(
    check, arguments, accepted, refused, line
):
    for value in accepted:
        check(SimpleNamespace(x=value), "x", *arguments)
    for value in refused:
        with pytest.raises(SymbenchError) as caught:
            check(SimpleNamespace(x=value), "x", *arguments)
        assert str(caught.value) == line.format(value)

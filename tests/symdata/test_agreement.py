"""How many objects of a scene fit into one scene of the rule, on scenes written out by hand."""

import numpy as np
import pytest

from symdata.arrow_room import rule as room
from symdata.mnist4 import rule as mnist4
from symdata.mnist10 import rule as mnist10

# The middles of the quadrants of 64 pixels, clockwise from the top left.
CENTRES = np.array([[16, 16], [48, 16], [48, 48], [16, 48]])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("3456", 4),
        ("6789", 4),
        ("789?", 0),  # no start class is 7, and 9 is two off where 7 is
        ("3457", 3),
        ("?456", 3),
        ("6543", 1),
        ("3333", 1),
        ("3452", 3),
        ("9999", 1),
    ],
)
def test_digits_agree_on_one_start_class(names, expected):
    assert mnist4.agreement(list(names), CENTRES, 64) == expected
    order = [2, 0, 3, 1]
    mixed = [names[k] for k in order]
    assert mnist4.agreement(mixed, 2 * CENTRES[order], 128) == expected


def test_a_quadrant_counts_once_and_an_empty_scene_not_at_all():
    assert mnist4.agreement([], np.zeros((0, 2)), 64) == 0
    assert mnist4.agreement(list("333"), CENTRES[[0, 0, 0]], 64) == 1
    assert mnist4.agreement(list("34"), CENTRES[[0, 0]], 64) == 1


def test_ten_digits_in_the_better_order_of_their_sets():
    where = CENTRES[[0, 0, 1, 1, 1, 2, 2, 3, 3, 3]]
    assert mnist10.agreement(list("0123489567"), where, 64) == 10
    assert mnist10.agreement(list("8923401567"), where, 64) == 10  # one diagonal exchanged
    assert mnist10.agreement(list("8956701234"), where, 64) == 10  # both
    assert mnist10.agreement(list("0023489567"), where, 64) == 9
    assert mnist10.agreement(list("0823419567"), where, 64) == 8  # 1 and 8 have changed places
    assert mnist10.agreement(list("?" * 10), where, 64) == 0


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["metal arrow", "metal cube", "metal cube", "metal sphere"], 4),
        (["metal arrow", "metal cube", "metal cube", "metal cube"], 3),
        (["metal arrow", "metal cube", "metal sphere", "metal cylinder"], 3),
        (["metal arrow", "metal cube", "metal cube", "rubber sphere"], 3),
        (["rubber arrow", "metal cube", "metal cube", "rubber sphere"], 2),
        (["metal cube", "metal cube", "metal sphere", "metal sphere"], 3),
        (["metal arrow", "metal arrow"], 1),
        ([], 0),
    ],
)
def test_things_of_a_room(names, expected):
    assert room.agreement(names, np.zeros((len(names), 2)), 64) == expected

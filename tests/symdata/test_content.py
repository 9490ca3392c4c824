import pyarrow as pa
import pytest

from symdata.content import difference, digest

PICTURE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
COLUMNS = {
    "number": pa.array([1, 2, 3, 4], pa.int32()),
    "share": pa.array([0.5, None, 1.5, 2.0], pa.float64()),
    "flag": pa.array([True, False, True, True]),
    "word": pa.array(["a", "bc", "", None]),
    "list": pa.array([[1, 2], [], [3], [4, 5]], pa.list_(pa.uint8())),
    "fixed": pa.array([[1, 2], [3, 4], [5, 6], [7, 8]], pa.list_(pa.int64(), 2)),
    "struct": pa.array([{"bytes": b"x", "path": None}] * 4, PICTURE),
}
TABLE = pa.table(COLUMNS)


def test_layout_does_not_matter():
    padded = pa.concat_tables([TABLE, TABLE, TABLE]).combine_chunks()
    pieces = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1, 2), TABLE.slice(3)])
    assert digest(padded.slice(4, 4)) == digest(pieces) == digest(TABLE)
    assert difference(pieces, TABLE) is None
    empty = pa.table({name: pa.chunked_array([], c.type) for name, c in COLUMNS.items()})
    assert digest(empty) == digest(TABLE.slice(0, 0))


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("number", pa.array([1, 2, 9, 4], pa.int32())),
        ("number", pa.array([1, 2, 3, 4], pa.int64())),
        ("share", pa.array([0.5, 0.0, 1.5, 2.0])),
        ("flag", pa.array([True, False, True, False])),
        ("word", pa.array(["ab", "c", "", None])),
        ("word", pa.array(["a", "bc", "", ""])),
        ("list", pa.array([[1, 2], [3], [], [4, 5]], pa.list_(pa.uint8()))),
        ("list", pa.array([[1, 2], None, [3], [4, 5]], pa.list_(pa.uint8()))),
        ("fixed", pa.array([[1, 2], [3, 4], [6, 5], [7, 8]], pa.list_(pa.int64(), 2))),
        ("struct", pa.array([{"bytes": b"x", "path": None}] * 3 + [{"bytes": b"y"}], PICTURE)),
        ("struct", pa.array([{"bytes": b"x", "path": None}] * 3 + [None], PICTURE)),
    ],
)
def test_every_change_is_seen(name, changed):
    table = pa.table({**COLUMNS, name: changed})
    assert digest(table) != digest(TABLE)
    assert f"'{name}'" in difference(table, TABLE)


def test_rows_columns_and_the_first_difference_are_named():
    table = pa.table({"a": list(range(100))})
    for row in (0, 1, 63, 64, 98, 99):
        changed = pa.table({"a": [-1 if k >= row else k for k in range(100)]})
        assert difference(changed, table) == f"column 'a' differs, first in row {row}"
    assert difference(table.slice(1), table) == "has 99 rows, not 100"
    assert difference(table.rename_columns(["b"]), table) == "has the columns ['b'], not ['a']"
    assert digest(table.rename_columns(["b"])) != digest(table)


def test_a_type_without_a_hash_is_no_silent_pass():
    with pytest.raises(TypeError, match="when"):
        digest(pa.table({"when": pa.array([0], pa.timestamp("s"))}))

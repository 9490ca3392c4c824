"""Content of tables, however Arrow lays it out: a hash, and the first difference of two tables."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def digest(table: pa.Table) -> str:
    """A hash of names, types and values; independent of chunks, slices and machine."""
    parts: dict[str, hashlib._Hash] = defaultdict(hashlib.sha256)
    for name in table.column_names:
        parts[f"{name}: {table.schema.field(name).type}"].update(b"")
        column = table.column(name)
        for chunk in column.chunks or [pa.array([], column.type)]:
            _feed(parts, name, chunk)
    return hashlib.sha256(
        "\n".join(f"{path} {part.hexdigest()}" for path, part in parts.items()).encode()
    ).hexdigest()


def _feed(parts: dict[str, hashlib._Hash], path: str, array: pa.Array) -> None:
    """Give the values of one chunk to the hashes of its leaves."""
    kind = array.type
    parts[f"{path} valid"].update(_bytes(pc.is_valid(array), "u1"))
    if pa.types.is_struct(kind):
        for field, values in zip(kind, array.flatten(), strict=True):
            _feed(parts, f"{path}.{field.name}", values)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        parts[f"{path} length"].update(_bytes(pc.list_value_length(array).fill_null(0), "<i8"))
        _feed(parts, f"{path}[]", array.flatten())
    elif pa.types.is_fixed_size_list(kind):
        _feed(parts, f"{path}[]", array.flatten())
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        filled = array.fill_null(b"" if pa.types.is_binary(kind) else "")
        parts[f"{path} length"].update(_bytes(pc.binary_length(filled), "<i8"))
        _, offsets, data = filled.buffers()
        first, last = np.frombuffer(offsets, "<i4")[[filled.offset, filled.offset + len(filled)]]
        if data is not None:
            parts[path].update(data[int(first) : int(last)])
    elif pa.types.is_boolean(kind):
        parts[path].update(_bytes(array.fill_null(False), "u1"))
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        code = np.dtype(kind.to_pandas_dtype()).newbyteorder("<").str
        parts[path].update(_bytes(array.fill_null(0), code))
    else:
        raise TypeError(f"column {path} has type {kind}, for which no hash is defined")


def _bytes(array: pa.Array, code: str) -> bytes:
    return array.to_numpy(zero_copy_only=False).astype(code).tobytes()


def difference(found: pa.Table, expected: pa.Table) -> str | None:
    """Line on the first difference of two tables; None where they are equal."""
    if found.schema.names != expected.schema.names:
        return f"has the columns {found.schema.names}, not {expected.schema.names}"
    if found.num_rows != expected.num_rows:
        return f"has {found.num_rows} rows, not {expected.num_rows}"
    for name in expected.schema.names:
        there, here = found.column(name), expected.column(name)
        if there.type != here.type:
            return f"column '{name}' has type {there.type}, not {here.type}"
        if not there.equals(here):
            return f"column '{name}' differs, first in row {_first_difference(there, here)}"
    return None


def _first_difference(one: pa.ChunkedArray, other: pa.ChunkedArray) -> int:
    """The row before which two columns of equal length are equal; bisection."""
    low, high = 0, len(one)
    while high - low > 1:
        middle = (low + high) // 2
        if one.slice(low, middle - low).equals(other.slice(low, middle - low)):
            low = middle
        else:
            high = middle
    return low

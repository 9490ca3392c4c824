"""Columns of examples: named arrays of equal length, some of which a reader may not see.

Letters: N examples, T images of a sequence, S distinct items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.errors import WithheldError

if TYPE_CHECKING:  # imported late at run time, as the lists of the command line need no NumPy
    import numpy as np


# What a message says to a method that asks of a column what only an array can do.
AS_ARRAY = 'numpy.asarray(train["images"]) is an array of the whole column'
# Methods of an array that change it; on an array made for the call, the change would be lost.
_CHANGING = frozenset(
    ("fill", "itemset", "partition", "put", "resize", "setfield", "setflags", "sort")
)
_BINARY = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul"),
    *("and", "or", "xor", "lshift", "rshift"),
)
_OPERATORS = (
    *("lt", "le", "eq", "ne", "gt", "ge", "neg", "pos", "abs", "invert", "bool", "contains"),
    *_BINARY,
    *(f"r{name}" for name in _BINARY),
)


class Deduplicated:
    """A column (N, T, ...) with repeated items, stored as its distinct items and their positions.

    table: (S, ...) the distinct items; index: (N, T) integers into it, so that the column is
    `table[index]`. This is `np.unique` of the raw column: it says which items are equal, as the
    raw items do, and no more; the order of the table carries no meaning. `numpy.asarray(column)`
    gives the raw column; a method that encodes each distinct item once saves time. Both fields are
    NumPy arrays or both are torch tensors.

    Otherwise it can be read like the raw column. A choice of examples, or of their items, is again
    deduplicated. One example, a choice within items, an operator or a method of arrays, such as
    `/`, `<` or `astype`, gives a raw array, made for the call. It cannot be changed in place.
    """

    __slots__ = ("index", "table")
    __hash__ = None  # type: ignore[assignment]  # as `==` compares numbers, one by one

    def __init__(self, table: Any, index: Any) -> None:
        self.table, self.index = table, index

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the column: (N, T, ...)."""
        return (*self.index.shape, *self.table.shape[1:])

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """The type of the items' numbers."""
        return self.table.dtype

    def __len__(self) -> int:
        return int(self.index.shape[0])

    def __getitem__(self, key: Any) -> Any:
        """The column for some examples and items, or an array: see the class."""
        import numpy as np

        parts = key if isinstance(key, tuple) else (key,)
        if any(part is Ellipsis for part in parts) or sum(map(_axes, parts)) > self.index.ndim:
            return np.asarray(self)[key]
        index = self.index[key]
        one = isinstance(parts[0], Integral) or not index.ndim
        return self.table[index] if one else Deduplicated(self.table, index)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(f"a column of repeated items cannot be changed; {AS_ARRAY}.")

    def __getattr__(self, name: str) -> Any:
        """The attribute of the raw array, made for the call: `column.mean()`, `column.T`."""
        import numpy as np

        if name.startswith("_") or name in self.__slots__:  # not filled yet while it is unpickled
            raise AttributeError(f"a column has no {name!r}.")
        if name in _CHANGING or not hasattr(np.ndarray, name):
            raise AttributeError(f"a column of repeated items has no {name!r}; {AS_ARRAY}.")
        return getattr(np.asarray(self), name)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        import numpy as np

        if copy is False:
            raise ValueError(f"an array of repeated items is always a copy; {AS_ARRAY}.")
        return np.asarray(self.table[self.index], dtype=dtype)

    def __dlpack__(self, **options: Any) -> Any:
        """The raw column for other libraries: `torch.tensor` and `torch.as_tensor` ask for it."""
        import numpy as np

        return np.asarray(self).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # the memory of the processor, in the numbers of DLPack


def advised(error: BaseException) -> str:
    """The message of an error, with advice where it says that something takes no `Deduplicated`."""
    message = str(error) or repr(error)
    if Deduplicated.__name__ not in message or AS_ARRAY in message:
        return message
    return f"{message.rstrip('.')}; {AS_ARRAY}."


def _axes(part: Any) -> int:
    """How many axes one part of an index takes: none for None, those of a mask, otherwise one."""
    import numpy as np

    if part is None or isinstance(part, bool):
        return 0
    array = np.asarray(part) if isinstance(part, list) else part
    return int(array.ndim) if str(getattr(array, "dtype", "")).endswith("bool") else 1


def _operator(name: str) -> Any:
    def operate(self: Deduplicated, *others: Any) -> Any:
        import numpy as np

        return getattr(np.asarray(self), name)(*others)

    return operate


for _name in _OPERATORS:
    setattr(Deduplicated, f"__{_name}__", _operator(f"__{_name}__"))


Column: TypeAlias = "np.ndarray | Deduplicated"


class Examples(Mapping[str, Column]):
    """Named columns of equal length: `examples["images"]`; `examples.take(rows)` is a subset.

    `withheld` names the columns that exist but are not given to this reader. Asking for one raises
    `WithheldError` and is noted in `touched`, so that a method which catches the error is found.
    """

    def __init__(
        self,
        columns: Mapping[str, Column],
        withheld: tuple[str, ...] = (),
        touched: list[str] | None = None,
    ) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns differ in length: {lengths}")
        self._columns = dict(columns)
        self.withheld = withheld
        self.touched: list[str] = [] if touched is None else touched

    @property
    def count(self) -> int:
        """N, the number of examples."""
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def __getitem__(self, name: str) -> Column:
        if name in self._columns:
            return self._columns[name]
        if name in self.withheld:
            self.touched.append(name)
            raise WithheldError(f"'{name}' is withheld here: a method answers for inputs alone.")
        raise KeyError(f"no column '{name}'; there are: {', '.join(self._columns)}")

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def take(self, rows: Any) -> Examples:
        """The examples at `rows` (a slice or an array of integers), in that order."""
        columns = {name: column[rows] for name, column in self._columns.items()}
        return Examples(columns, self.withheld, self.touched)

    def select(self, names: tuple[str, ...]) -> Examples:
        """The same examples with the columns in `names` alone; the others become withheld."""
        kept = {name: column for name, column in self._columns.items() if name in names}
        hidden = tuple(name for name in self._columns if name not in names)
        return Examples(kept, (*self.withheld, *hidden), self.touched)

"""Columns of examples: named arrays of equal length, some of which a reader may not see.

Letters: N examples, T images of a sequence, S distinct items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.errors import WithheldError

if TYPE_CHECKING:  # imported late at run time, as the lists of the command line need no NumPy
    import numpy as np


class Deduplicated:
    """A column (N, T, ...) with repeated items, stored as its distinct items and their positions.

    table: (S, ...) the distinct items; index: (N, T) integers into it, so that the column is
    `table[index]`. This is `np.unique` of the raw column: it says which items are equal, as the
    raw items do, and no more; the order of the table carries no meaning. `numpy.asarray(column)`
    gives the raw column; a method that encodes each distinct item once saves time. Both fields are
    NumPy arrays or both are torch tensors.
    """

    __slots__ = ("index", "table")

    def __init__(self, table: Any, index: Any) -> None:
        self.table, self.index = table, index

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the column: (N, T, ...)."""
        return (*self.index.shape, *self.table.shape[1:])

    def __len__(self) -> int:
        return int(self.index.shape[0])

    def __getitem__(self, rows: Any) -> Deduplicated:
        """The same column for some examples; rows: a slice or an array of integers."""
        return Deduplicated(self.table, self.index[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        import numpy as np

        return np.asarray(self.table[self.index], dtype=dtype)


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

"""Checks of a method's settings: each refuses a wrong value in one line that says what is allowed.

A settings dataclass calls them in its `__post_init__`: `whole(self, "hidden", 1)`.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.errors import SymbenchError


def whole(settings: object, name: str, least: int) -> None:
    """Refuse a setting that is no whole number or is below `least`."""
    value = getattr(settings, name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SymbenchError(f"{name} is {value!r}; it must be a whole number, {least} or more.")


def number(settings: object, name: str, least: float, above: bool = False) -> None:
    """Refuse a setting that is no finite number of at least (or above) `least`."""
    value = getattr(settings, name)
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not (fits and (value > least if above else value >= least) and value < float("inf")):
        bound = f"above {least:g}" if above else f"{least:g} or more"
        raise SymbenchError(f"{name} is {value!r}; it must be a finite number, {bound}.")


def one_of(settings: object, name: str, allowed: Iterable[str | int]) -> None:
    """Refuse a setting that is none of these names or numbers."""
    value, known = getattr(settings, name), list(allowed)
    if value not in known:
        names = ", ".join(map(str, known))
        raise SymbenchError(f"{name} is {value!r}; it must be one of: {names}.")


def true_or_false(settings: object, name: str) -> None:
    """Refuse a setting that is neither True nor False; 1 and 0 are neither."""
    value = getattr(settings, name)
    if not isinstance(value, bool):
        raise SymbenchError(f"{name} is {value!r}; it must be one of: True, False.")

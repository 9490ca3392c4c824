"""Names of data sets and suites: ours, and those that installed packages add by entry point."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from symdata.errors import DataError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def registered(group: str, ours: Mapping[str, str]) -> dict[str, str]:
    """Name → `module:attribute`: ours first, then those that installed packages register.

    group: of the entry points, such as "symbench.datasets". A name that is taken twice is an
    error that names both, as it would be open which of them is meant.
    """
    found = dict(ours)
    whose = dict.fromkeys(found, "symbench")
    for point in points(group):
        owner = point.dist.name if point.dist else "an installed package"
        if point.name in found and (found[point.name], whose[point.name]) != (point.value, owner):
            raise DataError(
                f"the name '{point.name}' in {group} is taken twice, by {whose[point.name]} "
                f"({found[point.name]}) and by {owner} ({point.value}): rename it in {owner}, or "
                "uninstall that."
            )
        found[point.name], whose[point.name] = point.value, owner
    return found


def points(group: str) -> tuple[EntryPoint, ...]:
    """The entry points of a group."""
    return tuple(installed().select(group=group))


@cache
def installed() -> Any:
    """All entry points (`importlib.metadata`), as they were when this process first asked."""
    # Imported here, as the help of the command line has to come at once.
    from importlib.metadata import entry_points

    return entry_points()


def loaded(path: str, kind: Any, what: str) -> Any:
    """The object at `module:attribute`; `DataError` if it is not there or of another class.

    what: how a message calls it, such as "suite 'ponds'".
    """
    try:
        found = resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise DataError(
            f"{what} cannot be imported from {path} ({error}): install its package anew, or "
            "uninstall it."
        ) from error
    if not isinstance(found, kind):
        raise DataError(
            f"{what} is to be a {kind.__name__}, and {path} is of class {type(found).__name__}."
        )
    return found

"""The form in JSON of settings and of whatever else goes into keys and records."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

from benchmarks.sources import FILE


def plain(value: Any) -> Any:
    """A value in the form that JSON has for it, or as text; the same in every process.

    Text stands for what JSON lacks: infinities and NaN, members of an enumeration, paths, classes,
    functions and other objects. Keys become text, sets sorted lists, dataclasses dicts by field.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, PurePath):
        return value.as_posix()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(one) for one in value), key=repr)
    if hasattr(value, "__qualname__"):
        # The name of the module that a file becomes depends on where the file lies.
        module = str(value.__module__)
        return value.__qualname__ if module.startswith(FILE) else f"{module}.{value.__qualname__}"
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy and of torch
        return plain(value.tolist())
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))  # an address is of one process alone

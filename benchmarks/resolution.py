"""Resolution of settings: the values that an entry has on a task, and the origin of each.

Settings lie over each other in this order, the later ones over the earlier:

1. the defaults of the fields of the method's `Settings`;
2. the values of the paper for the data set, in the literal `published` of that class;
3. the profile's changes for the entry's family, on all tasks and then on this data set;
4. the entry's own settings for this data set, and then its own settings on every task;
5. those of `run --set`.

No method is imported, except by `variants` and `check_settings`, which need the class of settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from itertools import product
from pathlib import PurePath
from typing import Any, get_type_hints

from benchmarks import registry, sources
from benchmarks.errors import SymbenchError
from benchmarks.protocol import Entry, Profile, Task, about


@dataclass(frozen=True)
class Layer:
    """Settings of one origin, which `origin` names in words."""

    origin: str
    settings: Mapping[str, Any]


def layers(profile: Profile, entry: Entry, task: Task) -> list[Layer]:
    """The layers of settings above the defaults, in the order in which they are applied."""
    published = about(sources.published(entry.path), task)
    changes = about(profile.changes.get(entry.family, {}), task)
    own = about(entry.by_data, task)
    on = {key: "" if key == "*" else f" on {key}" for key in (*published, *changes, *own)}
    change = f"profile {profile.name}, family {entry.family}"
    return [
        *(Layer(f"published{on[key]}", given) for key, given in published.items()),
        *(Layer(f"{change}{on[key]}", given) for key, given in changes.items()),
        *(Layer(f"entry {entry.name}{on[key]}", given) for key, given in own.items()),
        Layer(f"entry {entry.name}", entry.settings),
        Layer("--set", {name: entry.settings[name] for name in entry.assigned}),
    ]


def resolved(profile: Profile, entry: Entry, task: Task) -> Entry:
    """The entry with its settings on this task in this profile, without mere defaults."""
    settings: dict[str, Any] = {}
    for layer in layers(profile, entry, task):
        settings |= layer.settings
    return replace(entry, settings=settings)


def variants(entries: Sequence[Entry], assignments: Sequence[str]) -> list[Entry]:
    """Each entry with the settings of `--set name=value`; two values of a name make two rows.

    A row's name shows them, as `esbn[learning_rate=0.001]` does. The methods are imported.
    """
    texts = dict[str, list[str]]()
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.strip():
            raise SymbenchError(f"--set '{assignment}' is not understood; write --set name=value.")
        texts.setdefault(name.strip(), []).append(text.strip())
    made = dict[str, Entry]()
    for entry in entries if texts else ():
        _ensure_settable(entry, texts, entries)
        values = [_values(entry, name, given) for name, given in texts.items()]
        for chosen in product(*values):
            given = dict(zip(texts, chosen, strict=True))
            words = ",".join(f"{name}={written(value)}" for name, value in given.items())
            name = f"{entry.name}[{words}]"
            settings = {**entry.settings, **given}
            made[name] = replace(entry, name=name, settings=settings, assigned=tuple(given))
    return list(made.values()) if texts else list(entries)


def check_settings(entry: Entry) -> None:
    """Build the settings of an entry, which raises a one-line error for values it refuses."""
    registry.load_class(entry.path).Settings(**entry.settings)


def _ensure_settable(entry: Entry, names: Iterable[str], entries: Sequence[Entry]) -> None:
    """Raise where an entry lacks one of these settings; say which of the entries have it."""
    known = _fields(entry)
    for name in (one for one in names if one not in known):
        if having := [other.name for other in entries if name in _fields(other)]:
            raise SymbenchError(
                f"{entry.name} has no setting '{name}'; choose methods that have it with "
                f"--method: {', '.join(having)}."
            )
        if not known:
            raise SymbenchError(f"{entry.name} has nothing to set; choose methods with --method.")
        raise registry.unknown(f"setting of {entry.name}", name, known)


def _fields(entry: Entry) -> dict[str, Any]:
    """The settings of an entry's method by name, with their defaults."""
    settings = registry.load_class(entry.path).Settings
    return {field.name: field.default for field in fields(settings)}


def _values(entry: Entry, name: str, texts: Sequence[str]) -> list[Any]:
    """The values that these texts stand for, typed like the setting of this name."""
    settings, defaults = registry.load_class(entry.path).Settings, _fields(entry)
    return [
        _typed(f"{name} of {entry.name}", get_type_hints(settings)[name], text, defaults[name])
        for text in texts
    ]


def _typed(what: str, hint: Any, text: str, default: Any) -> Any:
    """The value of this type that a text stands for; the parts of a tuple stand between commas."""
    from pydantic import PydanticUserError, TypeAdapter, ValidationError

    if text.startswith("(") and text.endswith(")"):
        readings: list[Any] = [text[1:-1].rstrip(",").split(",") if text[1:-1] else []]
    else:
        readings = [text, text.split(",")]
    for reading in (*([None] if text in ("None", "none") else []), *readings):
        try:
            return TypeAdapter(hint).validate_python(reading)
        except ValidationError:
            continue
        except PydanticUserError:
            raise SymbenchError(f"{what} cannot be set here; give it in an entry.") from None
    kind = getattr(hint, "__name__", str(hint)) if isinstance(hint, type) else str(hint)
    raise SymbenchError(f"{what} is {text!r}; it must be {kind}, such as {written(default)}.")


def written(value: Any) -> str:
    """A value as it is written after `--set name=`."""
    if isinstance(value, tuple):
        return ",".join(map(written, value))
    if isinstance(value, Enum):
        return written(value.value)
    return str(value) if isinstance(value, str | PurePath) else repr(value)

"""Fingerprints of behaviour: what a run computed, in a few numbers, beside the version it had.

The file `fingerprints.json` holds one for each method class, metric, judge and teacher. A version
is honest where it changes exactly when the fingerprint does. Make the file anew with
`python -m tests.behaviour.fingerprints`, once you have raised the versions that the test names;
with words behind it, only the fingerprints whose names contain one of them are made.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import registry
from benchmarks.sources import declared, file_of
from tests.behaviour.methods import CASES, run
from tests.behaviour.parts import PARTS, ask

FILE = Path(__file__).with_name("fingerprints.json")
# Rounding differs between processors and is amplified by a few updates; a change of behaviour that
# is smaller than this share of a number, or of an array's spread, is not seen. Of whole numbers,
# such as clusters and symbols, a few may flip.
TOLERANCE, WHOLE_TOLERANCE = 1e-3, 0.03
DIGITS = 7

NAMES = (*(case.name for case in CASES), *PARTS)
_BY_NAME = {case.name: case for case in CASES}


def fingerprint(name: str) -> dict[str, Any]:
    """Version, defaults and numbers of a case or a part as they are now."""
    case = _BY_NAME.get(name)
    found = run(case) if case else ask(name)
    return {
        "version": version(name),
        "defaults": _defaults(case.path) if case else {},
        "numbers": {label: _numbers(value) for label, value in found.items()},
    }


def version(name: str) -> int:
    """The version that a class or a module declares today."""
    case = _BY_NAME.get(name)
    found = declared(case.path, "version") if case else declared(name, "VERSION")
    assert isinstance(found, int), f"{name} declares no version"
    return found


def _defaults(path: str) -> dict[str, Any]:
    settings = registry.load_class(path).Settings()
    known: dict[str, Any] = json.loads(json.dumps(asdict(settings))) if fields(settings) else {}
    return known


def _numbers(value: Any) -> list[float]:
    """A number itself; of an array its size, mean, spread, a projection, and 1 for whole numbers.

    The projection sees the order of the values.
    """
    if np.ndim(value) == 0:
        return [_short(float(value))]
    flat = np.asarray(value, dtype=np.float64).ravel()
    waves = np.cos(np.arange(flat.size) * 0.7 + 0.3)
    projected = float((flat - flat.mean()) @ waves) / max(flat.size, 1) ** 0.5
    shown = (_short(x) for x in (float(flat.mean()), float(flat.std()), projected))
    return [flat.size, *shown, int(np.asarray(value).dtype.kind in "iub")]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What two fingerprints say otherwise, a phrase each; of settings that both know, the defaults.

    Versions are left aside.
    """
    found = [
        f"default {name} {value!r} → {now['defaults'][name]!r}"
        for name, value in before["defaults"].items()
        if now["defaults"].get(name, value) != value
    ]
    for name in {**before["numbers"], **now["numbers"]}:
        old, new = before["numbers"].get(name, []), now["numbers"].get(name, [])
        if not _close(old, new):
            found.append(f"{name} {old} → {new}")
    return found


def _close(old: list[float], new: list[float]) -> bool:
    if len(old) != len(new):
        return False
    if len(old) == 1:
        return bool(np.isclose(new[0], old[0], rtol=TOLERANCE, atol=1e-7))
    spread = max(old[2], TOLERANCE * abs(old[1]), 1e-7)
    allowed = (WHOLE_TOLERANCE if old[4] else TOLERANCE) * spread
    return (old[0], old[4]) == (new[0], new[4]) and all(
        abs(a - b) <= allowed * slack
        for a, b, slack in zip(old[1:4], new[1:4], (1, 1, 3), strict=True)
    )


def verdict(name: str, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    """One line on what is dishonest about a version, and what to do; "" where nothing is."""
    remake = "run `python -m tests.behaviour.fingerprints`"
    if before is None:
        return f"{name} has no fingerprint yet; {remake}."
    changed, raised = differences(before, now), now["version"] != before["version"]
    if changed and raised:
        return f"{name} has a new version, {now['version']}, and a new behaviour; {remake}."
    if changed:
        shown = "; ".join(changed[:3]) + (f"; {len(changed) - 3} more" if changed[3:] else "")
        word = "version" if name in _BY_NAME else "VERSION"
        return (
            f"{name} computes something else ({shown}). Raise `{word} = {now['version']}` to "
            f"{now['version'] + 1} in {_place(name)} and {remake}; or undo the change."
        )
    if raised:
        return (
            f"{name} has version {now['version']} and no longer {before['version']}, but computes "
            f"the same here: take it back, or, where this run does not reach the change, {remake}."
        )
    if set(before["defaults"]) != set(now["defaults"]):
        other = ", ".join(sorted(set(before["defaults"]) ^ set(now["defaults"])))
        return f"{name} has other settings ({other}); its version may stay: {remake}."
    return ""


def _place(name: str) -> str:
    """The file in which the class or the module of this name declares its version."""
    case = _BY_NAME.get(name)
    file = inspect.getfile(registry.load_class(case.path)) if case else file_of(name)
    assert file
    return Path(file).relative_to(Path(__file__).parents[2]).as_posix()


def stored() -> dict[str, Any]:
    """The fingerprints of the file."""
    known: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return known


def _remake(words: Sequence[str]) -> Iterator[str]:
    """Write the file anew; a line on each fingerprint that changed."""
    kept = stored() if FILE.exists() else {}
    for name in NAMES:
        if name not in kept or not words or any(word in name for word in words):
            now = fingerprint(name)
            line = verdict(name, kept.get(name), now)
            kept[name] = now
            if line:
                yield line
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(kept[name])}" for name in NAMES)
    FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    for said in _remake(sys.argv[1:]):
        print(said)

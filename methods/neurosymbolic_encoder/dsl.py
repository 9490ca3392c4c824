"""Domain-specific languages for trajectories: the features and the rules of their programs.

A DSL of your own is one object in a file of yours, named by `dsl="my_dsl.py:FISH"`:

    FISH = DSL("fish", features=(
        Feature("speed", "the speed", "cm/frame", compute=lambda states: ...),
    ))

Letters: N trajectories, T frames, D numbers of a state, F features.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from benchmarks.protocol import Examples, SymbenchError
from benchmarks.scripts import importing

LIST_TO_LIST, LIST_TO_ATOM, ATOM_TO_ATOM = "list_to_list", "list_to_atom", "atom_to_atom"
TYPES = (LIST_TO_LIST, LIST_TO_ATOM, ATOM_TO_ATOM)

# Types of a rule's arguments by rule and type of its result; rules without any read a feature.
RULES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "map": {LIST_TO_LIST: (ATOM_TO_ATOM,)},
    "map_prefixes": {LIST_TO_LIST: (LIST_TO_ATOM,)},
    "average": {LIST_TO_ATOM: (LIST_TO_LIST,)},
    "map_average": {LIST_TO_ATOM: (ATOM_TO_ATOM,)},
    "final": {LIST_TO_ATOM: ()},
    "select": {ATOM_TO_ATOM: ()},
    "if_then_else": {kind: (kind, kind, kind) for kind in TYPES},
    "add": {kind: (kind, kind) for kind in TYPES},
    "multiply": {kind: (kind, kind) for kind in TYPES},
}

STANDARD = MappingProxyType(
    {
        LIST_TO_ATOM: ("map_average", "if_then_else", "add", "multiply"),
        ATOM_TO_ATOM: ("select", "if_then_else", "add", "multiply"),
    }
)


@dataclass(frozen=True)
class Feature:
    """A number a frame, with its name, its phrase in words and its unit.

    compute: states (N, T, D) → (N, T); None for features that come with the data, as the column
    `feature.<name>`. rules: the rules that may read it, of "select" and "final".
    """

    name: str
    words: str
    unit: str = ""
    compute: Callable[[np.ndarray], np.ndarray] | None = None
    rules: tuple[str, ...] = ("select",)


@dataclass(frozen=True)
class DSL:
    """A typed language of programs.

    rules: for each type, the names of the rules that give it. start: the type of a whole program;
    "list_to_atom" gives one number a trajectory. Raises SymbenchError where no program is possible.
    """

    name: str
    features: tuple[Feature, ...]
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: STANDARD)
    start: str = LIST_TO_ATOM

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features]
        if not names or len(set(names)) < len(names):
            raise self._wrong("its features need names, all different")
        for kind, rules in self.rules.items():
            for rule in rules:
                if kind not in RULES.get(rule, {}):
                    known = ", ".join(name for name, kinds in RULES.items() if kind in kinds)
                    raise self._wrong(
                        f"no rule '{rule}' gives {kind}; there are: {known or 'none'}"
                    )
        waiting, needed = [self.start], set[str]()
        while waiting:
            kind = waiting.pop()
            if not self.fillings(kind):
                raise self._wrong(f"it has no rule for {kind}, which its programs need")
            needed.add(kind)
            for rule, _ in self.fillings(kind):
                waiting += [one for one in RULES[rule][kind] if one not in needed]
        used = {rule for rules in self.rules.values() for rule in rules}
        for feature in self.features:
            if not used & set(feature.rules):
                raise self._wrong(
                    f"none of its rules reads '{feature.name}', which is for "
                    f"{', '.join(feature.rules) or 'no rule'}"
                )

    def _wrong(self, why: str) -> SymbenchError:
        """An error that names this DSL and says why it cannot be used."""
        return SymbenchError(f"the DSL '{self.name}' cannot be used: {why}.")

    def fillings(self, kind: str) -> list[tuple[str, str | None]]:
        """Every (rule, feature) that may fill a nonterminal of this type, in a fixed order."""
        found: list[tuple[str, str | None]] = []
        for rule in self.rules.get(kind, ()):
            if RULES[rule][kind]:
                found.append((rule, None))
            else:
                found += [(rule, one.name) for one in self.features if rule in one.rules]
        return found

    def feature(self, name: str) -> Feature:
        """The feature of this name."""
        return next(one for one in self.features if one.name == name)

    def columns(self, examples: Examples) -> np.ndarray:
        """All F features of all frames (N, T, F) float32."""
        columns = []
        for one in self.features:
            if one.compute is not None:
                try:
                    column = np.asarray(one.compute(np.asarray(examples["states"])))
                except Exception as error:
                    raise self._wrong(f"computing '{one.name}' failed: {error!r}") from error
            elif f"feature.{one.name}" in examples:
                column = np.asarray(examples[f"feature.{one.name}"])
            else:
                there = [name[8:] for name in examples if name.startswith("feature.")]
                known = ", ".join(there) or "none"
                raise self._wrong(f"the data have no feature '{one.name}'; they have: {known}")
            expected = np.asarray(examples["states"]).shape[:2]
            if column.shape != expected:
                raise self._wrong(f"'{one.name}' has shape {column.shape}; expected {expected}")
            if not np.isfinite(column).all():
                raise self._wrong(f"'{one.name}' holds values that are NaN or infinite")
            columns.append(column.astype(np.float32))
        return np.stack(columns, -1)


def _synthetic() -> DSL:
    """The DSL of the synthetic walks, whose programs may also read the last position."""
    rules = {
        LIST_TO_ATOM: ("final", *STANDARD[LIST_TO_ATOM]),
        ATOM_TO_ATOM: STANDARD[ATOM_TO_ATOM],
    }
    return DSL(
        "synthetic",
        (
            Feature("x", "x", "", rules=("final",)),
            Feature("y", "y", "", rules=("final",)),
            Feature("speed", "the speed", "a frame"),
            Feature("acceleration", "the acceleration", "a frame²"),
        ),
        rules,
    )


def _basketball() -> DSL:
    """The DSL of the basketball players, whose features are reductions over the players."""
    quantities = (
        ("speed", "speed", "ft/frame"),
        ("x", "x", "ft"),
        ("y", "y", "ft"),
        ("distance_to_basket", "distance to the basket", "ft"),
    )
    reductions = (("average", "average"), ("max", "largest"), ("min", "smallest"))
    return DSL(
        "basketball",
        tuple(
            Feature(f"{name}_{short}", f"the players' {long} {words}", unit)
            for name, words, unit in quantities
            for short, long in reductions
        ),
    )


# Phrases in words and units of the mice's features.
_MICE = {
    "head_body_angle_resident": ("the resident's angle of head to body", "rad"),
    "head_body_angle_intruder": ("the intruder's angle of head to body", "rad"),
    "social_angle_resident": ("the angle at which the resident sees the intruder", "rad"),
    "social_angle_intruder": ("the angle at which the intruder sees the resident", "rad"),
    "speed_resident": ("the resident's speed", "px/frame"),
    "speed_intruder": ("the intruder's speed", "px/frame"),
    "nose_tail_distance": ("the distance of the resident's nose to the intruder's tail", "px"),
    "nose_nose_distance": ("the distance between the noses", "px"),
    "head_head_distance": ("the distance between the heads", "px"),
    "body_body_distance": ("the distance between the bodies", "px"),
    "head_body_distance": ("the distance of the resident's head to the intruder's body", "px"),
    "acceleration_resident": ("the resident's acceleration", "px/frame²"),
    "acceleration_intruder": ("the intruder's acceleration", "px/frame²"),
    "nose_speed_resident": ("the speed of the resident's nose", "px/frame"),
    "axis_ratio_resident": ("the axis ratio of the resident's ellipse", ""),
    "box_overlap": ("the overlap of the mice's bounding boxes", ""),
    "ellipse_area_resident": ("the area of the resident's ellipse", "px²"),
    "ellipse_area_intruder": ("the area of the intruder's ellipse", "px²"),
}
# The three sets of features that the paper compares (listed in its appendix).
_CALMS21 = {
    "calms21_1": (
        "head_body_angle_resident",
        "head_body_angle_intruder",
        "social_angle_resident",
        "social_angle_intruder",
        "speed_resident",
        "speed_intruder",
        "nose_tail_distance",
        "nose_nose_distance",
    ),
    "calms21_2": (
        "head_head_distance",
        "body_body_distance",
        "head_body_distance",
        "acceleration_resident",
        "nose_speed_resident",
        "axis_ratio_resident",
        "box_overlap",
        "social_angle_resident",
        "nose_tail_distance",
        "nose_nose_distance",
    ),
    "calms21_3": (
        "head_body_angle_resident",
        "head_body_angle_intruder",
        "ellipse_area_resident",
        "ellipse_area_intruder",
        "acceleration_resident",
        "acceleration_intruder",
        "nose_tail_distance",
        "nose_nose_distance",
    ),
}

DSLS = {
    "synthetic": _synthetic(),
    "basketball": _basketball(),
    **{
        name: DSL(name, tuple(Feature(one, *_MICE[one]) for one in names))
        for name, names in _CALMS21.items()
    },
}


def load(name: str) -> DSL:
    """Load the DSL of this name, or the object at `package.module:NAME` or `path/file.py:NAME`."""
    if not isinstance(name, str):
        raise SymbenchError(f"dsl is {name!r}; it must be a name, or file.py:NAME of your own.")
    if name in DSLS:
        return DSLS[name]
    location, _, attribute = name.rpartition(":")
    if not location:
        raise SymbenchError(
            f"no DSL '{name}'; there are: {', '.join(DSLS)}, or give file.py:NAME of your own."
        )
    try:
        if location.endswith(".py"):
            place = hashlib.sha256(str(Path(location).resolve()).encode()).hexdigest()[:12]
            called = f"symbench_dsl_{Path(location).stem}_{place}"
            spec = importlib.util.spec_from_file_location(called, location)
            assert spec
            assert spec.loader
            module = importlib.util.module_from_spec(spec)
            # Dataclasses in the file look up their module by name.
            sys.modules[called] = module
            with importing(location):
                spec.loader.exec_module(module)
        else:
            module = importlib.import_module(location)
    except SymbenchError as error:
        raise error.with_traceback(None) from None
    except Exception as error:
        raise SymbenchError(
            f"the DSL's file '{location}' cannot be imported: {error!r}."
        ) from error
    found = getattr(module, attribute, None)
    if not isinstance(found, DSL):
        there = [name for name, value in vars(module).items() if isinstance(value, DSL)]
        raise SymbenchError(
            f"{location} has no DSL called '{attribute}'; it has: {', '.join(there) or 'none'}."
        )
    return found

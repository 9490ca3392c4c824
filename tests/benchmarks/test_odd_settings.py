"""Settings of any type: keys that are the same in every process, records in strict JSON."""

import functools
import json
import os
import pickle
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import plan, registry, resolution, runner
from benchmarks.plain import plain
from benchmarks.plan import Filters
from benchmarks.records import content_hash, read_record
from tests.records import make_record


class Kind(Enum):
    A = "a"
    B = "b"


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    ADAM = "adam"


@dataclass(frozen=True)
class Inner:
    rate: float = float("-inf")
    path: Path = Path("x") / "y"


class Thing:
    pass


Point = namedtuple("Point", "x y")

FORMS = [
    (float("inf"), "inf"),
    (float("nan"), "nan"),
    (np.float32("-inf"), "-inf"),
    (np.float64(0.5), 0.5),
    (np.int64(3), 3),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.bool_(True), True),
    (torch.tensor([0.5, float("inf")]), [0.5, "inf"]),
    (torch.float32, "torch.float32"),
    (torch.device("cpu"), "device(type='cpu')"),
    (torch.nn.ReLU, "torch.nn.modules.activation.ReLU"),
    (np.dtype("float32"), "dtype('float32')"),
    (Kind.A, "Kind.A"),
    (Level.LOW, 1),
    (Word.ADAM, "adam"),
    (Path("a/b.csv"), "a/b.csv"),
    (Inner(), {"rate": "-inf", "path": "x/y"}),
    ({1: 2, "a": (1, None), Kind.B: {2}}, {"1": 2, "a": [1, None], "Kind.B": [2]}),
    ({"b", "a", "c"}, ["a", "b", "c"]),
    (Point(1, 2.5), [1, 2.5]),
    (json.dumps, "json.dumps"),
    (Thing(), f"<{__name__}.Thing object>"),
    (functools.partial(json.dumps, Thing()), None),
    (b"\x00", repr(b"\x00")),
    (1 + 2j, "(1+2j)"),
    (range(3), "range(0, 3)"),
    ("caf\xe9 \u2192", "caf\xe9 \u2192"),
]


@pytest.mark.parametrize(("value", "form"), FORMS)
def test_a_value_has_one_form_in_json(value, form):
    found = plain(value)
    assert form is None or found == form
    assert type(found) in (type(None), str, bool, int, float, list, dict, Level, Word, np.float64)
    assert "0x" not in json.dumps(found, allow_nan=False)
    assert plain(json.loads(json.dumps(found))) == json.loads(json.dumps(found))


def test_a_record_of_odd_settings_is_strict_json_and_is_read_again(tmp_path):
    settings = {str(k): value for k, (value, _) in enumerate(FORMS)}
    text = make_record(settings=settings).model_dump_json(by_alias=True)

    def refuse(constant):
        raise AssertionError(constant)

    kept = json.loads(text, parse_constant=refuse)["settings"]
    assert (kept["0"], kept["12"]) == ("inf", "Kind.A")
    (tmp_path / "record.json").write_text(text)
    assert read_record(tmp_path / "record.json").settings == kept


def test_keys_are_the_same_in_every_process_and_tell_values_apart():
    code = """
import functools, json
from benchmarks.records import content_hash
class Thing: pass
print(content_hash([set("abcdefgh"), Thing(), functools.partial(json.dumps, Thing())]))
"""
    command = [sys.executable, "-c", code]
    hashes = {
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "12"
    }
    assert len(hashes) == 1
    values = [float("inf"), float("-inf"), float("nan"), None, Kind.A, Kind.B, {"a": 1}, {"a": 2}]
    assert len({content_hash({"x": value}) for value in values}) == len(values)


CODE = """
from __future__ import annotations
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

class Kind(Enum):
    A = "a"
    B = "b"

@dataclass(frozen=True)
class Odd:
    kind: Kind = Kind.A
    widths: list[int] = field(default_factory=lambda: [1, 2])
    extra: dict = field(default_factory=dict)
    where: Path = Path("x")
    limit: float = float("inf")

class Mine:
    Settings = Odd

    def __init__(self, settings):
        assert settings.kind in (Kind.A, Kind.B)
        self.settings = settings

    def fit(self, train, run):
        raise RuntimeError

    evaluate = fit
"""


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """Cells of a method in a file, with these assignments of `--set`."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "odd.py").write_text(CODE)

    def made(*assignments):
        method = f"{tmp_path / 'odd.py'}:Mine"
        filters = Filters(("abstract_rules",), ("rmts",), (method,), [0], "smoke", assignments)
        return plan.cells(filters)

    yield made
    for name in [name for name in sys.modules if name.startswith("symbench_file_odd_")]:
        del sys.modules[name]


def test_odd_settings_can_be_set_and_reach_another_process(cells):
    given = ("kind=b", "widths=3,4", "where=data", "limit=-inf")
    (cell,) = cells(*given)
    assert cell.method == "Mine[kind=b,widths=3,4,where=data,limit=-inf]"
    content = pickle.dumps(cell)
    (module,) = (name for name in sys.modules if name.startswith("symbench_file_odd_"))
    first = sys.modules.pop(module)  # as in a process that has not loaded the file
    other = pickle.loads(content)
    assert sys.modules[module] is not first
    assert (other.key, other.label) == (cell.key, cell.label)
    # The file may have been loaded anew since the cell was planned: members are those of today.
    for one in (cell, other):
        settings = runner.build(one.entry).settings
        assert settings.kind is sys.modules[module].Kind.B
        assert plain(settings) == {
            "kind": "Kind.B",
            "widths": [3, 4],
            "extra": {},
            "where": "data",
            "limit": "-inf",
        }


def test_values_of_odd_settings_that_are_refused_are_one_line(cells):
    for assignment, says in (
        ("kind=c", "kind of Mine is 'c'; it must be one of a, b, such as a."),
        ("extra=3", "extra of Mine is '3'; it must be dict, such as {}."),
        ("widths=x", "widths of Mine is 'x'; it must be list[int], such as 1,2."),
    ):
        with pytest.raises(registry.SymbenchError) as caught:
            cells(assignment)
        assert str(caught.value) == says


def test_a_record_of_odd_settings_that_fail_is_strict_json(cells):
    (cell,) = cells("limit=nan", "kind=b")
    record = runner.describe(cell, "cpu", 1, 0.0)
    kept = json.loads(record.model_dump_json())["settings"]
    assert kept == {"limit": "nan", "kind": "Kind.B"}
    assert resolution.written([1, (2, 3)]) == "1,2,3"

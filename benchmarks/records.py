"""Records of cells: their schema, and storage that survives a crash.

One JSON file a record, written to a temporary name and renamed, so that a reader sees a whole
record or none; the outputs lie beside it as Parquet, the method's illustrations as NumPy's .npz,
and both are written first.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from benchmarks.errors import SymbenchError
from benchmarks.plain import plain

# The schema of records: a new number where a reader of the old one would misread them, and a minor
# one ("/2.1") where they only have more fields, which a reader that does not know them keeps.
SCHEMA_VERSION = 2
SCHEMA = f"symbench.record/{SCHEMA_VERSION}.1"
_READABLE = rf"^symbench\.record/(1|{SCHEMA_VERSION}(\.\d+)?)$"


class _NewerSchemaError(ValueError):
    """The error for a schema that only a newer symbench can read; its text names the schema."""


class Failure(BaseModel):
    """The failure of a cell: the exception's class, its message, and the traceback."""

    type: str
    message: str
    traceback: str


class Further(BaseModel):
    """A score that a table shows beside the one by which the task ranks, or shows on request."""

    name: str
    percent: bool
    higher_is_better: bool
    shown: bool = True


class Record(BaseModel):
    """The record of one cell; scores are fractions, times seconds, memory bytes.

    task_parts, method_parts: by name, the versions of the metrics, judges and teachers that the
    task and the method use; "sources" is the hash of code that is not part of symbench, which has
    no method_version. files: hashes of the files that settings name, by setting. source_hash: the
    hash of the method's sources, for provenance alone. chance: None where no theory gives it. also:
    the further scores with a column of their own. flags: warnings for readers of the scores.
    explanation: the method's own account of what it learned. curve: the learning curve as columns
    of equal length: `updates`, the named scalars as means since the point before, and `score` on
    held-out examples where it was computed. converged: the scalar of the curve, and its value, at
    which the training counts as converged. moved: the scores of a second training whose first
    weights were moved by a millionth. examples: training examples seen, repetitions counted;
    evaluated: the number of test examples. outputs, illustrations: names of the files beside the
    record that hold them.

    Fields that are not known here are kept, in `model_extra`. A record of schema 1 is read too; it
    does not tell the versions of the method and of any part.
    """

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    schema_name: str = Field(default=SCHEMA, alias="schema", pattern=_READABLE)
    key: str
    variant: str
    suite: str
    task: str
    regime: str
    task_version: int
    task_parts: dict[str, int | str] = {}
    method: str
    kind: Literal["method", "baseline", "ablation", "control"]
    profile: str
    profile_seeds: int
    seed: int
    status: Literal["done", "failed"]
    score_name: str
    chance: float | None
    ceiling: float
    percent: bool
    higher_is_better: bool
    also: list[Further] = []
    scores: dict[str, float] = {}
    flags: list[str] = []
    explanation: dict[str, Any] = {}
    curve: dict[str, list[int | float | None]] = {}
    converged: tuple[str, float] | None = None
    moved: dict[str, float] = {}
    path: str
    method_version: int | None
    method_parts: dict[str, int | str] = {}
    settings: dict[str, Any]
    files: dict[str, str] = {}
    source_hash: str
    budget: dict[str, Any]
    dataset: dict[str, Any]
    fingerprint: str | None = None
    protocol_version: int
    environment: dict[str, Any]
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))
    wall_seconds: float
    fit_seconds: float | None = None
    evaluate_seconds: float | None = None
    steps: int = 0
    examples: int = 0
    evaluated: int | None = None
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    outputs: str | None = None
    illustrations: str | None = None
    error: Failure | None = None

    @field_validator("settings", mode="before")
    @classmethod
    def _plain_settings(cls, given: Any) -> Any:
        return plain(given)

    @model_validator(mode="before")
    @classmethod
    def _of_another_schema(cls, given: Any) -> Any:
        """Refuse a newer schema by its own error; fill in the field that schema 1 lacks."""
        schema = given.get("schema") if isinstance(given, dict) else None
        number = re.fullmatch(r"symbench\.record/(\d+)(\.\d+)?", str(schema))
        if number and int(number[1]) > SCHEMA_VERSION:
            raise _NewerSchemaError(schema)
        return {"method_version": None, **given} if number and number[1] == "1" else given

    @property
    def schema_version(self) -> int:
        """The number of the schema, without the minor one."""
        return int(self.schema_name.rpartition("/")[2].partition(".")[0])

    @property
    def score(self) -> float:
        """The score by which the task ranks."""
        return self.scores[self.score_name]

    @property
    def steps_per_second(self) -> float | None:
        """Parameter updates a second of `fit`, where the method reported any."""
        return self.steps / self.fit_seconds if self.steps and self.fit_seconds else None

    @property
    def examples_per_second(self) -> float | None:
        """Training examples a second of `fit`, where the method reported any."""
        return self.examples / self.fit_seconds if self.examples and self.fit_seconds else None


# The folder of checkpoints below that of the records; the search for records skips dotted names.
CHECKPOINTS = ".checkpoints"


def content_hash(value: Any) -> str:
    """A 16-digit hash of a JSON value, whatever the order of its keys."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, finds the old content or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:
            error.filename = str(path)  # a full disk tells no name by itself
        raise


def folder_name(method: str) -> str:
    """The folder of a method's records: its name, with "_" for characters that systems refuse.

    Long names are cut and end in a hash. Two methods may share a folder: each record holds the name
    of its method, and its file's name the key.
    """
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f]|[. ]$', "_", method)
    return name if len(name.encode()) <= 120 else f"{name[:40]}-{content_hash(method)}"


def file_name(path: str) -> str:
    """The name of the file in `folder/file.py:Class`, without its ending; "" where it is a module.

    Folders do not count, as they are written from wherever a run was started.
    """
    location = path.rpartition(":")[0]
    return Path(location).stem if location.endswith(".py") else ""


class Store:
    """The records below one folder: `suite/profile/task/regime/method/seed<seed>-<key>.json`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, record: Record | Any) -> Path:
        """The file for the record of a cell; `record` may be a record or a cell."""
        folder = self.root / record.suite / record.profile / record.task / record.regime
        return folder / folder_name(record.method) / f"seed{record.seed}-{record.key}.json"

    def checkpoint(self, cell: Any) -> Path:
        """The file for the checkpoint of a cell's training."""
        return self.root / CHECKPOINTS / f"{cell.key}.pt"

    def find(self, cell: Any) -> Record | None:
        """The record of this cell, or None where there is none that can be read.

        Raises `SymbenchError` for a record of a newer symbench, which would be replaced.
        """
        path = self.path(cell)
        if not path.exists():
            return None
        record = read_record(path)
        if isinstance(record, Newer):
            raise SymbenchError(record)
        return record if isinstance(record, Record) and record.key == cell.key else None

    def save(
        self,
        record: Record,
        outputs: dict[str, np.ndarray] | None = None,
        illustrations: Mapping[str, np.ndarray] | None = None,
    ) -> Path:
        """Store outputs and illustrations, then the record that names them."""
        path = self.path(record)
        if outputs is not None:
            write_atomically(path.with_suffix(".parquet"), _parquet(outputs))
            record.outputs = path.with_suffix(".parquet").name
        if illustrations:
            content, arrays = io.BytesIO(), dict[str, Any](illustrations)
            np.savez_compressed(content, **arrays)
            write_atomically(path.with_suffix(".npz"), content.getvalue())
            record.illustrations = path.with_suffix(".npz").name
        text = record.model_dump_json(indent=1, by_alias=True) + "\n"
        write_atomically(path, _LISTS.sub(_in_a_line, text).encode())
        return path

    def load(self) -> tuple[list[Record], list[str]]:
        """All records below the folder, oldest first, and a line for each file that is not one."""
        records, problems = [], []
        for found in map(read_record, self.files()):
            if isinstance(found, Record):
                records.append(found)
            else:
                problems.append(found)
        return sorted(records, key=lambda record: (record.created, record.key)), problems

    def files(self) -> list[Path]:
        """The files below the folder that should be records, sorted; hidden ones are left out."""
        return [
            path
            for path in sorted(self.root.rglob("*.json"))
            if not any(part.startswith(".") for part in path.relative_to(self.root).parts)
        ]


# Lists of numbers in indented JSON, where each number has a line of its own.
_NUMBER = r"(?:null|-?\d[\d.eE+-]*)"
_LISTS = re.compile(rf"\[\n\s+({_NUMBER}(?:,\n\s+{_NUMBER})*)\n\s+\]")


def _in_a_line(numbers: re.Match[str]) -> str:
    return f"[{' '.join(numbers[1].split())}]"


class Newer(str):
    """The line on a record of a newer symbench, which this one must not replace."""


def read_record(path: Path) -> Record | str:
    """The record in a file, or one line that says why the file holds none."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); ignored."
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, _NewerSchemaError):
            made = f"made by a newer symbench ({cause}; this one reads {SCHEMA})"
            return Newer(f"{path}: {made}; upgrade symbench.")
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        return f"{path}: no symbench record ({where}: {first['msg'].lower()}); ignored."


def _parquet(outputs: dict[str, np.ndarray]) -> bytes:
    """The outputs as one Parquet table, a row an example; shapes are in the metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, shapes = {}, {}
    for name, array in outputs.items():
        array = np.asarray(array)
        shapes[name] = list(array.shape[1:])
        flat = np.ascontiguousarray(array).reshape(len(array), -1)
        values = pa.array(flat.reshape(-1))
        columns[name] = (
            values if array.ndim == 1 else pa.FixedSizeListArray.from_arrays(values, flat.shape[1])
        )
    table = pa.table(columns).replace_schema_metadata({"shapes": json.dumps(shapes)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def read_outputs(path: Path) -> dict[str, np.ndarray]:
    """The outputs that `Store.save` wrote, in their shapes."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    shapes = json.loads(table.schema.metadata[b"shapes"])
    outputs = {}
    for name, shape in shapes.items():
        column = table[name].combine_chunks()
        values = column.flatten() if shape else column
        outputs[name] = values.to_numpy(zero_copy_only=False).reshape(len(table), *shape)
    return outputs


def read_illustrations(path: Path) -> dict[str, np.ndarray]:
    """The illustrations that `Store.save` wrote; none where the file is gone or damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return {}

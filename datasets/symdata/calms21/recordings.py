"""CalMS21's JSON files as arrays.

    {annotator: {sequence: {"keypoints": (F, 2, 2, 7), "scores": …, "annotations": (F,),
                            "metadata": {"vocab": {class: index}}}}}

Source: Sun et al., "The Multi-Agent Behavior Dataset: Mouse Dyadic Social Interactions" (NeurIPS
Datasets and Benchmarks 2021). The tracker's `scores` are not used.

Letters: F frames, C classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdata.errors import DataError
from symdata.file_faults import first_fault

MICE = ("resident", "intruder")
PARTS = ("nose", "left_ear", "right_ear", "neck", "left_hip", "right_hip", "tail_base")
SHAPE = (len(MICE), 2, len(PARTS))
"""Shape of one frame: mouse, x or y, body part."""


@dataclass(frozen=True)
class Recording:
    """Recording of one sequence of a file.

    keypoints: (F, 2, 2, 7) float32, pixels. labels: (F,) int64 into `classes`, or None where the
    file is read as unlabelled.
    """

    keypoints: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]


def read(path: Path, labelled: bool) -> list[Recording]:
    """The recordings of a file, in its order; `DataError` naming file, sequence and field."""
    try:
        with path.open("rb") as file:
            encoding = json.detect_encoding(file.read(4))  # UTF-8 or wider, with a mark or without
        with path.open(encoding=encoding) as file:
            content = json.load(file, object_hook=_shrink)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        if (line := first_fault([path])) is not None:
            raise DataError(line) from None
        raise DataError(f"{path} is no whole JSON file ({error}); get the file again.") from None
    layout = f"{path} must be {{annotator: {{sequence: {{keypoints, annotations, metadata}}}}}}"
    if not isinstance(content, dict) or not content:
        raise DataError(f"{layout}, and not {type(content).__name__}.")
    found = []
    for annotator, sequences in content.items():
        if not isinstance(sequences, dict):
            raise DataError(f"{layout}, but '{annotator}' holds no sequences.")
        for name, fields in sequences.items():
            if not isinstance(fields, dict):
                raise DataError(f"{layout}, but '{annotator}/{name}' holds no fields.")
            found.append(_recording(fields, f"{path}: '{annotator}/{name}'", labelled))
    if len({one.classes for one in found}) > 1:
        raise DataError(f"{path}: the sequences differ in 'metadata.vocab'; it must be one.")
    if not found:
        raise DataError(f"{layout}, but it holds no sequence.")
    return found


def _shrink(fields: dict[str, Any]) -> dict[str, Any]:
    """A sequence's lists as arrays, as soon as it is parsed: a list of floats is 8 times as large.

    A list that is no regular array stays as it is; it is reported later, with the sequence's name.
    """
    if "keypoints" not in fields:
        return fields
    kept: dict[str, Any] = {
        key: fields[key] for key in ("annotations", "metadata") if key in fields
    }
    return {"keypoints": _array(fields["keypoints"], np.float32), **kept}


def _array(values: Any, kind: Any = None) -> Any:
    try:
        return np.asarray(values, dtype=kind)
    except (ValueError, TypeError):
        return values


def _recording(fields: dict[str, Any], where: str, labelled: bool) -> Recording:
    """One sequence, checked. where: the file and the sequence, for messages."""
    for key in ("keypoints", "annotations") if labelled else ("keypoints",):
        if key not in fields:
            raise DataError(f"{where} has no '{key}'.")
    keypoints = fields["keypoints"]
    if not isinstance(keypoints, np.ndarray) or keypoints.shape[1:] != SHAPE:
        shape = getattr(keypoints, "shape", "no regular array")
        raise DataError(f"{where}: 'keypoints' is {shape}; it must be (frames, 2 mice, 2 xy, 7).")
    finite = np.asarray(np.isfinite(keypoints).all(axis=(1, 2, 3)))
    if not finite.all():
        raise DataError(
            f"{where}: 'keypoints' is not finite in {(~finite).sum()} of {len(finite)} frames, "
            f"first in frame {int(np.argmin(finite))}; fill such frames in or cut them out."
        )
    most = np.abs(keypoints).max(initial=0)
    if 0 < most <= 2:
        raise DataError(
            f"{where}: 'keypoints' reaches {most:.3g}: it seems to be divided by the size of the "
            "picture; it must be in pixels."
        )
    if not labelled:
        return Recording(keypoints, None, ())
    classes = _classes(fields.get("metadata"), where)
    labels = _array(fields["annotations"])
    if getattr(labels, "shape", None) != (len(keypoints),) or labels.dtype.kind not in "iu":
        raise DataError(f"{where}: 'annotations' must be {len(keypoints)} integers, one a frame.")
    wrong = (labels < 0) | (labels >= len(classes))
    if wrong.any():
        frame = int(np.argmax(wrong))
        raise DataError(
            f"{where}: 'annotations' holds {labels[frame]} in frame {frame}, and 'metadata.vocab' "
            f"ends with {len(classes) - 1}."
        )
    return Recording(keypoints, labels.astype(np.int64), classes)


def _classes(metadata: Any, where: str) -> tuple[str, ...]:
    """Names of the classes in the order of their indices."""
    vocab = metadata.get("vocab") if isinstance(metadata, dict) else None
    if not isinstance(vocab, dict) or not vocab:
        raise DataError(f"{where} has no 'metadata.vocab'; it must be {{class: index}}.")
    names = {index: name for name, index in vocab.items() if isinstance(index, int)}
    if sorted(names) != list(range(len(vocab))):
        raise DataError(f"{where}: 'metadata.vocab' must number its classes 0 … {len(vocab) - 1}.")
    return tuple(names[index] for index in range(len(vocab)))

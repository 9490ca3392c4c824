"""The runner of one cell: it loads, fits, evaluates, checks, scores and writes the record."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, fields, replace
from enum import Enum
from typing import Any

import numpy as np

from benchmarks import identity, plan, registry
from benchmarks.curve import Curve
from benchmarks.device import (
    keep_freed,
    out_of_memory_says,
    peak_memory,
    reset_peak_memory,
)
from benchmarks.environment import environment
from benchmarks.isolation import undisturbed
from benchmarks.outputs import checked_outputs, explanation, illustrations, parameters
from benchmarks.pictures import drawing
from benchmarks.plain import plain
from benchmarks.plan import Cell
from benchmarks.protocol import (
    PROTOCOL_VERSION,
    Deduplicated,
    DivergedError,
    Entry,
    Examples,
    Moved,
    OutputError,
    Run,
    SymbenchError,
    Task,
    TaskData,
    Watch,
)
from benchmarks.records import Failure, Further, Record, Store, content_hash
from symdata.sources import DEFAULT, DataSources

# Characters of an error that a record keeps.
MESSAGE_LENGTH, TRACEBACK_LENGTH = 2_000, 40_000
# The share by which the second training of a cell moves the first weights.
MOVED = 1e-6
# Bytes of tasks' draws that a process keeps for its next cells.
KEPT_BYTES = 1_000_000_000
# Advice for errors of memory: where the data do not fit, and where fit or evaluate do not.
SMALLER_DATA = (
    "each worker holds its own: give --jobs a smaller number, or take smaller data with --task or "
    "--profile, and --retry-failed"
)
SMALLER_PARTS = (
    "give --jobs a smaller number, or --at-once where the method reads it, and --retry-failed"
)


def execute(
    cell: Cell,
    store: Store,
    device: str,
    threads: int,
    reporter: Callable[..., None],
    at_once: int | None = None,
    sources: DataSources = DEFAULT,
) -> Record:
    """Run a cell, store its record and draw its pictures.

    Any error of the method makes a failed record, and so does an attempt to end the program; Ctrl-C
    does not. A picture that fails adds a line to the flags of the record that is returned, but not
    of the one stored. A training that left a checkpoint
    goes on from it; the file is removed when the cell is done or has diverged.
    """
    started = time.perf_counter()
    keep_freed()
    reset_peak_memory(device)
    run = Run(cell.seed, cell.budget, device, reporter, at_once=at_once, sources=sources)
    run.checkpoint = store.checkpoint(cell)
    outputs, shown = None, dict[str, np.ndarray]()
    task, profile = cell.definition(), plan.profile_of(registry.suite(cell.suite), cell.profile)
    try:
        result, outputs, shown = answer(task, cell.entry, run, profile.watched(task))
        if cell.seed < profile.moved_seeds and run.moved.trainings:
            _train_moved(task, cell.entry, run, result)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        result = {"error": _failure(error)}
    seconds = time.perf_counter() - started + run.earlier_seconds
    record = describe(cell, device, threads, seconds, sources, **result)
    record.peak_memory_bytes = peak_memory(device)
    path = store.save(record, outputs, shown)
    if record.error is None or record.error.type == DivergedError.__name__:
        run.checkpoint.unlink(missing_ok=True)
    if outputs is not None and task.draws:
        data = _load(task, cell.seed, sources)
        _, problems = drawing.draw(task, outputs, data, record.explanation, shown, path)
        record = record.model_copy(update={"flags": [*record.flags, *problems]})
    return record


def _train_moved(task: Task, entry: Entry, run: Run, result: dict[str, Any]) -> None:
    """Add to the result the scores of a second training, whose first weights are moved a little."""
    again = replace(run, checkpoint=None, curve=Curve(), moved=Moved(by=MOVED))
    try:
        found, _, _ = answer(task, entry, again)
    except Exception as error:
        why = _cut(f"{type(error).__name__}: {error}", MESSAGE_LENGTH).partition("\n")[0]
        result["flags"].append(f"the training with moved first weights failed: {why}")
        return
    result["moved"] = found["scores"]


def answer(
    task: Task, entry: Entry, run: Run, watch: Watch | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Fit and evaluate a method on one draw of a task.

    watch: when the method is scored on held-out examples while it learns; None for never. Returns
    fields of the record, the outputs, and the method's illustrations.
    """
    with out_of_memory_says(f"the data of {task.id} were loaded; {SMALLER_DATA}"):
        # A copy, so that a method which changes its arrays changes nothing for the next cells.
        data = deepcopy(_load(task, run.seed, run.sources))
    with out_of_memory_says(f"{entry.name} ran on {task.id}; {SMALLER_PARTS}"):
        return _answer(task, entry, run, data, watch)


def _answer(
    task: Task, entry: Entry, run: Run, data: TaskData, watch: Watch | None
) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Do the work of `answer` with data that the method may change."""
    count = run.budget.evaluate_on or data.inputs.count
    targets = data.targets.take(slice(0, count))
    registry.make_reachable(entry.path)
    registry.forget(entry.path)  # what its import changes was undone after the last cell
    with undisturbed() as changed:
        method = build(entry)
        train, inputs = visible(task, entry, method, data)
        inputs = inputs.take(slice(0, count))
        if watch is not None and getattr(method, "watchable", False):
            run.curve.every, run.curve.scorer = (
                watch.every,
                _scorer(task, entry, method, run, watch),
            )
        begun = time.perf_counter()
        method.fit(train, run)
        fitted = time.perf_counter()
        outputs = method.evaluate(inputs, run)
        evaluated = time.perf_counter()
        kept = checked_outputs(task, outputs, inputs.count)
        shown, explained = illustrations(method), explanation(method)
    scores = task.evaluate(kept, targets, run.device)
    if not np.isfinite(list(scores.values())).all():
        raise OutputError(f"the scores {scores} are not all numbers.")
    result = {
        "scores": scores,
        "flags": [*data.warnings, *task.flags(scores), *disturbance(changed)],
        "explanation": explained,
        "curve": run.curve.as_dict(),
        "fingerprint": data.fingerprint,
        "fit_seconds": fitted - begun + run.earlier_seconds,
        "evaluate_seconds": evaluated - fitted,
        "steps": run.steps,
        "examples": run.examples,
        "evaluated": inputs.count,
        "parameters": parameters(method),
        "settings": plain(settings_of(entry)),
    }
    return result, kept, shown


def disturbance(changed: list[str]) -> list[str]:
    """The flag for a method that changed its process, as a list of one; empty if it did not."""
    return [f"the method changed {', '.join(changed)}; undone afterwards."] if changed else []


_DRAWS: dict[tuple[Task, DataSources, str, int], tuple[TaskData, int]] = {}


def _load(task: Task, seed: int, sources: DataSources = DEFAULT) -> TaskData:
    """The draw of a task, kept for the next cells; the oldest go when KEPT_BYTES are exceeded."""
    key = (task, sources, content_hash(task.dataset(sources)), seed)
    if key not in _DRAWS:
        data = task.load(seed, sources)
        _DRAWS[key] = (data, _size(data))
        while sum(size for _, size in _DRAWS.values()) > KEPT_BYTES and len(_DRAWS) > 1:
            del _DRAWS[next(iter(_DRAWS))]
    return _DRAWS[key][0]


def _size(data: TaskData) -> int:
    """The bytes of all columns of a draw; columns that two parts share count twice."""
    columns = [
        column for part in (data.train, data.inputs, data.targets) for column in part.values()
    ]
    arrays = [
        array
        for column in columns
        for array in (
            (column.table, column.index) if isinstance(column, Deduplicated) else (column,)
        )
    ]
    return sum(array.nbytes for array in arrays)


def build(entry: Entry) -> Any:
    """The method of an entry with its settings."""
    return registry.load_class(entry.path)(settings_of(entry))


def settings_of(entry: Entry) -> Any:
    """The settings of an entry, defaults included; raises `SymbenchError` for an unknown one."""
    settings: Any = registry.load_class(entry.path).Settings
    if not hasattr(settings, "__dataclass_fields__"):
        raise SymbenchError(
            f"Settings of {entry.path} is no dataclass; write @dataclass(frozen=True) above it."
        )
    allowed = [field.name for field in fields(settings)]
    for name in entry.settings:
        if name not in allowed:
            raise registry.unknown(f"setting of {entry.name}", name, allowed)
    return settings(**{name: _of_today(value) for name, value in entry.settings.items()})


def _of_today(value: Any) -> Any:
    """A member of an enumeration as its module has it now: a file may have been loaded anew."""
    if not isinstance(value, Enum):
        return value
    kind = getattr(sys.modules.get(type(value).__module__), type(value).__qualname__, type(value))
    return kind[value.name]


def visible(task: Task, entry: Entry, method: Any, data: TaskData) -> tuple[Examples, Examples]:
    """The training examples and the inputs as this method may see them."""
    reads = tuple(getattr(method, "reads", ()))
    if reads and entry.kind != "control":
        raise SymbenchError(f"{entry.name} reads {', '.join(reads)}, which only controls may.")
    hidden = set(task.privileged) - set(reads)
    train = data.train.select(tuple(name for name in data.train if name not in hidden))
    shown = data.inputs.select(tuple(name for name in data.inputs if name not in hidden))
    columns = {name: shown[name] for name in shown}
    return train, Examples(columns, withheld=(*shown.withheld, *data.targets))


def _scorer(
    task: Task, entry: Entry, method: Any, run: Run, watch: Watch
) -> Callable[[], float] | None:
    """A function that scores the method, as it is when called, on held-out examples.

    It leaves torch's random numbers as they were, so that a watched training ends in the same
    weights as one that is not. None where the task holds nothing out.
    """
    data = task.held_out(run.seed, watch.examples, run.sources)
    if data is None:
        return None
    _, inputs = visible(task, entry, method, data)
    quiet = replace(run, reporter=_silent, checkpoint=None, curve=Curve())

    def score() -> float:
        import torch

        devices = [torch.device(run.device)] if run.device.startswith("cuda") else []
        with torch.random.fork_rng(devices=devices):
            outputs = checked_outputs(task, method.evaluate(inputs, quiet), inputs.count)
        return task.evaluate(outputs, data.targets, run.device)[task.score.name]

    return score


def _silent(**values: float) -> None:
    """Hear a report and say nothing."""


def describe(
    cell: Cell,
    device: str,
    threads: int,
    wall_seconds: float,
    sources: DataSources = DEFAULT,
    **result: Any,
) -> Record:
    """Make the record of a cell from its plan and the fields of its result."""
    task = cell.definition()
    return Record(
        key=cell.key,
        variant=cell.variant,
        suite=cell.suite,
        task=cell.task,
        regime=cell.regime,
        task_version=task.version,
        task_parts=dict(identity.of_task(task).parts),
        method=cell.method,
        kind=cell.entry.kind,  # type: ignore[arg-type]
        profile=cell.profile,
        profile_seeds=cell.profile_seeds,
        seed=cell.seed,
        status="failed" if "error" in result else "done",
        score_name=task.score.name,
        chance=task.score.chance,
        ceiling=task.score.ceiling,
        percent=task.score.percent,
        higher_is_better=task.score.higher_is_better,
        also=[
            Further(
                name=one.name,
                percent=one.percent,
                higher_is_better=one.higher_is_better,
                shown=one.shown,
            )
            for one in task.also
            if one.name in result.get("scores", {})
        ],
        converged=task.converged,
        path=cell.entry.path,
        method_version=cell.versions.own,
        method_parts=dict(cell.versions.parts),
        settings=result.pop("settings", dict(cell.entry.settings)),
        files=identity.files_of(cell.entry),
        source_hash=cell.source_hash,
        budget=asdict(cell.budget),
        dataset=task.dataset(sources),
        protocol_version=PROTOCOL_VERSION,
        environment=environment(device, threads),
        wall_seconds=wall_seconds,
        **result,
    )


def _failure(error: BaseException) -> Failure:
    """The failure as a record keeps it: text that can be written, of a bounded length."""
    try:
        message = str(error) or repr(error)
        lines = "".join(traceback.format_exception(error))
    except Exception as another:
        message = f"an error whose text cannot be made ({type(another).__name__})"
        lines = "".join(traceback.format_tb(error.__traceback__))
    if isinstance(error, SystemExit):
        message = f"the method wanted to end the program, with {message!r}."
    return Failure(
        type=type(error).__name__,
        message=_cut(message, MESSAGE_LENGTH),
        traceback=_cut(lines, TRACEBACK_LENGTH),
    )


def _cut(text: str, length: int) -> str:
    """A text without signs that cannot be written, and without its middle where it is longer."""
    text = text.encode(errors="replace").decode()
    half = length // 2
    return text if len(text) <= length else f"{text[:half]} [...] {text[-half:]}"

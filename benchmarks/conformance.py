"""The conformance kit: does a method keep the protocol? Seconds on a CPU, on the smoke profile."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import registry, runner
from benchmarks.plan import profile_of
from benchmarks.protocol import Budget, Deduplicated, Entry, Examples, Run, Task, TaskData

TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Finding:
    """One rule, whether it is kept, and what was seen where it is not."""

    rule: str
    ok: bool
    detail: str = ""


class _BrokenError(Exception):
    """A rule is broken, and those that follow cannot be looked at."""


def check(spec: str, suite_name: str = "abstract_rules") -> list[Finding]:
    """Check a method (a name, `module:Class` or `file.py:Class`) against a suite's rules."""
    suite = registry.suite(suite_name)
    (entry,) = registry.entries(suite, [spec])[:1]
    profile = profile_of(suite, "smoke")
    tasks = [task for task in suite.tasks if task.id in profile.tasks]
    findings: list[Finding] = []
    try:
        for rule, problem in _rules(entry, tasks, profile.budgets[tasks[0].id]):
            findings.append(Finding(rule, not problem, problem))
    except _BrokenError as broken:
        rule, detail = broken.args
        findings.append(Finding(rule, False, detail))
    return findings


def _rules(entry: Entry, tasks: list[Task], budget: Budget) -> Iterator[tuple[str, str]]:
    """Each rule with what breaks it, or with an empty text."""
    yield "settings are a frozen dataclass with defaults that survives pickling", _settings(entry)

    task, *others = tasks
    trial = _Trial(entry, task, Run(1, budget))
    yield _works(task), ""
    yield "inputs are not mutated", trial.mutated
    touched = sorted(set(trial.inputs.touched))
    yield "withheld labels are not touched", f"asked for {', '.join(touched)}" if touched else ""

    again = _Trial(entry, task, Run(1, budget))
    yield "the same seed gives the same outputs", _difference(trial.outputs, again.outputs, task)
    other = _Trial(entry, task, Run(1, budget), method_seed=2)
    apart = _difference(trial.outputs, other.outputs, task)
    if getattr(trial.method, "deterministic", False):
        yield "declared deterministic: another seed gives the same outputs", apart
    else:
        same = (
            "" if apart else "the outputs are the same; declare `deterministic = True` if so meant"
        )
        yield "another seed gives other outputs", same

    count = trial.inputs.count
    order = np.random.Generator(np.random.Philox(0)).permutation(count)
    shuffled = trial.evaluate(trial.inputs.take(order))
    original = {name: array[order] for name, array in trial.outputs.items()}
    yield "the order of the inputs does not change outputs", _difference(original, shuffled, task)
    pieces = [slice(0, 1), slice(1, count // 3), slice(count // 3, count)]
    parts = [trial.evaluate(trial.inputs.take(piece)) for piece in pieces]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in trial.outputs}
    difference = _difference(trial.outputs, joined, task)
    yield "the number of inputs at a time does not change outputs", difference

    for task in others:
        _Trial(entry, task, Run(1, budget))
        yield _works(task), ""


def _works(task: Task) -> str:
    return f"fits and evaluates {task.id}, with outputs of the right shapes"


def _settings(entry: Entry) -> str:
    settings_class: Any = registry.load_class(entry.path).Settings
    parameters = getattr(settings_class, "__dataclass_params__", None)
    if parameters is None:
        return "Settings is no dataclass"
    if not parameters.frozen:
        return "Settings is not frozen; write @dataclass(frozen=True)"
    try:
        settings = settings_class(**entry.settings)
    except TypeError as error:
        return f"a field has no default: {error}"
    try:
        copy = pickle.loads(pickle.dumps(settings))
    except Exception as error:
        return f"cannot be pickled: {error!r}"
    return "" if copy == settings else "differ after pickling"


class _Trial:
    """One fit and one evaluation, watched; raises `_BrokenError` where either fails."""

    def __init__(self, entry: Entry, task: Task, run: Run, method_seed: int | None = None) -> None:
        self.task, self.run, self.mutated = task, run, ""
        data = task.load(run.seed)
        if method_seed is not None:
            self.run = dataclasses.replace(run, seed=method_seed)
        try:
            self.method = runner.build(entry)
            train, inputs = runner.visible(task, entry, self.method, data)
            self.inputs = inputs.take(slice(0, run.budget.evaluate_on))
            before = _digest(data)
            self.method.fit(train, self.run)
            self.outputs = self.evaluate(self.inputs)
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
            raise _BrokenError(_works(task), detail) from error
        if _digest(data) != before:
            self.mutated = "the arrays that the method was given have changed"

    def evaluate(self, inputs: Examples) -> dict[str, np.ndarray]:
        outputs = self.method.evaluate(inputs, self.run)
        return runner.checked(self.task, outputs, inputs.count)


def _digest(data: TaskData) -> str:
    digest = hashlib.sha256()
    for examples in (data.train, data.inputs):
        for name in examples:
            column: Any = examples[name]
            arrays = (column.table, column.index) if isinstance(column, Deduplicated) else (column,)
            for array in arrays:
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _difference(one: dict[str, np.ndarray], two: dict[str, np.ndarray], task: Task) -> str:
    for name in task.needs:
        a, b = one[name].astype(np.float64), two[name].astype(np.float64)
        scale = max(1.0, float(np.abs(a).max(initial=0.0)))
        gap = float(np.abs(a - b).max(initial=0.0)) / scale
        if gap > TOLERANCE:
            return f"{name} differ by up to {gap:.2g} of their range"
    return ""

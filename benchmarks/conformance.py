"""The conformance kit, which checks in seconds on a CPU whether a method keeps the protocol.

It runs the method on the tasks of the suite's smoke profile.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from benchmarks import registry, resolution, runner
from benchmarks.columns import advised
from benchmarks.isolation import undisturbed
from benchmarks.outputs import checked_outputs
from benchmarks.plan import profile_of
from benchmarks.protocol import (
    Deduplicated,
    Entry,
    Examples,
    Profile,
    Run,
    SymbenchError,
    Task,
    TaskData,
)
from symdata.sources import DEFAULT, DataSources

TOLERANCE = 1e-4
INTEGER_TOLERANCE = 0.01


@dataclasses.dataclass(frozen=True)
class Finding:
    """One rule of the protocol, whether a method keeps it, and if not, in `detail`, what was seen.

    skipped: whether the rule could not be checked here; `detail` says why.
    """

    rule: str
    ok: bool
    detail: str = ""
    skipped: bool = False


class _BrokenError(Exception):
    """The error for a broken rule after which no further rule can be checked."""


def suite_of(spec: str) -> str:
    """The suite for checking a method where none is named: the first with such an entry."""
    names = list(registry.suites())
    own = [name for name in names if spec in {entry.name for entry in registry.suite(name).entries}]
    return next(iter(own), names[0])


def check(
    spec: str, suite_name: str | None = None, sources: DataSources = DEFAULT
) -> list[Finding]:
    """Check a method (a name, `module:Class` or `file.py:Class`) against a suite's rules.

    suite_name: the suite; None means the one that `suite_of` finds.
    """
    suite = registry.suite(suite_name or suite_of(spec))
    (entry,) = registry.entries(suite, [spec])[:1]
    profile = profile_of(suite, "smoke")
    tasks = [task for task in suite.tasks if task.id in profile.tasks and entry.runs_on(task.id)]
    reasons = {task.id: reason for task in tasks if (reason := task.skip(sources)) is not None}
    findings = [
        Finding(_works(task), True, reasons[task.id], True) for task in tasks if task.id in reasons
    ]
    tasks = [task for task in tasks if task.id not in reasons]
    if not tasks:
        why = next(iter(reasons.values()), "it is for none of the tasks of the smoke profile.")
        raise SymbenchError(f"{entry.name} cannot be checked here: {why}")
    try:
        for finding in _rules(entry, tasks, profile, sources):
            findings.append(finding)
    except _BrokenError as broken:
        rule, detail = broken.args
        findings.append(Finding(rule, False, detail))
    return findings


def _rules(
    entry: Entry, tasks: list[Task], profile: Profile, sources: DataSources
) -> Iterator[Finding]:
    """Check one rule after the other; raises `_BrokenError` where the others cannot be checked."""
    task, *others = tasks
    bare, entry = entry, resolution.resolved(profile, entry, task)
    rule = "settings are a frozen dataclass with defaults that survives pickling"
    yield _found(rule, _settings(entry))

    budget = profile.budget(bare, task)
    trial = _Trial(entry, task, Run(1, budget, sources=sources))
    yield _found(_works(task), "")
    yield _found("inputs are not mutated", trial.mutated)
    touched = ", ".join(sorted(set(trial.inputs.touched)))
    yield _found("withheld labels are not touched", f"asked for {touched}" if touched else "")
    changes = f"it changed {', '.join(trial.changed)}" if trial.changed else ""
    yield _found("the process is left as it was", changes)

    again, wanted = _Trial(entry, task, Run(1, budget, sources=sources)), _wanted(task)
    repeated = _difference(trial.outputs, again.outputs, wanted)
    yield _found("the same seed gives the same outputs", repeated)
    other = _Trial(entry, task, Run(1, budget, sources=sources), method_seed=2)
    # All outputs are compared: after a short training two seeds may give the same answers, but
    # hardly the same further outputs, such as embeddings.
    apart = _difference(trial.outputs, other.outputs)
    if getattr(trial.method, "deterministic", False):
        yield _found("declared deterministic: another seed gives the same outputs", apart)
    else:
        same = (
            "" if apart else "the outputs are the same; declare `deterministic = True` if so meant"
        )
        yield _found("another seed gives other outputs", same)

    # Outputs that a method draws, such as samples, answer no input: the order of rows is free.
    wanted -= set(task.generated)
    count = trial.inputs.count
    order = np.random.Generator(np.random.Philox(0)).permutation(count)
    shuffled = trial.evaluate(trial.inputs.take(order))
    original = {name: array[order] for name, array in trial.outputs.items()}
    pieces = [slice(0, 1), slice(1, count // 3), slice(count // 3, count)]
    parts = [trial.evaluate(trial.inputs.take(piece)) for piece in pieces]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in trial.outputs}
    for rule, one, two in (
        ("the order of the inputs does not change outputs", original, shuffled),
        ("the number of inputs at a time does not change outputs", trial.outputs, joined),
    ):
        if wanted.isdisjoint({*one, *two}):
            drawn = ", ".join(task.generated)
            yield Finding(rule, True, f"{drawn} are drawn and answer for no input", skipped=True)
        else:
            yield _found(rule, _difference(one, two, wanted))

    for task in others:
        settled = resolution.resolved(profile, bare, task)
        _Trial(settled, task, Run(1, profile.budget(bare, task), sources=sources))
        yield _found(_works(task), "")


def _found(rule: str, problem: str) -> Finding:
    return Finding(rule, not problem, problem)


def _wanted(task: Task) -> set[str]:
    """The names of the outputs that the task needs."""
    return {name for names in task.alternatives for name in names}


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
    """One fit and one evaluation of a method; raises `_BrokenError` where either fails.

    mutated: a line where the method has changed the data that it was given, "" where it has not.
    """

    def __init__(self, entry: Entry, task: Task, run: Run, method_seed: int | None = None) -> None:
        self.task, self.run, self.mutated = task, run, ""
        # What a method before drew from the streams that all share was undone; draw instead, so
        # that a method which takes its numbers from them is found out.
        random.random()
        np.random.random()  # noqa: NPY002
        torch.rand(1)
        registry.make_reachable(entry.path)
        registry.forget(entry.path)
        data = task.load(run.seed, run.sources)
        if method_seed is not None:
            self.run = dataclasses.replace(run, seed=method_seed)
        try:
            with undisturbed() as self.changed:
                self.method = runner.build(entry)
                train, inputs = runner.visible(task, entry, self.method, data)
                self.inputs = inputs.take(slice(0, run.budget.evaluate_on))
                before = _digest(data)
                self.method.fit(train, self.run)
                self.outputs = self.evaluate(self.inputs)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            detail = f"{type(error).__name__}: {advised(error)}"
            raise _BrokenError(_works(task), detail) from error
        if _digest(data) != before:
            self.mutated = "the arrays that the method was given have changed"

    def evaluate(self, inputs: Examples) -> dict[str, np.ndarray]:
        outputs = self.method.evaluate(inputs, self.run)
        return checked_outputs(self.task, outputs, inputs.count)


def _digest(data: TaskData) -> str:
    digest = hashlib.sha256()
    for examples in (data.train, data.inputs):
        for name in examples:
            column: Any = examples[name]
            arrays = (column.table, column.index) if isinstance(column, Deduplicated) else (column,)
            for array in arrays:
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _difference(
    one: dict[str, np.ndarray], two: dict[str, np.ndarray], wanted: set[str] | None = None
) -> str:
    """The first difference between two answers, in a line; "" where there is none.

    wanted: names of the outputs to compare; None means all of them.
    """
    names = [name for name in (*one, *two) if wanted is None or name in wanted]
    for name in dict.fromkeys(names):
        if name not in one or name not in two:
            return f"{name} are given only once"
        a, b = one[name], two[name]
        if a.shape != b.shape:
            return f"{name} have the shapes {a.shape} and {b.shape}"
        if a.dtype.kind in "iub":
            # Integers such as cluster numbers have no distance; rounding may change a few of them.
            share = float((a != b).mean())
            if share > INTEGER_TOLERANCE:
                return f"{name} differ in {100 * share:.2g} % of the places"
            continue
        scale = max(1.0, float(np.abs(a).max(initial=0.0)))
        gap = float(np.abs(a.astype(np.float64) - b).max(initial=0.0)) / scale
        if gap > TOLERANCE:
            return f"{name} differ by up to {gap:.2g} of their range"
    return ""

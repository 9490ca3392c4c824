"""One file and one line add a method to a suite, as CONTRIBUTING says: in a copy of the sources."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# It works as a user at the keyboard, but in one process, which imports libraries once.
DRIVER = """
import sys
from benchmarks import cli
for line in sys.argv[1:]:
    try:
        cli.main(line.split())
    except SystemExit as left:
        assert not left.code, line
"""
METHOD = '''"""Answers without looking."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Settings:
    size: int = 3


class Mine:
    Settings = Settings
    deterministic = True

    def __init__(self, settings):
        self.settings = settings

    def fit(self, train, run):
        {fit}

    def evaluate(self, inputs, run):
        {evaluate}
'''
# By suite: the file and the line behind which the entry is added, and the method's two functions.
ADDED = {
    "abstract_rules": (
        "abstract_rules.py",
        "METHODS = (",
        'self.classes = int(np.asarray(train["labels"]).max()) + 1',
        'return {"logits": np.eye(self.classes)[np.zeros(inputs.count, int)]}',
        "identity_rules",
    ),
    "trajectories": (
        "trajectory_entries.py",
        "METHODS = (",
        "pass",
        'return {"embeddings": np.asarray(inputs["states"])[:, -1, : self.settings.size]}',
        "synthetic/clusters",
    ),
    "scenes": (
        "scene_entries.py",
        "METHODS = (",
        'self.mean = np.asarray(train["images"]).mean(0).astype(np.uint8)',
        'return {"samples": np.repeat(self.mean[None], inputs.count, 0)}',
        "mnist4/sklearn_32",
    ),
    "symbolic_sequences": (
        "sequence_entries.py",
        "METHODS = (",
        "pass",
        'return {"features": np.asarray(inputs["images"])[:, 0, 0].astype(float)}',
        "painted_digits",
    ),
}


@pytest.mark.parametrize("suite", ADDED)
def test_one_file_and_one_line_add_a_method(suite, python, tmp_path):
    file, place, fit, evaluate, task = ADDED[suite]
    for folder in ("benchmarks", "methods", "baselines", "leaderboard"):
        leave = shutil.ignore_patterns("__pycache__", "results")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=leave)
    code = METHOD.format(fit=fit, evaluate=evaluate)
    (tmp_path / "methods" / "mine.py").write_text(code)
    entries = tmp_path / "benchmarks" / "suites" / file
    text = entries.read_text()
    assert text.count(place) == 1
    entries.write_text(text.replace(place, f'{place}\n    Entry("mine", "methods.mine:Mine"),'))

    which = f"--suite {suite} --profile smoke --method mine"
    if suite == "scenes":  # its second kind of task asks for verdicts
        entries.write_text(entries.read_text().replace(':Mine")', ':Mine", tasks=DRAWING)'))
    lines = (
        "list methods",
        "list profiles",
        f"list settings mine --suite {suite} --profile smoke --task {task}",
        "check mine",
        f"run {which} --dry-run",
        f"run {which} --task {task} --jobs 0 --device cpu --out out",
    )
    path = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'datasets'}"}
    done = python("-c", DRIVER, *lines, cwd=tmp_path, env=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  mine " in done.stdout
    assert ["size", "3", "default"] in [line.split() for line in done.stdout.splitlines()]
    assert "rules kept" in done.stdout
    assert "to run   mine " in done.stdout
    (record,) = (tmp_path / "out").rglob("seed0-*.json")
    assert record.parent.name == "mine"
    assert '"status": "done"' in record.read_text()

"""A command line to run and methods to run on it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKES = Path(__file__).parent / "fake_methods.py"


@pytest.fixture(scope="session")
def fake() -> Callable[[str], str]:
    """The path of a fake method, for `--method`."""
    return lambda name: f"{FAKES}:{name}"


@pytest.fixture(scope="session")
def command() -> Callable[..., list[str]]:
    return lambda *arguments: [sys.executable, "-m", "benchmarks", *map(str, arguments)]


@pytest.fixture
def symbench(command) -> Callable[..., subprocess.CompletedProcess]:
    """Run the command line in a process of its own, as a user does."""

    def run(*arguments, env=None, **options):
        return subprocess.run(
            command(*arguments),
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "120", **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )

    return run

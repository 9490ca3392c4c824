"""A command line to run and methods to run on it."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks import registry

FAKES = Path(__file__).parent / "fake_methods.py"


@pytest.fixture(scope="session")
def fake() -> Callable[[str], str]:
    """The path of a fake method, for `--method`."""
    return lambda name: f"{FAKES}:{name}"


@pytest.fixture(scope="session")
def command() -> Callable[..., list[str]]:
    """The command line as arguments of `subprocess`, for tests of an interpreter's streams."""
    return lambda *arguments: [sys.executable, "-m", "benchmarks", *map(str, arguments)]


@pytest.fixture
def symbench(python) -> Callable[..., subprocess.CompletedProcess]:
    """Run the command line in a process of its own, as a user does."""
    return partial(python, "-m", "benchmarks")


@pytest.fixture
def planted(monkeypatch):
    """The module of a suite that uses all that the contract offers; this process knows it alone."""
    path = Path(__file__).parent / "fake_suite.py"
    spec = importlib.util.spec_from_file_location("symbench_fake_suite", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(registry.SUITES, "planted", f"{spec.name}:SUITE")
    registry.suite.cache_clear()
    yield module
    registry.suite.cache_clear()

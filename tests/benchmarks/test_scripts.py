"""Scripts without `if __name__ == "__main__":` end at once with a line that asks for it."""

import multiprocessing
import os
import runpy
import sys
from types import ModuleType

import pytest

from benchmarks import plan, registry, session
from benchmarks.protocol import SymbenchError
from benchmarks.scripts import main_module_hidden
from methods.neurosymbolic_encoder import dsl

GUARD = r'put what it does when it is started below `if __name__ == "__main__":`\.$'

TRAINS = """
import pathlib
from methods.neurosymbolic_encoder import NeurosymbolicSettings
from methods.neurosymbolic_encoder.dsl import DSL, Feature

with open({log!r}, "a") as log:
    log.write("begun\\n")
FISH = DSL("fish", (Feature("depth", "the depth", "cm", lambda states: states[..., 1]),))
NeurosymbolicSettings(dsl={file!r} + ":FISH")
"""
LOADS = """
from benchmarks import registry

class Mine:
    Settings = fit = evaluate = None

registry.load_class({name!r} + ":Mine")
"""
RUNS = """
import sys
from pathlib import Path
from benchmarks import plan, session

print("begun")
chosen = plan.Filters(("abstract_rules",), ("rmts",), ("chance",), profile="smoke")
sys.exit(session.run(chosen, session.Options(Path("results"), "cpu", jobs=1)))
"""


def test_a_script_whose_settings_name_its_own_file_asks_for_the_guard(tmp_path):
    file, log = tmp_path / "fish.py", tmp_path / "log"
    file.write_text(TRAINS.format(file=str(file), log=str(log)))
    with pytest.raises(SymbenchError, match=rf"^.*fish\.py runs while .*{GUARD}") as caught:
        runpy.run_path(str(file), run_name="__main__")
    assert log.read_text() == "begun\n" * 2, "the script, and one import of it"
    assert "\n" not in str(caught.value)
    file.write_text(file.read_text().rpartition("NeurosymbolicSettings")[0])
    assert dsl.load(f"{file}:FISH").name == "fish", "a failed import leaves nothing behind"


@pytest.mark.parametrize("form", ["file", "module"])
def test_a_method_that_runs_itself_wherever_it_is_imported_asks_for_the_guard(
    form, tmp_path, monkeypatch
):
    file = tmp_path / "runs_itself.py"
    name = str(file) if form == "file" else file.stem
    file.write_text(LOADS.format(name=name))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SymbenchError, match=GUARD):
        registry.load_class(f"{name}:Mine")


def test_a_class_of_the_main_module_is_asked_for_by_its_file():
    with pytest.raises(SymbenchError, match=r"write .+:Class"):
        registry.load_class("__main__:Mine")


def test_a_worker_that_imports_the_script_starts_no_run(tmp_path, monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(SymbenchError, match=rf"runs in each worker .*{GUARD}"):
        session.run(plan.Filters(), session.Options(tmp_path))
    assert not list(tmp_path.iterdir())


def test_processes_of_a_run_do_not_import_the_script(tmp_path, monkeypatch):
    log, script = tmp_path / "log", ModuleType("__main__")
    script.__file__ = str(tmp_path / "script.py")
    (tmp_path / "script.py").write_text(f"open({str(log)!r}, 'w')")
    monkeypatch.setitem(sys.modules, "__main__", script)
    context = multiprocessing.get_context("spawn")
    with main_module_hidden():
        process = context.Process(target=os.getpid)
        process.start()
    process.join()
    assert process.exitcode == 0
    assert not log.exists()
    assert sys.modules["__main__"] is script


def test_a_script_without_the_guard_may_run_a_suite(python, tmp_path):
    (tmp_path / "script.py").write_text(RUNS)
    ran = python("script.py", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("begun") == 1
    assert "1/1  chance rmts/m95 seed 0" in ran.stdout

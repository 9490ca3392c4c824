"""No method changes another's record, and none ends the run; each file of `zoo` tries to."""

import importlib
import os
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks import beside, conformance, executors, plan, workers
from benchmarks.isolation import undisturbed
from benchmarks.records import Store, read_outputs

ZOO = Path(__file__).parent / "zoo"
# What the flags of the record say of each; "" where nothing has to be said.
SAID = {
    "default_type": "torch's default type (float32 to float64)",
    "default_device": "torch's default device (cpu to meta)",
    "threads": "torch's threads (1 to 4)",
    "no_gradients": "whether torch keeps gradients (True to False)",
    "deterministic": "torch's deterministic algorithms, flags of cuDNN",
    "anomalies": "torch's search for anomalies",
    "precision": "the precision of torch's products (highest to medium)",
    "flush_denormal": "whether torch rounds tiny numbers to zero (False to True)",
    "torch_seed": "",
    "numpy_errors": "NumPy's error state (divide, invalid, over, under)",
    "warning_filters": "filters of warnings",
    "environment": "environment variables (CUDA_VISIBLE_DEVICES, PATH)",
    "working_folder": "the working folder",
    "sys_path": "sys.path, sys.argv, the limit of recursion",
    "streams": "streams of sys",
    "signals": "SIGTERM)",
    "start_method": "how processes start",
    "silence": "the level of logging (0 to 50), garbage collection (True to False)",
    "decimals": "decimal's context",
    "autocast": "torch's autocast (cpu)",
    "alarm": "timers",
    "at_import": "torch's default type (float32 to float64)",
    "pool": "",
}
# How the others end: the kind of the failure, and what its message says.
ENDS = {
    "exits": ("SystemExit", "wanted to end the program, with 'cuda is required'"),
    "os_exit": ("SystemExit", "wanted to end the program, with 'os._exit(3)'"),
    "parses": ("SystemExit", "wanted to end the program, with '2'"),
    "reads": ("EOFError", "EOF"),
    "unwritable_text": ("ValueError", "bad ? name"),
    "mute": ("MuteError", "an error whose text cannot be made (RuntimeError)"),
}
IN_WORKERS = ENDS | {
    "interrupts": ("WorkerDied", "died with exit code 1"),
    "crashes": ("WorkerDied", "died with exit code 7"),
    "shouts": ("ValueError", "hoarse"),
    "limits": ("OSError", "File too large"),
    "stays": ("TimedOut", "the cell ran longer than --timeout 20 seconds"),
}
UNSAID = ("patched", "loader", "leaves")


class Listener:
    """A listener that keeps what the cells printed."""

    def __init__(self):
        self.lines = []

    def started(self, slot, cell): ...

    def progress(self, slot, values): ...

    def waits(self, cells): ...

    def finished(self, slot, cell, record): ...

    def said(self, slot, cell, lines):
        self.lines += lines


def cell(name, of="Method"):
    method = f"{ZOO / name}.py:{of}"
    filters = plan.Filters(("abstract_rules",), ("same_different/m95",), (method,), [0], "smoke")
    return plan.cells(filters)[0]


def run_here(folder, *cells):
    """Run the cells in this process; their records in this order."""
    executors.run_here(cells, executors.Conditions(folder, "cpu", 1), Listener(), False)
    return [Store(folder).find(one) for one in cells]


def content(folder, record):
    """What a disturbance would change in the record of the probe."""
    arrays = read_outputs(Store(folder).path(record).with_suffix(".parquet"))
    logits = arrays["logits"].tobytes()
    return record.status, record.scores, record.explanation, record.flags, logits


def test_the_zoo_is_complete():
    files = {path.stem for path in ZOO.glob("*.py")} - {"quiet"}
    assert files == {*SAID, *IN_WORKERS, *UNSAID}


@pytest.mark.parametrize("name", [*SAID, *ENDS])
def test_a_method_changes_nothing_for_the_next_in_its_process(name, tmp_path, capfd):
    alone, after = tmp_path / "alone", tmp_path / "after"
    (calm,) = run_here(alone, cell("quiet", "Probe"))
    first, probe = run_here(after, cell(name), cell("quiet", "Probe"))
    assert calm.flags == []
    assert content(after, probe) == content(alone, calm)
    if name in ENDS:
        kind, message = ENDS[name]
        assert (first.error.type, message in first.error.message) == (kind, True)
        return
    assert first.error is None
    assert (first.flags == []) == (SAID[name] == "")
    assert SAID[name] in " ".join(first.flags)


def test_what_a_file_sets_at_its_import_holds_in_each_of_its_cells(tmp_path):
    """Where the process is the same, and the file has been imported and undone before."""
    again = [run_here(tmp_path / str(turn), cell("at_import"))[0] for turn in range(2)]
    assert [one.status for one in again] == ["done", "done"]
    assert again[0].flags == again[1].flags != []


def test_two_files_have_their_own_modules_beside_them(tmp_path):
    """Of one name, a package without `__init__.py` among them, in one process."""
    cells = []
    for name, answer in (("a", 1), ("b", 0)):
        folder = tmp_path / name
        (folder / "nets" / "deep").mkdir(parents=True)
        (folder / "layers.py").write_text(f"ANSWER = {answer}")
        (folder / "nets" / "deep" / "layers.py").write_text("from layers import ANSWER")
        (folder / "datasets").mkdir()  # of data, which hides no package
        (folder / "method.v2.py").write_text(
            (ZOO / "quiet.py").read_text()
            + "\n    def disturb(self):\n"
            + "        import datasets\n"
            + "        from nets.deep.layers import ANSWER\n"
            + "        assert hasattr(datasets, 'Dataset')\n"
            + "        self.explanation = {'answer': ANSWER}\n"
        )
        method = f"{folder / 'method.v2.py'}:Probe"
        filters = plan.Filters(
            ("abstract_rules",), ("same_different/m95",), (method,), [0], "smoke"
        )
        cells += plan.cells(filters)
    records = run_here(tmp_path / "out", *cells, *reversed(cells))
    assert [one.explanation["answer"] for one in records] == [1, 0, 0, 1]


def test_a_package_of_the_working_folder_is_left_as_it_is(monkeypatch, tmp_path):
    """Where it was imported before, and lies beside a method's file too."""
    (tmp_path / "around").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    around = importlib.import_module("around")  # a folder without `__init__.py`
    for file in (tmp_path / "method.py", tmp_path / "nowhere" / "method.py", None):
        beside.reach(file)
        beside.forget()
        assert sys.modules["around"] is around


def test_no_method_ends_the_run_or_reaches_another_process(tmp_path, monkeypatch):
    """All of them in worker processes, a probe after each: every probe is the same."""
    notes = tmp_path / "notes"
    monkeypatch.setenv("SYMBENCH_TEST_NOTES", str(notes))
    names = [*SAID, *IN_WORKERS, *UNSAID]
    cells = {name: cell(name) for name in names}
    probe = cell("quiet", "Probe")
    listener = Listener()
    conditions = executors.Conditions(tmp_path / "out", "cpu", 1, timeout=20.0)
    executors.run_in_processes([probe], 1, conditions, listener, False)
    executors.run_in_processes(list(cells.values()), 2, conditions, listener, False)
    store = Store(conditions.root)
    calm = content(conditions.root, store.find(probe))
    store.path(probe).unlink()
    executors.run_in_processes([probe], 1, conditions, listener, False)
    assert content(conditions.root, store.find(probe)) == calm
    records = {name: store.find(one) for name, one in cells.items()}
    assert {name for name, one in records.items() if one.status == "failed"} == {*IN_WORKERS}
    for name, (kind, message) in IN_WORKERS.items():
        assert records[name].error.type == kind
        assert message in records[name].error.message
    for name, said in SAID.items():
        assert said in " ".join(records[name].flags)
    assert "last words" in records["crashes"].error.traceback
    assert "--rate" in records["parses"].error.traceback  # the usage that argparse prints
    assert len(records["unwritable_text"].error.message) < 3000
    assert records["shouts"].error.traceback.endswith("x\nthe end")
    assert len(records["shouts"].error.traceback) < 5000
    assert "the end" in listener.lines
    assert_ended(notes)


def assert_ended(notes):
    """Check that the processes whose numbers stand in the notes are gone, or will be at once."""
    limit = time.monotonic() + 20
    for pid in map(int, notes.read_text().split()):
        while alive(pid):
            assert time.monotonic() < limit, f"process {pid} lives on"
            time.sleep(0.02)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
@pytest.mark.parametrize("number", [15, 9], ids=["SIGTERM", "SIGKILL"])
def test_processes_of_a_method_end_with_the_run(number, tmp_path, python):
    notes = tmp_path / "notes"
    arguments = ("run", "--suite", "abstract_rules", "--task", "same_different/m95", "--method")
    options = ("--profile", "smoke", "--jobs", 1, "--out", tmp_path / "out")
    variables = {"SYMBENCH_TEST_NOTES": str(notes), "SYMBENCH_TEST_STAY": "1000"}
    method = f"{ZOO / 'leaves'}.py:Method"
    run = python.start("-m", "benchmarks", *arguments, method, *options, env=variables)
    limit = time.monotonic() + 100
    while not (notes.exists() and len(notes.read_text().split()) == 3):
        assert time.monotonic() < limit
        time.sleep(0.05)
    assert all(alive(int(pid)) for pid in notes.read_text().split())
    os.kill(run.pid, number)
    assert run.wait() == (-9 if number == 9 else 130)
    assert_ended(notes)


@pytest.mark.parametrize(
    ("name", "rule", "detail"),
    [
        ("default_type", "the process is left as it was", "it changed torch's default type"),
        ("exits", "fits and evaluates", "SystemExit: cuda is required"),
        ("os_exit", "fits and evaluates", "SystemExit: os._exit(3)"),
    ],
)
def test_the_kit_names_what_a_method_changes(name, rule, detail):
    findings = conformance.check(f"{ZOO / name}.py:Method", "abstract_rules")
    (broken,) = [one for one in findings if not one.ok]
    assert broken.rule.startswith(rule)
    assert detail in broken.detail


def test_the_kit_works_where_cells_are_computed():
    """In a worker, which may have children, and which a crash does not outlive."""
    fine = workers.call(conformance.check, f"{ZOO / 'pool'}.py:Method", "abstract_rules", threads=1)
    assert [one for one in fine if not one.ok] == []
    with pytest.raises(ChildProcessError, match="died with exit code 7"):
        workers.call(conformance.check, f"{ZOO / 'crashes'}.py:Method", threads=1)


def test_a_worker_takes_over_folder_and_variables(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYMBENCH_TEST_NOTES", "new")
    assert workers.call(os.getenv, "SYMBENCH_TEST_NOTES", threads=1) == "new"
    assert Path(workers.call(os.getcwd, threads=1)) == tmp_path
    with pytest.raises(ZeroDivisionError):
        workers.call(divmod, 1, 0, threads=1)


def test_output_is_read_as_a_terminal_would_show_it():
    assert workers._plain(b"\x1b[31mred\x1b[0m\r") == "red"
    assert workers._plain(b" 10%\r 50%\r100%") == "100%"
    assert workers._plain("caf\u00e9\x07".encode()) == "caf\u00e9"


def test_half_precision_sees_new_weights_after_a_method_that_left_autocast_open():
    with undisturbed():
        torch.autocast("cpu", torch.bfloat16).__enter__()
    layer, one = torch.nn.Linear(4, 1, bias=False), torch.ones(1, 4)

    def answer():
        with torch.autocast("cpu", torch.bfloat16):
            return float(layer(one))

    torch.nn.init.constant_(layer.weight, 1.0)
    assert answer() == 4
    torch.nn.init.constant_(layer.weight, 2.0)
    assert answer() == 8

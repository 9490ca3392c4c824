"""`run` as a user meets it: faults, resuming, Ctrl-C, kill -9, two runs at once."""

import json
import os
import random
import re
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import executors, session
from benchmarks.records import Record, Store

SMOKE = ("run", "--suite", "abstract_rules", "--profile", "smoke", "--device", "cpu")
FAST = (*SMOKE, "--jobs", 2)
ONE_WORKER = (*SMOKE, "--jobs", 1)  # half the time, where nothing depends on there being two
HERE = (*SMOKE, "--jobs", 0)  # less still, where nothing depends on workers


def scores(folder) -> dict[str, tuple]:
    """What must be the same however a run went: by key, the scores and the fingerprint."""
    records, problems = Store(folder).load()
    assert problems == []
    return {record.key: (record.status, record.scores, record.fingerprint) for record in records}


def test_a_run_ends_with_the_table_and_a_second_one_finds_it_done(symbench, fake, tmp_path):
    arguments = (*FAST, "--method", fake("Honest"), "--method", "oracle", "--out", tmp_path / "r")
    first = symbench(*arguments)
    assert first.returncode == 0, first.stderr
    assert "8/8" in first.stdout
    assert "Honest" in first.stdout
    assert f"Next: python -m benchmarks leaderboard --out {tmp_path / 'r'}" in first.stdout
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*.json")}
    second = symbench(*arguments)
    assert second.returncode == 0
    assert "nothing to do" in second.stdout
    assert "Honest" in second.stdout
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*.json")}
    assert before == after


def test_dry_run_prints_the_cells_what_is_done_and_an_estimate(symbench, fake, tmp_path):
    out = tmp_path / "r"
    symbench(*HERE, "--method", fake("Honest"), "--task", "rmts", "--out", out)
    dry = ("--method", fake("Honest"), "--seeds", 2, "--out", out, "--dry-run")
    shown = symbench(*FAST, *dry)
    assert shown.returncode == 0
    assert "done     Honest rmts/m95 seed 0" in shown.stdout
    assert "to run   Honest same_different/m95 seed 0" in shown.stdout
    # Of other tasks than rmts no record tells the time, and one of rmts says nothing of them.
    assert re.search(
        r"8 cells: 1 done, 0 failed, 7 to run; about \d+ s of work, \d+ s on 2 workers, without 6 "
        r"cells of which no record tells the time; if this machine is like that of the records\.",
        shown.stdout,
    )
    assert len(list(out.rglob("*.json"))) == 1


FAULTS = {
    "Raises": "RuntimeError: the moon is in the wrong house",
    "WrongShape": "OutputError: logits have shape (100, 1); expected (100, 2).",
    "ReturnsNaN": "OutputError: logits holds 1 values that are NaN or infinite.",
    "Forgetful": "OutputError: evaluate gave no 'logits', which rmts/m95 needs; it gave pred",
    "Diverges": "DivergedError: the loss became nan by step",
    "Dies": "WorkerDied: the process that ran this cell died with signal SIGKILL",
}


def test_a_faulty_method_is_a_failed_record_and_the_others_go_on(symbench, fake, tmp_path):
    names = (*FAULTS, "Honest", "Unpicklable")
    methods = (part for name in names for part in ("--method", fake(name)))
    result = symbench(*ONE_WORKER, *methods, "--task", "rmts", "--out", tmp_path)
    assert result.returncode == 1
    records = {record.method: record for record in Store(tmp_path).load()[0]}
    assert records.keys() == set(names)
    for name, message in FAULTS.items():
        assert message in result.stdout
        assert records[name].status == "failed"
        assert records[name].error.traceback
    assert records["Honest"].status == records["Unpicklable"].status == "done"
    # Settings without a form in JSON do not cost the record.
    assert records["Unpicklable"].settings["scale"] == 1.0
    assert "lambda" in records["Unpicklable"].settings["function"]
    assert "6 of 8 cells failed; `--retry-failed` tries them again." in result.stdout


def test_failed_cells_are_tried_again_on_request(symbench, fake, tmp_path):
    arguments = (*HERE, "--method", fake("RaisesOnce"), "--task", "rmts", "--out", tmp_path)
    failing = symbench(*arguments, env={"SYMBENCH_TEST_FAIL": "1"})
    kept = symbench(*arguments)
    healed = symbench(*arguments, "--retry-failed")
    assert [r.returncode for r in (failing, kept, healed)] == [1, 1, 0]
    assert [status for status, *_ in scores(tmp_path).values()] == ["done"]


def test_fail_fast_stops_at_the_first_failure(symbench, fake, tmp_path):
    result = symbench(
        *(*ONE_WORKER, "--fail-fast"),
        *("--method", fake("Raises"), "--method", fake("Honest"), "--out", tmp_path),
    )
    assert result.returncode == 1
    assert len(Store(tmp_path).load()[0]) == 1
    assert "7 cells have not run" in result.stdout


def test_this_process_computes_what_workers_compute(symbench, fake, tmp_path, monkeypatch):
    # With one thread, as each of many workers has: on some CPUs their number changes the last bits.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for jobs in (0, executors.cores()):
        arguments = (*SMOKE, "--jobs", jobs)
        folder = tmp_path / str(jobs)
        assert symbench(*arguments, "--method", fake("Honest"), "--out", folder).returncode == 0
    assert scores(tmp_path / "0") == scores(tmp_path / str(executors.cores()))


def test_a_run_in_this_process_keeps_to_the_threads_that_its_records_name(monkeypatch, tmp_path):
    class Silent:
        def started(self, slot, cell): ...

        def finished(self, slot, cell, record): ...

    seen = []
    monkeypatch.setattr(executors, "compute", lambda *_: seen.append(torch.get_num_threads()))
    monkeypatch.setattr(Store, "find", lambda store, cell: None)
    before = torch.get_num_threads()
    for threads in (before + 1, before + 2):
        conditions = executors.Conditions(tmp_path, "cpu", threads)
        cells = [SimpleNamespace(key="a")]
        executors.run_here(cells, conditions, Silent(), fail_fast=False)
    assert seen == [before + 1, before + 2]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("jobs", "limit", "expected"),
    [(0, None, 6), (1, None, 6), (2, None, 3), (9, None, 1), (0, "2", 2), (3, "4", 2), (1, "x", 6)],
)
def test_threads_are_a_share_of_the_cores_within_omp_num_threads(
    jobs, limit, expected, monkeypatch
):
    monkeypatch.setattr(executors, "cores", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if limit is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
    assert executors.threads_of(jobs) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--suite", "abstract"), "error: no suite 'abstract'; did you mean abstract_rules"),
        (("run", "--suit", "x"), "error: No such option: --suit"),
        (("run", "--device", "cuda:9"), "error: --device cuda:9 is not there"),
        (("run", "--device", "gpu"), "error: --device 'gpu' is not known; there are: auto, cpu"),
        (("run", "--out", "/proc/x"), "error: cannot write to --out '/proc/x'"),
        (("run", "--profile", "long"), "error: no profile 'long'"),
        (("list", "task"), "error: no list 'task'; did you mean tasks"),
        (("leaderboard", "--out", "no/such"), "error: no folder 'no/such'"),
        (("compare", "no/such", "no/such"), "error: no folder 'no/such'"),
        (("check", "nothing:"), "error: 'nothing:' is no method"),
        (("data", "build", "nothing"), "error: "),
        (("nothing",), "error: No such command 'nothing'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(symbench, arguments, message, tmp_path):
    if arguments[0] == "run" and "--out" not in arguments:
        arguments = (*arguments, "--out", tmp_path)
    result = symbench(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stdout + result.stderr


def test_a_corrupt_and_a_foreign_file_are_named_and_only_the_corrupt_cell_runs_again(
    symbench, fake, tmp_path
):
    arguments = (*HERE, "--method", fake("Honest"), "--out", tmp_path)
    symbench(*arguments)
    good = scores(tmp_path)
    victim = next(tmp_path.rglob("*.json"))
    victim.write_text(victim.read_text()[:200])
    (tmp_path / "notes.json").write_text('{"mine": true}')
    shown = symbench("leaderboard", "--out", tmp_path)
    assert shown.returncode == 1
    assert str(victim) in shown.stderr
    result = symbench(*arguments)
    assert result.returncode == 0
    assert "1 cells to run, 3 done before" in result.stdout
    assert "notes.json" in result.stdout
    assert json.loads((tmp_path / "notes.json").read_text()) == {"mine": True}
    (tmp_path / "notes.json").unlink()
    assert scores(tmp_path) == good


def wait_for(condition, seconds=60):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("send", "sign", "how"),
    [
        (os.killpg, signal.SIGINT, FAST),
        (os.killpg, signal.SIGTERM, ONE_WORKER),
        (os.kill, signal.SIGTERM, ONE_WORKER),
    ],
    ids=["ctrl-c", "scheduler", "kill"],
)
def test_an_interruption_keeps_what_is_done_and_ends_every_process(
    python, fake, tmp_path, send, sign, how
):
    arguments = (*how, "--method", fake("Honest"), "--method", fake("Slow"), "--out", tmp_path)
    process = python.start("-m", "benchmarks", *arguments)
    wait_for(lambda: len(list(tmp_path.rglob("*.json"))) == 4)
    send(process.pid, sign)
    assert process.wait() == 130
    output = process.output.read_text()
    assert "4 of 8 cells are done and kept; the same command goes on from here." in output
    assert "Traceback" not in output
    assert process.errors.read_text() == ""
    wait_for(lambda: not alive(process.pid), 10)
    assert len(scores(tmp_path)) == 4


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_kill_9_at_ten_moments_then_resume_gives_the_undisturbed_records(python, fake, tmp_path):
    disturbed, calm = tmp_path / "disturbed", tmp_path / "calm"
    arguments = ("-m", "benchmarks", *HERE, "--method", fake("Honest100ms"), "--seeds", 15, "--out")
    moments = random.Random(7)
    for _ in range(10):
        before = len(list(disturbed.rglob("*.json")))
        process = python.start(*arguments, disturbed)
        # Once cells finish, at a random moment: in a fit, between a write and its rename, anywhere.
        wait_for(lambda b=before: len(list(disturbed.rglob("*.json"))) > b)
        time.sleep(moments.uniform(0, 0.25))
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        for path in disturbed.rglob("*.json"):
            Record.model_validate_json(path.read_bytes())
    for folder in (disturbed, calm):
        assert python(*arguments, folder).returncode == 0
    assert scores(disturbed) == scores(calm)
    assert len(scores(calm)) == 60
    for path in calm.rglob("*.parquet"):
        assert (disturbed / path.relative_to(calm)).read_bytes() == path.read_bytes()


def test_two_runs_into_one_folder_share_the_work(python, fake, tmp_path):
    arguments = (*ONE_WORKER, "--method", fake("Honest100ms"), "--seeds", 5, "--out", tmp_path)
    runs = [python.start("-m", "benchmarks", *arguments) for _ in range(2)]
    assert [process.wait() for process in runs] == [0, 0]
    results = scores(tmp_path)
    assert len(results) == 20
    assert {status for status, *_ in results.values()} == {"done"}


def test_auto_looks_for_a_driver_before_it_loads_torch(monkeypatch):

    monkeypatch.setattr(session.sys, "platform", "linux")
    monkeypatch.setattr(session, "GPU_DRIVERS", (Path("/no/such/driver"),))
    monkeypatch.setitem(session.sys.modules, "torch", None)  # importing it would raise
    assert session.resolve_device("auto") == "cpu"
    assert session.resolve_device("cpu") == "cpu"
    monkeypatch.setattr(session, "GPU_DRIVERS", (Path("/"),))
    with pytest.raises(ImportError):
        session.resolve_device("auto")

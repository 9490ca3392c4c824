"""A long cell that is killed, interrupted or short of memory goes on from its checkpoint."""

import os
import signal
import time
from functools import partial

import pytest
import torch

from benchmarks import plan, runner, session
from benchmarks.executors import Conditions, compute, cores
from benchmarks.records import CHECKPOINTS, Store, read_outputs

# As many workers as cores, so that each cell has one thread: two add up in another order.
SMOKE = ("run", "--suite", "abstract_rules", "--profile", "smoke", "--device", "cpu", "--jobs")
# The training stands still in the update 125 until it is stopped; it reported after the update 120.
STEPS, STALL, KEPT = 250, 125, 120


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def long(tmp_path, fake, monkeypatch):
    """The arguments of a run with one long cell; its updates are noted in a file."""
    monkeypatch.setenv("SYMBENCH_TEST_NOTES", str(tmp_path / "notes"))
    return (*SMOKE, cores(), "--method", fake("Long"), "--task", "rmts", "--out", tmp_path / "out")


@pytest.fixture
def cell(fake, long):
    filters = plan.Filters(("abstract_rules",), ("rmts",), (fake("Long"),), None, "smoke")
    return plan.cells(filters)[0]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, fake):
    """Scores and outputs of the cell where nothing happens to it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYMBENCH_TEST_NOTES", str(folder / "notes"))
        filters = plan.Filters(("abstract_rules",), ("rmts",), (fake("Long"),), None, "smoke")
        (cell,) = plan.cells(filters)
        runner.execute(cell, Store(folder), "cpu", 1, lambda **_: None)
    assert notes(folder) == [(step, 8 if step % 8 < 7 else 4) for step in range(STEPS)]
    return results(folder)


def notes(folder):
    """The updates that were computed: which, and how many examples at once."""
    path = folder / "notes"
    lines = path.read_text().splitlines() if path.exists() else []
    return [tuple(map(int, line.split())) for line in lines if line.count(" ") == 1]


def results(folder):
    """What must not depend on how the cell came to its end."""
    (record,) = Store(folder).load()[0]
    outputs = read_outputs(Store(folder).path(record).with_suffix(".parquet"))
    arrays = {name: array.tobytes() for name, array in outputs.items()}
    return record.status, record.scores, record.steps, record.examples, arrays


def checkpoints(folder):
    return sorted(path.name for path in (folder / "out" / CHECKPOINTS).iterdir())


def disturb(python, arguments, folder, send):
    """Start a run, and do something to it in the middle of its cell; its exit code."""
    stall = {"SYMBENCH_TEST_STALL": str(STALL)}
    process = python.start("-m", "benchmarks", *arguments, env=stall)
    limit = time.monotonic() + 60
    while (STALL, 8) not in notes(folder):
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)
    send(process.pid)
    code = process.wait()
    while time.monotonic() < limit:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return code
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError("a process is left")


def stopped(folder, cell):
    """Check what a stopped run leaves, and forget which updates it computed."""
    assert Store(folder / "out").load() == ([], [])
    assert f"{cell.key}.pt" in checkpoints(folder)
    (folder / "notes").unlink()


def test_a_cell_that_was_killed_goes_on(python, symbench, long, cell, tmp_path):
    # In this process the last bits may be others (seen on a CPU without AVX-512).
    calm = tmp_path / "calm"
    assert symbench(*long[:-1], calm).returncode == 0
    (tmp_path / "notes").unlink()
    for kill in (os.killpg, os.kill):  # all of its processes, then all but its worker
        code = disturb(python, long, tmp_path, lambda run, kill=kill: kill(run, signal.SIGKILL))
        assert code == -signal.SIGKILL
        stopped(tmp_path, cell)
    assert symbench(*long).returncode == 0
    assert [step for step, _ in notes(tmp_path)] == list(range(KEPT, STEPS))
    assert results(tmp_path / "out") == results(calm)
    assert f"{cell.key}.pt" not in checkpoints(tmp_path)


@pytest.mark.parametrize("name", ["esbn", "lstm"])
def test_a_learner_of_abstract_rules_that_was_stopped_ends_as_one_that_was_not(
    tmp_path, monkeypatch, name
):
    """A whole cell of the suite: the same scores and the same outputs, bit for bit."""
    monkeypatch.setattr("benchmarks.training.REPORT_EVERY", 1)
    monkeypatch.setattr(runner, "Run", partial(runner.Run, checkpoint_seconds=0.0))
    filters = plan.Filters(("abstract_rules",), ("same_different",), (name,), None, "smoke")
    (cell,) = plan.cells(filters)
    steps = []

    def until(last):
        def reporter(step, **_):
            steps.append(step)
            if step == last:
                raise KeyboardInterrupt

        return reporter

    calm, stopped = Store(tmp_path / "calm"), Store(tmp_path / "stopped")
    runner.execute(cell, calm, "cpu", 1, until(None))
    whole = list(steps)
    with pytest.raises(KeyboardInterrupt):
        runner.execute(cell, stopped, "cpu", 1, until(whole[2]))
    assert stopped.checkpoint(cell).is_file()
    steps.clear()
    runner.execute(cell, stopped, "cpu", 1, until(None))
    assert steps == whole[1:], "it goes on from the last checkpoint, of the second report"
    assert results(stopped.root) == results(calm.root)
    assert not stopped.checkpoint(cell).exists()


def test_a_cell_that_was_interrupted_goes_on(python, long, cell, tmp_path, undisturbed):
    code = disturb(python, long, tmp_path, lambda group: os.killpg(group, signal.SIGINT))
    assert code == 130
    stopped(tmp_path, cell)
    runner.execute(cell, Store(tmp_path / "out"), "cpu", 1, lambda **_: None)
    assert [step for step, _ in notes(tmp_path)] == list(range(KEPT, STEPS))
    assert results(tmp_path / "out") == undisturbed


def test_a_cell_short_of_memory_goes_on_with_fewer_at_once(
    fake, long, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("SYMBENCH_TEST_MEMORY", "3")
    filters = plan.Filters(("abstract_rules",), ("rmts",), (fake("Long"),), None, "smoke")
    assert session.run(filters, session.Options(tmp_path / "out", "cpu", jobs=0)) == 1
    assert (
        "SymbenchError: memory ran out when 8 examples of a batch of 8 were computed at once; "
        "give --at-once a smaller number, such as 4, and --retry-failed." in capsys.readouterr().out
    )
    assert len(checkpoints(tmp_path)) == 1
    (tmp_path / "notes").unlink()
    fewer = session.Options(tmp_path / "out", "cpu", jobs=0, retry_failed=True, at_once=3)
    assert session.run(filters, fewer) == 0
    assert notes(tmp_path)[:3] == [(80, 3), (80, 3), (80, 2)]
    assert results(tmp_path / "out")[2:4] == (STEPS, 1876)
    assert checkpoints(tmp_path) == []


def test_the_time_before_an_interruption_counts(planted, tmp_path):
    path = f"{planted.__file__}:Resumed"
    (cell,) = plan.cells(plan.Filters(("planted",), ("plane",), (path,), [0]))
    record = runner.execute(cell, Store(tmp_path), "cpu", 1, lambda **_: None)
    assert 1000 < record.fit_seconds < record.wall_seconds < 1100


def test_a_damaged_checkpoint_costs_the_time_and_nothing_else(cell, tmp_path, undisturbed, caplog):
    store = Store(tmp_path / "out")
    path = store.checkpoint(cell)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a check")
    runner.execute(cell, store, "cpu", 1, lambda **_: None)
    assert "is left aside: it is damaged; training begins anew." in caplog.text
    assert results(tmp_path / "out") == undisturbed
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "kept"), [("Honest", False), ("Raises", True), ("Diverges", False)]
)
def test_a_checkpoint_is_kept_until_the_cell_is_done_or_cannot_be(fake, tmp_path, name, kept):
    filters = plan.Filters(("abstract_rules",), ("rmts",), (fake(name),), None, "smoke")
    (cell,) = plan.cells(filters)
    path = Store(tmp_path).checkpoint(cell)
    path.parent.mkdir()
    path.write_bytes(b"")
    runner.execute(cell, Store(tmp_path), "cpu", 1, lambda **_: None)
    assert path.exists() == kept


def test_a_record_that_cannot_be_stored_leaves_the_checkpoint(fake, tmp_path, monkeypatch):
    filters = plan.Filters(("abstract_rules",), ("rmts",), (fake("Honest"),), None, "smoke")
    (cell,) = plan.cells(filters)
    path = Store(tmp_path).checkpoint(cell)
    path.parent.mkdir()
    path.write_bytes(b"")

    def full(*given):
        raise OSError("no space left")

    monkeypatch.setattr(Store, "save", full)
    with pytest.raises(OSError, match="no space"):
        runner.execute(cell, Store(tmp_path), "cpu", 1, lambda **_: None)
    assert path.exists()


def test_checkpoints_are_no_records_and_are_removed_after_a_month(tmp_path):
    folder, now = tmp_path / CHECKPOINTS, time.time()
    folder.mkdir()
    ages = {"new.pt": 0, "week.pt": 7, "old.pt": 31, ".cut.partial": 1, ".young.partial": 0}
    for name, days in ages.items():
        (folder / name).write_text("{}")
        os.utime(folder / name, (now - 86400 * days,) * 2)
    (folder / "seed0-0123.json").write_text("{}")
    assert Store(tmp_path).load() == ([], [])
    session._remove_stale(tmp_path)
    left = {path.name for path in folder.iterdir()}
    assert left == {"new.pt", "week.pt", ".young.partial", "seed0-0123.json"}


def test_the_cell_is_told_where_its_checkpoint_lies_and_how_many_at_once(
    fake, tmp_path, monkeypatch
):
    filters = plan.Filters(("abstract_rules",), ("rmts",), (fake("Honest"),), None, "smoke")
    (cell,) = plan.cells(filters)
    seen = []

    def answer(task, entry, run, watch):
        seen.append(run)
        raise ValueError("enough")

    monkeypatch.setattr(runner, "answer", answer)
    compute(cell, Conditions(tmp_path, "cpu", 1, 5), lambda **_: None)
    compute(cell, Conditions(tmp_path, "cpu", 1), lambda **_: None)
    assert [run.at_once for run in seen] == [5, None]
    assert {run.checkpoint for run in seen} == {tmp_path / ".checkpoints" / f"{cell.key}.pt"}
    assert {run.checkpoint_seconds for run in seen} == {60.0}

"""Options of `run`: single seeds, limits of seeds, `--force`, and the workers of each device."""

import tracemalloc

import pytest
import torch

from benchmarks import device, executors, plan, session
from benchmarks.cli import main
from benchmarks.plan import MOST_SEEDS, Filters, seeds_from
from benchmarks.protocol import SymbenchError
from benchmarks.records import Store

CHANCE = Filters(("abstract_rules",), ("rmts",), ("chance",), [0, 1], "smoke")


def test_single_seeds_add_up_with_the_others():
    assert seeds_from(None) is None
    assert seeds_from(None, [7, 3, 7]) == [7, 3]
    assert seeds_from("2", [7, 1]) == [0, 1, 7]


@pytest.mark.parametrize(
    "text", ["10-10000000", "0-99999999", "99999999", f"0-{10**30}", "0-10000"]
)
def test_too_many_seeds_are_refused_before_they_are_made(text):
    tracemalloc.start()
    with pytest.raises(SymbenchError, match="more than 10,000 seeds are asked for; take fewer"):
        seeds_from(text)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    assert len(seeds_from(f"1-{MOST_SEEDS}")) == MOST_SEEDS


def test_an_array_of_tasks_with_a_seed_each_makes_different_cells(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(session, "run", lambda filters, options, table: seen.append(filters) or 0)
    for seed in range(10):
        with pytest.raises(SystemExit) as ended:
            main(["run", "--task", "rmts", "--method", "chance", "--seed", str(seed)])
        assert ended.value.code == 0
    cells = [cell for filters in seen for cell in plan.cells(filters)]
    assert [cell.seed for cell in cells] == list(range(10))
    assert len({cell.key for cell in cells}) == 10


def test_force_runs_done_cells_again_and_puts_the_new_records_in_their_place(tmp_path, capsys):
    def run(**options):
        code = session.run(CHANCE, session.Options(tmp_path, "cpu", jobs=0, **options))
        return code, {one.seed: one for one in Store(tmp_path).load()[0]}, capsys.readouterr().out

    _, first, _ = run()
    assert "All 2 cells have run before" in run()[2]
    code, second, said = run(force=True)
    assert (code, len(second)) == (0, 2)
    assert "2 cells to run, 0 done before" in said
    for seed, record in second.items():
        assert record.created != first[seed].created
        assert (record.key, record.scores) == (first[seed].key, first[seed].scores)
    session.preview(CHANCE, session.Options(tmp_path, force=True))
    assert "2 cells: 0 done, 0 failed, 2 to run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "count", "jobs", "places"),
    [
        ("cuda", 4, 4, ["cuda:0", "cuda:1", "cuda:2", "cuda:3", "cuda:0"]),
        ("cuda", 1, 1, ["cuda:0"] * 5),
        ("cuda:2", 4, 1, ["cuda:2"] * 5),
        ("mps", 0, 1, ["mps"] * 5),
        ("cpu", 4, 6, ["cpu"] * 5),
    ],
)
def test_a_worker_for_each_gpu_or_core(monkeypatch, tmp_path, name, count, jobs, places):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(session, "cores", lambda: 6)
    assert session._jobs(session.Options(tmp_path), name) == jobs
    assert session._jobs(session.Options(tmp_path, jobs=3), name) == 3
    conditions = executors.Conditions(tmp_path, name, 1)
    assert [conditions.of_worker(slot).device for slot in range(5)] == places


def test_a_device_is_there_or_one_line_says_so(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SymbenchError) as caught:
        session.resolve_device("mps")
    assert str(caught.value) == (
        "--device mps is not there (torch sees no Metal GPU); use --device cpu."
    )
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert session.resolve_device("mps") == "mps"
    for name in ("gpu", "cuda:", "cuda:x", "mps:0", "CPU", ""):
        with pytest.raises(SymbenchError, match="there are: auto, cpu, cuda, cuda:N, mps"):
            session.resolve_device(name)


def test_a_run_can_be_planned_where_its_device_is_not(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    session.preview(CHANCE, session.Options(tmp_path, "cuda"))
    assert "2 to run" in capsys.readouterr().out
    with pytest.raises(SymbenchError, match="--device 'gpu' is not known"):
        session.preview(CHANCE, session.Options(tmp_path, "gpu"))


def test_the_memory_of_a_metal_gpu_is_what_its_driver_holds(monkeypatch):
    held = [7_000]
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: held[0])
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: held.__setitem__(0, 2_000))
    assert device.peak_memory("mps") == 7_000
    device.reset_peak_memory("mps")
    assert device.peak_memory("mps") == 2_000
    full = RuntimeError("MPS backend out of memory (MPS allocated: 5.1 GB, max allowed: 9.07 GB).")
    line = "memory ran out when it ran"
    with pytest.raises(SymbenchError, match=line), device.out_of_memory_says("it ran"):
        raise full

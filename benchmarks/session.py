"""The `run` verb: it plans, previews and executes cells, and shows the table at the end."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import claims, executors, namesakes, plan, resolution, scripts, terminal
from benchmarks.device import gpus
from benchmarks.display import Display, duration
from benchmarks.estimates import Estimate, Estimator
from benchmarks.plan import Cell, Filters, Plan
from benchmarks.program import NAME
from benchmarks.protocol import SymbenchError
from benchmarks.records import CHECKPOINTS, Record, Store, file_name
from symdata.cores import cores
from symdata.sources import DEFAULT, DataSources

DONE, FAILED, INTERRUPTED = 0, 1, 130
REFERENCE_RESULTS = Path(__file__).resolve().parent.parent / "leaderboard" / "results"
STALE_SECONDS = 3600.0
STALE_CHECKPOINT_SECONDS = 30 * 24 * 3600.0
# Device files of NVIDIA's driver, of Windows' subsystem for Linux, and of AMD's driver.
GPU_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))


@dataclass(frozen=True)
class Options:
    """Options of a run beside its filters; see `python -m benchmarks run --help`."""

    out: Path
    device: str = "auto"
    jobs: int | None = None
    fail_fast: bool = False
    retry_failed: bool = False
    force: bool = False
    at_once: int | None = None
    sources: DataSources = DEFAULT
    timeout: float | None = None


def preview(filters: Filters, options: Options) -> int:
    """Print the cells, which of them are done, and how long the others may take."""
    store = Store(options.out)
    selected = _select(filters, options)
    state = plan.plan(selected, store, options.retry_failed, options.force)
    device = _planned_device(options.device)
    estimator = estimator_of(store, device)
    for record in state.done:
        print(f"done     {record.method} {record.task}/{record.regime} seed {record.seed}")
    for record in state.failed:
        print(f"failed   {record.method} {record.task}/{record.regime} seed {record.seed}")
    known = []
    for cell in state.waiting:
        found = estimator.estimate(cell)
        known += [found] if found else []
        about = f"  about {duration(found.seconds)}" if found else ""
        print(f"to run   {cell.label}{about}")
    if not state.waiting:
        estimate = "nothing to do"
    elif not known:
        estimate = "no records yet to estimate the time from"
    else:
        estimate = _estimated(known, len(state.waiting), max(1, _jobs(options, device)))
    counts = f"{len(state.done)} done, {len(state.failed)} failed, {len(state.waiting)} to run"
    print(f"{state.total} cells: {counts}; {estimate}.")
    return DONE


def _estimated(known: list[Estimate], cells: int, jobs: int) -> str:
    """The time of all cells in words, and what it rests on."""
    total, scaled = sum(one.seconds for one in known), sum(one.scaled for one in known)
    words = f"about {duration(total)} of work, {duration(total / jobs)} on {jobs} workers"
    if len(known) < cells:
        words = f"{words}, without {cells - len(known)} cells of which no record tells the time"
    if scaled:
        words = f"{words}; {scaled} are reckoned by their updates from shorter runs"
    return f"{words}; if this machine is like that of the records"


def run(
    filters: Filters,
    options: Options,
    table: Callable[[list[Record], int], str] | None = None,
) -> int:
    """Run the cells that are not done yet, show the table, and return the exit code.

    table: a function that makes the table of records in so many columns; None: no table.
    """
    scripts.refuse_import_by_worker()
    namesakes.refuse()
    store = Store(options.out.resolve())  # a method may change the working folder
    _ensure_writable(options.out)
    console = Console()
    selected = _select(filters, options)
    state = plan.plan(selected, store, options.retry_failed, options.force)
    if state.waiting:
        try:
            _execute(state, store, options, console)
        except KeyboardInterrupt:
            left = plan.plan(selected, store)
            console.print(
                f"Interrupted. {len(left.done)} of {left.total} cells are done and kept; "
                "the same command goes on from here.",
                soft_wrap=True,
            )
            return INTERRUPTED
    else:
        console.print(f"All {state.total} cells have run before; nothing to do.", highlight=False)
    return _conclude(plan.plan(selected, store), store, filters, options, console, table)


def _select(filters: Filters, options: Options) -> list[plan.Cell]:
    """The selected cells that can run here; prints a line for each task that cannot."""
    selection = plan.selection(filters, options.sources)
    for task, reason in selection.skipped.items():
        print(f"skipped  {task}: {reason}")
    for cell in selection.cells if filters.settings else ():
        resolution.check_settings(cell.entry)
    return selection.cells


def _execute(state: Plan, store: Store, options: Options, console: Console) -> None:
    device = resolve_device(options.device)
    jobs = _jobs(options, device)
    workers = max(1, min(jobs, len(state.waiting)))
    if options.timeout is not None and jobs == 0:
        raise SymbenchError("--timeout ends a worker process; give --jobs 1 or more with it.")
    conditions = executors.Conditions(
        *(store.root, device, executors.threads_of(jobs), options.at_once, options.sources),
        timeout=options.timeout,
    )
    _remove_stale(store.root)
    console.print(
        f"{len(state.waiting)} cells to run, {len(state.done)} done before; "
        f"{workers} workers on {device}; records go to {options.out}/.",
        highlight=False,
        soft_wrap=True,
    )
    display = Display(console, state.waiting, workers, estimator_of(store, device))
    with display:
        if jobs == 0:
            executors.run_here(state.waiting, conditions, display, options.fail_fast)
        else:
            executors.run_in_processes(state.waiting, jobs, conditions, display, options.fail_fast)


def _conclude(
    state: Plan,
    store: Store,
    filters: Filters,
    options: Options,
    console: Console,
    table: Callable[[list[Record], int], str] | None,
) -> int:
    """Show the table, the cells that failed and those still to run; returns the exit code."""
    records, problems = store.load()
    for problem in problems:
        console.print(f"warning: {problem}", style="yellow", soft_wrap=True, markup=False)
    shown = _asked_for(records, state)
    if table is not None and any(record.status == "done" for record in shown):
        print(table(shown, terminal.width()))
    where = "" if str(options.out) == "results" else f" --out {options.out}"
    if state.failed:
        for record in state.failed[:3]:
            assert record.error
            print(f"failed: {_called(record)}: {record.error.type}: {record.error.message}")
            path = store.path(record).relative_to(store.root)
            print(f"        traceback in {options.out / path}")
        print(
            f"{len(state.failed)} of {state.total} cells failed; `--retry-failed` tries them again."
        )
    if state.waiting:
        print(f"{len(state.waiting)} cells have not run; the same command goes on from here.")
    print(f"Next: {NAME} leaderboard{where}")
    return FAILED if state.failed or state.waiting else DONE


def _asked_for(records: Sequence[Record], state: Plan) -> list[Record]:
    """The records for the table: those of the cells of this run, and others beside them.

    Of the methods and tasks of this run no record of other code, settings or data is among them,
    whichever was made last.
    """
    cells: list[Cell | Record] = [*state.done, *state.failed, *state.waiting]
    boards = {(one.suite, one.profile) for one in cells}
    variants = {_row(one): one.variant for one in cells}
    questions = {_place(one): _question(one) for one in (*state.done, *state.failed)}
    return [
        one
        for one in records
        if (one.suite, one.profile) in boards
        and variants.get(_row(one), one.variant) == one.variant
        and questions.get(_place(one), _question(one)) == _question(one)
    ]


def _place(one: Cell | Record) -> tuple[str, ...]:
    return (one.suite, one.profile, one.task, one.regime)


def _row(one: Cell | Record) -> tuple[str, ...]:
    """The place and the method, which is told apart from one of its name in another file."""
    path = one.path if isinstance(one, Record) else one.entry.path
    return (*_place(one), one.method, file_name(path))


def _question(record: Record) -> tuple[Any, ...]:
    """The versions and the data on which records of one table agree."""
    return (record.task_version, record.task_parts, record.protocol_version, record.dataset)


def _called(record: Record) -> str:
    return f"{record.method} {record.task}/{record.regime} seed {record.seed}"


def estimator_of(store: Store, device: str) -> Estimator:
    """An estimator by the records of this folder and those of symbench, on this kind of device."""
    here = store.load()[0] if store.root.is_dir() else []
    reference = Store(REFERENCE_RESULTS).load()[0] if REFERENCE_RESULTS.is_dir() else []
    return Estimator((*reference, *here), device)


def _ensure_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SymbenchError(
            f"cannot write to --out '{folder}' ({error.strerror}); choose a folder of yours."
        ) from None
    if shutil.disk_usage(folder).free < 50e6:
        raise SymbenchError(f"less than 50 MB are free for --out '{folder}'; make room first.")


def _remove_stale(folder: Path) -> None:
    """Remove half-written files and claims of killed runs, and old checkpoints never resumed.

    Younger files may belong to another run, or to one that will be resumed.
    """
    kept = (folder / CHECKPOINTS).glob("*.pt")
    cut = (*folder.rglob(".*.partial"), *(folder / claims.FOLDER).glob("*"))
    ages = [(path, STALE_SECONDS) for path in cut]
    for path, age in [*ages, *((path, STALE_CHECKPOINT_SECONDS) for path in kept)]:
        try:
            if time.time() - path.stat().st_mtime > age:
                path.unlink()
        except FileNotFoundError:
            continue


def _jobs(options: Options, device: str) -> int:
    """The number of workers: as asked for, else one a GPU, or one a core on a CPU."""
    if options.jobs is not None:
        return options.jobs
    return cores() if device == "cpu" else len(gpus(device))


def _planned_device(name: str) -> str:
    """The device of this name for an estimate, even where this machine lacks it."""
    _ensure_known(name)
    try:
        return resolve_device(name)
    except SymbenchError:
        return name


def _ensure_known(device: str) -> None:
    if not re.fullmatch("auto|cpu|mps|cuda(:[0-9]+)?", device):
        known = "auto, cpu, cuda, cuda:N, mps"
        raise SymbenchError(f"--device '{device}' is not known; there are: {known}.")


def resolve_device(name: str) -> str:
    """The device of this name; for `auto` a CUDA GPU where there is one, else the CPU."""
    if name == "cpu":
        return name
    _ensure_known(name)
    if name == "auto" and sys.platform == "linux" and not any(map(Path.exists, GPU_DRIVERS)):
        return "cpu"  # saves the import of torch, which takes seconds and would find no GPU either
    import torch

    if name == "mps":
        if torch.backends.mps.is_available():
            return name
        raise SymbenchError(
            "--device mps is not there (torch sees no Metal GPU); use --device cpu."
        )
    index = name.partition(":")[2]
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if count else "cpu"
    if count <= int(index or 0):
        seen = f"torch sees {count} of them" if count else "torch sees no GPU"
        raise SymbenchError(f"--device {name} is not there ({seen}); use --device cpu.")
    return name

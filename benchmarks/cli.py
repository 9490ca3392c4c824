"""The command line's verbs. Each imports modules when it is used, so that help comes at once."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from benchmarks import namesakes, system_errors
from benchmarks.cli_data import data_app
from benchmarks.cli_options import (
    Cifar10,
    Columns,
    DataRoot,
    Digits,
    FailOn,
    Format,
    Jobs,
    OnlyProfiles,
    OnlySuites,
    Out,
    ProfileName,
    Seed,
    Seeds,
    Set,
    Summary,
    Throughput,
    Timeout,
    data_sources,
    example,
)
from benchmarks.errors import SymbenchError
from benchmarks.program import NAME, handle_here, leave
from benchmarks.system_errors import complain
from benchmarks.terminal import say, width, write_every_sign

if TYPE_CHECKING:
    from benchmarks.records import Record
    from leaderboard.tables import Table

DEFAULT_OUT = Path("results")

app = typer.Typer(
    name="symbench",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="symbench: benchmarks for learning symbols from raw data.\n\n"
    f"Start with: {NAME} run --suite abstract_rules",
)
app.add_typer(data_app, name="data")


@app.command(
    epilog=example(
        "python -m benchmarks run --suite abstract_rules",
        "python -m benchmarks run --task 'same_different/m9*' --method 'l*' --seeds 5",
        "python -m benchmarks run --suite abstract_rules --method my_method.py:MyMethod",
        "python -m benchmarks run --method esbn --set learning_rate=1e-3 --set learning_rate=1e-2",
    )
)
def run(
    suite: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Suite; repeat it or use globs.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Task (`rmts`) or one regime of it (`rmts/m95`)."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Method name, package.module:Class or file.py:Class; NAME=PATH names it.",
        ),
    ] = None,
    seeds: Seeds = None,
    seed: Seed = None,
    profile: ProfileName = "quick",
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")
    ] = "auto",
    out: Out = DEFAULT_OUT,
    jobs: Jobs = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Examples computed at a time; fewer need less memory.", min=1
        ),
    ] = None,
    timeout: Timeout = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run.")] = False,
    settings: Set = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first cell that fails.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run cells again that failed before.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Run cells again although they are done.")
    ] = False,
    data_root: DataRoot = None,
    digits: Digits = None,
    cifar10: Cifar10 = None,
) -> None:
    """Train and score methods on the tasks of a suite, and show the table.

    Finished cells are kept and not run again; an interrupted run goes on where it was. Exit code:
    0 all cells done, 1 some failed, 2 a mistake in the command, 130 interrupted.
    """
    from benchmarks import plan, session

    filters = plan.Filters(
        suites=suite or (),
        tasks=task or (),
        methods=method or (),
        seeds=plan.seeds_from(seeds, seed or ()),
        profile=profile,
        settings=settings or (),
    )
    sources = data_sources(data_root, digits, cifar10)
    options = session.Options(
        *(out, device, jobs, fail_fast, retry_failed, force, at_once, sources, timeout)
    )

    def table(records: list[Record], width: int) -> str:
        from leaderboard.summary import summary

        return summary(_tables(records, out), width)

    raise typer.Exit(
        session.preview(filters, options) if dry_run else session.run(filters, options, table)
    )


@app.command(
    "list",
    epilog=example(
        "python -m benchmarks list methods",
        "python -m benchmarks list settings gnm --profile quick --task arrow_room",
    ),
)
def list_(
    what: Annotated[
        str, typer.Argument(help="suites, tasks, methods, profiles, datasets, settings or all.")
    ] = "all",
    method: Annotated[
        str | None, typer.Argument(help="For `settings`: a name, file.py:Class or a glob.")
    ] = None,
    profile: ProfileName = "quick",
    suite: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="For `settings`: in these suites.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="For `settings`: on these tasks.")
    ] = None,
    settings: Set = None,
) -> None:
    """List suites, tasks, methods, profiles, datasets; or how a method is set, and by what."""
    from benchmarks import listing

    if what != "settings":
        if method or suite or task or settings:
            raise SymbenchError(f"`list {what}` takes no further names; `list settings` does.")
        say(listing.render(what))
        return
    if method is None:
        raise SymbenchError("`list settings` needs a method; write list settings esbn.")
    from benchmarks import plan

    chosen = plan.Filters(suite or (), task or (), (method,), None, profile, settings or ())
    say(listing.settings(chosen))


@app.command(
    epilog=example(
        "python -m benchmarks leaderboard",
        "python -m benchmarks leaderboard --format markdown > table.md",
        "python -m benchmarks leaderboard --throughput",
    )
)
def leaderboard(
    out: Out = DEFAULT_OUT,
    format: Annotated[Format, typer.Option(help="How to write it.")] = Format.TERMINAL,
    suite: OnlySuites = None,
    profile: OnlyProfiles = None,
    summary: Summary = False,
    column: Columns = None,
    throughput: Throughput = False,
) -> None:
    """Show the tables of a folder of records: mean, interval, rank, chance, ceiling, published.

    Exit code 1 where a file in the folder could not be read.
    """
    from leaderboard import render
    from leaderboard import summary as matrix
    from leaderboard import throughput as speed

    records, problems = load_records(out, suite, profile)
    if throughput:
        text = speed.throughput(records, format.value, width(), _outdated)
    elif summary:
        text = matrix.summary(_tables(records, out, column), width(), format.value)
    else:
        text = render.render(_tables(records, out, column), format.value, width())
    say(text, end="")
    raise typer.Exit(1 if problems else 0)


@app.command(
    epilog=example("python -m benchmarks compare leaderboard/results results --min-effect 2")
)
def compare(
    base: Annotated[Path, typer.Argument(help="Folder of records to compare with.")],
    head: Annotated[Path, typer.Argument(help="Folder of records in question.")],
    format: Annotated[Format, typer.Option(help="terminal or markdown.")] = Format.TERMINAL,
    fail_on: Annotated[
        FailOn,
        typer.Option(help="worse: a regression; missing: also a result that HEAD lacks; never."),
    ] = FailOn.WORSE,
    min_effect: Annotated[
        float, typer.Option(help="A regression counts from this many points on.", min=0)
    ] = 0.0,
    alpha: Annotated[float, typer.Option(help="Family-wise error rate.", min=0, max=1)] = 0.05,
    suite: OnlySuites = None,
    profile: OnlyProfiles = None,
) -> None:
    """Compare two folders of records, paired over seeds. Exit code 1 on a regression."""
    from leaderboard import comparison, report

    if format is Format.CSV:
        raise SymbenchError("compare writes terminal or markdown; csv is not offered.")
    before, bad_before = load_records(base, suite, profile)
    after, bad_after = load_records(head, suite, profile)
    result = comparison.compare(before, after, alpha, _outdated)
    say(report.report(result, format.value, width(), min_effect), end="")
    failed = result.failed(fail_on.value, min_effect) or bad_before or bad_after
    raise typer.Exit(1 if failed else 0)


@app.command(
    epilog=example(
        "python -m benchmarks check my_package.my_module:MyMethod",
        "python -m benchmarks check my_method.py:MyMethod",
    )
)
def check(
    method: Annotated[
        str, typer.Argument(help="package.module:Class, file.py:Class, or a method's name.")
    ],
    suite: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The suite to check against. Default: that of the name, else abstract_rules.",
        ),
    ] = None,
    data_root: DataRoot = None,
    digits: Digits = None,
    cifar10: Cifar10 = None,
) -> None:
    """Check that a method keeps the protocol, in seconds. Exit code 1 where it does not."""
    from benchmarks import conformance, executors, workers

    sources = data_sources(data_root, digits, cifar10)
    threads = executors.threads_of(executors.cores())
    try:  # where `run` would compute its cells
        findings = workers.call(conformance.check, method, suite, sources, threads=threads)
    except ChildProcessError as error:
        findings = [conformance.Finding("the process of the method lives on", False, str(error))]
    for finding in findings:
        mark = "skip" if finding.skipped else "ok  " if finding.ok else "FAIL"
        say(f"{mark}  {finding.rule}" + (f": {finding.detail}" if finding.detail else ""))
    looked_at = [finding for finding in findings if not finding.skipped]
    broken = sum(not finding.ok for finding in looked_at)
    say(f"{method}: {len(looked_at) - broken} of {len(looked_at)} rules kept.")
    raise typer.Exit(1 if broken else 0)


@app.command(epilog=example("python -m benchmarks verify leaderboard/results"))
def verify(
    results: Annotated[Path, typer.Argument(help="Folder of records.")],
) -> None:
    """Say which records of a folder cannot stand as they are, a line each. Exit code 1 if any.

    Outdated ones, those of a dirty or unknown commit, of seeds outside their profile, with unknown
    fields, duplicate keys or in a wrong place, and failed cells.
    """
    from benchmarks import verification

    if not results.is_dir():
        raise SymbenchError(f"no folder '{results}'; give a folder that `run --out` has written.")
    lines, count = verification.faults(results)
    if not count:
        raise SymbenchError(f"'{results}' holds no records; give a folder that `run` has written.")
    for line in lines:
        say(line)
    say(f"{count} records, {len(lines)} faults.")
    raise typer.Exit(1 if lines else 0)


@app.command(
    epilog=example(
        "python -m benchmarks show trajectories/quick/synthetic/clusters/tvae/seed0",
        "python -m benchmarks show 5d2e752d --out leaderboard/results",
    )
)
def show(
    record: Annotated[
        str,
        typer.Argument(
            help="A record's file, the first digits of its key, or "
            "suite/profile/task/regime/method/seedN below --out; globs may stand for parts."
        ),
    ],
    out: Out = DEFAULT_OUT,
    data_root: DataRoot = None,
    digits: Digits = None,
    cifar10: Cifar10 = None,
) -> None:
    """Show one record: scores, settings, what was learned, and its pictures as PNG beside it."""
    from benchmarks import show

    path = show.find(record, out)
    say(show.text(show.read(path), width()), end="")
    for line in show.pictures(path, data_sources(data_root, digits, cifar10)):
        say(line)


def load_records(
    folder: Path, suites: list[str] | None = None, profiles: list[str] | None = None
) -> tuple[list[Record], list[str]]:
    """The records of a folder, and a line for each file that holds none, which is also printed."""
    from fnmatch import fnmatchcase

    from benchmarks.records import Store

    if not folder.is_dir():
        raise SymbenchError(f"no folder '{folder}'; give a folder that `run --out` has written.")
    records, problems = Store(folder).load()
    for problem in problems:
        say(f"warning: {problem}", err=True)
    chosen = [
        record
        for record in records
        if any(fnmatchcase(record.suite, pattern) for pattern in suites or ["*"])
        and any(fnmatchcase(record.profile, pattern) for pattern in profiles or ["*"])
    ]
    return chosen, problems


def _tables(records: list[Record], out: Path, column: list[str] | None = None) -> list[Table]:
    """The tables of the records in a folder, with outdated rows marked."""
    from benchmarks import registry
    from leaderboard.tables import build_tables

    return build_tables(records, registry.task_order(), _outdated, str(out), column or ())


def _outdated(record: Record) -> str:
    """The changes since a record was made, "" where there are none."""
    from benchmarks import identity, registry

    return identity.outdated(record, registry.find_suite(record.suite))


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; a user's mistake ends in one line and exit code 2."""
    from symdata.errors import DataError

    # SIGTERM, which `kill` and the schedulers of clusters send, ends a run as Ctrl-C does.
    handle_here(signal.SIGTERM, signal.default_int_handler)
    command: Any = typer.main.get_command(app)
    if arguments is None:  # a method that parses the command line finds no flags of symbench
        arguments, sys.argv[1:] = sys.argv[1:], []
    write_every_sign()
    namesakes.reach_working_folder()
    try:
        namesakes.refuse()
        code = command.main(args=arguments, prog_name=NAME, standalone_mode=False)
        system_errors.flush()
    except (SymbenchError, DataError) as error:
        code = complain(str(error))
    except (MemoryError, OSError) as error:
        code = complain(system_errors.line_of(error))
    except (KeyboardInterrupt, typer.Abort):
        code = 130
        say("interrupted.", err=True)
    except Exception as error:
        # Errors of the argument parser bring a message and an exit code; others are faults of ours.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        where = context.command_path if context else NAME
        code = complain(f"{error.format_message().rstrip('.')}. See: {where} --help")
    leave(code or 0)

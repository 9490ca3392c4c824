"""The command line's verbs. Each imports modules when it is used, so that help comes at once."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from benchmarks import cli_tables, namesakes, system_errors
from benchmarks.cli_data import data_app
from benchmarks.cli_options import (
    Cifar10,
    DataRoot,
    Digits,
    Jobs,
    Out,
    ProfileName,
    Seed,
    Seeds,
    Set,
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

        return summary(cli_tables.tables(records, out), width)

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
        str,
        typer.Argument(
            help="suites, tasks, methods, profiles, datasets, settings, deviations or all."
        ),
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
    """List suites, tasks, methods, profiles, datasets; how a method is set, and by what.

    `list deviations` writes the table of docs/deviations.md.
    """
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


cli_tables.register(app)


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

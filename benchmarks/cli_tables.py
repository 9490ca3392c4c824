"""The verbs that show and compare records. Each imports modules when it is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.cli_options import (
    Columns,
    FailOn,
    Format,
    OnlyProfiles,
    OnlySuites,
    Out,
    Summary,
    Throughput,
    example,
)
from benchmarks.errors import SymbenchError
from benchmarks.terminal import say, width

if TYPE_CHECKING:
    from benchmarks.records import Record
    from leaderboard.figures import Figure, Published
    from leaderboard.papers import Cost
    from leaderboard.tables import Table

DEFAULT_OUT = Path("results")


def register(app: typer.Typer) -> None:
    """Add the verbs to the program."""
    app.command(
        epilog=example(
            "python -m benchmarks leaderboard",
            "python -m benchmarks leaderboard --format markdown > table.md",
            "python -m benchmarks leaderboard --published --out leaderboard/results",
        )
    )(leaderboard)
    app.command(
        epilog=example("python -m benchmarks compare leaderboard/results results --min-effect 2")
    )(compare)


def leaderboard(
    out: Out = DEFAULT_OUT,
    format: Annotated[Format, typer.Option(help="How to write it.")] = Format.TERMINAL,
    suite: OnlySuites = None,
    profile: OnlyProfiles = None,
    summary: Summary = False,
    column: Columns = None,
    throughput: Throughput = False,
    curves: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Draw the learning curves into this folder instead."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Every published figure with a verdict on ours.")
    ] = False,
) -> None:
    """Show the tables of a folder of records: mean, interval, rank, chance, ceiling, published.

    Exit code 1 where a file in the folder could not be read.
    """
    from leaderboard import render
    from leaderboard import summary as matrix
    from leaderboard import throughput as speed

    # Published figures have a profile of their own.
    records, problems = load_records(out, suite, None if published else profile)
    if curves is not None:
        from leaderboard.curves import draw

        text = "".join(f"{path}\n" for path in draw(records, curves))
    elif published:
        text = _published(records, out, suite, format.value)
    elif throughput:
        text = speed.throughput(records, format.value, width(), _outdated)
    elif summary:
        text = matrix.summary(tables(records, out, column), width(), format.value)
    else:
        text = render.render(tables(records, out, column), format.value, width())
    say(text, end="")
    raise typer.Exit(1 if problems else 0)


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


def tables(records: list[Record], out: Path, column: list[str] | None = None) -> list[Table]:
    """The tables of the records in a folder, with outdated rows marked."""
    from benchmarks import registry
    from leaderboard.tables import build_tables

    return build_tables(records, registry.task_order(), _outdated, str(out), _reach, column or ())


def _reach(record: Record) -> tuple[str, float] | None:
    """The limit of a method below the ceiling of its task, by the task; see `Row.reach`."""
    from benchmarks import registry

    suite = registry.find_suite(record.suite)
    place = (record.task, record.regime)
    tasks = suite.tasks if suite else ()
    task = next((one for one in tasks if (one.name, one.regime) == place), None)
    reach = getattr(task, "reach", None)
    return reach(record.method, record.settings, record.scores) if reach else None


def _published(records: list[Record], out: Path, suites: list[str] | None, form: str) -> str:
    """Every published figure of the suites, with verdicts and the time of what is not run."""
    from benchmarks import registry
    from leaderboard import papers
    from leaderboard.figures import published_figures

    names = registry.matching("suite", suites or ["*"], list(registry.suites()))
    known = [found for name in names if (found := published_figures(name))]
    return papers.papers(known, records, _cost(out), form, width(), _outdated, str(out))


def _cost(out: Path) -> Callable[[Published, Figure], Cost]:
    """A function that tells the score, the seeds and the time of a figure's method on its task."""
    from functools import cache

    from benchmarks import plan, session
    from benchmarks.records import Store
    from leaderboard.papers import Cost

    estimators = [session.estimator_of(Store(out), device) for device in ("cpu", "cuda")]

    @cache
    def cost(suite: str, profile: str, task: str, method: str) -> Cost:
        chosen = plan.choices(plan.Filters((suite,), (task,), (method,), None, profile))
        cells = [cell for choice in chosen for cell in choice.cells(choice.tasks)]
        cpu, gpu = (one.total(cells) for one in estimators)
        return Cost(chosen[0].tasks[0].score.name, len(chosen[0].seeds), cpu, gpu)

    return lambda known, figure: cost(
        known.suite, known.profile, f"{figure.task}/{figure.regime}", figure.method
    )


def _outdated(record: Record) -> str:
    """The changes since a record was made, "" where there are none."""
    from benchmarks import identity, registry

    return identity.outdated(record, registry.find_suite(record.suite))

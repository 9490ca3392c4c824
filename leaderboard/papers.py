"""The list of a paper's published figures, with ours beside each, a verdict, and what to run."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from shlex import quote

from benchmarks.records import Record
from benchmarks.stats import Interval, mean_interval
from leaderboard.figures import Figure, Published
from leaderboard.render import heading
from leaderboard.selection import Entrant, grouped
from leaderboard.verdicts import Verdict, against, tally
from leaderboard.wording import NONE, bounds, count, decimals, grid, known_format, notes, number
from leaderboard.wording import figure as written

HEADERS = ("task", "method", "score", "published", "ours", "verdict", "95 % interval", "n")
ALIGN = ("left", "left", "left", "right", "right", "left", "right", "right")
CSV_COLUMNS = (
    *("suite", "profile", "task", "regime", "method", "score", "published_kind", "published"),
    *("published_minimum", "published_deviation", "source", "n", "n_planned", "mean", "low"),
    *("high", "verdict", "why", "command", "cpu_hours", "gpu_hours"),
)


@dataclass(frozen=True)
class Cost:
    """What the suite says of one method on one task under the figures' protocol.

    score: the name of the score that ranks. seeds: those of the profile. cpu, gpu: the estimated
    seconds of all seeds on one worker with such a device; None where no record tells.
    """

    score: str
    seeds: int
    cpu: float | None = None
    gpu: float | None = None


@dataclass(frozen=True)
class _Line:
    """One published figure with ours; interval is None where there is none to set beside it."""

    figure: Figure
    cost: Cost
    n: int
    interval: Interval | None
    verdict: Verdict

    @property
    def score(self) -> str:
        """The name of the score."""
        return self.figure.score or self.cost.score

    @property
    def percent(self) -> bool:
        """Whether to write the figure in percent: published shares are at most 1, steps are not."""
        known = self.figure.minimum if self.figure.number is None else self.figure.number
        return known is not None and abs(known) <= 1


def papers(
    published: Sequence[Published],
    records: Iterable[Record],
    cost: Callable[[Published, Figure], Cost],
    form: str = "terminal",
    width: int = 100,
    outdated: Callable[[Record], str] = lambda record: "",
    out: str = "results",
) -> str:
    """Render every published figure of these suites; ours are those of the figures' own profile.

    outdated: as in `grouped`. out: the folder that the commands name.
    """
    known_format(form)
    cells = _cells(records, outdated)
    boards = [(known, _lines(known, cells, cost)) for known in published]
    if form == "csv":
        return _csv(boards, out)
    parts = [part for known, lines in boards for part in _board(known, lines, form, width, out)]
    return "\n\n".join(parts) + "\n"


def _cells(
    records: Iterable[Record], outdated: Callable[[Record], str]
) -> dict[tuple[str, ...], Entrant]:
    """The newest results by suite, profile, task, regime and method."""
    records = list(records)
    found: dict[tuple[str, ...], Entrant] = {}
    for group, entrants in grouped(records, outdated).items() if records else ():
        for name, cell in entrants.items():
            found.setdefault((*group.question, name), cell)
    return found


def _lines(
    known: Published,
    cells: dict[tuple[str, ...], Entrant],
    cost: Callable[[Published, Figure], Cost],
) -> list[_Line]:
    lines = []
    for figure in known.figures:
        about = cost(known, figure)
        cell = cells.get((known.suite, known.profile, figure.task, figure.regime, figure.method))
        name = figure.score or about.score
        done = cell.done.values() if cell and not cell.outdated else ()
        scores = [record.scores[name] for record in done if name in record.scores]
        gap = "not run" if cell is None else "outdated" if cell.outdated else ""
        said = against(known, figure, known.profile, scores, about.seeds, gap)
        apart = known.difference(figure)
        shown = scores if apart is None or apart.beside else []
        interval = mean_interval(shown) if shown else None
        lines.append(_Line(figure, about, len(scores), interval, said))
    return lines


def _board(known: Published, lines: list[_Line], form: str, width: int, out: str) -> Iterable[str]:
    """The parts of one suite: the summary line, all figures, notes, and what is not run."""
    yield heading(1, f"{known.suite} · profile {known.profile}", form)
    line = f"{tally([one.verdict for one in lines])}."
    yield f"**{line}**" if form == "markdown" else line
    yield grid(HEADERS, [_row(one) for one in lines], ALIGN, form, width, keys=(0, 1, 2))
    tolerances = ", ".join(
        f"{100 * size:g} points" if name == "*" else f"{name} {size:g}"
        for name, size in known.tolerance.items()
    )
    remarks = [f"published, {name}: {text}." for name, text in known.sources.items()]
    remarks.append(f"Within this distance of a published figure ours agrees: {tolerances}.")
    remarks += [f"{task}: published figures are {text}." for task, text in known.data.items()]
    for task, by_score in known.differences.items():
        for name, one in by_score.items():
            score = "the score that ranks" if name == "*" else name
            remarks.append(f"{task}, {score}: not comparable (other {one.other}), {one.why}.")
    yield notes(remarks, form, width)
    commands = _commands(known, lines, out)
    if commands:
        yield heading(2, "Not run", form)
        about = (
            "Hours of one worker for all seeds, by records of runs on such a device; on a CPU if "
            "this machine is like that of the records."
        )
        yield notes([about, *commands], form, width)


def _row(one: _Line) -> list[str]:
    figure, ours = one.figure, one.interval
    values = [figure.value, figure.minimum, ours.mean if ours else None, *(figure.values or ())]
    digits = decimals([value for value in values if value is not None])
    text = written(figure, one.percent, digits)
    if figure.deviation is not None:
        text = f"{text} ± {number(figure.deviation, one.percent, digits)}"
    return [
        f"{figure.task} {figure.regime}",
        figure.method,
        one.score,
        text,
        number(ours.mean, one.percent, digits) if ours else NONE,
        one.verdict.text,
        bounds(ours, one.percent, digits),
        count(one.n, one.cost.seeds) if one.n else NONE,
    ]


def _waiting(lines: Iterable[_Line]) -> list[_Line]:
    """One line for each method and task that has not been run, whatever the scores."""
    found = {
        (one.figure.task, one.figure.regime, one.figure.method): one
        for one in lines
        if one.verdict.word == "not run"
    }
    return list(found.values())


def _commands(known: Published, lines: list[_Line], out: str) -> list[str]:
    """For each task, the command for all its methods that have not been run, and its hours."""
    commands = []
    waiting = sorted(_waiting(lines), key=lambda one: (one.figure.task, one.figure.regime))
    for _, group in groupby(waiting, key=lambda one: (one.figure.task, one.figure.regime)):
        several = list(group)
        hours = ", ".join(
            f"{device} {_hours(_total([getattr(one.cost, name) for one in several]))}"
            for device, name in (("CPU", "cpu"), ("GPU", "gpu"))
        )
        commands.append(f"{hours}: {_command(known, several, out)}")
    return commands


def _command(known: Published, several: Sequence[_Line], out: str) -> str:
    first = several[0].figure
    return " ".join(
        [
            f"python -m benchmarks run --suite {known.suite} --profile {known.profile}",
            f"--task {first.task}/{first.regime}",
            *(f"--method {quote(one.figure.method)}" for one in several),
            f"--out {quote(out)}",
        ]
    )


def _total(seconds: Sequence[float | None]) -> float | None:
    known = [one for one in seconds if one is not None]
    return sum(known) if len(known) == len(seconds) else None


def _hours(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds / 3600:.2g} h"


def _csv(boards: Sequence[tuple[Published, list[_Line]]], out: str) -> str:
    """All figures in CSV: numbers unrounded, shares as fractions, empty where missing."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for known, lines in boards:
        for one in lines:
            figure, ours = one.figure, one.interval
            apart, missing = known.difference(figure), one.verdict.word == "not run"
            hours = {
                f"{name}_hours": seconds / 3600 if missing and seconds is not None else None
                for name, seconds in (("cpu", one.cost.cpu), ("gpu", one.cost.gpu))
            }
            writer.writerow(
                {
                    "suite": known.suite,
                    "profile": known.profile,
                    "task": figure.task,
                    "regime": figure.regime,
                    "method": figure.method,
                    "score": one.score,
                    "published_kind": figure.kind,
                    "published": figure.number,
                    "published_minimum": figure.minimum,
                    "published_deviation": figure.deviation,
                    "source": known.sources[figure.source],
                    "n": one.n,
                    "n_planned": one.cost.seeds,
                    "mean": ours.mean if ours else None,
                    "low": ours.low if ours else None,
                    "high": ours.high if ours else None,
                    "verdict": one.verdict.word,
                    "why": f"{one.verdict.why}: {apart.why}" if apart else one.verdict.why,
                    "command": _command(known, [one], out) if missing else "",
                    **hours,
                }
            )
    return stream.getvalue()

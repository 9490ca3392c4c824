"""The progress display of a run: bars in a terminal, lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from benchmarks.estimates import Estimator
from benchmarks.plan import Cell
from benchmarks.progress import described
from benchmarks.records import Record

# Lines that a cell may print beside the display.
SAID_LINES = 20


def duration(seconds: float) -> str:
    """Seconds as people read them: `42 s`, `7 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def counting(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on the error stream; yields a function of a name, a number done and a total."""
    console = Console(stderr=True)
    if not console.is_interactive:  # older releases of rich would end with an empty line
        yield lambda note, done, total: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=20))
    counter = TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[note]}", markup=False)
    with Progress(*columns, counter, console=console, transient=True) as bars:
        bar = bars.add_task(what, total=1, note="")

        def progress(note: str, done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total, note=note)

        yield progress


class Display:
    """A bar for all cells with the time that remains, and a bar for each worker's current cell."""

    def __init__(
        self, console: Console, cells: list[Cell], jobs: int, estimator: Estimator
    ) -> None:
        self.console, self.jobs, self.estimator = console, jobs, estimator
        self.left = {cell.key: cell for cell in cells}
        self.total, self.failures = len(cells), 0
        self.expected = self.spent = 0.0  # worker seconds, to learn how fast this machine is
        self.bars = Progress(
            SpinnerColumn("line"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_interactive,
        )
        self.overall = self.bars.add_task("cells", total=self.total, note="")
        self.slots: dict[int, TaskID] = {}
        self.began: dict[str, float] = {}
        self.lines: dict[str, int] = {}  # printed by each cell

    def __enter__(self) -> Display:
        self._show_overall()
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.console.is_interactive:  # as in `counting`
            self.bars.stop()

    def started(self, slot: int, cell: Cell) -> None:
        """See `Listener.started`."""
        self.began[cell.key] = time.monotonic()
        if slot not in self.slots:
            self.slots[slot] = self.bars.add_task("", total=None, note="")
        self.bars.reset(self.slots[slot], description=cell.label, total=None, note="starting")

    def progress(self, slot: int, values: dict[str, float]) -> None:
        """See `Listener.progress`."""
        step, of = values["step"], values["of"]
        self.bars.update(self.slots[slot], completed=step, total=of, note=described(**values))

    def said(self, slot: int, cell: Cell, lines: list[str]) -> None:
        """See `Listener.said`; after SAID_LINES of a cell, the rest is left out."""
        before = self.lines.get(cell.key, 0)
        self.lines[cell.key] = before + len(lines)
        for line in lines[: max(0, SAID_LINES - before)]:
            self.console.print(Text(f"{cell.method}: {line}", style="dim"), soft_wrap=True)
        if before < SAID_LINES <= self.lines[cell.key]:
            rest = f"{cell.label} prints more, which is left out; --jobs 0 shows it all."
            self.console.print(Text(rest, style="dim"), soft_wrap=True)

    def waits(self, cells: int) -> None:
        """See `Listener.waits`."""
        line = f"{cells} cells are being computed by another run; waiting for their records."
        self.console.print(line, highlight=False, soft_wrap=True)

    def finished(self, slot: int, cell: Cell, record: Record) -> None:
        """See `Listener.finished`."""
        del self.left[cell.key]
        expected = self.estimator.seconds(cell)
        if expected is not None:
            self.expected += expected
            self.spent += record.wall_seconds
        self.estimator.learn(record)
        self.failures += record.status == "failed"
        self._show_overall()
        done = self.total - len(self.left)
        if record.error is not None:
            line = f"failed  {cell.label}: {record.error.type}: {record.error.message}"
            self.console.print(Text(line, style="red"), soft_wrap=True)
        elif not self.console.is_interactive:
            score = f"{100 * record.score:.1f} %" if record.percent else f"{record.score:.4g}"
            took = duration(record.wall_seconds)
            line = f"{done}/{self.total}  {cell.label}: {record.score_name} {score} in {took}"
            self.console.print(Text(f"{line}{self._left()}"), soft_wrap=True)
        for flag in record.flags:
            self.console.print(
                Text(f"note    {cell.label}: {flag}", style="yellow"), soft_wrap=True
            )

    def _show_overall(self) -> None:
        done = self.total - len(self.left)
        failed = f", {self.failures} failed" if self.failures else ""
        note = f"{done} done{failed}, {len(self.left)} left{self._left()}"
        self.bars.update(self.overall, completed=done, note=note)

    def _left(self) -> str:
        remaining = self.remaining_seconds()
        return f", about {duration(remaining)} to go" if remaining else ""

    def remaining_seconds(self) -> float | None:
        """Wall seconds until the last cell is done, scaled by this machine's speed so far.

        None where no estimate is known for some cell.
        """
        times = [self.estimator.seconds(cell) for cell in self.left.values()]
        if any(value is None for value in times):
            return None
        pace = self.spent / self.expected if self.expected else 1.0
        return pace * sum(value or 0.0 for value in times) / self.jobs

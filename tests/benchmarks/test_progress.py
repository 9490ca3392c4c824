"""A training without a reporter shows on the error stream how far it is."""

import io
import pickle
import sys
from types import SimpleNamespace

import pytest

from benchmarks import progress
from benchmarks.protocol import Budget, Run


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def shown(monkeypatch, clock, stream, times, term="xterm"):
    """What a run of 100 updates writes that reports at these seconds, and at the end."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "41")
    run = Run(0, Budget(steps=100))
    for step, seconds in enumerate(times, 1):
        clock.seconds = 100.0 + seconds
        run.report(step, 100, 0, turn=2, loss=0.12345, kl=0.5)
    run.report(100, 100, 0, loss=0.0)
    assert (run.steps, run.examples) == (100, 0)
    return stream.getvalue()


def test_a_terminal_shows_one_line_and_at_the_end_none(monkeypatch, clock):
    text = shown(monkeypatch, clock, Terminal(), [0.1, 1.0, 1.1, 64.0])
    lines = ["1 s  step 2/100  turn 2  loss 0.123  kl ", "64 s  step 4/100  turn 2  loss 0.123  kl"]
    assert text == "".join(f"\r{line[:40]:40}" for line in lines) + "\r" + " " * 40 + "\r"


@pytest.mark.parametrize(("stream", "term"), [(io.StringIO, "xterm"), (Terminal, "dumb")])
def test_a_log_has_a_line_every_half_minute(stream, term, monkeypatch, clock):
    text = shown(monkeypatch, clock, stream(), [1.0, 29.0, 31.0, 59.0, 62.0], term)
    assert text == (
        "31 s  step 3/100  turn 2  loss 0.123  kl 0.5\n"
        "62 s  step 5/100  turn 2  loss 0.123  kl 0.5\n"
    )


def test_runs_are_alike_whoever_hears_of_them():
    run = Run(0, Budget(steps=1))
    assert run == Run(0, Budget(steps=1)) == pickle.loads(pickle.dumps(run))
    monkey = Run(0, Budget(steps=1), reporter=print)
    assert monkey == run


def test_without_an_error_stream_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    Run(0, Budget(steps=1)).report(1, 1, 1)

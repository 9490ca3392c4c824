"""Text arrives whatever the terminal can write and however narrow it is."""

import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper

import pytest

from benchmarks import terminal
from benchmarks.cli import main
from benchmarks.records import Store
from tests.records import make_record

SIGNS = "a · b  0.1·x  ≥ 95  99.8 ± 0.5  65.2 ±14.5  ± half  1–2  −3  ─═  →  …  β  é"


def written(monkeypatch, encoding, act):
    """What `act` writes to the output stream, on a terminal of this encoding."""
    stream = TextIOWrapper(BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    act()
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", SIGNS),
        (
            "ascii",
            "a - b  0.1*x  >=95  99.8 +-0.5  65.2 +-14.5  +- half  1-2  -3  -=  ->  ...  beta  e",
        ),
        (
            "cp1252",
            "a · b  0.1·x  >=95  99.8 ± 0.5  65.2 ±14.5  ± half  1–2  -3  -=  ->  …  beta  é",
        ),
    ],
)
def test_a_sign_that_the_encoding_lacks_is_written_in_ascii(encoding, expected, monkeypatch):
    def act():
        terminal.write_every_sign()
        terminal.say(SIGNS)

    assert written(monkeypatch, encoding, act) == expected + os.linesep


@pytest.fixture
def folder(tmp_path):
    for seed, score in enumerate((0.97, 0.98, 0.99)):
        for method in ("esbn", "lstm"):
            Store(tmp_path).save(make_record(score, method=method, seed=seed))
    return tmp_path


@pytest.mark.parametrize(
    "verb",
    [
        ("leaderboard", "--out"),
        ("leaderboard", "--summary", "--out"),
        ("leaderboard", "--throughput", "--out"),
        ("leaderboard", "--format", "markdown", "--out"),
        ("leaderboard", "--format", "csv", "--out"),
        ("compare", "{}"),
        ("verify",),
        ("show", "abstract_rules/quick/same_different/m95/esbn/seed0", "--out"),
        ("list", "all", ""),
        ("run", "--suite", "abstract_rules", "--dry-run", "--out"),
        ("check", "chance", ""),
    ],
    ids=" ".join,
)
def test_every_verb_ends_with_its_own_code_on_a_terminal_of_ascii(verb, folder, monkeypatch):
    """The same as on one of UTF-8, line by line, and the columns of tables stay in line."""

    def act():
        arguments = [part.format(folder) for part in (*verb, str(folder)) if part]
        with pytest.raises(SystemExit) as ended:
            main(arguments if "" not in verb else arguments[:-1])
        codes.append(ended.value.code)

    codes = []
    plain, full = (written(monkeypatch, encoding, act) for encoding in ("ascii", "utf-8"))
    assert codes[0] == codes[1] in ((1,) if verb[0] == "verify" else (0,))
    assert plain.count("\n") == full.count("\n")
    for one, other in zip(plain.split("\n"), full.split("\n"), strict=True):
        if "─" in other or "± 1.0" in other:
            assert len(one) == len(other)


def test_a_mistake_that_cannot_be_encoded_is_one_line(capfd):
    with pytest.raises(SystemExit) as ended:
        main(["verify", "caf\udce9"])
    assert ended.value.code == 2
    assert capfd.readouterr().err.startswith("error: no folder 'caf?'; give")


def test_the_locale_c_is_enough():
    command = [sys.executable, "-m", "benchmarks", "list", "methods"]
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = subprocess.run(command, env={**os.environ, **locale}, capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "beta = 2 on the KL" in ran.stdout.decode("ascii")


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("7", terminal.LEAST), ("", 100)])
def test_the_width_is_that_of_the_terminal_or_a_hundred(columns, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(os, "get_terminal_size", lambda number: os.terminal_size((0, 0)))
    assert terminal.width() == width

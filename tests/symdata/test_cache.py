"""What is kept: found again, gone on with after an interruption, and never trusted when damaged."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from symdata import __path__ as package
from symdata import cache
from symdata.errors import DataError
from symdata.sources import default_cache

ROOT = Path("kept")
SHAPE = (10, 3, 2)
WHAT = {"version": 1, "seed": 0}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """The folder of a test's cache, where the processes that it starts run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(globals(), "ROOT", tmp_path / "kept")
    return tmp_path / "kept"


class Maker:
    """Makes rows that say where they belong, and counts what it was asked for."""

    def __init__(self, stop_after=None):
        self.asked, self.stop_after = [], stop_after

    def __call__(self, pieces):
        for done, piece in enumerate(pieces):
            if done == self.stop_after:
                raise KeyboardInterrupt
            self.asked.append((piece.start, piece.stop))
            yield piece, np.arange(60, dtype=np.uint8).reshape(SHAPE)[piece]


def keep(maker, what=WHAT, by="one 1.0", shape=SHAPE):
    return cache.keep(ROOT, "set/part", what, shape, "uint8", 4, maker, lambda: by)


def expected():
    return np.arange(60, dtype=np.uint8).reshape(SHAPE)


def files(root):
    """What is kept, without the locks of who made it."""
    return [path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_made_once_then_found(root, capsys):
    maker = Maker()
    assert np.array_equal(keep(maker), expected())
    assert maker.asked == [(0, 4), (4, 8), (8, 10)]
    assert cache.kept(ROOT, "set/part", WHAT, SHAPE)
    for by in ("one 1.0", "another 2.0"):  # a finished file serves whoever asks
        found = keep(Maker(stop_after=0), by=by)
        assert np.array_equal(found, expected())
    path = cache.file_for(ROOT, "set/part", WHAT)
    assert files(root) == [path]
    with h5py.File(path) as file:
        assert file["rows"].chunks == (4, 3, 2)
        assert file.attrs["made_by"] == "one 1.0"
    assert capsys.readouterr().err == ""


def test_another_description_is_another_file():
    keep(Maker())
    other = Maker()
    keep(other, {**WHAT, "seed": 1})
    assert len(other.asked) == 3
    one, other_order = {"x": 1, "y": 2}, {"y": 2, "x": 1}
    assert cache.file_for(ROOT, "a", one) == cache.file_for(ROOT, "a", other_order)


def test_what_was_done_before_an_interruption_is_not_done_again():
    with pytest.raises(KeyboardInterrupt):
        keep(Maker(stop_after=2))
    assert not cache.kept(ROOT, "set/part", WHAT, SHAPE)
    rest = Maker()
    assert np.array_equal(keep(rest), expected())
    assert rest.asked == [(8, 10)]


def test_pieces_of_another_program_are_not_joined_to_ours():
    with pytest.raises(KeyboardInterrupt):
        keep(Maker(stop_after=2))
    rest = Maker()
    keep(rest, by="one 1.1")
    assert len(rest.asked) == 3


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied", "foreign"])
def test_a_damaged_piece_is_made_again(root, harm):
    with pytest.raises(KeyboardInterrupt):
        keep(Maker(stop_after=2))
    spoil(sorted(root.rglob("*.npz"))[0], harm)
    rest = Maker()
    assert np.array_equal(keep(rest), expected())
    assert rest.asked == [(0, 4), (8, 10)]


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied", "foreign"])
def test_a_damaged_file_is_said_and_made_again(harm, capsys):
    keep(Maker())
    path = cache.file_for(ROOT, "set/part", WHAT)
    spoil(path, harm)
    again = Maker()
    assert np.array_equal(keep(again), expected())
    assert len(again.asked) == 3
    said = capsys.readouterr().err
    assert said == f"{path} is damaged: what it held is made anew.\n"
    assert np.array_equal(keep(Maker(stop_after=0)), expected())


def spoil(path, harm):
    content = path.read_bytes()
    where = content.find(bytes(range(8, 16)))  # in the rows
    assert where > 0
    path.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "flipped": content[:where] + b"\xff" + content[where + 1 :],
            "emptied": b"",
            "foreign": b"not at all what it should be",
        }[harm]
    )


def test_a_process_that_is_killed_loses_only_what_it_was_at(root):
    code = textwrap.dedent(
        """
        import time, numpy as np
        from pathlib import Path
        from symdata import cache

        def make(pieces):
            for piece in pieces:
                yield piece, np.arange(60, dtype=np.uint8).reshape(10, 3, 2)[piece]
                print(piece.start, flush=True)
                time.sleep(0 if piece.start == 0 else 60)

        cache.keep(Path("kept"), "set/part", {"version": 1, "seed": 0}, (10, 3, 2), "uint8", 4,
                   make, lambda: "one 1.0")
        """
    )
    env = {**os.environ, "PYTHONPATH": package[0].removesuffix("symdata")}
    victim = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE)
    assert victim.stdout.readline() == b"0\n"
    assert victim.stdout.readline() == b"4\n"
    time.sleep(0.1)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    rest = Maker()
    assert np.array_equal(keep(rest), expected())
    assert rest.asked == [(8, 10)]
    assert files(root) == [cache.file_for(ROOT, "set/part", WHAT)]


ASKS = """
import sys, time, numpy as np
from pathlib import Path
from symdata import cache

def make(pieces):
    for piece in pieces:
        time.sleep(0.05)
        print("made", flush=True)
        yield piece, np.arange(60, dtype=np.uint8).reshape(10, 3, 2)[piece]

print("ready", flush=True)
sys.stdin.readline()
rows = cache.keep(Path("kept"), "set/part", {"version": 1, "seed": 0}, (10, 3, 2), "uint8", 1, make)
assert rows.sum() == 59 * 60 // 2
"""


def test_of_two_processes_one_makes_and_the_other_waits(root):
    env = {**os.environ, "PYTHONPATH": package[0].removesuffix("symdata")}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    both = [
        subprocess.Popen([sys.executable, "-c", ASKS], env=env, text=True, **pipes)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(out.count("made") for out, _ in said) == [0, 10]
    assert sorted(err.count("Waiting for another process that makes") for _, err in said) == [0, 1]
    assert files(root) == [cache.file_for(ROOT, "set/part", WHAT)]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setitem(globals(), "ROOT", tmp_path / "file" / "below")
    with pytest.raises(DataError, match=r"cannot write to .*\$SYMBENCH_CACHE") as caught:
        keep(Maker())
    assert "\n" not in str(caught.value)


def test_where_it_lies_where_nothing_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache() == tmp_path / "xdg" / "symbench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_cache() == Path.home() / ".cache" / "symbench"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_cache() == Path.home() / "Library" / "Caches" / "symbench"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert default_cache() == tmp_path / "local" / "symbench"


def test_a_user_without_a_home_has_a_cache_among_the_temporary_files(monkeypatch):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "home", unknown)
    assert default_cache() == Path(tempfile.gettempdir()) / ".cache" / "symbench"

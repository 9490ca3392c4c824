"""Full disks, closed pipes and forbidden places: one line that names them, and no traceback."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import cli, records, session
from benchmarks.records import Store
from tests.records import make_record

SMALL = ("--suite", "abstract_rules", "--profile", "smoke", "--task", "same_different")
FULL = "error: cannot write to standard output (No space left on device); send it to another place."

DISK = Path("/dev/full")
linux = pytest.mark.skipif(not DISK.exists(), reason="/dev/full is of Linux")


@linux
@pytest.mark.parametrize(
    "arguments",
    [("list",), ("--help",), ("run", *SMALL, "--method", "chance", "--jobs", "0", "--dry-run")],
    ids=" ".join,
)
def test_a_full_output_is_one_line(arguments, monkeypatch, tmp_path, capfd):
    if "run" in arguments:
        arguments = (*arguments, "--out", str(tmp_path))
    with DISK.open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        full.flush()  # as Python does at its end: nothing is left that would fail
    assert ended.value.code == 2
    assert capfd.readouterr().err == f"{FULL}\n"


@linux
def test_a_full_output_and_a_full_error_stream_leave_the_exit_code(command, tmp_path):
    with DISK.open("w") as full:
        for streams in ({"stdout": full}, {"stderr": full}, {"stdout": full, "stderr": full}):
            given = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
            done = subprocess.run(command("list", "nothing"), **{**given, **streams})
            assert done.returncode == 2
            assert "Traceback" not in (done.stderr or "")


def test_a_reader_that_has_gone_hears_nothing(command):
    process = subprocess.Popen(
        command("list"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 1


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_stream_is_no_error(stream, monkeypatch):
    monkeypatch.setattr(sys, stream, None)
    for arguments, code in ((["list", "suites"], 0), (["list", "nothing"], 2)):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == code


def test_a_disk_that_is_full_names_the_file(monkeypatch, tmp_path, capsys):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(records.os, "fsync", full)
    record = make_record()
    path = Store(tmp_path).path(record)
    monkeypatch.setattr(session, "run", lambda *given: Store(tmp_path).save(record))
    with pytest.raises(SystemExit) as ended:
        cli.main(["run"])
    assert ended.value.code == 2
    said = f"error: cannot use '{path}' (No space left on device); choose another place.\n"
    assert capsys.readouterr().err == said
    assert not list(path.parent.iterdir()), "nothing half-written stays"


def test_an_error_of_ours_keeps_its_traceback(monkeypatch):
    def broken(*given):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "fault.py")

    monkeypatch.setattr(session, "run", broken)
    with pytest.raises(FileNotFoundError):
        cli.main(["run"])


def test_a_home_that_cannot_be_written_stops_nothing(symbench, tmp_path):
    (tmp_path / "file").touch()
    home = {"HOME": str(tmp_path / "file"), "SYMBENCH_CACHE": "", "XDG_CACHE_HOME": ""}
    ran = symbench(
        *("run", *SMALL, "--method", "chance", "--jobs", "0", "--out", tmp_path / "out"), env=home
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr

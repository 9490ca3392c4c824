"""The device of a cell: its precision, its peak of memory, and freed memory that is kept."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch

from benchmarks import device, runner
from benchmarks.cli import main
from benchmarks.protocol import Budget, Run, SymbenchError

GLIBC = platform.libc_ver()[0] == "glibc"
# 6,144 pages of 4 KiB are taken and freed, 20 times.
STEPS = """
import resource, sys
import numpy as np
from benchmarks import device
if sys.argv[1] == "keep":
    assert device.keep_freed()
def step():
    for block in [np.empty(2**23, np.uint8) for _ in range(3)]:
        block[::4096] = 1
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    run = subprocess.run(
        [sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True
    )
    return int(run.stdout)


@pytest.mark.skipif(not GLIBC, reason="only glibc has what keeps freed memory")
def test_freed_memory_is_kept_for_the_next_step() -> None:
    # Large pages, where the system gives them, need fewer faults by themselves.
    assert faults("keep") < 100
    assert faults("give back") > 2 * faults("keep")


def test_keep_freed_tells_whether_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device.keep_freed() is GLIBC
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not device.keep_freed()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is reset on Linux")
def test_the_peak_is_that_since_the_reset() -> None:
    block = b"\1" * 2**28
    device.keep_freed()
    assert device.peak_memory("cpu") > 2**28
    before = device.peak_memory("cpu")
    del block
    device.reset_peak_memory("cpu")
    assert device.peak_memory("cpu") < before - 2**27


def raises(*given, **named):
    raise MemoryError("Unable to allocate 938. MiB for an array")


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (
            "load",
            "memory ran out when the data of plane/clusters were loaded; each worker holds its "
            "own: give --jobs a smaller number, or take smaller data with --task or --profile, and "
            "--retry-failed.",
        ),
        (
            "evaluate",
            "memory ran out when side ran on plane/clusters; give --jobs a smaller number, or "
            "--at-once where the method reads it, and --retry-failed.",
        ),
    ],
)
def test_memory_that_runs_out_beside_the_training_says_what_to_lower(
    planted, monkeypatch, where, line
):
    monkeypatch.setattr(planted.Split, where, raises)
    monkeypatch.setattr(runner, "_DRAWS", {})
    with pytest.raises(SymbenchError) as caught:
        runner.answer(planted.TASKS[0], planted.ENTRIES[0], Run(0, Budget(steps=1), "cpu"))
    assert str(caught.value) == line


def test_memory_that_runs_out_in_a_command_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("symdata.hub.build", raises)
    with pytest.raises(SystemExit) as ended:
        main(["data", "build", "mnist4", "--to", str(tmp_path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: memory ran out (Unable to allocate 938. MiB for an array); take less at once, such "
        "as one --config, or free some.\n"
    )


@pytest.mark.parametrize(
    ("name", "knows", "expected"),
    [
        ("cpu", {"avx512_bf16": True, "amx_bf16": False}, True),
        ("cpu", {"avx512_bf16": False, "amx_bf16": True}, True),
        ("cpu", {"avx512_f": True, "avx512_bf16": False}, False),
        ("cpu", {"architecture": "arm64"}, False),
        ("mps", {"avx512_bf16": True}, False),
        ("cuda:0", (7, 5), False),
        ("cuda:0", (8, 0), True),
    ],
)
def test_bfloat16_is_for_devices_made_for_it(monkeypatch, name, knows, expected):
    asked = torch.cuda if name.startswith("cuda") else torch.cpu
    function = "get_device_capability" if asked is torch.cuda else "get_capabilities"
    monkeypatch.setattr(asked, function, lambda *given: knows, raising=False)
    assert device.has_bfloat16(name) is expected


def test_a_torch_that_does_not_say_what_a_cpu_can_do_keeps_single_precision(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert device.has_bfloat16("cpu") is False

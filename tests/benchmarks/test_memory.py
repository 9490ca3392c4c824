"""The memory of a cell: its peak, and freed memory that is kept."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from benchmarks import memory

GLIBC = platform.libc_ver()[0] == "glibc"
# 6,144 pages of 4 KiB are taken and freed, 20 times.
STEPS = """
import resource, sys
import numpy as np
from benchmarks import memory
if sys.argv[1] == "keep":
    assert memory.keep_freed()
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
    assert memory.keep_freed() is GLIBC
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not memory.keep_freed()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is reset on Linux")
def test_the_peak_is_that_since_the_reset() -> None:
    block = b"\1" * 2**28
    memory.keep_freed()
    assert memory.peak("cpu") > 2**28
    before = memory.peak("cpu")
    del block
    memory.reset_peak("cpu")
    assert memory.peak("cpu") < before - 2**27

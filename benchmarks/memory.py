"""The memory of a cell: how much it took, and freed memory kept for its next step.

A training step frees what it took and takes as much again. On Linux the C library gives large
blocks back to the system at once, which hands them out again page by page, cleared: many thousands
of page faults in every step on a CPU, whose number changes from run to run.
"""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

# Parameters of glibc's mallopt (malloc.h), and the largest values that it takes for them. Larger
# blocks than these 32 MiB come from the system as before.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT_BYTES, BLOCK_BYTES = 2**31 - 1, 2**25


def keep_freed() -> bool:
    """Let this process keep the memory that it frees; whether its C library can."""
    library = _glibc()
    return (
        library is not None
        and bool(library.mallopt(MMAP_THRESHOLD, BLOCK_BYTES))
        and bool(library.mallopt(TRIM_THRESHOLD, KEPT_BYTES))
    )


def reset_peak(device: str) -> None:
    """Start a new high-water mark, where the system has one that can be reset.

    What is kept of freed memory goes back first: it was not this cell's.
    """
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak(device: str) -> int:
    """The most memory in use since the reset, in bytes: of the device, or of this process."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device)
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource  # not on every system, and needed only where there is no /proc

        unit = 1 if platform.system() == "Darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None

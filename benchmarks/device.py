"""The device that a cell runs on: the precision it is made for, and its memory.

A training step frees memory and allocates as much again. On Linux the C library gives large blocks
back to the system at once, which hands them out again page by page, cleared: many thousands of page
faults in every step on a CPU, whose number changes from run to run. `keep_freed` ends that.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.errors import SymbenchError

# Parameters of glibc's mallopt (malloc.h), and the largest values that it takes for them. Blocks
# above BLOCK_BYTES, 32 MiB, still come from the system.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT_BYTES, BLOCK_BYTES = 2**31 - 1, 2**25
# Parts of the messages with which the CPU's allocator on Linux and on Windows, CUDA and its
# libraries say that memory ran out.
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed")


def gpus(device: str) -> list[str]:
    """The devices that a name stands for: each GPU for `cuda`, else the device itself."""
    if device != "cuda":
        return [device]
    import torch

    return [f"cuda:{index}" for index in range(torch.cuda.device_count())] or [device]


def has_bfloat16(device: str) -> bool:
    """Whether the device multiplies in bfloat16 itself: CUDA since Ampere, x86 since Cooper Lake.

    Where it does not, torch would imitate it, slower than single precision. Metal is not asked: its
    GPUs before the M2 lack it, and torch does not say which it has.
    """
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device)[0] >= 8
    # Older versions of torch lack this function.
    tells = getattr(torch.cpu, "get_capabilities", None)
    has = tells() if tells and device == "cpu" else {}
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


@contextmanager
def out_of_memory_says(what: str) -> Iterator[None]:
    """Turn any error for memory that ran out into "memory ran out when `what`", in one line."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        said = str(error).lower()
        if not isinstance(error, MemoryError) and not any(sign in said for sign in OUT_OF_MEMORY):
            raise
        raise SymbenchError(f"memory ran out when {what}.") from error


def keep_freed() -> bool:
    """Let this process keep the memory that it frees; False where its C library cannot."""
    library = _glibc()
    return (
        library is not None
        and bool(library.mallopt(MMAP_THRESHOLD, BLOCK_BYTES))
        and bool(library.mallopt(TRIM_THRESHOLD, KEPT_BYTES))
    )


def reset_peak_memory(device: str) -> None:
    """Reset the peak that `peak_memory` reads, where the system allows it.

    Freed memory that the process still keeps goes back first, as it was not this cell's.
    """
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return
    if device == "mps":
        import torch

        torch.mps.empty_cache()
        return
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory(device: str) -> int:
    """The most memory in use since the reset, in bytes, on a GPU or in this process.

    Metal keeps no peak: the memory that its driver holds, which keeps what is freed, stands for it.
    """
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device)
    if device == "mps":
        import torch

        return torch.mps.driver_allocated_memory()
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource  # not on every system, and needed only where there is no /proc

        unit = 1 if platform.system() == "Darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None

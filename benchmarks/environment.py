"""The environment of a cell for its record: packages, Python, commit, device."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.device import has_bfloat16

PACKAGES = ("symbench", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "datasets")


@cache
def environment(device: str, threads: int) -> dict[str, Any]:
    """The environment of a cell for its record: packages, Python, commit, device, threads.

    bfloat16: whether the setting `mixed_precision` has an effect on this device.
    """
    name = _processor()
    if device.startswith("cuda"):
        import torch

        name = torch.cuda.get_device_name(device)
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {package: _version(package) for package in PACKAGES},
        "commit": _commit(),
        "device": device.partition(":")[0],
        "device_name": name,
        "bfloat16": has_bfloat16(device),
        "threads": threads,
        "cores": os.cpu_count(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str | None:
    folder = Path(__file__).parent
    if not (folder.parent / ".git").exists():
        return None
    commands = (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    try:
        commit, changes = (
            subprocess.run(
                ["git", "-C", str(folder), *command], capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+changes" if changes else commit

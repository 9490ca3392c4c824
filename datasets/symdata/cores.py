"""The number of cores that this process may use: those of its affinity, within its quotas.

Containers and schedulers often leave all cores of a machine visible and limit the time on them, by
a quota of a Linux control group. More workers than the quota has cores would only hold each other
up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# The mount of the control groups, and the file that names those of this process.
GROUPS, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cores(groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> int:
    """The cores of this process, at least 1; a quota of two and a half cores counts as 2."""
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, min([count, *map(int, _quotas(groups, membership))]))


def _quotas(groups: Path, membership: Path) -> Iterator[float]:
    """The cores that each quota allows, of the groups of this process and of those around them."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 names no controllers; beside groups of version 1 it is mounted as `unified`.
        names = (controllers, "cpu") if controllers else ("", "unified")
        for mount in dict.fromkeys(groups / name for name in names):
            # A path from outside a container leads nowhere in it; the mount itself is its group.
            inner = mount / group.lstrip("/")
            for folder in (inner, *(one for one in inner.parents if one.is_relative_to(mount))):
                yield from _quota(folder)


def _quota(folder: Path) -> Iterator[float]:
    """The cores of a group's quota; none where it has none, which is "max" or -1."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            text = " ".join((folder / name).read_text() for name in names)
            quota, period = map(int, text.split())
        except (OSError, ValueError):
            continue
        if quota > 0 < period:
            yield quota / period

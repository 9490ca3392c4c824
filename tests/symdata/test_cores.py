"""The cores of a process: its affinity, within the quotas of control groups of both versions."""

import os

import pytest

from symdata.cores import cores

V1 = "3:cpuset:/\n2:cpu,cpuacct:/job/step\n1:name=systemd:/\n"


@pytest.fixture
def within(tmp_path, monkeypatch):
    """The cores within control groups: the text that names those of this process, and files."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(8), raising=False)

    def count(membership, files):
        groups = tmp_path / "groups"
        for name, text in files.items():
            path = groups / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "membership").write_text(membership)
        return cores(groups, tmp_path / "membership")

    return count


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "250000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "9900000 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "nonsense"}, 8),
        ("0::/\n", {}, 8),
        # The least of the quotas of a group and of those around it.
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000", "a/cpu.max": "600000 100000"}, 4),
        # A path from outside the container.
        ("0::/docker/0123\n", {"cpu.max": "500000 100000\n"}, 5),
        ("0::/../../x\n", {"cpu.max": "500000 100000\n"}, 5),
        # Version 1, by the name of the mount or its short one, and both versions at once.
        (V1, {"cpu,cpuacct/job/cpu.cfs_quota_us": "300000",
              "cpu,cpuacct/job/cpu.cfs_period_us": "100000"}, 3),
        (V1, {"cpu/cpu.cfs_quota_us": "150000", "cpu/cpu.cfs_period_us": "50000"}, 3),
        (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        (V1, {"cpuset/cpu.cfs_quota_us": "1", "cpuset/cpu.cfs_period_us": "1"}, 8),
        (V1 + "0::/x\n", {"unified/x/cpu.max": "600000 100000"}, 6),
    ],
)  # fmt: skip
def test_a_quota_limits_the_cores(within, membership, files, expected):
    assert within(membership, files) == expected


def test_the_affinity_counts_where_there_are_no_groups(within, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert within("0::/\n", {"cpu.max": "400000 100000"}) == 2
    assert cores(tmp_path / "none", tmp_path / "none") == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores(tmp_path / "none", tmp_path / "none") == 1

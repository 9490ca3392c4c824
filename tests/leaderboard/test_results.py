"""The committed records: nothing in them is outdated, dirty, failed or out of place."""

from pathlib import Path

from benchmarks.verification import faults

RESULTS = Path(__file__).parents[2] / "leaderboard/results"


def test_the_committed_records_can_stand():
    lines, count = faults(RESULTS)
    assert lines == []
    assert count > 0

"""Runs that share a folder compute each cell once, and take over what a killed run has left."""

import os
import subprocess
import sys
import threading
import time

import pytest

from benchmarks import claims
from benchmarks.claims import Claims


def test_a_claim_holds_until_it_is_given_up(tmp_path):
    with Claims(tmp_path) as one, Claims(tmp_path) as two:
        assert one.take("a")
        assert not two.take("a")
        assert two.take("b")
        one.give_up("a")
        assert two.take("a")
        one.give_up("a")  # which is another's by now
        assert not one.take("a")
    assert list((tmp_path / claims.FOLDER).iterdir()) == []


def test_the_claims_of_a_killed_run_are_taken_over_at_once(tmp_path):
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom benchmarks.claims import Claims\n"
        "claims = Claims(Path(sys.argv[1])).__enter__()\n"
        "assert claims.take('a')\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path]).returncode == -9
    with Claims(tmp_path, dead=1e9) as mine:
        assert mine.take("a")


@pytest.mark.parametrize("owner", ["elsewhere 12: 0123", "", "x", "a b c d"])
def test_a_claim_of_another_machine_counts_until_its_run_is_silent(tmp_path, owner):
    with Claims(tmp_path, dead=100) as mine:
        path = tmp_path / claims.FOLDER / "a"
        path.write_text(owner)
        assert not mine.take("a")
        os.utime(path, (time.time() - 101,) * 2)
        assert mine.take("a")


def test_a_run_that_waits_outlives_the_others(tmp_path):
    with Claims(tmp_path) as waiting:
        with Claims(tmp_path) as other:
            assert other.take("a")
            assert not waiting.take("a")
        assert waiting.take("a")


def test_a_clock_that_is_wrong_costs_no_claim(tmp_path, monkeypatch):
    with Claims(tmp_path, dead=100) as one:
        assert one.take("a")
        monkeypatch.setattr(time, "time", lambda: 4e9)
        with Claims(tmp_path, dead=100) as two:
            assert not two.take("a")


def test_a_claim_is_touched_while_it_is_held(tmp_path):
    path = tmp_path / claims.FOLDER / "a"
    with Claims(tmp_path, beat=0.01) as one:
        assert one.take("a")
        os.utime(path, (0, 0))
        limit = time.monotonic() + 20
        while path.stat().st_mtime == 0:
            assert time.monotonic() < limit
            time.sleep(0.01)


@pytest.mark.parametrize("left_behind", [False, True])
def test_of_many_that_want_a_claim_one_gets_it(tmp_path, left_behind):
    keys = [str(number) for number in range(20)]
    won = []
    if left_behind:
        (tmp_path / claims.FOLDER).mkdir()
        for key in keys:
            path = tmp_path / claims.FOLDER / key
            path.write_text("elsewhere 12: 0123")
            os.utime(path, (0, 0))

    def want(all_claims):
        won.extend(key for key in keys if all_claims.take(key))

    rivals = [Claims(tmp_path) for _ in range(4)]
    for one in rivals:
        one.__enter__()
    threads = [threading.Thread(target=want, args=(one,)) for one in rivals]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(won) == sorted(keys)
    for one in rivals:
        one.__exit__(None, None, None)
    assert list((tmp_path / claims.FOLDER).iterdir()) == []

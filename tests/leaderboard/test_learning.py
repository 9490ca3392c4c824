"""What tables say of learning: updates to convergence, and scores that hang on rounding."""

import pytest

from benchmarks.errors import SymbenchError
from benchmarks.stats import Interval
from leaderboard import curves, learning
from tests.records import make_record


def record(accuracies, seed=0, **changes):
    values = {
        "curve": {"updates": [100, 1200, 3000], "accuracy": accuracies},
        "converged": ("accuracy", 0.95),
        "steps": 3000,
    }
    return make_record(0.8, seed=seed, **{**values, **changes})


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ([[0.5, 0.96, 1.0]], "1,200"),
        ([[0.5, 0.96, 1.0], [0.95, 1, 1], [0.5, 0.6, 0.95]], "1,200 (100–3,000)"),
        ([[0.5, 0.96, 1.0], [0.95, 1, 1], [0.5, 0.6, 0.7]], "1,200 (100–> 3,000)"),
        ([[0.5, 0.96, 1.0], [0.5, 0.6, 0.7], [0.5, 0.6, 0.7]], "> 3,000 (1,200–> 3,000)"),
        ([[0.5, 0.9, 0.94], [None, 0.6, 0.7]], "> 3,000"),
    ],
)
def test_updates_to_convergence_are_a_median_and_a_range(seeds, text):
    assert learning.convergence(map(record, seeds)).text == text


def test_a_row_with_a_record_without_a_curve_has_none():
    assert learning.convergence([record([1, 1, 1]), record([], curve={})]) is None
    assert learning.convergence([record([1, 1, 1], converged=None)]) is None
    assert learning.convergence([]) is None


@pytest.mark.parametrize(
    ("moved", "half", "hangs"),
    [
        (None, 0.02, False),
        (0.81, 0.02, False),
        (0.77, 0.02, False),
        (0.75, 0.02, True),
        (0.805, 0.0, False),
        (0.815, 0.0, True),
        (0.9, 0.2, False),
    ],
)
def test_a_score_hangs_on_rounding_where_it_moves_beyond_its_interval(moved, half, hangs):
    records = [record([]), record([], moved={} if moved is None else {"accuracy": moved})]
    change = learning.movement(records)
    assert change == (None if moved is None else pytest.approx(abs(moved - 0.8)))
    interval = Interval(0.8, 0.8 - half, 0.8 + half)
    assert learning.hangs_on_rounding(change, interval, percent=True) == hangs
    assert not learning.hangs_on_rounding(change, None, percent=True)
    assert not learning.hangs_on_rounding(change, Interval(0.8, None, None), percent=True)


def test_in_other_units_a_hundredth_of_the_score_counts():
    interval = Interval(2500.0, 2499.0, 2501.0)
    assert not learning.hangs_on_rounding(24.0, interval, percent=False)
    assert learning.hangs_on_rounding(26.0, interval, percent=False)


def test_a_picture_for_each_task_shows_each_method_but_controls(tmp_path, monkeypatch):
    shown = {}
    figure = curves.figure
    monkeypatch.setattr(
        curves, "figure", lambda *given: shown.update({given[0].task: given[1:]}) or figure(*given)
    )
    records = [
        *(record([0.5, 0.9, 1 - seed / 10], seed=seed) for seed in range(3)),
        record([0.5, None, 0.5], method="mnm"),
        record([1, 1, 1], method="oracle", kind="control"),
        make_record(0.8, task="rmts", method="ntm"),
    ]
    files = curves.draw(records, tmp_path / "new")
    assert [one.name for one in files] == ["abstract_rules-quick-same_different-m95.png"]
    assert files[0].read_bytes().startswith(b"\x89PNG")
    methods, scalar, goal = shown["same_different"]
    assert (scalar, goal) == ("accuracy", 0.95)
    assert methods["mnm"] == [([100.0, 3000.0], [0.5, 0.5])]
    assert len(methods["lstm"]) == 3
    assert set(methods) == {"lstm", "mnm"}


def test_a_file_in_the_way_is_one_line(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(SymbenchError, match=r"cannot write the curves below '.*taken'"):
        curves.draw([record([0.5, 0.9, 1.0])], tmp_path / "taken")


def test_no_curve_is_one_line(tmp_path):
    with pytest.raises(SymbenchError, match="no record here has a learning curve"):
        curves.draw([make_record()], tmp_path)

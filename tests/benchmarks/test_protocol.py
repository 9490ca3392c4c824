"""The contract: columns, withholding, budgets, independent random streams."""

import numpy as np
import pytest

from benchmarks.protocol import Budget, Deduplicated, Examples, Run, WithheldError


@pytest.fixture
def column():
    table = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    return Deduplicated(table, np.array([[0, 2], [1, 1], [2, 0], [0, 0]]))


def test_a_deduplicated_column_is_the_column(column):
    assert column.shape == (4, 2, 2, 2)
    assert len(column) == 4
    whole = np.asarray(column)
    np.testing.assert_array_equal(whole[1], [column.table[1], column.table[1]])
    np.testing.assert_array_equal(np.asarray(column[1:3]), whole[1:3])
    np.testing.assert_array_equal(np.asarray(column[np.array([3, 0])]), whole[[3, 0]])
    assert np.asarray(column, dtype=np.float32).dtype == np.float32


def test_withheld_columns_raise_and_are_noted_through_subsets(column):
    examples = Examples({"images": column}, withheld=("labels",))
    with pytest.raises(WithheldError, match="'labels' is withheld"):
        examples.take(slice(0, 2))["labels"]
    assert examples.touched == ["labels"]
    assert "labels" not in examples
    assert list(examples) == ["images"]
    with pytest.raises(KeyError, match="there are: images"):
        examples["pixels"]


def test_select_withholds_the_rest(column):
    examples = Examples({"images": column, "symbols": np.zeros(4)}).select(("images",))
    with pytest.raises(WithheldError):
        examples["symbols"]


def test_columns_of_unequal_length_are_refused(column):
    with pytest.raises(ValueError, match="differ in length"):
        Examples({"images": column, "labels": np.zeros(3)})


@pytest.mark.parametrize(
    ("budget", "examples", "steps"),
    [
        (Budget(steps=7), 1000, 7),
        (Budget(epochs=3), 64, 6),
        (Budget(epochs=3), 65, 9),  # the partial third batch counts
        (Budget(epochs=100), 40, 200),  # same_different m95
        (Budget(epochs=100), 4, 100),  # same_different m98: less than one batch
        (Budget(epochs=2, batch_size=8), 17, 6),
    ],
)
def test_steps_of_a_budget(budget, examples, steps):
    assert budget.total_steps(examples) == steps


@pytest.mark.parametrize("wrong", [{}, {"steps": 1, "epochs": 1}])
def test_a_budget_has_steps_or_epochs(wrong):
    with pytest.raises(ValueError, match="either steps or epochs"):
        Budget(**wrong)


def test_streams_are_independent_by_purpose_and_by_seed():
    def draw(seed, purpose):
        return Run(seed, Budget(steps=1)).rng(purpose).random(1000)

    np.testing.assert_array_equal(draw(1, "weights"), draw(1, "weights"))
    for one, other in [((1, "weights"), (1, "batches")), ((1, "weights"), (2, "weights"))]:
        assert abs(np.corrcoef(draw(*one), draw(*other))[0, 1]) < 0.15
    assert Run(1, Budget(steps=1)).seed_for("a") != Run(1, Budget(steps=1)).seed_for("b")
    # The first 63 bits of SeedSequence([1, 97]), whose values NumPy keeps in all its versions.
    assert Run(1, Budget(steps=1)).seed_for("a") == 7_611_640_201_011_442_336

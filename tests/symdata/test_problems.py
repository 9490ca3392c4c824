"""The rules of the tasks, checked by loops that share no code with the generator."""

import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from symdata.abstract_rules.glyphs import glyphs
from symdata.abstract_rules.problems import fingerprint, generate
from symdata.abstract_rules.tasks import TASKS
from symdata.errors import DataError

PUBLISHED = [(task.name, m) for task in TASKS.values() for m in task.regimes]

# A change here is a new VERSION: published figures belong to the old one.
PINNED = [
    ("same_different", 0, "c770a875818b7fd9045e3bb6080b0ace23f34ce55db4e6adb7f2570ad4ce77b4"),
    ("same_different", 98, "cfbca3716d719f0abd187653b3ff379863f184392f8c439839acbaa4ba4c0e79"),
    ("rmts", 50, "fab412cba2976f22c7551aa2ab7385f2a72c8208c3b2c8912e059991e4791792"),
    ("rmts", 95, "42a9ea0780579748014bd9e1dc4cdd7677c4e1abb3ee557b4531fc5725462573"),
    (
        "distribution_of_three",
        0,
        "fda19e361943655d933b1ee030ac15d6e7c7257de2567bb7da063475925f4588",
    ),
    (
        "distribution_of_three",
        85,
        "fc4e9cdfb09dea145e42e126dc7f3e08500da676f11d2ec63c5ffcff3367c4bb",
    ),
    ("identity_rules", 0, "dc238e8b7444e9041b96ab829f8021fcb8bcf7260576a3fa758713cfd57d0d06"),
    ("identity_rules", 95, "0273e9f7058b292135e1a127a5c788f781043c6a79628214455d5d18db1e3511"),
]

generated = lru_cache(maxsize=64)(generate)


@st.composite
def draws(draw, least=0):
    """A task, a number of withheld symbols (published or any other that is possible), a seed."""
    task = draw(st.sampled_from(sorted(TASKS)))
    few = TASKS[task].fewest
    edges = [few, few + 1, 100 - few - 1, 100 - few]
    some = st.one_of(
        st.sampled_from([m for m in (*TASKS[task].regimes, *edges) if m >= least]),
        st.integers(few, 100 - few),
    )
    return task, draw(some), draw(st.integers(0, 2**64))


def check(examples):
    return hypothesis_settings(max_examples=examples, deadline=None)


def relation(pair):
    return "same" if pair[0] == pair[1] else "different"


def solve(task, images):
    """The classes that are right answers, and the rule; asserts that the problem is well formed."""
    if task == "same_different":
        return [0 if images[0] == images[1] else 1], relation(images)
    if task == "rmts":
        source, first, second = images[:2], images[2:4], images[4:]
        assert {relation(first), relation(second)} == {"same", "different"}
        pairs = [set(source), set(first), set(second)]
        assert sum(map(len, pairs)) == len(set.union(*pairs))
        answers = [k for k, p in enumerate((first, second)) if relation(p) == relation(source)]
        return answers, relation(source)
    row, begun, choices = images[:3], images[3:5], images[5:]
    assert len(set(choices)) == 4
    if task == "distribution_of_three":
        assert len(set(row)) == 3
        assert len(set(begun)) == 2
        assert set(begun) < set(row) < set(choices)
        return [k for k, c in enumerate(choices) if c in set(row) - set(begun)], "permutation"
    assert not set(row) & set(begun)
    assert set(row) | set(begun) <= set(choices)
    a, b, c = row
    if a == b == c:
        rule, answer = "AAA", begun[0]
        assert begun[0] == begun[1]
    else:
        assert begun[0] != begun[1]
        assert a != b
        assert c in (a, b)
        rule, answer = ("ABA", begun[0]) if c == a else ("ABB", begun[1])
    return [k for k, choice in enumerate(choices) if choice == answer], rule


def problem(task, images):
    """What makes two problems one and the same."""
    if task == "distribution_of_three":
        return tuple(images[:5])
    return tuple(images)


def wrong(problems):
    """How many problems have another answer or rule than they say, or not exactly one answer."""
    names = TASKS[problems.task].rules
    count = 0
    rows = zip(
        problems.symbols.tolist(), problems.labels.tolist(), problems.rules.tolist(), strict=True
    )
    for images, label, rule in rows:
        answers, found = solve(problems.task, images)
        count += answers != [label] or found != names[rule]
    return count


@given(draws())
@check(25)
def test_the_answer_is_unique_and_right(drawn):
    for problems in generated(*drawn).values():
        assert problems.symbols.shape == (len(problems), TASKS[problems.task].length)
        assert problems.symbols.max() < 100
        assert wrong(problems) == 0


def test_a_wrong_answer_is_noticed():
    problems = generated("identity_rules", 95, 0)["train"]
    labels = problems.labels.copy()
    labels[17] = (labels[17] + 1) % 4
    assert wrong(replace(problems, labels=labels)) == 1


@given(draws(least=1))
@check(40)
def test_withheld_symbols_never_train_and_training_symbols_never_test(drawn):
    splits = generated(*drawn)
    withheld = set(splits["train"].withheld.tolist())
    assert len(withheld) == drawn[1]
    assert np.array_equal(splits["train"].withheld, splits["test"].withheld)
    assert not withheld & set(splits["train"].symbols.ravel().tolist())
    assert set(splits["test"].symbols.ravel().tolist()) <= withheld


@given(draws())
@check(40)
def test_classes_and_rules_are_balanced(drawn):
    for problems in generated(*drawn).values():
        spec = TASKS[problems.task]
        labels = np.bincount(problems.labels, minlength=len(spec.classes))
        rules = np.bincount(problems.rules, minlength=len(spec.rules))
        assert len(labels) == len(spec.classes)
        assert np.ptp(labels) <= 1
        assert np.ptp(rules) <= 1
        if problems.task in ("rmts", "identity_rules"):
            cells = Counter(zip(problems.labels.tolist(), problems.rules.tolist(), strict=True))
            assert len(cells) == len(spec.classes) * len(spec.rules)
            assert max(cells.values()) - min(cells.values()) <= 1


@given(draws())
@check(25)
def test_no_problem_comes_twice_where_there_are_enough(drawn):
    task, m, _ = drawn
    for split, problems in generated(*drawn).items():
        n = 100 - m if split == "train" else m or 100
        times = {}
        for images, rule in zip(problems.symbols.tolist(), problems.rules.tolist(), strict=True):
            of_rule = times.setdefault(TASKS[task].rules[rule], Counter())
            of_rule[problem(task, images)] += 1
        for rule, counts in times.items():
            if task == "same_different" and rule == "same":
                assert max(counts.values()) - min(counts.values()) <= 1
            elif rule == "AAA" and n < 6:
                assert set(counts.values()) == {2}
            else:
                assert set(counts.values()) == {1}


@given(st.sampled_from(sorted(TASKS)), st.integers(0, 2**64))
@check(12)
def test_without_withheld_symbols_the_splits_share_symbols_and_no_problem(task, seed):
    splits = generated(task, 0, seed)
    train, test = (
        {problem(task, images) for images in splits[s].symbols.tolist()} for s in ("train", "test")
    )
    assert not train & test
    assert len(splits["train"].withheld) == 0
    assert set(np.unique(splits["train"].symbols)) == set(range(100))
    assert len(splits["train"]) == 10_000
    if task == "same_different":
        # 5 % of 9,900 problems of two symbols, and as many of one symbol, of which 5 % are 5.
        assert len(splits["test"]) == 990
        assert len({p for p in test if p[0] == p[1]}) == 5
        assert len({p for p in train if p[0] == p[1]}) == 95
    else:
        assert len(splits["test"]) == 10_000


@pytest.mark.parametrize(
    ("task", "sizes"),
    [
        ("same_different", {0: 10_000, 50: 4900, 85: 420, 95: 40, 98: 4}),
        ("rmts", {0: 10_000, 50: 10_000, 85: 10_000, 95: 480}),
        ("distribution_of_three", {0: 10_000, 50: 10_000, 85: 10_000, 95: 360}),
        ("identity_rules", {0: 10_000, 50: 10_000, 85: 10_000, 95: 8640}),
    ],
)
def test_training_sets_have_the_published_sizes(task, sizes):
    assert {m: len(generated(task, m, 0)["train"]) for m in TASKS[task].regimes} == sizes


def whole_space(task, symbols):
    """Every problem over a few symbols, with how often it comes, by brute force."""
    if task == "same_different":
        n = len(symbols)
        space = Counter({(a, a): n - 1 for a in symbols})
        return space + Counter(permutations(symbols, 2))
    if task == "rmts":
        space = Counter()
        for a, b, c, d in permutations(symbols, 4):
            space.update([(a, a, b, b, c, d), (a, a, c, d, b, b)])
        for a, b, c, d, e in permutations(symbols, 5):
            space.update([(a, b, c, c, d, e), (a, b, d, e, c, c)])
        return space
    if task == "distribution_of_three":
        return Counter(
            (*first, *second[:2])
            for three in combinations(symbols, 3)
            for first, second in product(permutations(three), repeat=2)
        )
    space = Counter()
    for a, b, c, d in permutations(symbols, 4):
        for choices in permutations((a, b, c, d)):
            starts = ((a, b, a, c, d), (a, b, b, c, d), (a, a, a, c, c))
            space.update([start + choices for start in starts])
    return space


@pytest.mark.parametrize("task", sorted(TASKS))
@pytest.mark.parametrize("seed", [0, 1])
def test_a_small_space_is_used_whole(task, seed):
    train = generated(task, 95, seed)["train"]
    shown = sorted(set(range(100)) - set(train.withheld.tolist()))
    assert len(shown) == 5
    expected = whole_space(task, shown)
    assert Counter(problem(task, images) for images in train.symbols.tolist()) == expected
    published = {"same_different": 40, "rmts": 480, "distribution_of_three": 360}
    assert expected.total() == published.get(task, 8640)


def test_problems_are_shuffled():
    for task in TASKS:
        train = generated(task, 50, 0)["train"]
        half = len(train) // 2
        for column in (train.labels, train.rules):
            # Within six standard deviations of a draw without order.
            first, second = column[:half].mean(), column[half:].mean()
            assert abs(first - second) < 6 * 2 * column.std() / len(train) ** 0.5 + 1e-9
        assert (np.diff(train.symbols[:, 0].astype(int)) < 0).mean() > 0.3


def test_every_symbol_is_withheld_about_equally_often():
    shown = Counter()
    for seed in range(300):
        shown.update(set(generate("same_different", 98, seed)["train"].symbols.ravel().tolist()))
    assert shown.total() == 600
    assert len(shown) > 95
    assert max(shown.values()) < 20


def test_the_choices_of_distribution_of_three_hide_nothing():
    """The fourth choice is any other symbol, and stands in any place."""
    train = generated("distribution_of_three", 90, 3)["train"]
    rows, choices = train.symbols[:, :3], train.symbols[:, 5:]
    is_fourth = (choices[:, :, None] != rows[:, None, :]).all(axis=2)
    assert (is_fourth.sum(axis=1) == 1).all()
    places = is_fourth.sum(axis=0) / len(train)
    assert np.abs(places - 0.25).max() < 0.05
    symbols = Counter(choices[is_fourth].tolist())
    assert len(symbols) == 10
    assert max(symbols.values()) < 1.5 * min(symbols.values())


@pytest.mark.parametrize(("task", "m", "pinned"), PINNED)
def test_the_content_is_pinned(task, m, pinned):
    assert fingerprint(generated(task, m, 0)) == pinned


def test_the_fingerprint_sees_every_column():
    splits = generated("rmts", 95, 0)
    seen = {fingerprint(splits), fingerprint({"train": splits["test"], "test": splits["train"]})}
    for name in ("symbols", "labels", "rules", "withheld"):
        changed = getattr(splits["train"], name).copy()
        changed.flat[3] += 1
        seen.add(fingerprint({**splits, "train": replace(splits["train"], **{name: changed})}))
    assert len(seen) == 6


def test_another_process_draws_the_same_and_needs_little():
    code = (
        "import sys; from symdata.abstract_rules.problems import *;"
        "print(fingerprint(generate('identity_rules', 85, 3)));"
        "print([m for m in ('torch', 'datasets', 'pyarrow', 'matplotlib') if m in sys.modules])"
    )
    from symdata import __path__ as package

    parent = package[0].removesuffix("symdata")
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": parent, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = fingerprint(generated("identity_rules", 85, 3))
    assert result.stdout.split("\n")[:2] == [expected, "[]"]


def test_seeds_and_regimes_draw_differently():
    prints = {
        fingerprint(generated(task, m, seed)) for task in TASKS for m in (50, 85) for seed in (0, 1)
    }
    assert len(prints) == 16
    a, b = (generated("rmts", 50, seed)["train"].withheld for seed in (0, 1))
    assert not np.array_equal(a, b)


@pytest.mark.parametrize(("task", "m"), PUBLISHED)
def test_a_draw_takes_less_than_a_second(task, m):
    generate(task, m, 0)
    start = time.process_time()
    generate(task, m, 1)
    assert time.process_time() - start < 1


@given(draws())
@check(20)
def test_images_are_the_glyphs_and_their_table_says_no_more_than_equality(drawn):
    for problems in generated(*drawn).values():
        table, index = problems.images()
        assert table.shape == (len(np.unique(problems.symbols)), 32, 32)
        assert index.dtype == np.int64
        assert np.array_equal(table[index[:200]], glyphs()[problems.symbols[:200]])
        assert np.array_equal(table[index[-1]], glyphs()[problems.symbols[-1]])
        # The order of the table is the order of appearance, from the first image of all on.
        flat = index.ravel()
        assert flat[0] == 0
        assert (np.diff(np.maximum.accumulate(flat)) <= 1).all()


@pytest.mark.parametrize(
    ("task", "m", "seed", "says"),
    [
        ("rtms", 0, 0, "no task 'rtms'.*rmts"),
        ("same_different", 99, 0, "cannot withhold 99.*2 to 98.*0, 50, 85, 95, 98"),
        ("same_different", 1, 0, "cannot withhold 1 "),
        ("rmts", 96, 0, "5 to 95"),
        ("distribution_of_three", 97, 0, "4 to 96"),
        ("identity_rules", -1, 0, "cannot withhold -1"),
        ("identity_rules", 50, -1, "seed.*not -1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(task, m, seed, says):
    with pytest.raises(DataError, match=says) as caught:
        generate(task, m, seed)
    assert "\n" not in str(caught.value)

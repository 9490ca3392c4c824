"""The conformance kit passes every built-in method, and each rule catches its planted offender."""

import pytest

from benchmarks import conformance, registry
from benchmarks.protocol import SymbenchError

# One entry of each class.
ENTRIES = {entry.path: entry.name for entry in reversed(registry.suite("abstract_rules").entries)}


@pytest.mark.parametrize("name", ENTRIES.values())
def test_built_in_methods_keep_every_rule(name):
    findings = conformance.check(name)
    assert [f"{f.rule}: {f.detail}" for f in findings if not f.ok] == []
    assert len(findings) >= 10


@pytest.mark.parametrize("name", ["Honest", "DeclaredDeterministic"])
def test_honest_fakes_keep_every_rule(name, fake):
    assert all(finding.ok for finding in conformance.check(fake(name)))


@pytest.mark.parametrize(
    ("offender", "rule"),
    [
        ("Thawed", "frozen dataclass"),
        ("NoDefault", "frozen dataclass"),
        ("Unpicklable", "survives pickling"),
        ("Raises", "fits and evaluates same_different/m95"),
        ("WrongShape", "right shapes"),
        ("TooFewRows", "right shapes"),
        ("ReturnsNaN", "right shapes"),
        ("Forgetful", "right shapes"),
        ("ReturnsArray", "right shapes"),
        ("ReadsSymbols", "fits and evaluates"),
        ("ReadsLabels", "labels are not touched"),
        ("Mutates", "not mutated"),
        ("Unseeded", "same seed"),
        ("SeedBlind", "another seed gives other"),
        ("FalselyDeterministic", "another seed gives the same"),
        ("OrderDependent", "order of the inputs"),
        ("BatchDependent", "number of inputs at a time"),
        ("OnlyTwoClasses", "fits and evaluates distribution_of_three"),
    ],
)
def test_each_rule_catches_its_offender(offender, rule, fake):
    broken = [finding.rule for finding in conformance.check(fake(offender)) if not finding.ok]
    assert any(rule in text for text in broken), broken


def test_a_method_that_does_not_exist_is_one_line():
    with pytest.raises(SymbenchError, match="did you mean esbn"):
        conformance.check("esb")


def test_check_verb_names_the_broken_rule_and_exits_with_1(symbench, fake):
    good, bad = symbench("check", fake("Honest")), symbench("check", fake("Mutates"))
    assert (good.returncode, bad.returncode) == (0, 1)
    assert "FAIL  inputs are not mutated" in bad.stdout
    assert "FAIL" not in good.stdout

"""Deviations from the papers: sections of docstrings, and the page that shows them all."""

import re
from pathlib import Path

import pytest

from benchmarks import deviations, listing, registry

ROOT = Path(__file__).resolve().parents[2]


def test_items_of_a_section_are_read_with_their_further_lines():
    text = "A method.\n\nDeviations:\n    - one,\n      two\n    - three\n\nAfter it.\n"
    assert deviations.stated(text) == ["one, two", "three"]
    assert deviations.stated("A method.\n\nDeviations: none known.") == []
    assert deviations.stated("A method that says Deviations: within a line.") is None
    for wrong in ("Deviations:\n    one", "Deviations: some", "Deviations:"):
        with pytest.raises(ValueError, match=r'"none known\." or items|items that begin'):
            deviations.stated(f"A method.\n\n{wrong}\n")


def test_a_class_has_the_deviations_of_its_bases_too(tmp_path):
    path = tmp_path / "method.py"
    path.write_text(
        'class A:\n    """A.\n\n    Deviations:\n        - of the base\n    """\n'
        'class B(A):\n    """B.\n\n    Deviations: none known.\n    """\n'
        'class C(A):\n    """C.\n\n    Deviations:\n        - its own\n    """\n'
        'class D:\n    """D."""\n'
    )
    found = {name: deviations.of_class(f"{path}:{name}") for name in "ABCD"}
    assert found["A"] == found["B"] == ["of the base"]
    assert found["C"] == ["its own", "of the base"]
    assert found["D"] == ["not stated"]


def test_every_method_of_abstract_rules_states_its_deviations():
    for entry in registry.suite("abstract_rules").entries:
        if entry.kind in deviations.PUBLISHED:
            assert deviations.of_class(entry.path) != ["not stated"], entry.path


def test_the_page_is_what_the_docstrings_say():
    text = (ROOT / "docs/deviations.md").read_text()
    found = re.search(r"<!-- table:begin -->\n(.*?)<!-- table:end -->", text, re.DOTALL)
    # Made anew by: python -m benchmarks list deviations
    assert found[1].strip() == listing.render("deviations").strip()

"""What is read from sources without importing them."""

import pytest

from benchmarks.errors import SymbenchError
from benchmarks.sources import declared


def write(folder, text, name="mine.py"):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_literal_of_a_class_and_of_a_module(tmp_path):
    path = write(tmp_path, "raise SystemExit\nVERSION = 3\nclass A:\n    version: int = 2\n")
    assert declared(f"{path}:A", "version") == 2
    assert declared(path, "VERSION") == 3
    assert declared(f"{path}:A", "published", {}) == {}
    assert declared(f"{path}:B", "version") is None
    assert declared(str(tmp_path / "missing.py"), "VERSION", 7) == 7


def test_a_class_inherits_what_its_bases_declare(tmp_path):
    text = "class A:\n    version = 2\n    reads = ('x',)\nclass B(A):\n    version = 5\n"
    path = write(tmp_path, text)
    assert declared(f"{path}:B", "version") == 5
    assert declared(f"{path}:B", "reads") == ("x",)
    # From another module, and through a package that imports the class.
    assert declared("methods.gnm:GNM", "reads") == ()


def test_what_is_no_literal_is_refused_in_a_line(tmp_path):
    path = write(tmp_path, "class A:\n    version = 1 + len('x')\n")
    with pytest.raises(SymbenchError, match=r"version of .*mine.py:A is no literal"):
        declared(f"{path}:A", "version")

"""Files of methods as users have them: their encodings, names and faults."""

import sys

import pytest

from benchmarks import registry, runner, sources
from benchmarks.protocol import Entry, SymbenchError

CODE = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Nothing:
    name: str = "caf\xe9"

class Mine:
    Settings = Nothing
    version = 1

    def __init__(self, settings):
        self.settings = settings

    def fit(self, train, run):
        pass

    def evaluate(self, inputs, run):
        return {}
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file of a method, in bytes, in a folder that this test alone has on its path."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def written(name, content):
        (tmp_path / name).write_bytes(content)
        return f"{tmp_path / name}:Mine"

    yield written
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


CONTENTS = {
    "bom.py": b"\xef\xbb\xbf" + CODE.encode(),
    "latin.py": ("# -*- coding: latin-1 -*-" + CODE).encode("latin-1"),
    "windows.py": CODE.replace("\n", "\r\n").encode(),
    "cp1252.py": ("#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :" + CODE).encode(
        "cp1252"
    ),
    "my-method.v2.py": CODE.encode(),
    "with space.py": CODE.encode(),
    "na\xefve.py": CODE.encode(),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_any_encoding_that_python_reads_and_any_name_of_a_file(write, name):
    path = write(name, CONTENTS[name])
    assert runner.build(Entry("mine", path)).settings.name == "caf\xe9"
    assert sources.declared(path, "version") == 1
    # The code is the same, whatever its encoding: comments and marks of byte order do not count.
    assert sources.source_hash(path) == sources.source_hash(write("plain.py", CODE.encode()))


def test_files_beside_it_are_read_in_their_encoding_too(write):
    path = write("mine.py", b"import latin\n" + CODE.encode())
    write("latin.py", CONTENTS["latin.py"])
    registry.load_class(path)
    assert set(sources.sources(path)) == {"", "latin"}


def test_a_file_beside_it_that_is_no_python_counts_by_its_bytes(write):
    path = write(
        "mine.py", b"try:\n    import old\nexcept SyntaxError:\n    pass\n" + CODE.encode()
    )
    seen = []
    for content in (b"print 'two'", b"print 'three'"):
        write("old.py", content)
        sources.source_hash.cache_clear()
        registry.load_class(path)
        seen.append(sources.source_hash(path))
    assert seen[0] != seen[1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"x = 1\ndef (:\n", "cannot be imported (bad.py, line 2: invalid syntax)."),
        (b"if x:\n    y\n  z\n", "(bad.py, line 3: unindent does not match any outer"),
        (b"import worse\n", "cannot be imported (worse.py, line 1: "),
        (b"# coding: klingon\n", "unknown encoding: klingon"),
        (b"x = '\xe9'\n", "'utf-8' codec can't decode byte 0xe9"),
        (CODE.encode("utf-16"), "null bytes; save the file as UTF-8)."),
        (b"x = 1\n\0", "null bytes; save the file as UTF-8)."),
        (b"import no_such_thing\n", "(ModuleNotFoundError: No module named 'no_such_thing')."),
        (b"raise RuntimeError('two\\nlines')\n", "cannot be imported (RuntimeError: two lines)."),
        (b"raise RuntimeError\n", "cannot be imported (RuntimeError)."),
        (b"", "no class in {file} 'Mine'; there is none."),
        (b"Mine = 3\n", "no class in {file} 'Mine'; there is none."),
        (b"class Mien: pass\n", "no class in {file} 'Mine'; did you mean Mien?"),
        (b"class Mine: pass\n", "is no method: it has no Settings, fit, evaluate."),
        (
            CODE.replace("Settings = Nothing", "pass").encode(),
            "is no method: it has no Settings.",
        ),
        (
            CODE.replace("Settings = Nothing", "Settings = dict").encode(),
            "Settings of {file}:Mine is no dataclass; write @dataclass(frozen=True) above it.",
        ),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_cause(write, content, says):
    path = write("bad.py", content)
    write("worse.py", b"1 = 2\n")
    with pytest.raises(SymbenchError) as caught:
        runner.settings_of(Entry("mine", path))
    assert says.format(file=path.removesuffix(":Mine")) in str(caught.value)
    assert "\n" not in str(caught.value)
    # Tables that hold records of it look at it without an import, and find no literal.
    assert sources.declared(path, "rests_on", ()) == ()
    assert sources.source_hash(path)


def test_a_folder_a_missing_file_and_a_file_without_a_class_are_one_line(tmp_path):
    (tmp_path / "dir.py").mkdir()
    for name in ("dir.py", "none.py"):
        with pytest.raises(SymbenchError, match=f"no file '.*{name}'; give path"):
            registry.load_class(f"{tmp_path / name}:Mine")
    with pytest.raises(SymbenchError, match=r"write mine\.py:Class for a class in this file"):
        registry.entries(registry.suite("abstract_rules"), ["mine.py"])


def test_a_name_in_another_encoding_is_one_line():
    with pytest.raises(SymbenchError, match=r"'caf.*py:Mine' is not in UTF-8; rename the file"):
        registry.load_class("caf\udce9.py:Mine")  # as Python reads an octet that is no UTF-8


@pytest.mark.parametrize("name", ["bad", "."])
def test_a_module_that_cannot_be_imported_is_one_line_too(write, monkeypatch, tmp_path, name):
    write("bad.py", b"x = 1\ndef (:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SymbenchError, match=r"^module \S+ cannot be imported \(") as caught:
        registry.load_class(f"{name}:Mine")
    assert "\n" not in str(caught.value)

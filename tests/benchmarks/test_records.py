"""Records survive crashes, and what is no record is named and left alone."""

import json

import numpy as np
import pytest

from benchmarks import identity, plan, registry, runner, verification
from benchmarks.errors import SymbenchError
from benchmarks.records import (
    Store,
    content_hash,
    folder_name,
    read_outputs,
    read_record,
    write_atomically,
)
from leaderboard.tables import build_tables


@pytest.fixture
def cell():
    return plan.cells(plan.Filters(methods=("chance",), tasks=("rmts",), profile="smoke"))[0]


@pytest.fixture
def record(cell):
    return runner.describe(cell, "cpu", 1, 0.5, scores={"accuracy": 0.75})


def test_a_record_and_its_outputs_come_back(tmp_path, cell, record):
    outputs = {
        "logits": np.arange(12, dtype=np.float32).reshape(3, 4),
        "attention": np.arange(24, dtype=np.float64).reshape(3, 4, 2),
        "clusters": np.array([2, 0, 1]),
    }
    path = Store(tmp_path).save(record, outputs)
    assert Store(tmp_path).find(cell) == record
    read = read_outputs(path.with_name(record.outputs))
    assert read.keys() == outputs.keys()
    for name, array in outputs.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"schema": "other/1"}', b"\xff\xfe", b'{"schema": "symbench.record/2"}'],
)
def test_what_is_no_record_is_named_and_ignored(tmp_path, cell, record, content):
    store = Store(tmp_path)
    store.save(record)
    foreign = tmp_path / "notes.json"
    foreign.write_bytes(content)
    records, problems = store.load()
    assert records == [record]
    assert len(problems) == 1
    assert str(foreign) in problems[0]
    assert "\n" not in problems[0]
    store.path(cell).write_bytes(content)
    assert store.find(cell) is None


def test_a_truncated_record_is_not_taken_for_finished(tmp_path, cell, record):
    path = Store(tmp_path).save(record)
    whole = path.read_bytes()
    for end in range(0, len(whole) - 2, 97):
        path.write_bytes(whole[:end])
        assert Store(tmp_path).find(cell) is None


def test_a_record_under_the_wrong_name_does_not_answer_for_the_cell(tmp_path, cell, record):
    path = Store(tmp_path).save(record)
    path.write_text(path.read_text().replace(record.key, "0" * 16))
    assert Store(tmp_path).find(cell) is None


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    write_atomically(path, b"old")

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_hash_ignores_the_order_of_keys_and_nothing_else():
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": [1, 2], "a": 1})
    assert content_hash({"a": 1, "b": [1, 2]}) != content_hash({"a": 1, "b": [2, 1]})


def test_the_schema_is_written_down(tmp_path, record):
    path = Store(tmp_path).save(record)
    written = json.loads(path.read_text())
    assert written["schema"] == "symbench.record/2.1"
    assert written["scores"] == {"accuracy": 0.75}
    assert written["environment"]["threads"] == 1
    assert written["environment"]["packages"]["numpy"] == np.__version__


def test_a_folder_bears_a_name_that_every_system_takes(tmp_path, record):
    assert folder_name("gnm_8") == "gnm_8"
    assert folder_name("esbn[learning_rate=0.001,steps=4]") == "esbn[learning_rate=0.001,steps=4]"
    assert folder_name('a[dsl=C:\\x/y.py:Z,w="*?"]') == "a[dsl=C__x_y.py_Z,w=____]"
    assert folder_name("a.") == "a_"
    long = [folder_name("é" * 100 + end) for end in "ab"]
    assert len(set(long)) == 2
    assert all(len(name.encode()) < 255 for name in long)
    # Two methods in one folder are still two records.
    store = Store(tmp_path)
    one, two = (
        record.model_copy(update={"method": name, "key": name[-1]}) for name in ("a:", "a?")
    )
    assert store.save(one).parent == store.save(two).parent
    assert {found.method for found in store.load()[0]} == {"a:", "a?"}


def rewritten(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return path


@pytest.mark.parametrize("schema", ["symbench.record/2", "symbench.record/2.7"])
def test_fields_of_a_newer_minor_version_are_kept(tmp_path, cell, record, schema):
    path = rewritten(Store(tmp_path).save(record), schema=schema, mood={"calm": 1})
    found = Store(tmp_path).find(cell)
    assert found.scores == record.scores
    assert found.model_extra == {"mood": {"calm": 1}}
    assert found.schema_version == 2
    assert json.loads(Store(tmp_path).save(found).read_text()) == json.loads(path.read_text())
    assert verification.faults(tmp_path)[0].count(f"{path}: unknown fields: mood.") == 1


@pytest.mark.parametrize("number", ["3", "3.1", "10"])
def test_a_newer_schema_is_one_line_that_says_to_upgrade(tmp_path, cell, record, number):
    path = rewritten(Store(tmp_path).save(record), schema=f"symbench.record/{number}", key=1)
    line = (
        f"{path}: made by a newer symbench (symbench.record/{number}; this one reads "
        "symbench.record/2.1); upgrade symbench."
    )
    assert Store(tmp_path).load() == ([], [line])
    # A run would put its own record in the place of this one.
    with pytest.raises(SymbenchError) as caught:
        Store(tmp_path).find(cell)
    assert str(caught.value) == line


@pytest.mark.parametrize("schema", ["symbench.record/0", "symbench.record/x", "other", 2, None])
def test_another_schema_is_no_record(tmp_path, record, schema):
    path = rewritten(Store(tmp_path).save(record), schema=schema)
    ((), (line,)) = Store(tmp_path).load()
    assert line.startswith(f"{path}: no symbench record (schema: ")


def test_a_record_of_schema_1_is_read_shown_and_outdated(tmp_path, cell, record):
    """Release 0.1 wrote no versions of methods and parts, and nothing of named files."""
    old = json.loads(Store(tmp_path).save(record).read_text()) | {"schema": "symbench.record/1"}
    for name in ("task_parts", "method_version", "method_parts", "files"):
        del old[name]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    found = read_record(path)
    assert (found.schema_version, found.method_version, found.scores) == (1, None, record.scores)
    why = "record's schema 1, today's is 2"
    assert identity.outdated(found, registry.suite("abstract_rules")) == why
    assert identity.outdated(found, None) == why
    (table,) = build_tables([found], (), lambda one: why)
    assert table.row("chance").label == "chance (outdated)"
    assert any(note.endswith("--method chance --out results") for note in table.notes)

"""`verify`: each fault of a folder of records has a line, and a sound folder has none."""

import json

import pytest

from benchmarks import identity, registry
from benchmarks.records import Store
from benchmarks.verification import faults
from tests.records import make_record

SUITE = registry.suite("abstract_rules")
TASK = next(task for task in SUITE.tasks if task.id == "same_different/m95")


def sound(**changes):
    lstm = identity.of_method("baselines.lstm:LSTMClassifier")
    return make_record(
        path="baselines.lstm:LSTMClassifier",
        task_version=TASK.version,
        task_parts=dict(identity.of_task(TASK).parts),
        method_version=lstm.own,
        environment={"commit": "0123456789abcdef"},
    ).model_copy(update=changes)


def test_a_sound_record_has_no_fault(tmp_path):
    Store(tmp_path).save(sound())
    assert faults(tmp_path) == ([], 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method_version": 0}, "outdated: method version 0, today's is"),
        ({"task_version": 0}, "outdated: task version 0, today's is"),
        ({"task_parts": {}}, "outdated: task's classification changed"),
        ({"environment": {"commit": "0123456789abcdef+changes"}}, "dirty commit 01234567+changes"),
        ({"environment": {"commit": None}}, "unknown commit"),
        ({"seed": 3}, "seed 3 is outside profile quick, 0 to 2."),
        ({"profile": "fast"}, "no profile 'fast'"),
        ({"suite": "rules"}, "unknown suite 'rules'"),
    ],
)
def test_each_fault_has_its_line(tmp_path, changes, said):
    path = Store(tmp_path).save(sound(**changes))
    lines, count = faults(tmp_path)
    assert count == 1
    (line,) = lines
    assert line.startswith(f"{path}: ")
    assert said in line


def test_a_failed_cell_an_unknown_field_a_copy_and_what_is_no_record(tmp_path):
    store = Store(tmp_path)
    failed = make_record(None)
    store.save(sound(seed=1, key="b" * 16, error=failed.error, status="failed"))
    path = store.save(sound())
    known = json.loads(path.read_text())
    (path.parent / "copy.json").write_text(json.dumps(known))
    (path.parent / "more.json").write_text(json.dumps({**known, "mood": 1, "key": "c" * 16}))
    (path.parent / "broken.json").write_text("{")
    lines, count = faults(tmp_path)
    assert count == 5
    text = "\n".join(lines)
    assert "failed: DivergedError: the loss is nan" in text
    assert f"{path.parent / 'more.json'}: unknown fields: mood." in text
    assert f"{path.parent / 'copy.json'}: misplaced" in text
    assert text.count(f"duplicate key {known['key']}, which 2 files have.") == 2
    assert f"{path.parent / 'broken.json'}: no symbench record" in text


def test_the_verb_ends_with_a_count_and_an_exit_code(symbench, tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    Store(good).save(sound())
    Store(bad).save(sound(method_version=0))
    kept = symbench("verify", good)
    assert (kept.returncode, kept.stdout) == (0, "1 records, 0 faults.\n")
    broken = symbench("verify", bad)
    assert broken.returncode == 1
    assert broken.stdout.endswith("1 records, 1 faults.\n")
    missing = symbench("verify", tmp_path / "none")
    assert missing.returncode == 2
    assert "no folder" in missing.stderr

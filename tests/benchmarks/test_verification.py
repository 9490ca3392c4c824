"""`verify`: each fault of a folder of records has a line, and a sound folder has none."""

import json
from dataclasses import asdict

import pytest

from benchmarks import identity, registry
from benchmarks.plan import profile_of
from benchmarks.records import Store, content_hash
from benchmarks.verification import faults
from tests.records import make_record

SUITE = registry.suite("abstract_rules")
ENTRY = next(entry for entry in SUITE.entries if entry.name == "lstm")
TASK = next(task for task in SUITE.tasks if task.id == "same_different/m95")


def sound(**changes):
    lstm = identity.of_method("baselines.lstm:LSTMClassifier")
    record = make_record(
        path="baselines.lstm:LSTMClassifier",
        task_version=TASK.version,
        task_parts=dict(identity.of_task(TASK).parts),
        method_version=lstm.own,
        budget=asdict(profile_of(SUITE, "quick").budget(ENTRY, TASK)),
        environment={"commit": "0123456789abcdef"},
    ).model_copy(update={"variant": "v", **changes})
    return record.model_copy(update={"key": content_hash(["v", record.seed]), **changes})


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
        ({"budget": {"steps": 1}}, "outdated: budget changed"),
        ({"dataset": {"name": "abstract_rules", "version": 0}}, "data set version 0, today's is"),
        ({"files": {"dsl": "abc"}, "settings": {"dsl": __file__}}, "file of dsl changed"),
        ({"key": "0" * 16}, "the key is not that of variant and seed"),
        ({"scores": {}}, "no finite score 'accuracy'"),
        ({"scores": {"accuracy": float("inf")}}, "scores.accuracy: input should be a valid number"),
        ({"status": "failed"}, "failed: unknown: no reason is given"),
        ({"method": "lstn"}, "unknown method 'lstn'"),
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
    store.save(sound(seed=1, error=failed.error, status="failed"))
    path = store.save(sound())
    known = json.loads(path.read_text())
    (path.parent / "copy.json").write_text(json.dumps(known))
    (path.parent / "more.json").write_text(json.dumps({**known, "mood": 1}))
    (path.parent / "broken.json").write_text("{")
    lines, count = faults(tmp_path)
    assert count == 5
    text = "\n".join(lines)
    assert "failed: DivergedError: the loss is nan" in text
    assert f"{path.parent / 'more.json'}: unknown fields: mood." in text
    assert f"{path.parent / 'copy.json'}: misplaced" in text
    assert text.count(f"duplicate key {known['key']}, which 3 files have.") == 3
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
    (tmp_path / "empty").mkdir()
    empty = symbench("verify", tmp_path / "empty")
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "holds no records" in empty.stderr
    missing = symbench("verify", tmp_path / "none")
    assert missing.returncode == 2
    assert "no folder" in missing.stderr

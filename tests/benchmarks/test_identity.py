"""What makes a result another one, and what does not."""

from dataclasses import asdict, replace

import pytest

from benchmarks import identity, registry, sources
from benchmarks.identity import Versions, of_method, of_module, of_task, outdated, variant
from benchmarks.plan import profile_of
from tests.records import make_record

SCENES = registry.suite("scenes")
RULES = registry.suite("abstract_rules")
BUDGET = profile_of(RULES, "quick").budget(RULES.entries[1], RULES.tasks[3])
MINE = "class Mine:\n    version = 1\n    width = {}\n"


def key(entry, suite=RULES, task=None):
    profile, task = profile_of(suite, "quick"), task or suite.tasks[0]
    return variant(
        suite, profile, task, {"version": 1}, entry, next(iter(profile.budgets.values()))
    )


def entry(name, suite=RULES):
    return next(one for one in suite.entries if one.name == name)


@pytest.fixture
def source(monkeypatch):
    """Stand-ins for what sources declare: (path, name) → value."""
    known, real = {}, sources.declared

    def declared(path, name, default=None):
        return known.get((path, name)) or real(path, name, default)

    monkeypatch.setattr(identity, "declared", declared)
    return known


def test_an_edit_of_ours_that_raises_no_version_changes_no_key(monkeypatch):
    before = [key(one) for one in RULES.entries]
    monkeypatch.setattr(identity, "source_hash", lambda path: "another")
    assert [key(one) for one in RULES.entries] == before
    assert len(set(before)) == len(before)


def test_a_raised_version_changes_the_keys_that_rest_on_it_and_no_others(source):
    esbn, lstm = entry("esbn"), entry("lstm")
    before = key(esbn), key(lstm)
    source["baselines.lstm:LSTMClassifier", "version"] = 9
    assert key(esbn) == before[0]
    assert key(lstm) != before[1]
    source["benchmarks.metrics.classification", "VERSION"] = 9
    assert key(esbn) != before[0]


def test_a_task_rests_on_its_metrics_and_its_judge(source):
    drawing = next(one for one in SCENES.tasks if one.name == "mnist4")
    judging = next(one for one in SCENES.tasks if one.name == "mnist4_judge")
    room = next(one for one in SCENES.tasks if one.name == "arrow_room")
    before = {task.name: of_task(task) for task in (drawing, judging, room)}
    assert set(before["mnist4"].parts) == {"digits", "discrimination"}
    source["benchmarks.judges.digits", "VERSION"] = 99
    assert of_task(drawing) != before["mnist4"]
    assert of_task(judging) != before["mnist4_judge"]
    assert of_task(room) == before["arrow_room"]


def test_the_metrics_that_a_suite_imports_are_those_that_its_tasks_rest_on():
    for name in registry.SUITES:
        suite = registry.suite(name)
        module = type(suite.tasks[0]).__module__
        file = sources.file_of(module)
        imported = {
            one
            for one in sources.imports(file.read_text(), module)
            if one.startswith("benchmarks.metrics.") and sources.file_of(one)
        }
        known = {part for task in suite.tasks for part in task.rests_on}
        named = {part for part in known if part.startswith("benchmarks.metrics.")}
        assert imported <= named
        for metric in imported:
            inner = sources.imports(sources.file_of(metric).read_text(), metric)
            assert {one for one in inner if one.startswith("benchmarks.metrics.") and
                    sources.file_of(one)} <= named  # fmt: skip


def test_what_is_not_ours_is_told_by_its_sources(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE.format(1))
    first = of_method(f"{path}:Mine")
    assert first == Versions(None, {"sources": sources.source_hash(f"{path}:Mine")})
    path.write_text(MINE.format(2) + "    # and a comment\n")
    sources.source_hash.cache_clear()
    assert of_method(f"{path}:Mine") != first
    assert isinstance(of_module("json"), str)


def test_a_class_of_ours_without_a_version_is_told_by_its_sources(source):
    source["methods.esbn:ESBN", "version"] = "none"
    assert of_method("methods.esbn:ESBN").own is None
    assert "sources" in of_method("methods.esbn:ESBN").parts


def test_a_file_beside_a_methods_own_counts(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from my_layers import width\nimport numpy\nclass Mine:\n    pass\n")
    (tmp_path / "my_layers.py").write_text("width = 1\n")
    first = sources.source_hash(f"{path}:Mine")
    assert set(sources.sources(f"{path}:Mine")) == {"", "my_layers"}
    (tmp_path / "my_layers.py").write_text("width = 2\n")
    sources.source_hash.cache_clear()
    assert sources.source_hash(f"{path}:Mine") != first


def test_a_file_that_a_setting_names_counts(tmp_path):
    path, table = tmp_path / "my_dsl.py", tmp_path / "table.csv"
    path.write_text("FISH = 1\n")
    table.write_text("1,2\n")
    mine = replace(entry("esbn"), settings={"dsl": f"{path}:FISH", "table": str(table), "n": 3})
    before = key(mine)
    path.write_text("FISH = 2\n")
    sources.source_hash.cache_clear()
    between = key(mine)
    table.write_text("1,3\n")
    assert len({before, between, key(mine)}) == 3


def test_settings_budget_and_name_make_another_result():
    esbn, profile = entry("esbn"), profile_of(RULES, "quick")
    budget = next(iter(profile.budgets.values()))
    other = replace(esbn, settings={"learning_rate": 1e-3})
    keys = {key(esbn), key(other), key(replace(esbn, name="mine"))}
    keys.add(variant(RULES, profile, RULES.tasks[0], {}, esbn, budget))
    keys.add(variant(RULES, profile, RULES.tasks[0], {}, esbn, replace(budget, batch_size=7)))
    assert len(keys) == 5


def test_what_has_changed_since_a_record_was_made(source):
    record = make_record(
        method="lstm",
        path="baselines.lstm:LSTMClassifier",
        method_version=1,
        task_parts={"classification": 1},
        budget=asdict(BUDGET),
    )
    source["baselines.lstm:LSTMClassifier", "version"] = 1
    assert outdated(record, RULES) == ""
    source["baselines.lstm:LSTMClassifier", "version"] = 4
    assert outdated(record, RULES) == "method version 1, today's is 4"
    source["benchmarks.metrics.classification", "VERSION"] = 2
    assert outdated(record, RULES) == (
        "task's classification version 1, today's is 2; method version 1, today's is 4"
    )
    assert "protocol version 0" in outdated(record.model_copy(update={"protocol_version": 0}), None)
    stranger = make_record(path="gone.py:M", method_version=None, method_parts={"sources": "abc"})
    assert outdated(stranger, None) == "", "what is gone cannot be compared"


def test_the_package_around_an_imported_module_counts(tmp_path):
    path, package = tmp_path / "mine.py", tmp_path / "pack"
    package.mkdir()
    path.write_text("import pack.inner\nclass Mine:\n    pass\n")
    for name in ("__init__", "inner"):
        (package / f"{name}.py").write_text("width = 1\n")
    assert set(sources.sources(f"{path}:Mine")) == {"", "pack", "pack.inner"}


def test_a_word_is_no_file_whatever_lies_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("adam", "table.csv"):
        (tmp_path / name).write_text("1")
    named = identity.named_files({"optimiser": "adam", "rate": 1.5, "files": ("table.csv", "x")})
    assert set(named) == {"files"}

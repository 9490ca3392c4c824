"""`show`: one record by many names, in words, with its pictures."""

import pytest

from benchmarks import plan, runner, session, show
from benchmarks.plan import Filters
from benchmarks.protocol import SymbenchError
from benchmarks.records import Store

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def results(planted, tmp_path):
    filters = Filters(suites=("planted",), methods=("side", "embeds"), tasks=("plane",))
    session.run(filters, session.Options(tmp_path, "cpu", jobs=0))
    return tmp_path


def test_a_record_is_found_by_its_file_its_key_and_its_names(results):
    path = next(results.rglob("side/seed1-*.json"))
    key = path.stem.partition("-")[2]
    for spec in (
        str(path),
        key,
        key[:8],
        "planted/quick/plane/clusters/side/seed1",
        "planted/*/plane/*/side/seed1",
    ):
        assert show.find(spec, results) == path


def test_what_means_several_records_or_none_is_one_line(results, tmp_path):
    with pytest.raises(SymbenchError) as caught:
        show.find("planted/quick/plane/clusters/side", results)
    assert "means 2 records: planted/quick/plane/clusters/side/seed0-" in str(caught.value)
    assert "\n" not in str(caught.value)
    for spec, message in (
        ("zzzz", "no record 'zzzz' below"),
        ("nothing.json", "no file 'nothing.json'"),
    ):
        with pytest.raises(SymbenchError, match=message):
            show.find(spec, results)
    with pytest.raises(SymbenchError, match="no folder"):
        show.find("zzzz", tmp_path / "nowhere")
    foreign = results / "seed9-notes.json"
    foreign.write_text("{}")
    with pytest.raises(SymbenchError, match="no symbench record"):
        show.read(foreign)


def test_the_text_has_scores_programs_settings_and_flags(planted, tmp_path):
    filters = Filters(suites=("planted",), methods=("side_far",), tasks=("plane",), seeds=[0])
    session.run(filters, session.Options(tmp_path, "cpu", jobs=0))
    text = show.text(show.read(next(tmp_path.rglob("*.json"))), 80)
    assert text.startswith("side_far on plane/clusters, seed 0 · planted · profile quick\n")
    assert "nmi                 0.500" in text
    assert "largest_cluster   100.0 %" in text
    assert "note: largest cluster holds 100 % of the examples" in text
    assert "program 1\n  x > t\n  above 100.0" in text
    assert "settings  threshold 100.0, scale 2.0" in text
    assert "chance" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_count_is_shown_without_decimals_and_a_fraction_with_them(results):
    record = show.read(next(results.rglob("side/seed0-*.json")))
    record.scores |= {"d_steps": 80.0, "ll": 2459.595, "whole": 1.0, "lost": float("nan")}
    shown = dict(line.split() for line in show.text(record, 200).splitlines() if line[:4] in
                 ("d_st", "ll  ", "whol", "lost"))  # fmt: skip
    assert shown == {"d_steps": "80", "ll": "2459.595", "whole": "1.000", "lost": "nan"}


@pytest.mark.parametrize(("asked", "has"), [(True, True), (True, False), (False, True)])
def test_the_precision_is_said_where_it_is_less(results, asked, has):
    record = show.read(next(results.rglob("side/seed0-*.json")))
    assert isinstance(record.environment["bfloat16"], bool)
    record.settings["mixed_precision"] = asked
    record.environment["bfloat16"] = has
    assert ("in bfloat16" in show.text(record, 200)) == (asked and has)


def test_a_failure_is_shown_with_its_traceback(planted):
    (cell,) = plan.cells(Filters(suites=("planted",), methods=("embeds",), seeds=[0]))
    error = {"type": "ValueError", "message": "no", "traceback": "Traceback\n  File x\n"}
    text = show.text(runner.describe(cell, "cpu", 1, 1.0, error=error))
    assert "failed: ValueError: no\n\nTraceback\n  File x\n" in text


def test_a_run_draws_the_pictures_and_show_draws_them_again(planted, results):
    drawn = sorted(results.rglob("*.png"))
    assert [path.name.split(".")[1] for path in drawn] == ["line", "line"]
    assert all(path.read_bytes().startswith(PNG) for path in drawn)
    record = next(results.rglob("side/seed0-*.json"))
    picture = record.with_suffix(".line.png")
    before = picture.read_bytes()
    picture.unlink()
    lines = show.pictures(record)
    assert lines == [str(picture), "no picture 'broken': RuntimeError: out of paint"]
    assert picture.read_bytes() == before
    assert Store(results).find(show.read(record)).flags == []


def test_without_outputs_or_data_the_pictures_are_a_line(planted, results):
    record = next(results.rglob("side/seed0-*.json"))
    record.with_suffix(".parquet").unlink()
    lines = show.pictures(record)
    assert "no picture 'line': KeyError: 'clusters'" in lines
    assert lines[-1].startswith("the outputs are not beside the record")
    planted.MISSING["plane"] = "no folder data/plane."
    assert show.pictures(record) == ["no pictures: no folder data/plane."]


def test_pictures_of_other_data_are_refused(planted, results):
    path = next(results.rglob("side/seed0-*.json"))
    path.write_text(path.read_text().replace("draw 0", "draw 7"))
    assert show.pictures(path) == [
        "no pictures: the data that are here are not those of the record."
    ]


def test_the_verb(symbench, planted, results):
    record = next(results.rglob("side/seed0-*.json"))
    shown = symbench("show", record)
    assert shown.returncode == 0, shown.stderr
    assert "purity" in shown.stdout
    several = symbench("show", "planted/*/*/*/*/*", "--out", results)
    assert several.returncode == 2
    assert several.stderr.count("\n") == 1

import pytest

import symdata
from symdata import hub
from symdata.errors import DataError
from symdata.folder import MANIFEST, replacing

CONFIGS = ["same_different_m98"]


@pytest.fixture
def built(tmp_path):
    return hub.build("abstract_rules", tmp_path / "data", CONFIGS)


def test_an_earlier_build_is_replaced_and_an_empty_folder_filled(built, tmp_path):
    before = (built / MANIFEST).read_text()
    hub.build("abstract_rules", built, CONFIGS, seed=1)
    assert (built / MANIFEST).read_text() != before
    (tmp_path / "empty").mkdir()
    hub.build("abstract_rules", tmp_path / "empty", CONFIGS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "empty"]


def test_what_no_build_wrote_is_never_replaced(built, tmp_path):
    (built / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds 'notes\.txt'"):
        hub.build("abstract_rules", built, CONFIGS)
    assert (built / "notes.txt").read_text() == "mine"

    other = tmp_path / "other"
    (other / "photos").mkdir(parents=True)
    with pytest.raises(DataError, match="not empty and no build of symdata"):
        hub.build("abstract_rules", other, CONFIGS)
    assert (other / "photos").exists()

    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="is a file"):
        hub.build("abstract_rules", tmp_path / "file", CONFIGS)
    with pytest.raises(DataError, match="cannot write"):
        hub.build("abstract_rules", tmp_path / "file" / "below", CONFIGS)


@pytest.mark.parametrize("error", [RuntimeError("crash"), KeyboardInterrupt(), OSError(28, "full")])
def test_a_crash_leaves_the_earlier_build_and_nothing_half(built, tmp_path, monkeypatch, error):
    before = (built / MANIFEST).read_bytes()
    tables, calls = symdata.DataSet.tables, []

    def crashes(source, config, seed, sources):
        calls.append(config)
        if len(calls) == 2:
            raise error
        return tables(source, config, seed, sources)

    monkeypatch.setattr(symdata.DataSet, "tables", crashes)
    expected = DataError if isinstance(error, OSError) else type(error)
    for folder in (built, tmp_path / "new"):
        calls.clear()
        with pytest.raises(expected):
            hub.build("abstract_rules", folder, [*CONFIGS, "rmts_m95"])
        assert len(calls) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["data"]
    assert (built / MANIFEST).read_bytes() == before


def test_nothing_is_seen_before_the_end(tmp_path):
    with replacing(tmp_path / "data") as partial:
        (partial / "file").write_text("half")
        assert not (tmp_path / "data").exists()
    assert (tmp_path / "data" / "file").read_text() == "half"

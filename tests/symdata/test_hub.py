import json
import shutil

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import symdata
from symdata import hub
from symdata.abstract_rules.glyphs import glyphs
from symdata.abstract_rules.problems import generate
from symdata.abstract_rules.tasks import TASKS
from symdata.errors import DataError
from symdata.folder import MANIFEST

CONFIG = "same_different_m98"
OTHER = "distribution_of_three_m95"
TRAIN = f"{CONFIG}/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A build of two configurations; tests copy it before they spoil it."""
    return hub.build(
        "abstract_rules", tmp_path_factory.mktemp("build") / "data", [CONFIG, OTHER], 5
    )


@pytest.fixture
def copy(built, tmp_path):
    """A build of one configuration, to be spoiled."""
    folder = tmp_path / "data"
    shutil.copytree(built, folder)
    shutil.rmtree(folder / OTHER)
    rewrite(folder, lambda manifest: manifest["configs"].pop(OTHER))
    source = symdata.dataset("abstract_rules")
    declared = {CONFIG: hub.load("abstract_rules", CONFIG)["train"].features}
    card = hub.listed(hub.card_of(source), json.loads((folder / MANIFEST).read_text()), declared)
    (folder / "README.md").write_text(str(card))
    return folder


def rewrite(folder, change):
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def spoil(folder, column, change):
    """Change one column's Python values in the training file of CONFIG."""
    table = pq.read_table(folder / TRAIN)
    values = table[column].to_pylist()
    change(values)
    k = table.schema.get_field_index(column)
    pq.write_table(
        table.set_column(k, table.schema.field(k), pa.array(values, table.schema.field(k).type)),
        folder / TRAIN,
    )


@pytest.mark.parametrize("config", ["rmts_m95", "identity_rules_m95"])
def test_a_dataset_dict_holds_what_the_generator_drew(config):
    task, m = config.split("_m")[0] if config != "rmts_m95" else "rmts", 95
    loaded, drawn = hub.load("abstract_rules", config, seed=3), generate(task, m, 3)
    assert list(loaded) == list(drawn) == ["train", "test"]
    for split, problems in drawn.items():
        columns = loaded[split].data.table
        assert np.array_equal(columns["label"].to_numpy(), problems.labels)
        assert np.array_equal(columns["rule"].to_numpy(), problems.rules)
        symbols = pa.compute.list_flatten(columns["symbols"]).to_numpy()
        assert np.array_equal(symbols, problems.symbols.ravel())
    features = loaded["train"].features
    assert features["label"].names == list(TASKS[task].classes)
    assert features["rule"].names == list(TASKS[task].rules)
    assert features["images"] == datasets.List(datasets.Image())
    row = loaded["test"][77]
    pictures = np.stack([np.asarray(picture) for picture in row["images"]])
    assert np.array_equal(pictures, glyphs()[drawn["test"].symbols[77]])


def test_every_image_shows_its_symbol():
    loaded = hub.load("abstract_rules", "rmts_m95", seed=3)["test"].data.table
    pictures = pa.compute.struct_field(pa.compute.list_flatten(loaded["images"]), "bytes")
    symbols = pa.compute.list_flatten(loaded["symbols"])
    pairs = set(zip(symbols.to_pylist(), pictures.to_pylist(), strict=True))
    assert len(pairs) == 95


def test_two_loads_are_equal_and_seeds_differ():
    one, two, other = (hub.load("abstract_rules", "rmts_m95", seed=s)["train"] for s in (1, 1, 2))
    assert one.data.table.equals(two.data.table)
    assert one._fingerprint == two._fingerprint != other._fingerprint
    assert not one.data.table.equals(other.data.table)


def test_a_build_opens_without_our_code(built, tmp_path):
    loaded = datasets.load_dataset(str(built), OTHER, cache_dir=str(tmp_path))
    expected = hub.load("abstract_rules", OTHER, seed=5)
    for split in ("train", "test"):
        assert loaded[split].features == expected[split].features
        assert loaded[split].data.table.equals(expected[split].data.table.combine_chunks())
    default = datasets.load_dataset(str(built), cache_dir=str(tmp_path))
    assert default["train"].info.config_name == CONFIG


def test_pictures_are_stored_once(built):
    for file in built.rglob("*.parquet"):
        assert file.stat().st_size < 300_000
    largest = built / OTHER / "test-00000-of-00001.parquet"
    assert largest.stat().st_size < pq.read_table(largest).nbytes / 300


def test_the_card_says_what_it_must(built):
    card = (built / "README.md").read_text()
    data = hub.DatasetCard(card).data
    assert [entry["config_name"] for entry in data["configs"]] == [CONFIG, OTHER]
    assert {info["config_name"] for info in data["dataset_info"]} == {CONFIG, OTHER}
    assert data["license"]
    assert "image-classification" in data["task_categories"]
    assert "webb2021emergent" in card


def test_the_same_bytes_on_every_run(built, tmp_path):
    again = hub.build("abstract_rules", tmp_path / "again", [CONFIG, OTHER], 5)
    files = sorted(p.relative_to(built) for p in built.rglob("*") if p.is_file())
    assert len(files) == 6
    assert [(built / f).read_bytes() for f in files] == [(again / f).read_bytes() for f in files]


def test_a_good_build_has_no_findings(built):
    seen = []
    findings = hub.verify(built, progress=lambda *step: seen.append(step))
    assert findings == {"folder": [], CONFIG: [], OTHER: []}
    assert seen == [(CONFIG, 0, 2), (OTHER, 1, 2), ("", 2, 2)]


def test_one_changed_label_is_found_even_if_the_hash_was_changed_with_it(copy):
    def flip(labels):
        labels[2] = 1 - labels[2]

    spoil(copy, "label", flip)
    recorded, drawn = hub.verify(copy)[CONFIG]
    assert recorded == f"train: its content is not what {MANIFEST} recorded."
    assert "column 'label' differs, first in row 2" in drawn

    from symdata.content import digest

    table = datasets.load_dataset(str(copy), CONFIG, cache_dir=str(copy.parent))["train"].data.table
    rewrite(copy, lambda m: m["configs"][CONFIG]["splits"]["train"].update(sha256=digest(table)))
    assert hub.verify(copy)[CONFIG] == [drawn]


def test_one_swapped_image_is_found(copy):
    def swap(images):
        other = next(row for row in images if row[0] != images[1][0])
        images[1][0] = other[0]

    spoil(copy, "images", swap)
    assert "column 'images' differs, first in row 1" in hub.verify(copy)[CONFIG][1]


def test_a_truncated_and_a_missing_file_are_found(copy):
    whole = (copy / TRAIN).read_bytes()
    (copy / TRAIN).write_bytes(whole[: len(whole) // 2])
    (truncated,) = hub.verify(copy)[CONFIG]
    assert truncated.startswith("datasets cannot open it")
    assert "\n" not in truncated
    (copy / TRAIN).unlink()
    findings = hub.verify(copy)
    assert any("datasets cannot open it" in line for lines in findings.values() for line in lines)


def test_a_missing_row_is_found(copy):
    table = pq.read_table(copy / TRAIN)
    pq.write_table(table.slice(1), copy / TRAIN)
    assert hub.verify(copy)[CONFIG] != []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda m: m.update(version=2),
            "built by version 2 of abstract_rules, and this is version 1",
        ),
        (lambda m: m.update(dataset="shapes"), "no dataset 'shapes'"),
        (lambda m: m.pop("seed"), "does not follow"),
        (lambda m: m["configs"].clear(), "lists no configuration"),
        (lambda m: m["configs"].update({OTHER: m["configs"][CONFIG]}), f"disagree on: {OTHER}"),
    ],
)
def test_a_wrong_manifest_is_found(copy, change, says):
    rewrite(copy, change)
    (line,) = hub.verify(copy)["folder"]
    assert says in line


def test_another_seed_and_other_settings_are_found(copy):
    rewrite(copy, lambda m: m.update(seed=6))
    assert any("against a new draw" in line for line in hub.verify(copy)[CONFIG])
    rewrite(copy, lambda m: m["configs"][CONFIG]["settings"].update(withheld=95))
    assert "settings" in hub.verify(copy)[CONFIG][0]


def test_a_missing_manifest_is_found_and_a_missing_folder_refused(copy):
    (copy / MANIFEST).unlink()
    assert hub.verify(copy) == {
        "folder": [f"{copy} has no {MANIFEST}: it was not built by symdata."]
    }
    with pytest.raises(DataError, match="there is no folder"):
        hub.verify(copy / "nothing")


def test_unknown_names_are_refused_before_anything_is_written(tmp_path):
    for dataset, configs, says in [
        ("shapes", None, "there are: abstract_rules"),
        ("abstract_rules", ["rtms_m0"], "there are: same_different_m0"),
        ("abstract_rules", [], "no configurations"),
    ]:
        with pytest.raises(DataError, match=says):
            hub.build(dataset, tmp_path / "data", configs)
    with pytest.raises(DataError, match="no configuration 'rmts_m99'"):
        hub.build("abstract_rules", tmp_path / "data", ["rmts_m99"])
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_that_cannot_be_had_is_refused_before_anything_is_made(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("symdata.mnist4.scenes.load", lambda *_: pytest.fail("made"))
    with pytest.raises(DataError, match=r"mnist_32 cannot be made here: .*--digits.*--config"):
        hub.build("mnist4", tmp_path / "built", ["sklearn_32", "mnist_32"])
    assert not (tmp_path / "built").exists()

"""From CalMS21's files to windows, and what is said of a bad file."""

import json

import datasets
import numpy as np
import pytest

import symdata
from symdata import DataSources, hub, publishing
from symdata.calms21.geometry import FEATURES, features
from symdata.calms21.poses import basis, states
from symdata.calms21.windows import identity, read
from symdata.errors import DataError
from symdata.trajectories import fingerprint
from tests.symdata.mice import VOCAB, recording, sequence, unlabeled, write

TRAIN, TEST = "calms21_task1_train.json", "calms21_task1_test.json"
PART = "calms21_unlabeled_videos_part{}.json"


@pytest.fixture
def task1(tmp_path):
    """Two training sequences of 283 and 150 frames, and two test sequences of 40 and 15."""
    folder = tmp_path / "calms21"
    write(folder / TRAIN, one=sequence(recording(283, 1)), two=sequence(recording(150, 2)))
    write(folder / TEST, one=sequence(recording(40, 3)), short=sequence(recording(15, 4)))
    return folder


def test_every_frame_of_the_test_file_begins_a_window(task1):
    part = read(task1)["test"]
    keypoints = recording(40, 3)
    vectors = basis([recording(283, 1)[:231], recording(150, 2)[:122]])
    whole, named = states(keypoints, vectors), features(keypoints)
    labels = np.array(sequence(keypoints)["annotations"])
    assert len(part) == 20
    assert part.states.dtype == np.float32
    assert tuple(part.features) == FEATURES
    for first in range(20):
        assert np.array_equal(part.states[first], whole[first : first + 21])
        assert part.labels[first] == labels[first + 10]
        for name in FEATURES:
            assert np.array_equal(part.features[name][first], named[name][first : first + 21])
    assert part.classes == ("attack", "investigation", "mount", "other")
    assert part.labels.dtype == np.int64


def test_the_end_of_each_training_recording_is_for_validation(task1):
    splits = read(task1)
    # 231 and 52 of 283 frames, 122 and 28 of 150.
    assert len(splits["train"]) == (231 - 20) + (122 - 20)
    assert len(splits["validation"]) == (52 - 20) + (28 - 20)
    keypoints = recording(283, 1)
    distance = features(keypoints)["nose_nose_distance"]
    learned = splits["train"].features["nose_nose_distance"]
    held = splits["validation"].features["nose_nose_distance"]
    assert np.array_equal(learned[0], distance[:21])
    assert np.array_equal(learned[210], distance[210:231])
    assert np.array_equal(held[0], distance[231:252])
    assert np.array_equal(held[31], distance[262:283])
    assert not set(learned.ravel().tolist()) & set(held.ravel().tolist())
    labels = np.array(sequence(keypoints)["annotations"])
    assert np.array_equal(splits["train"].labels[:211], labels[10:221])
    assert np.array_equal(splits["validation"].labels[:32], labels[241:273])


def test_unlabelled_videos_come_first_and_their_windows_do_not_overlap(task1):
    write(task1 / "videos" / PART.format(2), three=unlabeled(recording(283, 7)))
    write(task1 / "videos" / PART.format(1), one=unlabeled(recording(283, 5)))
    splits = read(task1)
    distance = features(recording(283, 5))["nose_nose_distance"]
    part = splits["train"]
    assert (len(part), len(splits["validation"])) == (2 * 11, 2 * 2)
    assert np.array_equal(part.features["nose_nose_distance"][:11].ravel(), distance[: 11 * 21])
    held = splits["validation"].features["nose_nose_distance"]
    assert np.array_equal(held[:2].ravel(), distance[231 : 231 + 42])
    later = features(recording(283, 7))["nose_nose_distance"]
    assert np.array_equal(part.features["nose_nose_distance"][11], later[:21])
    assert set(part.labels.tolist()) == set(splits["validation"].labels.tolist()) == {-1}
    assert part.classes == splits["test"].classes
    assert len(splits["test"]) == 20
    assert set(identity(task1)["files"]) == {
        f"videos/{PART.format(1)}",
        f"videos/{PART.format(2)}",
        TRAIN,
        TEST,
    }


@pytest.mark.parametrize("videos", [False, True])
def test_the_labelled_windows_are_those_of_the_training_file_of_task_1(task1, videos):
    if videos:
        write(task1 / "videos" / PART.format(1), one=unlabeled(recording(283, 5)))
    part = read(task1, labelled=True)["labelled"]
    # A window from each of 283 and 150 frames on, whatever the methods learn from.
    assert len(part) == (283 - 20) + (150 - 20)
    annotations = [np.array(sequence(recording(count))["annotations"]) for count in (283, 150)]
    expected = np.concatenate([labels[10 : len(labels) - 10] for labels in annotations])
    assert np.array_equal(part.labels, expected)
    distance = features(recording(150, 2))["nose_nose_distance"]
    assert np.array_equal(part.features["nose_nose_distance"][263], distance[:21])
    assert "labelled" not in read(task1)


def test_without_the_training_file_of_task_1_there_are_no_labels(task1):
    write(task1 / PART.format(1), one=unlabeled(recording(283, 5)))
    sources = DataSources(root=task1.parent)
    source = symdata.dataset("calms21")
    assert source.missing("labelled", sources) is None
    (task1 / TRAIN).unlink()
    assert source.missing("default", sources) is None
    line = source.missing("labelled", sources)
    assert "holds no *task1*train*.json, whose labels a classifier of behaviour learns" in line
    assert "\n" not in line


def test_the_same_files_give_the_same_numbers_and_others_another_identity(task1):
    assert fingerprint(read(task1)) == fingerprint(read(task1))
    before = identity(task1)
    assert set(before["files"]) == {TRAIN, TEST}
    write(task1 / "taskprog_features_task1_train.json", one={})
    assert identity(task1) == before
    write(task1 / TEST, one=sequence(recording(41, 3)))
    assert identity(task1) != before


def test_the_classes_are_those_of_the_vocabulary_in_the_order_of_its_numbers(task1):
    assert read(task1)["test"].classes == tuple(VOCAB)
    vocab = {"interact": 1, "other": 0}
    write(task1 / TRAIN, one=sequence(recording(200), vocab=vocab))
    write(task1 / TEST, one=sequence(recording(60), vocab=vocab))
    assert read(task1)["test"].classes == ("other", "interact")


def gap(value):
    keypoints = recording(200)
    keypoints[5, 1, 0, 3] = value
    return {"keypoints": keypoints.tolist()}


def ragged():
    keypoints = recording(200).tolist()
    keypoints[7][0][1] = [1.0, 2.0]
    return {"keypoints": keypoints}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (gap(float("nan")), "'keypoints' is not finite in 1 of 200 frames, first in frame 5"),
        (gap(float("inf")), "first in frame 5"),
        ({"keypoints": None}, "no 'keypoints'"),
        ({"keypoints": []}, r"'keypoints' is \(0,\)"),
        ({"keypoints": "none"}, "'keypoints' is no regular array"),
        (ragged(), "'keypoints' is no regular array"),
        ({"keypoints": recording(200)[:, :1].tolist()}, r"'keypoints' is \(200, 1, 2, 7\)"),
        ({"keypoints": np.swapaxes(recording(200), 2, 3).tolist()}, r"\(200, 2, 7, 2\)"),
        ({"annotations": None}, "no 'annotations'"),
        ({"annotations": [0] * 199}, "'annotations' must be 200 integers"),
        ({"annotations": [0.5] * 200}, "'annotations' must be 200 integers"),
        ({"annotations": [0] * 199 + [4]}, "holds 4 in frame 199.* ends with 3"),
        ({"annotations": [-1] + [0] * 199}, "holds -1 in frame 0"),
        ({"metadata": None}, "no 'metadata.vocab'"),
        ({"metadata": {"fps": 30}}, "no 'metadata.vocab'"),
        ({"metadata": {"vocab": ["a", "b"]}}, "no 'metadata.vocab'"),
        ({"metadata": {"vocab": {"a": 0, "b": 2}}}, "must number its classes 0 … 1"),
        ({"metadata": {"vocab": {"a": 0, "b": "1"}}}, "must number its classes 0 … 1"),
    ],
)
@pytest.mark.parametrize("file", [TRAIN, TEST])
def test_bad_fields_are_one_line_that_names_file_sequence_and_field(task1, file, change, says):
    fields = {**sequence(recording(200)), **change}
    kept = {name: value for name, value in fields.items() if value is not None}
    write(task1 / file, good=sequence(recording(200)), bad=kept)
    with pytest.raises(DataError, match=rf"{file}: 'annotator-id_0/bad'.*{says}") as caught:
        read(task1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is no whole JSON file"),
        ('{"annotator": {"one": {"keypoints": [[', "is no whole JSON file"),
        (b"\xff\xfe", "is no whole JSON file"),
        ("[]", "must be .annotator.*not list"),
        ("{}", "must be .annotator"),
        ('{"annotator": {}}', "holds no sequence"),
        ('{"annotator": [1]}', "'annotator' holds no sequences"),
        ('{"annotator": {"one": 3}}', "'annotator/one' holds no fields"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(task1, content, says):
    path = task1 / TEST
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=says) as caught:
        read(task1)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_missing_short_or_of_two_kinds_are_refused(task1):
    other = {"other": 0, "interact": 1}
    write(task1 / TEST, one=sequence(recording(60), vocab=other))
    with pytest.raises(DataError, match=r"files differ in 'metadata\.vocab'"):
        read(task1)
    write(task1 / TEST, one=sequence(recording(60)), two=sequence(recording(60), vocab=other))
    with pytest.raises(DataError, match=rf"{TEST}: the sequences differ in 'metadata.vocab'"):
        read(task1)
    write(task1 / TEST, one=sequence(recording(20)))
    with pytest.raises(DataError, match=rf"{TEST}: no sequence has the 21 frames"):
        read(task1)
    write(task1 / TEST, one=sequence(recording(21)))
    assert len(read(task1)["test"]) == 1
    write(task1 / TRAIN, one=sequence(recording(100)))
    with pytest.raises(DataError, match="leaves 21 frames for the validation split"):
        read(task1)
    (task1 / TRAIN).unlink()
    with pytest.raises(DataError, match=r"holds no \*unlabeled\*"):
        read(task1)


def test_a_sequence_is_an_array_as_soon_as_it_is_read(task1, monkeypatch):
    """Lists of all sequences at once would need eight times the memory."""
    from symdata.calms21 import recordings

    kept = []
    shrink = recordings._shrink
    monkeypatch.setattr(
        recordings, "_shrink", lambda fields: kept.append(shrink(fields)) or kept[-1]
    )
    recordings.read(task1 / TRAIN, labelled=True)
    found = [fields for fields in kept if "keypoints" in fields]
    assert [fields["keypoints"].dtype for fields in found] == [np.float32] * 2
    assert all("scores" not in fields for fields in found)


def test_it_is_built_opened_and_verified_and_not_published(task1, tmp_path):
    here = DataSources(root=tmp_path)
    write(task1 / PART.format(1), one=unlabeled(recording(283, 5)))
    folder = hub.build("calms21", tmp_path / "built", sources=here)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    part = read(task1)["test"]
    assert loaded["test"][5]["states"] == part.states[5].tolist()
    assert loaded["test"][5]["box_overlap"] == part.features["box_overlap"][5].tolist()
    assert loaded["test"]["label"][:] == part.labels.tolist()
    assert set(loaded["train"]["label"]) == {-1}
    assert loaded["test"].features["label"].names == list(VOCAB)
    assert hub.verify(folder, sources=here) == {"folder": [], "default": [], "labelled": []}
    write(task1 / TEST, one=sequence(recording(41, 3)))
    assert any("test: has " in line for line in hub.verify(folder, sources=here)["default"])
    (task1 / TEST).unlink()
    (line,) = hub.verify(folder, sources=here)["folder"]
    assert "holds no *task1*test*.json" in line
    with pytest.raises(DataError, match="CC-BY-NC-SA"):
        publishing.publish("calms21", "me/calms21", token="hf_none")


def test_the_layout_of_the_file_is_what_json_says(task1):
    """Guards the writer of these tests: keypoints are frame, mouse, xy, part."""
    fields = json.loads((task1 / TEST).read_text())["annotator-id_0"]["one"]
    assert np.shape(fields["keypoints"]) == (40, 2, 2, 7)
    assert np.shape(fields["scores"]) == (40, 2, 7)

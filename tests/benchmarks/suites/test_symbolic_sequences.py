"""The suite: what methods see, what the probes score, and what is warned of."""

import importlib
from dataclasses import fields

import numpy as np
import pytest

from benchmarks import registry, resolution
from benchmarks.protocol import OutputError
from benchmarks.suites import symbolic_sequences as suite
from benchmarks.suites.sequence_entries import ENTRIES
from symdata.sampling import Draw

UNTRAINED = "gs_256_untrained"
TASK = suite.Probing("painted_digits", "tiny", "dino_tiny")


@pytest.fixture(scope="module")
def draw():
    return TASK.load(0)


def one_hot(numbers, count):
    return np.eye(count, dtype=np.float32)[numbers]


def test_a_method_sees_images_without_labels(draw):
    assert set(draw.train) == set(draw.inputs) == {"images"}
    assert set(draw.targets) == {"labels", "part", "partner"}
    assert np.asarray(draw.train["images"]).shape == (300, 32, 32, 3)


def test_inputs_are_the_training_images_the_test_images_and_copies(draw):
    part, images = np.asarray(draw.targets["part"]), np.asarray(draw.inputs["images"])
    assert np.bincount(part).tolist() == [300, 100, 100]
    shown = {image.tobytes() for image in images[part == suite.PROBE]}
    assert shown == {image.tobytes() for image in np.asarray(draw.train["images"])}
    # Mixed, so that whoever answers only the first rows answers some of each.
    assert set(part[:40].tolist()) == {0, 1, 2}


def test_a_copy_is_its_partner_moved(draw):
    part, partner = (np.asarray(draw.targets[name]) for name in ("part", "partner"))
    images, labels = np.asarray(draw.inputs["images"]), np.asarray(draw.targets["labels"])
    for row in np.flatnonzero(part == suite.AUGMENTED)[:20]:
        original = partner[row]
        assert part[original] == suite.TEST
        assert labels[original] == labels[row]
        padded = np.pad(images[original], ((4, 4), (4, 4), (0, 0)), mode="edge")
        windows = [padded[y : y + 32, x : x + 32] for y in range(9) for x in range(9)]
        assert any((window == images[row]).all() for window in windows)


def test_half_of_the_copies_are_mirrored_where_that_is_allowed():
    images = np.arange(64 * 4 * 4 * 3, dtype=np.uint8).reshape(64, 4, 4, 3)
    # An image whose rows grow to the right still does after a move, and not in the mirror.
    mirrored = suite.augmented(images, Draw("copies", seed=0), True)
    plain = suite.augmented(images, Draw("copies", seed=0), False)
    turned = (mirrored == plain[:, :, ::-1]).all((1, 2, 3)) & (mirrored != plain).any((1, 2, 3))
    assert 10 < turned.sum() < 54
    assert ((mirrored == plain).all((1, 2, 3)) | turned).all()


def test_every_seed_has_the_same_data(draw):
    assert TASK.load(5).fingerprint == draw.fingerprint


def test_features_that_name_the_class_score_all_and_random_ones_guess(draw):
    labels = np.asarray(draw.targets["labels"])
    perfect = TASK.evaluate({"features": one_hot(labels, 10)}, draw.targets)
    for name in ("knn_top1", "knn_top5", "linear_top1", "linear_top5"):
        assert perfect[name] == 1.0
    noise = np.random.default_rng(0).normal(size=(len(labels), 16)).astype(np.float32)
    guessed = TASK.evaluate({"features": noise}, draw.targets)
    assert guessed["knn_top1"] < 0.3
    assert guessed["linear_top1"] < 0.3
    assert not {"hard_top1", "agreement", "prefix1_knn_top1"} & set(guessed)


def test_symbols_are_probed_without_their_embedding(draw):
    labels, count = np.asarray(draw.targets["labels"]), draw.targets.count
    noise = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    # The second symbol says the class; the first nothing.
    symbols = np.stack([np.zeros(count, np.int64), labels], axis=1)
    scores = TASK.evaluate({"features": noise, "symbols": symbols}, draw.targets)
    assert scores["hard_top1"] == scores["bag_top1"] == 1.0
    assert scores["knn_top1"] < 0.3
    assert scores["agreement"] == 1.0  # a copy bears its original's label
    assert scores["mutual_information"] == pytest.approx(np.log(10) / 2, abs=0.05)
    assert scores["used"] == 10


def test_agreement_compares_a_copy_with_its_own_original(draw):
    count, partner = draw.targets.count, np.asarray(draw.targets["partner"])
    features = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    symbols = np.arange(count)[:, None].repeat(2, 1)
    symbols[:, 0] = partner
    scores = TASK.evaluate({"features": features, "symbols": symbols}, draw.targets)
    assert scores["agreement"] == 0.5


def test_a_prefix_has_its_own_probes(draw):
    labels = np.asarray(draw.targets["labels"])
    features = np.random.default_rng(0).normal(size=(len(labels), 10)).astype(np.float32)
    prefixes = np.stack([features, features, features, one_hot(labels, 10)], axis=1)
    scores = TASK.evaluate({"features": features, "prefixes": prefixes}, draw.targets)
    assert scores["prefix8_knn_top1"] == scores["prefix8_linear_top1"] == 1.0
    assert scores["prefix1_knn_top1"] < 0.3


def test_a_collapse_is_flagged_with_its_measure():
    fine = {"effective_rank": 20.0, "perplexity": 30.0, "used": 60.0}
    assert TASK.flags(fine) == []
    assert TASK.flags({"effective_rank": 20.0}) == []
    (line,) = TASK.flags(fine | {"effective_rank": 1.2})
    assert "effective rank is 1.2" in line
    (line,) = TASK.flags(fine | {"perplexity": 1.1, "used": 3.0})
    assert "perplexity of a symbol is 1.1, of 3 used" in line
    (line,) = TASK.flags(fine | {"perplexity": 5.0, "used": 9.0})
    assert "9 are used in all, fewer than the 10 classes" in line
    assert TASK.flags(fine | {"perplexity": 5.0, "used": 10.0}) == []


def test_a_vocabulary_of_which_less_than_a_tenth_is_used_is_flagged(draw):
    count = draw.targets.count
    features = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    symbols = np.arange(2 * count).reshape(count, 2) % 12
    given = {"features": features, "symbols": symbols}
    for vocabulary, share in ((120, 0.1), (128, 0.09375)):
        outputs = given | {"vocabulary": np.full(count, vocabulary)}
        TASK.check(outputs, count)
        scores = TASK.evaluate(outputs, draw.targets)
        assert scores["used_share"] == share
        dead = [flag for flag in TASK.flags(scores) if flag.startswith("dead symbols")]
        assert dead == ["dead symbols: 9.4 % of the vocabulary is used, 12 symbols"][: share < 0.1]
    assert "used_share" not in TASK.evaluate(given, draw.targets)


def test_every_writer_of_symbols_tells_its_vocabulary():
    for entry in ENTRIES:
        settings = registry.load_class(entry.path).Settings(**entry.settings)
        assert hasattr(settings, "vocabulary") == (entry.name not in ("dino", "pixels"))


def test_other_numbers_of_neighbours_have_columns_on_request():
    shown = {one.name: one.shown for one in TASK.also}
    for k in (10, 100, 200):
        assert shown[f"knn_top1_k{k}"] is shown[f"knn_top5_k{k}"] is False
    assert shown["prefix8_knn_top5"]


@pytest.mark.parametrize(
    ("outputs", "line"),
    [
        ({"features": np.zeros(5)}, r"expected \(5, W\) real"),
        ({"features": np.zeros((5, 2), int)}, "real numbers"),
        ({"features": np.zeros((5, 2)), "symbols": np.zeros((5, 8))}, "integers from 0"),
        ({"features": np.zeros((5, 2)), "symbols": -np.ones((5, 8), int)}, "integers from 0"),
        ({"features": np.zeros((5, 2)), "prefixes": np.zeros((5, 3, 2))}, r"\(5, 4, W\)"),
        ({"features": np.zeros((5, 2)), "vocabulary": np.arange(5)}, "is the same for each input"),
        (
            {
                "features": np.zeros((5, 2)),
                "symbols": np.full((5, 8), 4),
                "vocabulary": np.full(5, 4),
            },
            "a symbol is 4; with a vocabulary of 4 symbols are 0 to 3",
        ),
    ],
)
def test_outputs_of_a_wrong_form_are_refused_in_a_line(outputs, line):
    with pytest.raises(OutputError, match=line):
        TASK.check(outputs, 5)


def test_teachers_never_share_a_column():
    columns = {task.id: task.teacher for task in suite.TASKS}
    assert len(columns) == len(suite.TASKS)
    for name, teacher in columns.items():
        assert name.endswith(teacher)


@pytest.mark.parametrize("profile", suite.SUITE.profiles, ids=lambda profile: profile.name)
def test_whoever_has_a_teacher_has_the_same(profile):
    shared = importlib.import_module("baselines.dino.teacher").TaughtSettings
    for task in (task for task in suite.TASKS if task.id in profile.tasks):
        taught = {}
        for entry in ENTRIES:
            given = resolution.resolved(profile, entry, task).settings
            made = registry.load_class(entry.path).Settings(**given)
            if hasattr(made, "teacher"):
                taught[entry.name] = {
                    field.name: getattr(made, field.name) for field in fields(shared)
                }
        assert {"dino", "gs_256", "vq_128", "kmeans_256", UNTRAINED} <= set(taught)
        assert len({repr(sorted(one.items())) for one in taught.values()}) == 1
        assert taught["dino"]["teacher"] == task.teacher


def test_projectors_have_the_sizes_of_the_teachers_head_and_one_that_is_it_its_temperature():
    quick = next(profile for profile in suite.SUITE.profiles if profile.name == "quick")
    for task in (task for task in suite.TASKS if task.id in quick.tasks):
        given = {
            entry.name: resolution.resolved(quick, entry, task).settings
            for entry in ENTRIES
            if entry.name in ("gs_256", "gs_256_headed")
        }
        own, headed = given["gs_256"], given["gs_256_headed"]
        for size, of_teacher in (
            ("prototypes", "dino_prototypes"),
            ("head_hidden", "dino_hidden"),
            ("head_bottleneck", "dino_bottleneck"),
        ):
            assert own[size] == own[of_teacher]
        assert headed["teacher_temperature_last"] == headed["dino_temperature"]
        assert headed["projector"] == "teacher"
        assert "projector" not in own


def test_only_the_untrained_control_does_not_learn():
    for profile in suite.SUITE.profiles:
        for task in (task for task in suite.TASKS if task.id in profile.tasks):
            for entry in ENTRIES:
                untrained = profile.budget(entry, task).steps == 0
                assert untrained == (entry.name == UNTRAINED)


def test_the_large_teacher_needs_its_package(monkeypatch):
    task = suite.Probing("cifar10", "full", "dino_vitb16")
    monkeypatch.setattr("symdata.cifar10.images.missing", lambda config, sources: None)
    monkeypatch.setattr(suite, "find_spec", lambda name: None)
    assert "pip install 'symbench[teacher]'" in task.skip()
    monkeypatch.setattr(suite, "find_spec", lambda name: object())
    assert task.skip() is None

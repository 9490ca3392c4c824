"""The judge of digits: what obeys passes, each way to break the rule fails for the right reason."""

import os
from importlib import import_module

import numpy as np
import pytest

import symdata
from benchmarks.errors import SymbenchError
from benchmarks.judges import Found, Verdict, digits, load
from benchmarks.protocol import Budget, Examples, Run
from symdata import DataSources
from symdata.digits import missing

DATA = ("mnist4", "mnist10")
GIVEN = DataSources(digits=os.environ.get("SYMBENCH_DIGITS") or "sklearn")
COUNT = 60
# A word of the reason that each kind of break has to be given, and in how many of 100 it is found.
REASONS = {
    "mnist4": {
        "wrong_class": "digit is a",
        "wrong_order": "digit is a",
        "wrong_position": "mirror it",
        "missing_digit": "there are 3 digits, not 4",
        "added_digit": "there are 5 digits, not 4",
        "smeared": "cannot be read",
    },
    "mnist10": {
        "wrong_class": "quadrant holds",
        "wrong_order": "quadrant holds",
        "wrong_position": "",
        "missing_digit": "there are 9 digits, not 10",
        "added_digit": "there are 11 digits, not 10",
        "smeared": "cannot be read",
    },
}
_CACHE: dict = {}


def judge(data):
    if data not in _CACHE:
        _CACHE[data] = load(data)
    return _CACHE[data]


def scenes(data):
    return import_module(f"symdata.{data}.scenes")


def real(data, config="sklearn_64"):
    key = data, config
    if key not in _CACHE:
        from symdata import digit_scenes

        # The test split alone, as `load` makes it, but for the number of scenes.
        source, _, size = config.partition("_")
        draw = digit_scenes.stream(symdata.dataset(data), config, "judging", 0)
        layout = scenes(data).arrange(COUNT, int(size), draw)
        loaded = digit_scenes.load(source, GIVEN)
        _CACHE[key] = digit_scenes.painted(layout, loaded, "test", int(size), draw)
    return _CACHE[key]


def accepted(data, images):
    return float(np.mean([verdict.obeys for verdict in judge(data)(images)]))


@pytest.mark.parametrize("data", DATA)
def test_real_scenes_are_accepted_and_their_digits_found(data):
    part = real(data)
    verdicts = judge(data)(part.images)
    assert np.mean([verdict.obeys for verdict in verdicts]) >= 0.95
    for verdict, classes, boxes in zip(
        verdicts, part.graph["classes"], part.graph["boxes"], strict=True
    ):
        assert verdict.obeys == (verdict.reason == "")
        assert len(verdict.found) == len(classes)
        if verdict.obeys:
            names = sorted(found.name for found in verdict.found)
            assert names == sorted(map(str, classes))
            for found in verdict.found:
                inside = (np.array(found.box[:2]) >= boxes[:, :2]).all(1)
                inside &= (np.array(found.box[2:]) <= boxes[:, 2:]).all(1)
                assert found.name in [str(one) for one in classes[inside]]
                assert 0 < found.confidence <= 1


@pytest.mark.parametrize("data", DATA)
def test_each_way_to_break_the_rule_is_rejected_for_its_reason(data):
    for kind, part in scenes(data).broken("sklearn_64", COUNT).items():
        verdicts = judge(data)(part.images)
        assert np.mean([not verdict.obeys for verdict in verdicts]) >= 0.95, kind
        wanted = REASONS[data][kind]
        assert np.mean([wanted in verdict.reason for verdict in verdicts]) >= 0.9, kind


@pytest.mark.parametrize("data", DATA)
def test_scenes_without_a_rule_are_rejected(data):
    assert accepted(data, scenes(data).shuffled("sklearn_64", COUNT).images) == 0


def test_blur_noise_and_a_shift_change_little():
    from scipy.ndimage import gaussian_filter

    images = real("mnist4", "sklearn_128").images
    noise = np.random.default_rng(0).normal(0, 0.05 * 255, images.shape)
    changed = {
        "none": images,
        "blur": gaussian_filter(images.astype(np.float32), (0, 1, 1, 0)),
        "noise": images + noise,
        "shift": np.roll(images, (2, -2), (1, 2)),
        "pale": images * 0.6,
    }
    for name, made in changed.items():
        rounded = np.clip(np.rint(made), 0, 255).astype(np.uint8)
        assert accepted("mnist4", rounded) >= 0.95, name


def test_what_is_no_scene_at_all_is_rejected_with_a_reason():
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 1), dtype=np.uint8)
    for images in (np.zeros_like(noise), noise, np.full_like(noise, 255), noise // 16):
        for data in DATA:
            for verdict in judge(data)(images):
                assert not verdict.obeys
                assert verdict.reason
    assert judge("mnist4")(np.zeros_like(noise))[0] == Verdict(
        False, "there are 0 digits, not 4", ()
    )


def test_an_image_is_judged_alike_alone_and_among_others():
    images = real("mnist10").images[:5]
    together = judge("mnist10")(images)
    for k in range(5):
        (alone,) = judge("mnist10")(images[k : k + 1])
        assert (alone.obeys, alone.reason) == (together[k].obeys, together[k].reason)
    assert judge("mnist10")(images[:0]) == []


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 64, 64, 1), np.float32),
        np.zeros((2, 64, 64, 3), np.uint8),
        np.zeros((2, 64, 64), np.uint8),
        np.zeros((2, 64, 32, 1), np.uint8),
        np.zeros((2, 16, 16, 1), np.uint8),
    ],
)
def test_images_that_cannot_be_judged_are_refused_in_a_line(images):
    with pytest.raises(SymbenchError, match=r"expected uint8 \(N, H, H, 1\)") as caught:
        judge("mnist4")(images)
    assert "\n" not in str(caught.value)


def test_there_is_no_judge_of_other_data():
    with pytest.raises(SymbenchError, match="there are judges for: mnist4, mnist10, arrow_room"):
        load("cifar10")


def said(**shares):
    """Probabilities by class: `_4=0.7`, and `none` for no digit."""
    full = np.zeros(11, dtype=np.float32)
    for name, share in shares.items():
        full[10 if name == "none" else int(name[1:])] = share
    return full


def test_a_plain_digit_has_one_reading_and_an_unclear_one_several():
    assert [label for _, label in digits.plausible(said(_4=0.999, _9=0.001))] == [4]
    assert [label for _, label in digits.plausible(said(_4=0.3, _9=0.69, _1=0.001))] == [9, 4]
    # A tenth of the likeliest class is the least for another reading.
    assert [label for _, label in digits.plausible(said(_4=0.08, _9=0.75))] == [9, 4]
    assert [label for _, label in digits.plausible(said(_4=0.07, _9=0.75))] == [9]


def test_what_is_likely_no_digit_is_not_read():
    assert digits.plausible(said(_4=0.09, none=0.91)) == [(0.0, digits.UNREADABLE)]
    assert [label for _, label in digits.plausible(said(_4=0.11, none=0.89))] == [4]


def test_a_digit_two_pixels_off_is_accepted_and_one_four_off_is_not():
    from symdata import digit_scenes
    from symdata.digit_scenes import Layout

    draw = digit_scenes.stream(symdata.dataset("mnist4"), "sklearn_64", "judging shifts", 0)
    layout = scenes("mnist4").arrange(COUNT, 64, draw)
    loaded = digit_scenes.load("sklearn", GIVEN)
    for way, share in ((2, 0.9), (4, 0.0)):
        corners = layout.corners.copy()
        inward = np.where(corners[:, 0] + 14 + way <= 32, way, -way)
        corners[:, 0] += inward  # the top left digit alone
        moved = Layout(layout.classes, corners, layout.quadrants)
        part = digit_scenes.painted(moved, loaded, "test", 64, draw)
        got = accepted("mnist4", part.images)
        assert got >= share if share else got == 0, (way, got)


def test_images_in_which_digits_cannot_be_read_are_refused():
    with pytest.raises(SymbenchError, match="H at least 64"):
        judge("mnist4")(np.zeros((1, 32, 32, 1), np.uint8))


def test_what_is_hardly_a_digit_has_no_second_reading():
    assert [label for _, label in digits.plausible(said(_4=0.2, _9=0.15, none=0.65))] == [4]
    assert [label for _, label in digits.plausible(said(_4=0.3, _9=0.15, none=0.55))] == [4, 9]


def test_readings_come_likeliest_first_and_change_one_digit_at_most():
    options = [[(0.0, 1)], [(0.1, 4), (1.0, 9)], [(0.2, 3), (0.6, 5), (3.0, 8)]]
    assert list(digits.readings(options)) == [(1, 4, 3), (1, 4, 5), (1, 9, 3), (1, 4, 8)]
    assert list(digits.readings([])) == [()]


def test_the_method_gives_the_judges_verdicts():
    from benchmarks.judges.method import Judge

    method = Judge(Judge.Settings(data="mnist4"))
    images = np.concatenate([real("mnist4").images[:3], real("mnist10").images[:3]])
    run = Run(seed=0, budget=Budget(steps=1))
    method.fit(Examples({"images": images}), run)
    verdicts = method.evaluate(Examples({"images": images}), run)["verdicts"]
    assert verdicts.dtype == bool
    assert verdicts.tolist() == [one.obeys for one in judge("mnist4")(images)]
    assert not verdicts[3:].any()


@pytest.mark.skipif(missing("mnist", GIVEN) is not None, reason="needs MNIST: SYMBENCH_DIGITS")
@pytest.mark.parametrize("data", DATA)
def test_scenes_of_mnist_are_judged_as_well(data):
    assert accepted(data, real(data, "mnist_64").images) >= 0.9
    for kind, part in scenes(data).broken("mnist_64", COUNT, 0, GIVEN).items():
        assert accepted(data, part.images) <= 0.05, kind


def test_found_is_plain_data():
    (verdict,) = judge("mnist4")(real("mnist4").images[:1])
    assert isinstance(verdict.found[0], Found)
    assert [type(value) for value in verdict.found[0].box] == [float] * 4

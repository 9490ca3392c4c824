"""What the judge of digits learns from, and that it learns."""

import pytest
import torch

from benchmarks.judges import digit_augmentation as drawing
from benchmarks.judges import train_digits
from benchmarks.judges.digit_classifier import VIEWS, Classifier
from benchmarks.judges.digit_network import NO_DIGIT, DigitNetwork, normalised, reach

KINDS = (
    drawing.halves, drawing.smears, drawing.wiped, drawing.merged, drawing.blends, drawing.strokes,
    drawing.blobs, drawing.scrambled,
)  # fmt: skip


@pytest.fixture(scope="module")
def few():
    images, labels = train_digits.part("sklearn", "train")
    return images[:64], labels[:64]


def test_a_crop_is_centred_at_the_scale_of_the_image():
    bar = torch.zeros(1, 34, 34)
    bar[:, 3:23, 5:9] = 1
    crop = normalised(bar, 128)[0, 0]
    assert crop.shape == (28, 28)
    assert crop[4:24, 12:16].min() == pytest.approx(1, abs=1e-5)
    assert crop.sum() == pytest.approx(80, abs=1e-3)
    small = torch.zeros(1, 18, 18)
    small[:, 1:11, 2:4] = 1
    half = normalised(small, 64)[0, 0]
    assert half[5:23, 13:15].min() == pytest.approx(1, abs=1e-5)
    assert half.sum() == pytest.approx(80, abs=1)


def test_a_zoom_makes_larger_and_a_slant_leans():
    bar = torch.zeros(1, 34, 34)
    bar[:, 7:27, 15:19] = 1
    assert normalised(bar, 128, 1.2).sum() == pytest.approx(80 * 1.44, rel=0.02)
    leaning = normalised(bar, 128, 1.0, 0.0, 0.3)[0, 0]
    columns = torch.arange(28.0)
    top, bottom = (leaning[row] @ columns / leaning[row].sum() for row in (6, 21))
    assert abs(float(top - bottom)) == pytest.approx(15 * 0.3, abs=0.3)


def test_every_view_differs_from_the_first_and_the_windows_hold_a_cell():
    assert len(set(VIEWS)) == len(VIEWS)
    for size, cell in ((128, 28), (64, 14), (32, 7)):
        assert 2 * reach(size) > cell


@pytest.mark.parametrize("size", [128, 64])
def test_digits_as_seen_stay_in_range_and_near_the_digit(few, size):
    images, _ = few
    torch.manual_seed(0)
    crops = drawing.seen(images, size)
    assert crops.shape == (64, 1, 28, 28)
    assert 0 <= crops.min() <= crops.max() <= 1 + 1e-6
    # Among 64 digits, many look most like their own, though shaken.
    plain = drawing.blurred(images, torch.full((64,), 1.5)).flatten(1)
    flat = drawing.blurred(crops[:, 0], torch.full((64,), 1.5)).flatten(1)
    alike = torch.nn.functional.cosine_similarity(flat[:, None], plain[None], dim=-1)
    assert (alike.argmax(1) == torch.arange(64)).float().mean() > 0.4


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_of_junk_differs_from_the_digits(few, kind):
    torch.manual_seed(0)
    made = kind(*few)
    assert made.shape == few[0].shape
    assert 0 <= made.min() <= made.max() <= 1 + 1e-6
    assert (made - few[0]).abs().sum((1, 2)).min() > 3
    assert made.sum((1, 2)).min() > 1


def test_a_half_is_a_half(few):
    torch.manual_seed(0)
    share = drawing.halves(*few).sum((1, 2)) / few[0].sum((1, 2))
    assert share.max() < 0.6
    assert (share[few[1] == 1] < 0.45).all()


def test_coarse_digits_are_as_high_as_those_of_scikit_learn(few):
    def height(images):
        return (images > 0.3).any(2).sum(1).float().mean()

    assert height(drawing.coarse(few[0])) == pytest.approx(float(height(few[0])), abs=1.5)


def test_a_batch_has_all_kinds_of_both_sizes(few):
    torch.manual_seed(0)
    crops, shown = train_digits.batch(few, few)
    assert crops.shape == (train_digits.BATCH, 1, 28, 28)
    share = float((shown == NO_DIGIT).float().mean())
    assert share == pytest.approx(train_digits.SHARES[3], abs=0.01)
    assert set(shown.tolist()) == set(range(11))


def test_same_seed_same_weights_and_another_seed_others(few, monkeypatch):
    monkeypatch.setattr(train_digits, "BATCH", 20)
    first, again, other = (
        train_digits.trained(few, few, 2, seed).state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["features.0.weight"], other["features.0.weight"])


def test_gradients_reach_every_parameter(few):
    network = DigitNetwork()
    crops, shown = train_digits.batch(few, few)
    torch.nn.functional.cross_entropy(network(crops), shown).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_probabilities_sum_to_one_and_do_not_depend_on_the_company():
    torch.manual_seed(0)
    network = DigitNetwork().eval()
    classifier = Classifier({name: array.numpy() for name, array in network.state_dict().items()})
    windows = torch.randint(0, 256, (7, 18, 18), dtype=torch.uint8).numpy()
    said = classifier.probabilities(windows, 64)
    assert said.shape == (7, 11)
    assert said.sum(1) == pytest.approx(1, abs=1e-5)
    assert classifier.probabilities(windows[2:3], 64)[0] == pytest.approx(said[2], abs=1e-5)
    assert classifier.probabilities(windows[:0], 64).shape == (0, 11)

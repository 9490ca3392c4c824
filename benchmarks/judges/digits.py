"""The judge of `mnist4` and `mnist10`: it reads the digits of an image and asks the rule.

An image is parted into objects (`digit_segmentation`), each is read (`digit_classifier`), and the
classes with their centres of mass go to the rule that the data set names. An object that nobody can
read is of class -1, which no rule allows.

Some handwritten digits can be read in two ways, and a person who counts correct scenes takes the
way that fits. So does the judge, within bounds: one digit of an image may be read as any class that
is at least `PLAUSIBLE` times as probable as the likeliest, and the image obeys if one such reading
does. A wrong digit that is plainly written has no second reading, nor has an object that is hardly
a digit at all (`DOUBTFUL`): smears, as generators draw them early, would otherwise pass as any
class. How the judge compares with a person is told in docs/settings.md.

Letters: N images, S their side in pixels, M objects, J = 11 classes with "no digit".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pkgutil import resolve_name

import numpy as np

import symdata
from benchmarks.judges import Found, Judges, Verdict, checked_images, stored
from benchmarks.judges.digit_classifier import Classifier
from benchmarks.judges.digit_network import NO_DIGIT
from benchmarks.judges.digit_segmentation import Objects, objects

NAME = "digits"
# Since 2: one second reading in an image, and none of doubtful objects. Since 3: positions may be
# off by 4.5 of 128 pixels, bounds on readings are stricter, and images below 64 pixels are refused.
VERSION = 3

# Bounds on probabilities: PLAUSIBLE for a second reading, as a share of the best class; NOTHING and
# DOUBTFUL of "no digit", above which an object is unreadable, or has no second reading; CLEAR, the
# least share of the best digit in all digits. How they were chosen: docs/settings.md, scenes.
PLAUSIBLE = 0.1
NOTHING, DOUBTFUL, CLEAR = 0.9, 0.6, 0.4
UNREADABLE = -1
# The least side of an image in pixels: below, a digit has too few for a person, too.
SMALLEST = 64
AT_ONCE = 250

Rule = Callable[[Sequence[int], np.ndarray, int], tuple[str, ...]]


def load(data: str) -> Judges:
    """The judge of a data set of placed digits: images uint8 (N, S, S, 1) → a verdict for each."""
    weights, _ = stored.read(NAME, VERSION)
    classifier = Classifier(weights)
    rule: Rule = resolve_name(symdata.dataset(data).rule)

    def judge(images: np.ndarray) -> list[Verdict]:
        grey = checked_images(images, 1, SMALLEST)[..., 0]
        verdicts = []
        for start in range(0, len(grey), AT_ONCE):
            verdicts += _verdicts(grey[start : start + AT_ONCE], classifier, rule)
        return verdicts

    return judge


def _verdicts(images: np.ndarray, classifier: Classifier, rule: Rule) -> list[Verdict]:
    count, size, _ = images.shape
    seen = objects(images)
    said = classifier.probabilities(seen.windows, size)
    ends = np.searchsorted(seen.image, np.arange(count + 1))
    return [
        _verdict(seen, said, slice(first, last), size, rule)
        for first, last in itertools.pairwise(ends)
    ]


def _verdict(seen: Objects, said: np.ndarray, mine: slice, size: int, rule: Rule) -> Verdict:
    options = [plausible(one) for one in said[mine]]
    best: tuple[tuple[int, ...], tuple[str, ...]] | None = None
    for classes in readings(options):
        reasons = rule(classes, seen.centres[mine], size)
        if best is None or not reasons:
            best = classes, reasons
        if not reasons:
            break
    assert best is not None
    classes, reasons = best
    found = tuple(
        Found(
            "?" if label == UNREADABLE else str(label),
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            float(share[label] if label != UNREADABLE else 1 - share[:NO_DIGIT].max()),
        )
        for label, box, share in zip(classes, seen.boxes[mine], said[mine], strict=True)
    )
    return Verdict(not reasons, reasons[0] if reasons else "", found)


def plausible(said: np.ndarray) -> list[tuple[float, int]]:
    """Classes that an object may be by its probabilities said (J,): (−log p, class), best first."""
    best = float(said[:NO_DIGIT].max())
    if said[NO_DIGIT] > NOTHING or best < CLEAR * (1 - said[NO_DIGIT]):
        return [(0.0, UNREADABLE)]
    if said[NO_DIGIT] > DOUBTFUL:
        return [(-float(np.log(best)), int(said[:NO_DIGIT].argmax()))]
    fits = np.flatnonzero(said[:NO_DIGIT] >= PLAUSIBLE * best)
    return sorted((-float(np.log(said[label])), int(label)) for label in fits)


def readings(options: Sequence[list[tuple[float, int]]]) -> Iterator[tuple[int, ...]]:
    """Readings of an image: the likeliest, then those with one object read otherwise, best first.

    options: for each object its (−log p, class), likeliest first.
    """
    first = tuple(ways[0][1] for ways in options)
    yield first
    others = [
        (cost - ways[0][0], place, label)
        for place, ways in enumerate(options)
        for cost, label in ways[1:]
    ]
    for _, place, label in sorted(others):
        yield (*first[:place], label, *first[place + 1 :])

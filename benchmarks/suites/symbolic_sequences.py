"""The `symbolic_sequences` suite: how much sequences of symbols say about images.

Source: Martinez Pozos, Meza Ruiz, "Extracting Symbolic Sequences from Visual Representations via
Self-Supervised Learning" (arXiv 2503.04900). A frozen teacher (DINO, Caron et al. 2021) sees
patches, a student writes eight symbols about them, and learns to agree with the teacher. Labels are
used by the probes alone. A task is a data set with a teacher: results with different teachers stand
in different columns.

This module is imported for every list, so that heavy modules are imported where they are used.

Letters: N images, H their side in pixels, C classes, W dimensions of a representation, L symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import symdata
from benchmarks.protocol import (
    Examples,
    OutputError,
    Outputs,
    Score,
    Suite,
    Task,
    TaskData,
)
from benchmarks.suites.sequence_entries import ENTRIES
from benchmarks.suites.sequence_profiles import PROFILES
from symdata import DataSet
from symdata.sources import DEFAULT, DataSources

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

TINY, LARGE = "dino_tiny", "dino_vitb16"

NEIGHBOURS = (10, 20, 100, 200)
# The number of neighbours of the score that ranks: DINO's choice, fixed before anything was
# measured.
HEADLINE = 20
OTHERS = tuple(k for k in NEIGHBOURS if k != HEADLINE)
PREFIXES = (1, 2, 4, 8)
PROBE, TEST, AUGMENTED = range(3)
# The number of test images of which an augmented copy is shown too.
COPIES = 1_000
SHIFT = 4
# The perplexity and the rank below which a code or a representation counts as collapsed.
LEAST_PERPLEXITY, LEAST_RANK = 2.0, 2.0
# The share of the vocabulary below which it counts as mostly dead.
LEAST_USED = 0.1


@dataclass(frozen=True)
class Probing(Task):
    """The task to represent images so that neighbours and a linear probe can tell their classes.

    train: `images` (N, H, H, 3) uint8, without labels. inputs: `images`, in one fixed shuffled
    order the training images, on which the probes learn, the test images, and copies of test images
    that are moved by up to 4 pixels (and mirrored, where a mirror image is of the same class).
    targets: `labels`, `part` (0, 1, 2, in this order) and `partner`, the row of a copy's original.

    Outputs: `features` (N, W); from methods that write symbols also `symbols` (N, L) integers,
    `prefixes` (N, 4, W), the representations of the first 1, 2, 4 and 8 symbols, and `vocabulary`
    (N,) integers, all the same, the number of symbols from which the method chooses.

    knn_top1, knn_top5: accuracy of 20 neighbours, each with a vote that grows with its cosine
    similarity (Wu et al. 2018); knn_top1_k<k> for other k, columns on request. linear_top1,
    linear_top5: accuracy of a logistic regression. prefix<l>_…: the same on prefixes. hard_top1: a
    logistic regression on the symbols alone, one-hot by position; bag_top1: one on their counts;
    both leave out a soft embedding. perplexity: that of a position's symbols; used: the number of
    different symbols that occur, and used_share: their share of the vocabulary (the rest is dead);
    mutual_information of a symbol with the class and entropy_rate: in nats, means over positions;
    agreement: the share of a copy's symbols that equal its original's; effective_rank: that of the
    features. Symbols are measured on the test images.
    """

    data: str
    config: str
    teacher: str
    version = 2
    needs = ("features",)
    rests_on = (
        "benchmarks.metrics.linear_probe",
        "benchmarks.metrics.neighbours",
        "benchmarks.metrics.probes",
        "benchmarks.metrics.symbols",
    )

    @property
    def score(self) -> Score:  # type: ignore[override]
        """Accuracy of neighbours; the classes are balanced."""
        return Score("knn_top1", 1 / self.classes)

    @property
    def also(self) -> tuple[Score, ...]:  # type: ignore[override]
        """The further scores."""
        one, five = 1 / self.classes, min(5 / self.classes, 1.0)
        return (
            Score("knn_top5", five),
            Score("linear_top1", one),
            Score("linear_top5", five),
            *(Score(f"knn_top1_k{k}", one, shown=False) for k in OTHERS),
            *(Score(f"knn_top5_k{k}", five, shown=False) for k in OTHERS),
            *(Score(f"prefix{length}_knn_top1", one) for length in PREFIXES),
            *(Score(f"prefix{length}_knn_top5", five) for length in PREFIXES),
            *(Score(f"prefix{length}_linear_top1", one) for length in PREFIXES),
            *(Score(f"prefix{length}_linear_top5", five, shown=False) for length in PREFIXES),
            Score("hard_top1", one),
            Score("bag_top1", one),
            Score("perplexity", percent=False),
            Score("used", percent=False),
            Score("used_share"),
            Score("mutual_information", 0.0, percent=False),
            Score("entropy_rate", percent=False),
            Score("agreement"),
            Score("effective_rank", percent=False),
        )

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the data set."""
        return self.data

    @property
    def regime(self) -> str:  # type: ignore[override]
        """The configuration of the data and the teacher, joined by "_"."""
        return f"{self.config}_{self.teacher}"

    @property
    def source(self) -> DataSet:
        """The descriptor of the data set."""
        return symdata.dataset(self.data)

    @property
    def classes(self) -> int:
        """The number of classes, C."""
        return len(self.source.classes)

    def skip(self, sources: DataSources = DEFAULT) -> str | None:
        """See `Task.skip`: CIFAR-10 or the package with the large teacher may not be there."""
        found = self.source.missing(self.config, sources)
        if found is None and self.teacher == LARGE and find_spec("timm") is None:
            return (
                "the teacher dino_vitb16 needs timm: pip install 'symbench[teacher]'; dino_tiny "
                "needs nothing."
            )
        return found

    def dataset(self, sources: DataSources = DEFAULT) -> dict[str, Any]:
        """See `Task.dataset`."""
        return self.source.identity(sources) | {"config": self.config}

    def load(self, seed: int, sources: DataSources = DEFAULT) -> TaskData:
        """See `Task.load`; the data are those of seed 0 whatever the seed."""
        import numpy as np

        from symdata.labelled_images import fingerprint
        from symdata.sampling import Draw

        splits = self.source.load(self.config, sources=sources)
        train, test = splits["train"], splits["test"]
        draw = Draw("symbolic_sequences", self.data, self.config, "copies", seed=0)
        copied = np.arange(min(COPIES, len(test.images)))
        copies = augmented(test.images[copied], draw, self.source.mirrored)
        images = np.concatenate([train.images, test.images, copies])
        labels = np.concatenate([train.labels, test.labels, test.labels[copied]])
        sizes = (len(train.images), len(test.images), len(copies))
        part = np.repeat((PROBE, TEST, AUGMENTED), sizes)
        partner = np.arange(len(images))
        partner[part == AUGMENTED] = sizes[0] + copied
        order = Draw("symbolic_sequences", self.data, self.config, "order", seed=0).permutation(
            len(images)
        )
        place = np.argsort(order)  # the new place of each row
        return TaskData(
            Examples({"images": train.images}),
            Examples({"images": images[order]}),
            Examples(
                {"labels": labels[order], "part": part[order], "partner": place[partner[order]]}
            ),
            fingerprint(splits),
            self.source.classes,
        )

    def check(self, outputs: Outputs, count: int) -> None:
        """See `Task.check`."""
        features = outputs["features"]
        if features.ndim != 2 or features.dtype.kind != "f":
            raise OutputError(
                f"features have shape {features.shape} and dtype {features.dtype}; expected "
                f"({count}, W) real numbers."
            )
        if "symbols" in outputs:
            symbols = outputs["symbols"]
            if symbols.ndim != 2 or symbols.dtype.kind not in "iu" or symbols.min() < 0:
                raise OutputError(
                    f"symbols have shape {symbols.shape} and dtype {symbols.dtype}; expected "
                    f"({count}, L) integers from 0 on."
                )
        if "vocabulary" in outputs:
            self._check_vocabulary(outputs)
        if "prefixes" in outputs:
            prefixes = outputs["prefixes"]
            if prefixes.ndim != 3 or prefixes.shape[1] != len(PREFIXES):
                raise OutputError(
                    f"prefixes have shape {prefixes.shape}; expected ({count}, {len(PREFIXES)}, W)."
                )

    def _check_vocabulary(self, outputs: Outputs) -> None:
        """Refuse a vocabulary that is no single number, or that the symbols exceed."""
        given, symbols = outputs["vocabulary"], outputs.get("symbols")
        if given.ndim != 1 or given.dtype.kind not in "iu" or (given != given[0]).any():
            raise OutputError(
                f"vocabulary has shape {given.shape} and dtype {given.dtype}; expected the "
                "number of symbols, one integer that is the same for each input."
            )
        if symbols is not None and symbols.max() >= given[0]:
            raise OutputError(
                f"a symbol is {symbols.max()}; with a vocabulary of {given[0]} symbols are 0 to "
                f"{given[0] - 1}."
            )

    def evaluate(
        self, outputs: Outputs, targets: Examples, device: str = "cpu"
    ) -> dict[str, float]:
        """See `Task.evaluate`."""
        import numpy as np

        from benchmarks.metrics import symbols as metrics

        labels, part = np.asarray(targets["labels"]), np.asarray(targets["part"])
        scores = self._probed(outputs["features"], labels, part, device)
        scores["effective_rank"] = metrics.effective_rank(outputs["features"][part == TEST])
        for place, length in enumerate(PREFIXES if "prefixes" in outputs else ()):
            found = self._probed(outputs["prefixes"][:, place], labels, part, device)
            scores |= {f"prefix{length}_{name}": value for name, value in found.items()}
        if "symbols" in outputs:
            scores |= self._symbols(outputs["symbols"], labels, part, targets["partner"])
            if "vocabulary" in outputs:
                scores["used_share"] = scores["used"] / float(outputs["vocabulary"][0])
        return scores

    def _probed(
        self, features: np.ndarray, labels: np.ndarray, part: np.ndarray, device: str
    ) -> dict[str, float]:
        """Accuracies of neighbours and of the linear probe on features (N, W)."""
        from benchmarks.metrics.linear_probe import probe
        from benchmarks.metrics.neighbours import knn, top

        classes = self.classes
        learned, asked = part == PROBE, part == TEST
        train, test, answers = features[learned], features[asked], labels[asked]
        votes = knn(train, labels[learned], test, NEIGHBOURS, classes, device=device)
        said = probe(train, labels[learned], test, classes)
        return {
            "knn_top1": top(votes[HEADLINE], answers, 1),
            "knn_top5": top(votes[HEADLINE], answers, 5),
            "linear_top1": top(said, answers, 1),
            "linear_top5": top(said, answers, 5),
            **{f"knn_top{n}_k{k}": top(votes[k], answers, n) for k in OTHERS for n in (1, 5)},
        }

    def _symbols(
        self, symbols: np.ndarray, labels: np.ndarray, part: np.ndarray, partner: Any
    ) -> dict[str, float]:
        """Scores of the symbols (N, L) themselves."""
        import numpy as np

        from benchmarks.metrics import symbols as metrics
        from benchmarks.metrics.linear_probe import probe
        from benchmarks.metrics.neighbours import top

        classes, vocabulary = self.classes, int(symbols.max()) + 1
        learned, asked = part == PROBE, part == TEST
        scores = {}
        for name, code in (("hard", metrics.one_hot), ("bag", metrics.bag)):
            coded = code(symbols, vocabulary)
            said = probe(coded[learned], labels[learned], coded[asked], classes)
            scores[f"{name}_top1"] = top(said, labels[asked], 1)
        tested = symbols[asked]
        scores |= {
            "perplexity": metrics.perplexity(tested),
            "used": float(len(np.unique(tested))),
            "mutual_information": metrics.mutual_information(tested, labels[asked]),
            "entropy_rate": metrics.entropy_rate(tested),
        }
        partner, copies = np.asarray(partner), np.flatnonzero(part == AUGMENTED)
        # A copy's original may be missing where only the first rows are evaluated.
        copies = copies[partner[copies] < len(symbols)]
        if len(copies):
            scores["agreement"] = metrics.agreement(symbols[copies], symbols[partner[copies]])
        return scores

    def flags(self, scores: Mapping[str, float]) -> list[str]:
        """Warn of a codebook or a representation that has collapsed, with the measure.

        A codebook that uses fewer symbols than there are classes gets a warning too, and one that
        uses less than a tenth of its vocabulary, where the method tells how large that is.
        """
        found, classes = [], self.classes
        if scores["effective_rank"] < LEAST_RANK:
            found.append(
                f"collapse: the features' effective rank is {scores['effective_rank']:.1f}"
            )
        if scores.get("perplexity", LEAST_PERPLEXITY) < LEAST_PERPLEXITY:
            found.append(
                f"collapse: the perplexity of a symbol is {scores['perplexity']:.1f}, of "
                f"{scores['used']:.0f} used"
            )
        elif scores.get("used", classes) < classes:
            found.append(
                f"few symbols: {scores['used']:.0f} are used in all, fewer than the "
                f"{classes} classes"
            )
        if scores.get("used_share", 1.0) < LEAST_USED:
            found.append(
                f"dead symbols: {100 * scores['used_share']:.1f} % of the vocabulary is used, "
                f"{scores['used']:.0f} symbols"
            )
        return found

    def pictures(
        self,
        outputs: Outputs,
        data: TaskData,
        explanation: Mapping[str, Any],
        illustrations: Mapping[str, np.ndarray] = {},
    ) -> Mapping[str, Callable[[], Figure]]:
        """See `Task.pictures`: symbols with attention, images by symbol, classes by symbol.

        Test images alone are shown: a copy beside its original would show everything twice.
        """
        import numpy as np

        from benchmarks.pictures import sequences as pictures

        if "symbols" not in outputs:
            return {}
        tested = np.flatnonzero(np.asarray(data.targets["part"]) == TEST)
        attention = illustrations.get("attention")
        if attention is not None:  # kept for the first inputs, whatever their part
            shown = tested[tested < len(attention)]
            tested = np.concatenate([shown, tested[len(shown) :]])
            attention = attention[shown]
        return pictures.of_a_method(
            np.asarray(data.inputs["images"])[tested],
            np.asarray(data.targets["labels"])[tested],
            outputs["symbols"][tested],
            attention,
            data.classes,
        )


def augmented(images: np.ndarray, draw: Any, mirror: bool) -> np.ndarray:
    """Move each of images (N, H, H, 3) uint8 by up to 4 pixels, with its edge repeated.

    draw: a `symdata.sampling.Draw`; mirror: whether to mirror half of them at random. Moves are by
    whole pixels, so that copies are the same on every machine.
    """
    import numpy as np

    count, side = images.shape[:2]
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    corners = draw.below(2 * SHIFT + 1, 2 * count).reshape(count, 2)
    grid = np.arange(side)
    rows, columns = (grid + corners[:, axis, None] for axis in (0, 1))
    moved = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    if mirror:
        turned = draw.below(2, count) == 1
        moved[turned] = moved[turned, :, ::-1]
    return np.asarray(moved)


# The tasks; each pair of data and teacher has a column of its own.
TASKS = (
    Probing("painted_digits", "10k", TINY),
    Probing("painted_digits", "tiny", TINY),
    Probing("cifar10", "10k", TINY),
    Probing("cifar10", "full", TINY),
    Probing("cifar10", "full", LARGE),
)

SUITE = Suite(
    name="symbolic_sequences",
    title="Sequences of symbols about images, by self-supervision",
    source="Martinez Pozos, Meza Ruiz (2025), arXiv 2503.04900",
    tasks=TASKS,
    entries=ENTRIES,
    profiles=PROFILES,
    datasets=tuple(dict.fromkeys(task.data for task in TASKS)),
)

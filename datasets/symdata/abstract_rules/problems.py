"""The four tasks as arrays: `generate(task, withheld, seed)` draws a training and a test set.

Of 100 symbols, m are withheld: training problems use the other 100-m, test problems only these m.
At m = 0 both use all symbols but share no problem. A split holds 10,000 problems, or all that
there are if they are fewer.

Source: Webb, Sinha and Cohen, "Emergent Symbols through Binding in External Memory" (ICLR 2021).

Letters: N problems of a split, T images of a problem, S distinct images of a split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import index

import numpy as np

from symdata.abstract_rules import DATA
from symdata.abstract_rules.glyphs import glyphs
from symdata.abstract_rules.strata import STRATA, Stratum
from symdata.abstract_rules.tasks import CAP, SYMBOLS, TASKS, VERSION
from symdata.errors import DataError
from symdata.sampling import Draw
from symdata.sources import DEFAULT, DataSources

# Number of problems per test problem at m = 0, where the space is too small for two full splits.
_HELD_OUT = 20


@dataclass(frozen=True)
class Problems:
    """Problems of one split of one task.

    symbols: (N, T) uint8, which glyph each image shows. labels: (N,) int64, the class.
    rules: (N,) uint8 into `TASKS[task].rules`. withheld: (m,) uint8, the symbols kept from
    training, the same for both splits.
    """

    task: str
    symbols: np.ndarray
    labels: np.ndarray
    rules: np.ndarray
    withheld: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def images(self) -> tuple[np.ndarray, np.ndarray]:
        """Table of the distinct images, (S, 32, 32) uint8, and indices (N, T) int64 into it.

        The table is in the order in which the images first appear, so that a row of it says
        nothing about the glyph, and is another glyph in another split or seed.
        """
        distinct, first, inverse = np.unique(self.symbols, return_index=True, return_inverse=True)
        by_appearance = np.argsort(first, kind="stable")
        rank = np.empty(len(distinct), dtype=np.int64)
        rank[by_appearance] = np.arange(len(distinct))
        return glyphs()[distinct[by_appearance]], rank[inverse.reshape(self.symbols.shape)]


def load(config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, Problems]:
    """The splits of a published configuration, such as `rmts_m95`."""
    return generate(**DATA.settings(config), seed=seed)


def generate(task: str, withheld: int, seed: int = 0, most: int = CAP) -> dict[str, Problems]:
    """The splits "train" and "test" of a task with `withheld` symbols kept from training.

    Any number of symbols that leaves both splits enough for a problem will do, not only the
    published regimes. most: the largest number of training problems.
    """
    hidden, pools, strata, codes, draw = _drawn(task, withheld, seed, most)
    splits = {}
    for split, pool in pools.items():
        stream = draw("problems", split)
        ranks, labels, rules = _build(task, strata[split], codes[split], stream)
        shuffle = stream.permutation(len(labels))
        symbols = pool[ranks[shuffle]]
        splits[split] = Problems(task, symbols, labels[shuffle], rules[shuffle], hidden)
    return splits


def held_out(task: str, withheld: int, seed: int, count: int, most: int = CAP) -> Problems:
    """Up to `count` further problems of the training symbols, in equal shares of the strata.

    They are in neither split of `generate`. Where the splits hold all problems that there are, they
    are problems of the training set, as no others exist.
    """
    hidden, pools, strata, codes, draw = _drawn(task, withheld, seed, most)
    stream, taken = draw("problems", "held out"), list[np.ndarray]()
    for number, (stratum, share) in enumerate(
        zip(strata["train"], _shares(strata["train"], count), strict=True)
    ):
        used = [codes["train"][number], *([] if withheld else [codes["test"][number]])]
        known = np.concatenate(used)
        drawn = stream.distinct(stratum.space, min(stratum.space, len(known) + share))
        fresh = drawn[~np.isin(drawn, known)][:share]
        taken.append(fresh if len(fresh) else np.resize(codes["train"][number], share))
    ranks, labels, rules = _build(task, strata["train"], taken, stream)
    return Problems(task, pools["train"][ranks], labels, rules, hidden)


_Drawn = tuple[
    np.ndarray,
    dict[str, np.ndarray],
    dict[str, list[Stratum]],
    dict[str, list[np.ndarray]],
    Callable[..., Draw],
]


def _drawn(task: str, withheld: int, seed: int, most: int) -> _Drawn:
    """Withheld symbols; by split the symbols, the strata and their codes; and the streams."""
    withheld, seed = index(withheld), index(seed)
    _check(task, withheld, seed)
    draw = partial(Draw, VERSION, task, withheld, seed=seed)
    order = draw("symbols").permutation(SYMBOLS).astype(np.uint8)
    hidden, shown = np.sort(order[:withheld]), np.sort(order[withheld:])
    pools = {"train": shown, "test": hidden if withheld else shown}
    strata = {split: STRATA[task](len(pool)) for split, pool in pools.items()}
    if withheld:
        caps = {"train": most, "test": CAP}
        codes = {
            split: _all_codes(strata[split], draw("codes", split), cap)
            for split, cap in caps.items()
        }
    else:
        codes = _disjoint_codes(strata["train"], draw("codes"), most)
    return hidden, pools, strata, codes, draw


def sizes(task: str, withheld: int, most: int = CAP) -> dict[str, int]:
    """The number of problems in each split, without making them."""
    _check(task, withheld, 0)
    seen, unseen = (STRATA[task](count) for count in (SYMBOLS - withheld, withheld or SYMBOLS))
    if withheld:
        return {"train": min(most, _available(seen)), "test": min(CAP, _available(unseen))}
    return _disjoint_sizes(_available(seen), most)


def fingerprint(splits: Mapping[str, Problems]) -> str:
    """A hash of all that a learner or a score can see, equal on every machine."""
    digest = hashlib.sha256()
    for name, problems in splits.items():
        digest.update(f"{name} {problems.task} {problems.symbols.shape}".encode())
        digest.update(np.ascontiguousarray(problems.symbols, dtype="u1").tobytes())
        digest.update(np.ascontiguousarray(problems.labels, dtype="<i8").tobytes())
        digest.update(np.ascontiguousarray(problems.rules, dtype="u1").tobytes())
        digest.update(np.ascontiguousarray(problems.withheld, dtype="u1").tobytes())
    digest.update(glyphs().tobytes())
    return digest.hexdigest()


def _check(task: str, withheld: int, seed: int) -> None:
    if task not in TASKS:
        raise DataError(f"no task '{task}' in abstract_rules; there are: {', '.join(TASKS)}.")
    fewest, published = TASKS[task].fewest, ", ".join(map(str, TASKS[task].regimes))
    if withheld and not fewest <= withheld <= SYMBOLS - fewest:
        raise DataError(
            f"{task} cannot withhold {withheld} of {SYMBOLS} symbols; allowed: 0 or "
            f"{fewest} to {SYMBOLS - fewest}, published: {published}."
        )
    if seed < 0:
        raise DataError(f"a seed is an integer from 0 on, not {seed}.")


def _shares(strata: list[Stratum], total: int) -> list[int]:
    """Number of problems that each stratum gives to a total: equal, the rest from the first."""
    each, rest = divmod(total, len(strata))
    return [each + (k < rest) for k in range(len(strata))]


def _available(strata: list[Stratum]) -> int:
    """Largest number of problems in equal shares: the smallest stratum decides."""
    return len(strata) * min(s.space for s in strata if not s.repeats)


def _all_codes(strata: list[Stratum], draw: Draw, most: int) -> list[np.ndarray]:
    """Codes of the problems of each stratum, as many as there are or `most` of all together."""
    shares = _shares(strata, min(most, _available(strata)))
    # `resize` goes through the drawn codes again and again where a stratum has to repeat some.
    return [
        np.resize(draw.distinct(s.space, min(share, s.space)), share)
        for s, share in zip(strata, shares, strict=True)
    ]


def _disjoint_codes(strata: list[Stratum], draw: Draw, most: int) -> dict[str, list[np.ndarray]]:
    """Codes for two splits that share symbols but no problem: by split, those of each stratum."""
    size = _disjoint_sizes(_available(strata), most)
    codes: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    for stratum, learned, held in zip(
        strata, _shares(strata, size["train"]), _shares(strata, size["test"]), strict=True
    ):
        drawn = draw.distinct(stratum.space, min(learned + held, stratum.space))
        # If problems have to be repeated, the distinct ones are split in the same proportion.
        cut = held if learned + held <= stratum.space else stratum.space // _HELD_OUT
        codes["train"].append(np.resize(drawn[cut:], learned))
        codes["test"].append(np.resize(drawn[:cut], held))
    return codes


def _disjoint_sizes(available: int, most: int) -> dict[str, int]:
    """Sizes of two splits that share symbols but no problem; at most `most` are for training."""
    test = CAP if available > 2 * CAP else available // _HELD_OUT
    return {"train": min(most, available - test), "test": test}


def _build(
    task: str, strata: list[Stratum], codes: list[np.ndarray], draw: Draw
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranks (N, T) into the pool of symbols, labels (N,) and rules (N,), stratum after stratum."""
    ranks, labels, rules = [], [], []
    for stratum, code in zip(strata, codes, strict=True):
        if stratum.label is None:
            label = draw.permutation(len(code)) % len(TASKS[task].classes)
        else:
            label = np.full(len(code), stratum.label)
        ranks.append(stratum.build(code, label, draw))
        labels.append(label.astype(np.int64))
        rules.append(np.full(len(code), stratum.rule, dtype=np.uint8))
    return np.concatenate(ranks), np.concatenate(labels), np.concatenate(rules)

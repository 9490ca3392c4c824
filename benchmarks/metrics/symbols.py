"""What discrete symbols say: how many are in use, what they tell of a class, how stable they are.

Symbols are integers from 0 below a vocabulary of K, L of them for each of N examples: (N, L).
Entropies and information are in nats, and those of the examples at hand, nothing fitted.

Letters: N examples, L positions, K vocabulary, C classes, d dimensions.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

VERSION = 1

# So many examples tell the rank of a cloud; RankMe finds no more in 25,600 than in a few thousand.
RANK_EXAMPLES = 4096


def perplexity(symbols: np.ndarray) -> float:
    """Exponential of the entropy of the symbols at a position, mean over positions; 1 to K.

    K where a position uses the whole vocabulary equally, 1 where each position always says the
    same. The perplexity of few examples is low: at most N.
    """
    return float(np.mean([np.exp(_entropy(_counts(column))) for column in symbols.T]))


def pooled_perplexity(symbols: np.ndarray) -> float:
    """Exponential of the entropy of the symbols of all positions together; 1 to K."""
    return float(np.exp(_entropy(_counts(symbols))))


def dead(symbols: np.ndarray, vocabulary: int) -> float:
    """The share of the vocabulary that no example uses at any position."""
    _check(symbols, vocabulary)
    return 1 - len(np.unique(symbols)) / vocabulary


def mutual_information(symbols: np.ndarray, labels: np.ndarray) -> float:
    """Information that a symbol has on labels (N,), mean over positions, adjusted for chance; nats.

    See `information_by_position`.
    """
    return float(information_by_position(symbols, labels).mean())


def information_by_position(symbols: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mutual information of the symbol of each position and labels (N,): nats (L,).

    Adjusted for chance, as Vinh, Epps and Bailey (JMLR 2010) adjust it, and brought back to nats:
    (I − E) / (H − E) · H, H the entropy of the labels and E what symbols used as often have on
    shuffled labels. Unadjusted, 256 random symbols of 2,000 examples seem to know half a nat of ten
    classes. The label itself has H, whatever is independent of it has about 0, at times less.
    """
    from sklearn.metrics import mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

    entropy, found = _entropy(_counts(labels)), np.zeros(symbols.shape[1])
    for position, column in enumerate(symbols.T):
        table = contingency_matrix(labels, column, sparse=True)
        known = mutual_info_score(labels, column, contingency=table)
        chance = expected_mutual_information(table, len(labels))
        # Equal where each example has a symbol of its own: then nothing is more than chance.
        if entropy - chance > 1e-9 * entropy:
            found[position] = (known - chance) / (entropy - chance) * entropy
    return found


def entropy_rate(symbols: np.ndarray) -> float:
    """Entropy of a symbol given the one before it, over all neighbours of all sequences; nats.

    0 where the next symbol is always certain, log K where it is independent and uniform. Of few
    examples it comes out low: at most the logarithm of how often a symbol has been followed; the
    random control shows how low. A sequence of one symbol has no next: 0.
    """
    before, after = symbols[:, :-1].ravel(), symbols[:, 1:].ravel()
    if not before.size:
        return 0.0
    pairs = np.unique(np.stack([before, after]), axis=1, return_counts=True)[1]
    return max(0.0, _entropy(pairs) - _entropy(_counts(before)))


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """The share of places at which two arrays of symbols (N, L) are equal.

    1 as well where nothing but one symbol is ever used: to be read beside `perplexity`.
    """
    return float(np.mean(one == other))


def one_hot(symbols: np.ndarray, vocabulary: int) -> csr_matrix:
    """Which symbol stands at which place: (N, L·K) sparse, a one for each place."""
    _check(symbols, vocabulary)
    length = symbols.shape[1]
    columns = symbols + vocabulary * np.arange(length)
    return _ones(columns, length * vocabulary)


def bag(symbols: np.ndarray, vocabulary: int) -> csr_matrix:
    """How often each symbol stands in the sequence, wherever: (N, K) sparse."""
    _check(symbols, vocabulary)
    return _ones(symbols, vocabulary)


def effective_rank(features: np.ndarray) -> float:
    """RankMe of features (N, d): exp of the entropy of the singular values' shares, 1 to d.

    Garrido, Balestriero, Najman and LeCun (ICML 2023, arXiv 2210.02885). d for a cloud that is
    equally wide in all directions, 1 for a line through the origin, and for features that are all
    the same but for noise, as a collapsed network gives: nothing is centred. 0 for nothing but
    zeros. Of the first 4,096 examples.
    """
    some = features[:RANK_EXAMPLES].astype(np.float64)
    # Squared singular values, from the smaller of the two products.
    product = some @ some.T if len(some) < some.shape[1] else some.T @ some
    values = np.sqrt(np.linalg.eigvalsh(product).clip(0))
    if not values.any():
        return 0.0
    # What is below is rounding of the product, not rank.
    values = values[values > 1e-7 * values.max()]
    return float(np.exp(_entropy(values)))


def _entropy(weights: np.ndarray) -> float:
    """weights: (R,), 0 or more, any sum → the entropy of their shares in nats."""
    shares = weights[weights > 0] / weights.sum()
    return max(0.0, float(-(shares * np.log(shares)).sum()))


def _counts(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_counts=True)[1]


def _ones(columns: np.ndarray, width: int) -> csr_matrix:
    """columns: (N, L) → (N, width) with a one, or how many, at each of a row's columns."""
    count, length = columns.shape
    starts = np.arange(0, count * length + 1, length)
    made = csr_matrix((np.ones(columns.size, np.float32), columns.ravel(), starts), (count, width))
    made.sum_duplicates()
    return made


def _check(symbols: np.ndarray, vocabulary: int) -> None:
    if symbols.size and not (symbols.min() >= 0 and symbols.max() < vocabulary):
        raise ValueError(
            f"symbols are {symbols.min()} to {symbols.max()}; with a vocabulary of {vocabulary} "
            f"they must be 0 to {vocabulary - 1}."
        )

"""Metrics of discrete symbols: their use, their information on classes, their stability.

Symbols are integers from 0 below a vocabulary of K, L of them for each of N examples: (N, L).
Entropies and information are in nats, computed from the counts of the given examples.

Letters: N examples, L positions, K vocabulary, C classes, d dimensions.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

VERSION = 1

# Examples for `effective_rank`; the authors of RankMe find as much in a few thousand as in 25,600.
RANK_EXAMPLES = 4096


def perplexity(symbols: np.ndarray) -> float:
    """Exponential of the entropy of the symbols at a position, mean over positions; 1 to K.

    K where every position uses the whole vocabulary equally, 1 where each position always has the
    same symbol. Few examples make it low: it is at most N.
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
    """Information of a symbol on labels (N,), mean over positions, adjusted for chance; nats.

    See `information_by_position`.
    """
    return float(information_by_position(symbols, labels).mean())


def information_by_position(symbols: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mutual information of the symbol of each position and labels (N,): nats (L,).

    Adjusted for chance after Vinh, Epps and Bailey (JMLR 2010), and scaled to nats:
    (I − E) / (H − E) · H, with H the entropy of the labels and E the expected information of
    equally frequent symbols on shuffled labels. Unadjusted, 256 random symbols of 2,000 examples
    seem to have half a nat on ten classes. Symbols equal to the labels have H; independent ones
    have about 0, at times less.
    """
    from sklearn.metrics import mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

    entropy, found = _entropy(_counts(labels)), np.zeros(symbols.shape[1])
    for position, column in enumerate(symbols.T):
        table = contingency_matrix(labels, column, sparse=True)
        known = mutual_info_score(labels, column, contingency=table)
        chance = expected_mutual_information(table, len(labels))
        # The two are equal where each example has a symbol of its own: no more than chance.
        if entropy - chance > 1e-9 * entropy:
            found[position] = (known - chance) / (entropy - chance) * entropy
    return found


def entropy_rate(symbols: np.ndarray) -> float:
    """Entropy of a symbol given the one before it, over all neighbours of all sequences; nats.

    0 where the next symbol is always certain, log K where it is independent and uniform. Few
    examples make it low: it is at most the logarithm of how often a symbol has been followed; the
    random control shows how low. Sequences of one symbol have 0.
    """
    before, after = symbols[:, :-1].ravel(), symbols[:, 1:].ravel()
    if not before.size:
        return 0.0
    pairs = np.unique(np.stack([before, after]), axis=1, return_counts=True)[1]
    return max(0.0, _entropy(pairs) - _entropy(_counts(before)))


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """The share of places at which two arrays of symbols (N, L) are equal.

    It is 1 as well where a single symbol is ever used, so that it must be read beside `perplexity`.
    """
    return float(np.mean(one == other))


def one_hot(symbols: np.ndarray, vocabulary: int) -> csr_matrix:
    """One-hot codes (N, L·K), sparse, of the symbols at all positions."""
    _check(symbols, vocabulary)
    length = symbols.shape[1]
    columns = symbols + vocabulary * np.arange(length)
    return _ones(columns, length * vocabulary)


def bag(symbols: np.ndarray, vocabulary: int) -> csr_matrix:
    """Counts (N, K), sparse, of each symbol in the sequence, whatever its position."""
    _check(symbols, vocabulary)
    return _ones(symbols, vocabulary)


def effective_rank(features: np.ndarray) -> float:
    """RankMe of features (N, d): exp of the entropy of the singular values' shares, 1 to d.

    Garrido, Balestriero, Najman and LeCun (ICML 2023, arXiv 2210.02885), on the first 4,096
    examples. d for a cloud that is equally wide in all directions; 1 for a line through the origin,
    and about 1 for features that are equal up to noise, as a collapsed network gives them, since
    they are not centred; 0 for zeros alone.
    """
    some = features[:RANK_EXAMPLES].astype(np.float64)
    # The eigenvalues of the smaller product are the squared singular values.
    product = some @ some.T if len(some) < some.shape[1] else some.T @ some
    values = np.sqrt(np.linalg.eigvalsh(product).clip(0))
    if not values.any():
        return 0.0
    # Smaller values are rounding errors of the product.
    values = values[values > 1e-7 * values.max()]
    return float(np.exp(_entropy(values)))


def _entropy(weights: np.ndarray) -> float:
    """The entropy in nats of the shares of weights (R,), which are 0 or more and have any sum."""
    shares = weights[weights > 0] / weights.sum()
    return max(0.0, float(-(shares * np.log(shares)).sum()))


def _counts(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_counts=True)[1]


def _ones(columns: np.ndarray, width: int) -> csr_matrix:
    """A sparse matrix (N, width) that counts, in each row, the row's columns (N, L)."""
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

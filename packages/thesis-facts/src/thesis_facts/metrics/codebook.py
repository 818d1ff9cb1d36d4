"""How much of a codebook is used."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def perplexity(codes: ArrayLike) -> float:
    """exp of the entropy of the shares of the codes: how many would be used alike; 0 of none.

    Parameters
    ----------
    codes : integers of any shape, from 0

    Examples
    --------
    >>> perplexity([0, 1, 2, 3])
    4.0
    >>> perplexity([7, 7, 7])
    1.0
    """
    counts = _counts(codes)
    if not len(counts):
        return 0.0
    shares = counts / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def codes_used(codes: ArrayLike) -> int:
    """Number of different codes.

    Examples
    --------
    >>> codes_used([3, 3, 511])
    2
    """
    return len(_counts(codes))


def _counts(codes: ArrayLike) -> NDArray[np.int64]:
    counts = np.bincount(np.asarray(codes, dtype=np.int64).ravel())
    return counts[counts > 0]

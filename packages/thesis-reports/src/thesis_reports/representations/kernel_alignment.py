"""How alike two representations of the same events are: linear CKA.

Centred kernel alignment after Kornblith et al. (arXiv:1905.00414), with the unbiased estimator of
HSIC (Song et al., JMLR 13 (2012) 1393; Nguyen et al., arXiv:2010.15327): the plain one calls
representations alike that share nothing, where events are not far more than dimensions.

Of linear kernels K = X Xᵀ and L = Y Yᵀ all that HSIC needs are sums over events, of D × D numbers
at most. They add up, so that leaving out a block of events at a time costs nothing more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_BLOCKS = 20


@dataclass(frozen=True)
class Alignment:
    """Linear CKA and its standard error over events.

    Both are NaN where the HSIC of either with itself, which CKA divides by, is not above zero: of
    embeddings that hardly differ rounding may leave a negative one.
    """

    value: float
    error: float


class Aligned:
    """A representation, ready to be compared with others of the same events.

    Parameters
    ----------
    embeddings : [N, D]
    """

    def __init__(self, embeddings: NDArray[np.floating]) -> None:
        # HSIC does not feel a shift, but sums of large numbers would lose its digits
        centred = embeddings - embeddings.mean(axis=0, dtype=np.float64)
        scale = math.sqrt(float(np.square(centred).sum(axis=1).mean())) or 1.0
        self.values: NDArray[np.float32] = (centred / scale).astype(np.float32)
        self.own = _hsic_left_out(self.values, self.values)


def alignment(first: Aligned, second: Aligned) -> Alignment:
    """Linear CKA of two representations of the same events.

    The error is that of the jackknife over `N_BLOCKS` blocks of events.
    """
    if first is second:
        return Alignment(1.0, 0.0)
    # of two that are negative the product is positive, and says nothing
    is_defined = (first.own > 0) & (second.own > 0)
    shared = _hsic_left_out(first.values, second.values)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(is_defined, shared / np.sqrt(first.own * second.own), np.nan)
    whole, left_out = found[0], found[1:]
    if not np.isfinite(whole):
        return Alignment(math.nan, math.nan)
    n = len(left_out)
    error = math.sqrt((n - 1) / n * float(np.square(left_out - left_out.mean()).sum()))
    return Alignment(float(whole), error)


def _hsic_left_out(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """Unbiased HSIC [1 + B] of all events, then without each of B blocks."""
    blocks = [_sums(a, b) for a, b in zip(_blocks(x), _blocks(y), strict=True)]
    total = [sum(parts) for parts in zip(*blocks, strict=True)]
    without = [[t - p for t, p in zip(total, parts, strict=True)] for parts in blocks]
    return np.array([_hsic(*sums) for sums in [total, *without]])


def _blocks(values: NDArray[np.floating]) -> list[NDArray[np.float64]]:
    return [part.astype(np.float64) for part in np.array_split(values, N_BLOCKS)]


def _sums(x: NDArray[np.float64], y: NDArray[np.float64]) -> list:
    """What HSIC needs of some events, all of it additive; k, l are the diagonals of K, L."""
    k, l = np.square(x).sum(axis=1), np.square(y).sum(axis=1)  # noqa: E741
    return [len(x), x.T @ y, x.sum(axis=0), y.sum(axis=0), l @ x, k @ y, k @ l, k.sum(), l.sum()]


def _hsic(n, cross, sum_x, sum_y, l_x, k_y, k_l, k, l) -> float:  # noqa: E741
    """Equation 5 of Song et al. in sums over events, K̃ being K with an empty diagonal."""
    if n < 4:
        return math.nan
    trace = np.square(cross).sum() - k_l  # tr K̃L̃
    rows = sum_x @ cross @ sum_y - sum_x @ l_x - k_y @ sum_y + k_l  # 1ᵀK̃L̃1
    totals = (sum_x @ sum_x - k) * (sum_y @ sum_y - l)  # 1ᵀK̃1 1ᵀL̃1
    return float((trace + totals / (n - 1) / (n - 2) - 2 * rows / (n - 2)) / n / (n - 3))

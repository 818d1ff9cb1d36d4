"""How well costs are known: a time differs from run to run, a number of parameters does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SAME = 1.05  # sizes closer than this factor are one


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of points with what chance does to them.

    Attributes
    ----------
    means : [P]
    errors : [P], standard errors of their logarithms; 0 where no point has two runs
    freedom
        Degrees of freedom of the scatter over runs.
    """

    means: NDArray[np.float64]
    errors: NDArray[np.float64]
    freedom: int

    @property
    def scatter(self) -> bool:
        """Whether they differ between runs of a point."""
        return bool(self.errors.any())


def sizes_of(x: Sequence[ArrayLike]) -> Sizes:
    """Means and errors of sizes.

    A point scatters as all of them together do, for two or three runs tell little, and more where
    its own runs scatter more: a machine that was busy for one setting was not for all.

    Parameters
    ----------
    x
        [n] positive sizes of the runs of each point, or the one that they share.
    """
    points = [np.atleast_1d(np.asarray(values, dtype=float)) for values in x]
    counts = np.array([len(values) for values in points])
    squares = np.array([np.square(np.log(v) - np.log(v).mean()).sum() for v in points])
    squares[squares < 1e-20] = 0.0  # equal but for their last digits
    freedom = int((counts - 1).sum())
    pooled = squares.sum() / freedom if freedom else 0.0
    variances = np.maximum(squares / np.maximum(counts - 1, 1), pooled)
    means = np.array([values.mean() for values in points])
    return Sizes(means, np.sqrt(variances / counts), freedom)


def numbered(x: NDArray[np.float64]) -> NDArray[np.intp]:
    """Number [P] of the size that each point has, from small to large; those within 5 % are one."""
    order = np.argsort(x, kind="stable")
    sizes = np.empty(len(x), dtype=np.intp)
    start, number = x[order[0]], 0
    for which in order:
        if x[which] > _SAME * start:
            start, number = x[which], number + 1
        sizes[which] = number
    return sizes


def are_apart(sizes: Sizes) -> bool:
    """Whether every error is at most half the smallest gap between logarithms of sizes."""
    which = numbered(sizes.means)
    heights = np.bincount(which, np.log(sizes.means)) / np.bincount(which)
    gap = float(np.diff(heights).min()) if len(heights) > 1 else math.inf
    return bool(sizes.errors.max() <= gap / 2)

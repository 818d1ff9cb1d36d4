"""Expected significance of a counting experiment, from its expected signal and background."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.sample import MetricError

Formula = Callable[[ArrayLike, ArrayLike, float], NDArray[np.float64]]


def significance(
    signal: ArrayLike, background: ArrayLike, relative_background_uncertainty: float
) -> NDArray[np.float64]:
    """S/√(B + (rB)²); NaN where the background is not positive.

    Parameters
    ----------
    signal, background : expected events, broadcast together
    relative_background_uncertainty : r

    Examples
    --------
    >>> float(significance(30.0, 100.0, 0.1))
    2.1213203435596424
    """
    check_relative(relative_background_uncertainty)
    signal, background = np.asarray(signal, np.float64), _positive(background)
    variance = background + np.square(relative_background_uncertainty * background)
    return np.asarray(signal / np.sqrt(variance))


def asimov_significance(
    signal: ArrayLike, background: ArrayLike, relative_background_uncertainty: float
) -> NDArray[np.float64]:
    """Median discovery significance of a counting experiment, from its Asimov data set.

    Profile likelihood of Cowan, Cranmer, Gross and Vitells (arXiv:1007.1727) for a count n ~
    Pois(S + B), with B measured in a second Poisson count of relative uncertainty r; with
    σ = rB (G. Cowan, "Discovery sensitivity for a counting experiment with background
    uncertainty", 2012)

        Z² = 2 { (S+B) ln[(S+B)(B+σ²) / (B² + (S+B)σ²)] - (B²/σ²) ln[1 + σ²S / (B(B+σ²))] }

    and Z² = 2 [(S+B) ln(1 + S/B) - S] for r = 0. It equals `significance` for S << B. Zero where
    the signal is not positive, NaN where the background is not.

    Parameters
    ----------
    signal, background : expected events, broadcast together
    relative_background_uncertainty : r
    """
    check_relative(relative_background_uncertainty)
    signal, background = np.maximum(np.asarray(signal, np.float64), 0.0), _positive(background)
    square = relative_background_uncertainty**2
    both = signal + background
    # with σ² = r²B², both logarithms are of 1 + something small: log1p keeps a small signal exact
    gain = both * np.log1p(signal / (background * (1 + both * square)))
    cost = signal
    if square > np.finfo(np.float64).tiny:
        cost = np.log1p(square * signal / (1 + square * background)) / square
    return np.asarray(np.sqrt(2 * np.maximum(gain - cost, 0.0)))


FORMULAS: dict[str, Formula] = {"simple": significance, "asimov": asimov_significance}


def _positive(background: ArrayLike) -> NDArray[np.float64]:
    background = np.asarray(background, np.float64)
    return np.where(background > 0, background, np.nan)


def check_relative(relative: float) -> None:
    """Refuse a relative uncertainty that is negative or not finite."""
    if not 0 <= relative < np.inf:
        raise MetricError(
            "not an uncertainty",
            key="relative_background_uncertainty",
            found=relative,
            expected="a number that is not negative",
        )

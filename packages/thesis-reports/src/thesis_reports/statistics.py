"""Spread over seeds, and differences that carry their uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation (NaN below two values) and number of values."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class Difference:
    """How far one thing is ahead of another, and what that was judged from.

    Attributes
    ----------
    value, uncertainty
        With the standard error.
    basis
        What it was judged from, in words.
    degrees
        Of freedom of the uncertainty: of two seeds a side there are few.
    """

    value: float
    uncertainty: float
    basis: str
    degrees: float = math.inf

    @property
    def is_clear(self) -> bool:
        """Whether chance gives as much in fewer than one case of twenty (Student's t)."""
        if not self.uncertainty > 0:
            return False
        return bool(2 * stats.t.sf(abs(self.value) / self.uncertainty, self.degrees) < 0.05)


def spread(values: ArrayLike) -> Spread:
    """Mean ± standard deviation of the values that are finite.

    >>> spread([1, 2, 3])
    Spread(mean=2.0, sd=1.0, n=3)
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if not len(known):
        return Spread(math.nan, math.nan, 0)
    sd = float(np.std(known, ddof=1)) if len(known) > 1 else math.nan
    return Spread(float(np.mean(known)), sd, len(known))


def difference_of_means(first: Spread, second: Spread) -> Difference | None:
    """First minus second with its standard error (Welch); None below two values on a side."""
    if min(first.n, second.n) < 2:
        return None
    parts = [one.sd**2 / one.n for one in (first, second)]
    below = sum(part**2 / (one.n - 1) for part, one in zip(parts, (first, second), strict=True))
    degrees = sum(parts) ** 2 / below if below > 0 else math.inf
    basis = f"{first.n} and {second.n} seeds"
    return Difference(first.mean - second.mean, math.sqrt(sum(parts)), basis, degrees)


def efficiency_band(efficiency: np.ndarray, n_effective: float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson interval (68 %) of efficiencies that are fractions of so many effective events.

    Unlike the plain binomial error it stays inside [0, 1] and keeps a width at 0 and 1.
    (E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209, with z = 1.)

    Parameters
    ----------
    efficiency : [N], between 0 and 1
    n_effective : number of unit-weight events of the same precision

    Returns
    -------
    lower, upper : [N] each
    """
    centre = (efficiency + 0.5 / n_effective) / (1 + 1 / n_effective)
    variance = np.clip(efficiency * (1 - efficiency), 0, None) / n_effective
    half = np.sqrt(variance + 0.25 / n_effective**2) / (1 + 1 / n_effective)
    return centre - half, centre + half


def roc_band(
    signal_efficiency: NDArray[np.float64],
    background_efficiency: NDArray[np.float64],
    n_signal: float,
    n_background: float,
    seeds: NDArray[np.float64] | float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval (68 %) of ε_B along a ROC curve: events that pass, the cut, and seeds.

    Parameters
    ----------
    signal_efficiency, background_efficiency : [N], with increasing ε_S
    n_signal, n_background : effective numbers of events
    seeds : standard deviation of ε_B over trainings, [N] or 0

    Returns
    -------
    lower, upper : [N] each
    """
    low, high = efficiency_band(background_efficiency, n_background)
    other = np.hypot(cut_scatter(signal_efficiency, background_efficiency, n_signal), seeds)
    lower = background_efficiency - np.hypot(background_efficiency - low, other)
    upper = background_efficiency + np.hypot(high - background_efficiency, other)
    return np.maximum(lower, 0), upper


def cut_scatter(
    signal_efficiency: NDArray[np.float64],
    background_efficiency: NDArray[np.float64],
    n_signal: float,
) -> NDArray[np.float64]:
    """Standard deviation of ε_B that the cut brings in, a quantile of so many signal events.

    Parameters
    ----------
    signal_efficiency, background_efficiency : [N], a ROC curve with increasing ε_S
    n_signal : effective number of signal events

    Returns
    -------
    ndarray
        [N], beside what the passing background events scatter by themselves.
    """
    step = np.sqrt(signal_efficiency * (1 - signal_efficiency) / n_signal)
    ends = [
        np.interp(signal_efficiency + sign * step, signal_efficiency, background_efficiency)
        for sign in (1, -1)
    ]
    return (ends[0] - ends[1]) / 2

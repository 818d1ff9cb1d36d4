"""What every metric shares: checked inputs, signed weights, a number with its uncertainty."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.errors import ThesisError


class MetricError(ThesisError):
    """The events that were given do not define the metric that was asked for."""


class Estimate(NamedTuple):
    """A number with one standard deviation; NaN where the sample supports no uncertainty."""

    value: float
    uncertainty: float

    @classmethod
    def from_influence(cls, value: float, influence: NDArray) -> "Estimate":
        """Value with the uncertainty that the influences [N] of its events add up to."""
        return cls(float(value), float(np.linalg.norm(influence)))


UNKNOWN = Estimate(np.nan, np.nan)


def effective_events(weights: ArrayLike) -> float:
    """Number of unit-weight events of equal relative precision, (Σw)²/Σw².

    Parameters
    ----------
    weights : [N], of either sign

    Examples
    --------
    >>> effective_events([1, 1, 1, -1])
    1.0
    """
    weights = np.asarray(weights, dtype=np.float64)
    return float(effective_of_sums(weights.sum(), np.square(weights).sum()))


def effective_of_sums(sums: ArrayLike, squares: ArrayLike) -> NDArray[np.float64]:
    """Effective number of events from sums of w and of w², broadcast; 0 where there are none."""
    sums, squares = np.asarray(sums, np.float64), np.asarray(squares, np.float64)
    return np.divide(np.square(sums), squares, out=np.zeros_like(squares), where=squares > 0)


def weighted_ratio(
    numerator: NDArray, denominator: NDArray | float, weights: NDArray
) -> tuple[float, NDArray]:
    """Ratio of weighted sums R = Σ w·num / Σ w·den, and each event's influence on it [N].

    The influence is the linearised change that one event makes, w (num - R den) / Σ w·den. The
    square root of its summed squares is the uncertainty (Binder, Int. Stat. Rev. 51 (1983) 279);
    for a fraction of unit-weight events that is the binomial √(R(1-R)/N), and weights may be
    negative. Influences of several ratios on the same events add linearly, so a mean or a
    difference keeps their correlation. The ratio is NaN where the denominator is not positive.
    """
    total = float(np.sum(weights * denominator))
    if total <= 0:
        return np.nan, np.full(len(weights), np.nan)
    ratio = float(np.sum(weights * numerator)) / total
    return ratio, weights * (numerator - ratio * denominator) / total


def check_sample(
    scores: ArrayLike, is_signal: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Scores, truth and weights of the same events [N], ones where no weights are given."""
    scores = check_scores(scores)
    return scores, check_mask(is_signal, len(scores)), check_weights(weights, len(scores))


def check_scores(scores: ArrayLike) -> NDArray[np.float64]:
    """Scores as [N] float64, all finite."""
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 1:
        raise MetricError(
            "wrong shape", key="scores", found=array.shape, expected="one number an event"
        )
    return check_finite(array, "scores")


def check_mask(is_signal: ArrayLike, n_events: int) -> NDArray[np.bool_]:
    """Truth as [N] bool, from booleans or from 0 and 1."""
    array = np.asarray(is_signal)
    check_length(array, "is_signal", n_events)
    if array.dtype == np.bool_:
        return array
    if not np.isin(array, (0, 1)).all():
        raise MetricError(
            "wrong truth",
            key="is_signal",
            found=np.unique(array)[:5].tolist(),
            expected="booleans, or 0 and 1",
        )
    return array.astype(np.bool_)


def check_weights(weights: ArrayLike | None, n_events: int) -> NDArray[np.float64]:
    """Event weights as [N] float64, of either sign; ones where none are given."""
    if weights is None:
        return np.ones(n_events)
    array = np.asarray(weights, dtype=np.float64)
    check_length(array, "weights", n_events)
    return check_finite(array, "weights")


def check_total(weights: NDArray, of_what: str) -> None:
    """Refuse a sample that is empty or whose signed weights do not sum to something positive."""
    if len(weights) == 0:
        raise MetricError(f"there are no {of_what}", found="0 events", expected="at least 1")
    total = float(weights.sum())
    if total <= 0:
        raise MetricError(
            f"the total weight of {of_what} is not positive",
            key="weights",
            found=f"{total:g} over {len(weights)} events",
            expected="a positive sum",
        )


def check_length(array: NDArray, key: str, n_events: int) -> None:
    """Refuse anything but one entry an event."""
    if array.shape != (n_events,):
        raise MetricError("wrong shape", key=key, found=array.shape, expected=f"({n_events},)")


def check_finite(array: NDArray, key: str) -> NDArray:
    """The array itself, once all of it is finite."""
    finite = np.isfinite(array)
    if not finite.all():
        bad = int(array.size - np.count_nonzero(finite))
        raise MetricError("NaN or infinity", key=key, found=f"{bad} of {array.size} entries")
    return array

"""Working points on the ROC curve: rejection at fixed efficiency, and the other way round.

Between the points of the curve both efficiencies are interpolated linearly, which is what cutting
at random inside a group of equal scores gives. Negative weights can make the curve cross a value
more than once; the crossing at the tightest cut counts.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.ranking import Ranking, rank_events
from thesis_facts.metrics.sample import Estimate, MetricError, effective_events

ROUNDING = 1e-12  # sums of weights reach a working point exactly only up to this


def rejection_at(
    scores: ArrayLike,
    is_signal: ArrayLike,
    efficiency: float,
    weights: ArrayLike | None = None,
) -> Estimate:
    """Background rejection 1/eps_B where the signal efficiency eps_S is `efficiency`.

    The uncertainty has two terms: the scatter of the passing background, and that of the cut,
    which is a quantile of the signal sample (eps_B at eps_S shifted by its own standard
    deviation to either side). For unit weights both are binomial. It is a symmetric,
    large-sample number: with a handful of passing events the true interval is skewed upwards.

    Parameters
    ----------
    scores, is_signal, weights : [N], see `thesis_facts.metrics.auroc`
    efficiency : eps_S in (0, 1]

    Returns
    -------
    Estimate
        (inf, nan) where no background weight passes; `rejection_lower_limit` then says what the
        sample still proves.
    """
    return rejection_of(rank_events(scores, is_signal, weights), efficiency)


def rejection_lower_limit(
    scores: ArrayLike,
    is_signal: ArrayLike,
    efficiency: float,
    weights: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
) -> float:
    """Lower limit on 1/eps_B where no background event passes; NaN where some do.

    Exact one-sided binomial limit for zero of n effective background events,
    eps_B < 1 - (1 - confidence)^(1/n), about 3/n at 95 %.
    """
    return rejection_lower_limit_of(
        rank_events(scores, is_signal, weights), efficiency, confidence=confidence
    )


def efficiency_at_rejection(
    scores: ArrayLike,
    is_signal: ArrayLike,
    rejection: float,
    weights: ArrayLike | None = None,
) -> Estimate:
    """Signal efficiency eps_S at the loosest cut that keeps 1/eps_B at `rejection`.

    The uncertainty is built as in `rejection_at`, with signal and background exchanged. It is
    NaN where the sample's effective background is smaller than `rejection`: less than one event
    would pass, and the value says little.

    Parameters
    ----------
    scores, is_signal, weights : [N], see `thesis_facts.metrics.auroc`
    rejection : 1/eps_B, at least 1
    """
    return efficiency_of(rank_events(scores, is_signal, weights), rejection)


def rejection_of(ranking: Ranking, efficiency: float) -> Estimate:
    """`rejection_at` for events that are sorted already."""
    position = _signal_position(ranking, efficiency)
    background = _value_at(ranking.background_efficiency, position)
    if background <= ROUNDING:
        return Estimate(np.inf, np.nan)
    scatter = _background_deviation(ranking, position)
    step = _signal_deviation(ranking, position)
    looser, tighter = (
        _value_at(ranking.background_efficiency, _reaching(ranking.signal_efficiency, shifted))
        for shifted in (min(efficiency + step, 1.0), max(efficiency - step, 0.0))
    )
    uncertainty = np.hypot(scatter, (looser - tighter) / 2)
    return Estimate(1 / background, float(uncertainty) / background**2)


def rejection_lower_limit_of(
    ranking: Ranking, efficiency: float, *, confidence: float = 0.95
) -> float:
    """`rejection_lower_limit` for events that are sorted already."""
    position = _signal_position(ranking, efficiency)
    if _value_at(ranking.background_squares, position) > 0:
        return np.nan
    n_background = effective_events(ranking.weights[~ranking.is_signal])
    return 1 / -float(np.expm1(np.log1p(-confidence) / n_background))


def efficiency_of(ranking: Ranking, rejection: float) -> Estimate:
    """`efficiency_at_rejection` for events that are sorted already."""
    if not rejection >= 1:
        raise MetricError(
            "a rejection is the inverse of an efficiency",
            key="rejection",
            found=rejection,
            expected="at least 1",
        )
    target = 1 / rejection
    position = _exceeding(ranking.background_efficiency, target)
    signal = _value_at(ranking.signal_efficiency, position)
    if effective_events(ranking.weights[~ranking.is_signal]) < rejection:
        return Estimate(signal, np.nan)
    scatter = _signal_deviation(ranking, position)
    step = _background_deviation(ranking, position)
    looser, tighter = (
        _value_at(ranking.signal_efficiency, _exceeding(ranking.background_efficiency, shifted))
        for shifted in (min(target + step, 1.0), max(target - step, 0.0))
    )
    return Estimate(signal, float(np.hypot(scatter, (looser - tighter) / 2)))


def efficiency_variance(
    passing: NDArray | float,
    passing_squares: NDArray | float,
    total: float,
    total_squares: float,
) -> NDArray | float:
    """Variance of an efficiency from the sums of w and w² of passing and of all events.

    eps = Σ_pass w / Σ w varies by Σ w² (pass - eps)² / (Σ w)²; eps (1 - eps) / N for unit weights.
    """
    efficiency = passing / total
    failing_squares = total_squares - passing_squares
    return (passing_squares * (1 - efficiency) ** 2 + failing_squares * efficiency**2) / total**2


def _signal_position(ranking: Ranking, efficiency: float) -> float:
    if not 0 < efficiency <= 1:
        raise MetricError(
            "there is no such signal efficiency",
            key="efficiency",
            found=efficiency,
            expected="more than 0, at most 1",
        )
    return _reaching(ranking.signal_efficiency, efficiency)


def _signal_deviation(ranking: Ranking, position: float) -> float:
    return _deviation_at(ranking.signal, ranking.signal_squares, position)


def _background_deviation(ranking: Ranking, position: float) -> float:
    return _deviation_at(ranking.background, ranking.background_squares, position)


def _deviation_at(sums: NDArray, squares: NDArray, position: float) -> float:
    """Standard deviation of an efficiency at a position on the curve."""
    passing, passing_squares = _value_at(sums, position), _value_at(squares, position)
    return float(np.sqrt(efficiency_variance(passing, passing_squares, sums[-1], squares[-1])))


def _reaching(curve: NDArray, target: float) -> float:
    """Fractional index at which the curve [G+1], from 0 to 1, first reaches the target."""
    return _crossing(curve, target, int(np.argmax(curve >= target - ROUNDING)))


def _exceeding(curve: NDArray, target: float) -> float:
    """Fractional index beyond which the curve [G+1], from 0 to 1, first exceeds the target."""
    above = curve > target + ROUNDING
    return _crossing(curve, target, int(np.argmax(above)) if above.any() else len(curve) - 1)


def _crossing(curve: NDArray, target: float, index: int) -> float:
    if index == 0:
        return 0.0
    step = curve[index] - curve[index - 1]
    if step <= 0:
        return float(index)
    return index - 1 + float(np.clip((target - curve[index - 1]) / step, 0.0, 1.0))


def _value_at(curve: NDArray, position: float) -> float:
    """The curve [G+1] at a fractional index."""
    index = min(int(position), len(curve) - 2)
    return float(curve[index] + (position - index) * (curve[index + 1] - curve[index]))

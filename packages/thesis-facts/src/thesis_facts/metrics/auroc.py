"""Area under the ROC curve with its uncertainty, and the paired difference of two models."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.ranking import Ranking, rank_events
from thesis_facts.metrics.sample import Estimate


def auroc(scores: ArrayLike, is_signal: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Probability that a signal event scores above a background event, ties counting half.

    With signed weights, Σ_{i∈S, j∈B} w_i w_j [1(s_i > s_j) + ½ 1(s_i = s_j)] / (Σ_S w Σ_B w),
    in O(N log N). Cancelling weights can push it outside [0, 1].

    Parameters
    ----------
    scores : [N], larger is more signal-like
    is_signal : [N] bool
    weights : [N], of either sign; None for unit weights

    Examples
    --------
    >>> auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    return auroc_of(rank_events(scores, is_signal, weights))


def auroc_uncertainty(
    scores: ArrayLike, is_signal: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """One standard deviation of the AUROC, after DeLong, with event weights.

    DeLong, DeLong and Clarke-Pearson (Biometrics 44 (1988) 837) give each signal event the
    background fraction A_i below it, each background event the signal fraction B_j above it,
    and read the variance off their scatter. With weights both fractions are weighted, and by
    linearisation of the ratios (Binder, Int. Stat. Rev. 51 (1983) 279)

        Var = n/(n-1) Σ_S w_i² (A_i - AUROC)² / (Σ_S w)²
            + m/(m-1) Σ_B w_j² (B_j - AUROC)² / (Σ_B w)²

    where n and m count the events of non-zero weight. Unit weights give DeLong's formula back.
    The weights count as random with the events, as those of Monte Carlo are. NaN where a class
    has a single event; 0 where no pair is misordered, which then understates the truth.

    Parameters
    ----------
    scores, is_signal, weights : [N], see `auroc`
    """
    return float(np.linalg.norm(auroc_influence(rank_events(scores, is_signal, weights))))


def paired_auroc_difference(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    is_signal: ArrayLike,
    weights: ArrayLike | None = None,
) -> Estimate:
    """AUROC of a minus AUROC of b on the same events, with the uncertainty of the difference.

    DeLong's covariance of correlated curves, weighted as in `auroc_uncertainty`: what the two
    models share cancels, so a difference far below either uncertainty can be significant.

    Parameters
    ----------
    scores_a, scores_b : [N], scores of the two models, event by event
    is_signal, weights : [N], see `auroc`
    """
    a = rank_events(scores_a, is_signal, weights)
    b = rank_events(scores_b, is_signal, weights)
    difference = auroc_of(a) - auroc_of(b)
    return Estimate.from_influence(difference, auroc_influence(a) - auroc_influence(b))


def macro_auroc_of(rankings: Sequence[Ranking]) -> Estimate:
    """Mean of AUROCs on the same events (one class against the rest each), correlations kept."""
    areas = [auroc_of(ranking) for ranking in rankings]
    influences = [auroc_influence(ranking) for ranking in rankings]
    return Estimate.from_influence(float(np.mean(areas)), np.mean(influences, axis=0))


def auroc_of(ranking: Ranking) -> float:
    """AUROC of events that are sorted already."""
    _, signal_above = _placements(ranking)
    return float(np.diff(ranking.background_efficiency) @ signal_above)


def auroc_influence(ranking: Ranking) -> NDArray[np.float64]:
    """What each event [N] moves the AUROC by; the root of its summed squares is the uncertainty."""
    background_below, signal_above = _placements(ranking)
    area = auroc_of(ranking)
    group = np.repeat(np.arange(len(ranking.thresholds)), np.diff(ranking.group_ends, prepend=0))
    is_signal = ranking.is_signal[ranking.order]
    weights = ranking.weights[ranking.order]
    scale_signal = _unbiased(weights[is_signal]) / ranking.signal[-1]
    scale_background = _unbiased(weights[~is_signal]) / ranking.background[-1]
    influence = np.empty(len(weights))
    influence[ranking.order] = weights * np.where(
        is_signal,
        scale_signal * (background_below[group] - area),
        scale_background * (signal_above[group] - area),
    )
    return influence


def _placements(ranking: Ranking) -> tuple[NDArray, NDArray]:
    """Fraction of background below and of signal above each group [G], ties half."""
    signal, background = ranking.signal_efficiency, ranking.background_efficiency
    return 1 - (background[1:] + background[:-1]) / 2, (signal[1:] + signal[:-1]) / 2


def _unbiased(weights: NDArray) -> float:
    """√(n/(n-1)) of the n events that count."""
    n_events = np.count_nonzero(weights)
    return float(np.sqrt(n_events / (n_events - 1))) if n_events > 1 else np.nan

"""The ROC curve itself, for figures and for cuts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.ranking import rank_events


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Efficiencies of the cut ``score >= threshold`` for each distinct score, tightest first.

    Attributes
    ----------
    signal_efficiency, background_efficiency : [G+1], from 0 to 1
    thresholds : [G+1], descending, starting at infinity (nothing passes)
    """

    signal_efficiency: NDArray[np.float64]
    background_efficiency: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def roc_curve(
    scores: ArrayLike, is_signal: ArrayLike, weights: ArrayLike | None = None
) -> RocCurve:
    """ROC curve with a point for every distinct score; not monotone where weights are negative.

    Parameters
    ----------
    scores, is_signal, weights : [N], see `thesis_facts.metrics.auroc`
    """
    ranking = rank_events(scores, is_signal, weights)
    return RocCurve(
        ranking.signal_efficiency,
        ranking.background_efficiency,
        np.concatenate([[np.inf], ranking.thresholds]),
    )

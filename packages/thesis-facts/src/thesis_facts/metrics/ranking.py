"""Events sorted once by score: the one pass on which AUROC, ROC and working points rest."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.sample import check_sample, check_total


@dataclass(frozen=True, eq=False)
class Ranking:
    """Signal and background in descending order of score, equal scores merged into one group.

    N events form G groups. The cumulative arrays [G+1] start with 0 (nothing passes) and hold
    the sums over events with score >= threshold, so that entry 1 belongs to ``thresholds[0]``.

    Attributes
    ----------
    is_signal : [N] bool, in the caller's order
    weights : [N], of either sign, in the caller's order
    order : [N], row of the event at each rank
    group_ends : [G], number of events at or above each threshold
    thresholds : [G], the distinct scores, descending
    """

    is_signal: NDArray[np.bool_]
    weights: NDArray[np.float64]
    order: NDArray[np.intp]
    group_ends: NDArray[np.intp]
    thresholds: NDArray[np.float64]

    @cached_property
    def signal(self) -> NDArray[np.float64]:
        """Signal weight that passes each threshold [G+1]."""
        return self._cumulative(np.where(self.is_signal, self.weights, 0.0))

    @cached_property
    def background(self) -> NDArray[np.float64]:
        """Background weight that passes each threshold [G+1]."""
        return self._cumulative(np.where(self.is_signal, 0.0, self.weights))

    @cached_property
    def signal_squares(self) -> NDArray[np.float64]:
        """Sum of squared signal weights that pass each threshold [G+1]."""
        return self._cumulative(np.where(self.is_signal, np.square(self.weights), 0.0))

    @cached_property
    def background_squares(self) -> NDArray[np.float64]:
        """Sum of squared background weights that pass each threshold [G+1]."""
        return self._cumulative(np.where(self.is_signal, 0.0, np.square(self.weights)))

    @cached_property
    def signal_efficiency(self) -> NDArray[np.float64]:
        """Fraction eps_S of the signal weight that passes each threshold [G+1]."""
        return self.signal / self.signal[-1]

    @cached_property
    def background_efficiency(self) -> NDArray[np.float64]:
        """Fraction eps_B of the background weight that passes each threshold [G+1]."""
        return self.background / self.background[-1]

    def _cumulative(self, values: NDArray) -> NDArray[np.float64]:
        return np.concatenate([[0.0], np.cumsum(values[self.order])[self.group_ends - 1]])


def rank_where_defined(
    scores: NDArray, is_signal: NDArray[np.bool_], weights: NDArray
) -> Ranking | None:
    """Checked events sorted as by `rank_events`; None where either class has no total weight."""
    if weights[is_signal].sum() <= 0 or weights[~is_signal].sum() <= 0:
        return None
    return rank_events(scores, is_signal, weights)


def rank_events(
    scores: ArrayLike, is_signal: ArrayLike, weights: ArrayLike | None = None
) -> Ranking:
    """Sort events by descending score.

    Parameters
    ----------
    scores : [N], larger is more signal-like
    is_signal : [N] bool (or 0 and 1)
    weights : [N], of either sign; None for unit weights

    Raises
    ------
    MetricError
        If either class is empty or has no positive total weight, if a score or a weight is not
        finite, or if the lengths differ.
    """
    scores, is_signal, weights = check_sample(scores, is_signal, weights)
    check_total(weights[is_signal], "signal events")
    check_total(weights[~is_signal], "background events")
    order = np.argsort(scores)[::-1]
    descending = scores[order]
    is_last = np.append(descending[1:] != descending[:-1], True)
    group_ends = np.flatnonzero(is_last) + 1
    return Ranking(is_signal, weights, order, group_ends, descending[group_ends - 1])

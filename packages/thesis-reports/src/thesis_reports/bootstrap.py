"""Paired bootstrap over events: what chance in the events does to several models at once.

Every event counts Poisson(1) times in a replicate, the same number for all models, so that what
models share cancels in their differences. Poisson counts make the total fluctuate, as it does in
an experiment, and need no sorting of events; event weights of either sign multiply them. A model
is sorted once, and replicates come in blocks, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.ranking import Ranking, rank_events
from thesis_facts.metrics.sample import check_weights
from thesis_facts.metrics.working_points import ROUNDING

Counts = NDArray[np.uint8]
Resampled = Callable[[Counts], NDArray[np.float64]]
"""Gives a number for each row of counts [B, N]: [B], NaN where these leave it undefined."""

SEED = 20_250_101
_BLOCK = 2**19  # counts at a time, a few MiB with all that is computed of them

Scores = TypeVar("Scores", bound=Sequence | NDArray)


def paired_replicates(
    scores_list: Sequence[Scores],
    statistic: Callable[[Scores], Resampled],
    n: int,
    seed: int = SEED,
) -> NDArray[np.float64]:
    """A statistic of several models on the same resampled events.

    Parameters
    ----------
    scores_list
        What each model says of the same N events, event by event.
    statistic
        Prepares one model, as `auroc_statistic` does.
    n
        Number K of replicates.
    seed
        The same seed gives the same counts, whatever the models.

    Returns
    -------
    [runs, K]

    Examples
    --------
    >>> import numpy as np
    >>> replicates = paired_replicates([np.arange(100.0)], mean_statistic(), 200)
    >>> bool(abs(replicates.std() - np.arange(100).std() / 10) < 0.4)
    True
    """
    replicates = np.empty((len(scores_list), n))
    if not len(scores_list):
        return replicates
    n_events = len(scores_list[0])
    if any(len(scores) != n_events for scores in scores_list):
        raise ValueError("the models were not judged on the same events")
    prepared = [statistic(scores) for scores in scores_list]
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // max(n_events, 1))
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        counts = generator.poisson(1.0, (stop - start, n_events)).astype(np.uint8)
        for run, resampled in enumerate(prepared):
            replicates[run, start:stop] = resampled(counts)
    return replicates


def deviations(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replicates [runs, K] about their means over √(K - 1): inner products are covariances.

    Replicates in which a model has no finite number are left out for all of them.
    """
    known = replicates[:, np.isfinite(replicates).all(axis=0)]
    if known.shape[1] < 2:
        return np.full((len(replicates), 1), np.nan)
    centred = known - known.mean(axis=1, keepdims=True)
    return centred / np.sqrt(known.shape[1] - 1)


def auroc_statistic(
    is_signal: ArrayLike, weights: ArrayLike | None = None
) -> Callable[[NDArray], Resampled]:
    """Area under the ROC curve of scores [N], as `thesis_facts.metrics.auroc` defines it."""

    def of_model(scores: NDArray) -> Resampled:
        passing = _Passing(rank_events(scores, is_signal, weights))

        def resampled(counts: Counts) -> NDArray[np.float64]:
            signal, background = passing(counts)
            # trapezoids: each background event sees the signal above its group and half within
            above = signal[:, 1:] + signal[:, :-1]
            area = np.einsum("bg,bg->b", np.diff(background, axis=1), above)
            return area / (2 * _positive(signal[:, -1]) * _positive(background[:, -1]))

        return resampled

    return of_model


def rejection_statistic(
    is_signal: ArrayLike, efficiency: float, weights: ArrayLike | None = None
) -> Callable[[NDArray], Resampled]:
    """1/eps_B at a signal efficiency, as `thesis_facts.metrics.rejection_at` defines it.

    Infinite where no background weight passes. The cut is a quantile, which resampled events
    scatter somewhat too much: a paired difference gets an error that is 5 to 15 % too large.
    """

    def of_model(scores: NDArray) -> Resampled:
        passing = _Passing(rank_events(scores, is_signal, weights))

        def resampled(counts: Counts) -> NDArray[np.float64]:
            signal, background = passing(counts)
            signal = signal / _positive(signal[:, -1:])
            rows = np.arange(len(signal))
            # the first crossing, and between two points of the curve a straight line
            after = np.maximum(np.argmax(signal >= efficiency - ROUNDING, axis=1), 1)
            low, high = signal[rows, after - 1], signal[rows, after]
            step = np.where(high > low, high - low, 1.0)
            part = np.where(high > low, np.clip((efficiency - low) / step, 0, 1), 1.0)
            first, second = background[rows, after - 1], background[rows, after]
            passes = (first + part * (second - first)) / _positive(background[:, -1])
            return np.where(passes > ROUNDING, 1 / np.maximum(passes, ROUNDING), np.inf)

        return resampled

    return of_model


def mean_statistic(weights: ArrayLike | None = None) -> Callable[[NDArray], Resampled]:
    """Weighted mean of a number an event [N], such as its loss."""

    def of_model(values: NDArray) -> Resampled:
        weight = check_weights(weights, len(values))
        both = np.stack([weight * np.asarray(values, dtype=np.float64), weight], axis=1)

        def resampled(counts: Counts) -> NDArray[np.float64]:
            sums = counts.astype(np.float64) @ both
            return sums[:, 0] / _positive(sums[:, 1])

        return resampled

    return of_model


class _Passing:
    """Signal and background weight above each threshold [B, G+1], for counts [B, N]."""

    def __init__(self, ranking: Ranking) -> None:
        self._order = ranking.order
        self._last = ranking.group_ends - 1
        is_signal, weights = ranking.is_signal[ranking.order], ranking.weights[ranking.order]
        self._signal = np.where(is_signal, weights, 0.0)
        self._background = np.where(is_signal, 0.0, weights)

    def __call__(self, counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        in_order = np.take(counts, self._order, axis=1)
        return self._sums(in_order * self._signal), self._sums(in_order * self._background)

    def _sums(self, weights: NDArray) -> NDArray[np.float64]:
        n_rows, n_events = weights.shape
        sums = np.zeros((n_rows, n_events + 1))
        np.cumsum(weights, axis=1, out=sums[:, 1:])
        if len(self._last) == n_events:
            return sums
        return sums[:, np.concatenate([[0], self._last + 1])]


def _positive(totals: NDArray) -> NDArray[np.float64]:
    """Total weights, NaN where signed weights of a replicate sum to nothing."""
    return np.where(totals > 0, totals, np.nan)

"""Events in slices of what was measured of them: how models do in each, with uncertainties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts.metrics.auroc import auroc_influence, auroc_of
from thesis_facts.metrics.ranking import rank_where_defined
from thesis_facts.metrics.sample import effective_events
from thesis_reports.statistics import efficiency_band, spread

_MOST_WHOLE_NUMBERS = 40  # different values, up to which a variable is a count


@dataclass(frozen=True)
class Slice:
    """Events with ``low <= value < high``; the first and the last slice have no end.

    `shown` are the ends that a figure gives it.
    """

    label: str
    low: float
    high: float
    shown: tuple[float, float]

    def holds(self, values: NDArray) -> NDArray[np.bool_]:
        """Which events [N] are in it."""
        return (values >= self.low) & (values < self.high)


def slices_of(values: NDArray, n: int) -> list[Slice]:
    """Slices that hold all events, each at least half of an n-th of them where values allow.

    Counts keep whole numbers apart and merge rare ones; other variables are cut at rounded
    quantiles.

    Parameters
    ----------
    values : [N], all finite
    n : at least 1

    Examples
    --------
    >>> import numpy as np
    >>> [one.label for one in slices_of(np.array([1, 2, 2, 3, 3, 4, 4, 9]), 2)]
    ['≤ 2', '3', '≥ 4']
    """
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return []
    distinct, numbers = np.unique(values, return_counts=True)
    if (distinct == np.round(distinct)).all() and len(distinct) <= _MOST_WHOLE_NUMBERS:
        return _of_counts(distinct, numbers, n)
    step = _round_step(float(np.subtract(*np.quantile(values, [0.9, 0.1]))) / (2 * n))
    inner = np.round(np.quantile(values, np.linspace(0, 1, n + 1)[1:-1]) / step) * step
    inner = np.unique(inner[(inner > distinct[0]) & (inner <= distinct[-1])])
    ends = (float(distinct[0]), float(np.quantile(values, 0.99)))
    return _between(inner, ends, [f"{edge:,g}" for edge in inner])


def efficiency_by_slice(
    scores: Sequence[NDArray],
    is_signal: NDArray[np.bool_],
    weights: NDArray,
    values: NDArray,
    slices: Sequence[Slice],
    *,
    efficiency: float,
    fewest: float,
) -> pd.DataFrame:
    """Efficiencies of signal and background in slices, at one cut for all events.

    Parameters
    ----------
    scores : [N] of each run; each has its own cut, with this overall signal efficiency
    is_signal, weights, values : [N]
    slices
        Of `values`.
    efficiency
        Of the signal, over all slices.
    fewest
        Effective events of a class, below which a slice is left out.

    Returns
    -------
    DataFrame
        A row per class (``sample`` is signal or background) and slice that is not left out:
        ``slice``, ``low``, ``high`` (ends as shown), ``efficiency`` (mean over runs), ``lower``,
        ``upper`` (68 % Wilson interval of one run's events), ``seed_sd``, ``n_effective``.
    """
    passes = [
        score >= _threshold(score[is_signal], weights[is_signal], efficiency) for score in scores
    ]
    rows = []
    for sample, of_class in (("signal", is_signal), ("background", ~is_signal)):
        for one in slices:
            inside = of_class & one.holds(values)
            n_effective = effective_events(weights[inside])
            total = weights[inside].sum()
            if n_effective < max(fewest, 1) or total <= 0:
                continue
            runs = spread([weights[inside & passing].sum() / total for passing in passes])
            lower, upper = efficiency_band(np.array([runs.mean]), n_effective)
            rows.append(
                {
                    "sample": sample,
                    "slice": one.label,
                    "low": one.shown[0],
                    "high": one.shown[1],
                    "efficiency": runs.mean,
                    "lower": float(lower[0]),
                    "upper": float(upper[0]),
                    "seed_sd": runs.sd,
                    "n_effective": n_effective,
                }
            )
    columns = ["sample", "slice", "low", "high", "efficiency", "lower", "upper", "seed_sd"]
    return pd.DataFrame(rows, columns=[*columns, "n_effective"])


def auroc_by_slice(
    scores: Sequence[NDArray],
    is_signal: NDArray[np.bool_],
    weights: NDArray,
    values: NDArray,
    slices: Sequence[Slice],
    *,
    fewest: float,
) -> pd.DataFrame:
    """AUROC of signal against background among the events of each slice.

    Parameters
    ----------
    scores : [N] of each run
    is_signal, weights, values : [N]
    slices
        Of `values`.
    fewest
        Effective events of either class, below which a slice has no AUROC.

    Returns
    -------
    DataFrame
        A row per slice: ``slice``, ``auroc`` (mean over runs; NaN where there are too few
        events), ``event_error`` (of that mean), ``seed_sd``, ``n_signal``, ``n_background``
        (effective).
    """
    rows = []
    for one in slices:
        inside = one.holds(values)
        n_signal, n_background = (
            effective_events(weights[inside & of_class]) for of_class in (is_signal, ~is_signal)
        )
        area, error = spread([]), np.nan
        if min(n_signal, n_background) >= fewest:
            found = [
                rank_where_defined(score[inside], is_signal[inside], weights[inside])
                for score in scores
            ]
            rankings = [ranking for ranking in found if ranking is not None]
            if rankings:
                area = spread([auroc_of(ranking) for ranking in rankings])
                influence = np.mean([auroc_influence(ranking) for ranking in rankings], axis=0)
                error = float(np.linalg.norm(influence))
        rows.append(
            {
                "slice": one.label,
                "auroc": area.mean,
                "event_error": error,
                "seed_sd": area.sd,
                "n_signal": n_signal,
                "n_background": n_background,
            }
        )
    columns = ["slice", "auroc", "event_error", "seed_sd", "n_signal", "n_background"]
    return pd.DataFrame(rows, columns=columns)


def _of_counts(distinct: NDArray, numbers: NDArray, n: int) -> list[Slice]:
    """Neighbours are merged until each slice holds half of an equal share."""
    fewest, inner, held = numbers.sum() / (2 * n), [], 0
    for value, number in zip(distinct, numbers, strict=True):
        if held >= fewest:
            inner.append(value)
            held = 0
        held += number
    if inner and held < fewest:
        inner.pop()
    ends = (distinct[0] - 0.5, distinct[-1] + 0.5)
    edges = [distinct[0], *inner, distinct[-1] + 1]
    slices = _between(np.array(inner) - 0.5, ends, [""] * len(inner))
    return [
        Slice(_count_label(low, high - 1, i == 0, i == len(inner)), one.low, one.high, one.shown)
        for i, (one, low, high) in enumerate(zip(slices, edges[:-1], edges[1:], strict=True))
    ]


def _count_label(first: float, last: float, is_lowest: bool, is_highest: bool) -> str:
    if is_lowest and is_highest:
        return "all"
    if first == last:
        return f"{first:g}"
    if is_lowest:
        return f"≤ {last:g}"
    return f"≥ {first:g}" if is_highest else f"{first:g}–{last:g}"


def _between(inner: NDArray, ends: tuple[float, float], names: Sequence[str]) -> list[Slice]:
    """Slices between inner edges, the outer two open."""
    edges = [-np.inf, *inner.tolist(), np.inf]
    first, last = ends
    if len(inner) > 1:  # an end that is rarely reached would dwarf the others
        widest = 3 * float(np.median(np.diff(inner)))
        first, last = max(first, inner[0] - widest), min(last, inner[-1] + widest)
    if len(inner):
        last = max(last, inner[-1] + (inner[-1] - first) / (2 * len(inner)))
    shown = [first, *inner.tolist(), last]
    labels = ["all"]
    if len(inner):
        middle = [f"{low}–{high}" for low, high in pairwise(names)]
        labels = [f"< {names[0]}", *middle, f"≥ {names[-1]}"]
    return [
        Slice(labels[i], edges[i], edges[i + 1], (float(shown[i]), float(shown[i + 1])))
        for i in range(len(edges) - 1)
    ]


def _round_step(width: float) -> float:
    """The largest of 1, 2, 5 times a power of ten below a width."""
    if width <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(width))
    return float(power * max(factor for factor in (1, 2, 5) if factor * power <= width * 1.0001))


def _threshold(scores: NDArray, weights: NDArray, efficiency: float) -> float:
    """Score above which this fraction of the weight lies."""
    order = np.argsort(scores)[::-1]
    passing = np.cumsum(weights[order])
    first = int(np.argmax(passing >= efficiency * passing[-1] - 1e-9))
    return float(scores[order[first]])

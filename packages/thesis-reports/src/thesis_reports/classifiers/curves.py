"""Curves and points of classifiers, averaged over the runs of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts.metrics import process_report, roc_curve
from thesis_facts.metrics.sample import effective_events
from thesis_reports.classifiers.comparison import WORKING_POINT
from thesis_reports.classifiers.models import Model
from thesis_reports.classifiers.runs import Events, Judging, rejection_key
from thesis_reports.figures.roc import RocLine
from thesis_reports.statistics import efficiency_band, roc_band, spread

ALL = "all"
"""All background processes together."""

_CURVE_POINTS = 250
_FEWEST_PASSING = 3  # background events, below which a ROC curve shows nothing but chance


def roc_line(model: Model, events: Events, judging: Judging) -> RocLine:
    """ε_B averaged over runs at each ε_S."""
    efficiency = np.linspace(0.01, 1, _CURVE_POINTS)
    curves = []
    for run in model.runs:
        curve = roc_curve(run.score, events.is_signal, events.weights)
        reached = np.maximum.accumulate(curve.signal_efficiency)
        at = np.minimum(np.searchsorted(reached, efficiency - 1e-12), len(reached) - 1)
        curves.append(curve.background_efficiency[at])
    background = np.mean(curves, axis=0)
    n_background = effective_events(events.weights[~events.is_signal])
    known = background * n_background >= _FEWEST_PASSING
    n_signal = effective_events(events.weights[events.is_signal])
    seeds = np.std(curves, axis=0, ddof=1) if len(curves) > 1 else 0.0
    lower, upper = roc_band(efficiency, background, n_signal, n_background, seeds)
    points = [
        (point, model.over_runs(key).mean, model.error(key))
        for point in judging.working_points
        for key in [rejection_key(point)]
    ]
    shown = (values[known] for values in (efficiency, background, lower, upper))
    return RocLine(model.label, *shown, points)


def rejections_by_process(
    model: Model, events: Events, process: NDArray[np.integer]
) -> pd.DataFrame:
    """Rejection of each background process [N] with one cut for all.

    Returns
    -------
    DataFrame
        A row per background, `ALL` first: ``model``, ``background``, ``rejection`` (or its lower
        limit, where ``is_limit``), its interval ``lower``, ``upper``, and ``n_effective``.
    """
    reports = []
    for run in model.runs:
        logits = np.stack([np.zeros_like(run.score), run.score], axis=1)
        labels = events.is_signal.astype(np.int64)
        reports.append(process_report(logits, labels, process, 1, events.weights))
    rows = [
        {"model": model.label, "background": name, **_over_runs([one[name] for one in reports])}
        for name in reports[0]
    ]
    return pd.DataFrame(rows)


def _over_runs(found: Sequence[Mapping[str, float]]) -> dict[str, float | bool]:
    """Rejection of one background with its interval, as ε_B averaged over runs gives it.

    The interval holds the scatter of the passing events (Wilson), of the cut and of the seeds.
    """
    key, n_effective = rejection_key(WORKING_POINT), found[0]["n_effective"]
    passing = 1 / np.array([one[key] for one in found])
    mean = float(passing.mean())
    if not mean > 0:
        limits = [one.get(f"{key}_lower_limit", np.nan) for one in found]
        row: dict[str, float | bool] = {"rejection": float(min(limits)), "is_limit": True}
        return row | {"lower": np.nan, "upper": np.nan, "n_effective": n_effective}
    errors = [one[f"{key}_uncertainty"] / one[key] ** 2 for one in found if np.isfinite(one[key])]
    of_cut = max(float(np.mean(errors)) ** 2 - mean * (1 - mean) / n_effective, 0.0)
    other = math.hypot(math.sqrt(of_cut), np.nan_to_num(spread(passing).sd)) / mean
    low, high = (float(end[0]) for end in efficiency_band(np.array([mean]), n_effective))
    # added up as factors, for with few events the interval is a skewed one
    more, less = (math.exp(math.hypot(math.log(end), other)) for end in (mean / low, high / mean))
    row = {"rejection": 1 / mean, "is_limit": False, "lower": 1 / mean / less}
    return row | {"upper": more / mean, "n_effective": n_effective}

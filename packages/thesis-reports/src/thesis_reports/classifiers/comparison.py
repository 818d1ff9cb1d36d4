"""Which classifiers differ by more than chance, in how they separate and in how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thesis_facts.metrics.sample import effective_events
from thesis_reports.bootstrap import (
    Resampled,
    auroc_statistic,
    deviations,
    mean_statistic,
    paired_replicates,
    rejection_statistic,
)
from thesis_reports.classifiers.models import Model
from thesis_reports.classifiers.runs import Events, JudgedRun, rejection_key
from thesis_reports.comparison import Comparison, Group, compare_with, holm

WORKING_POINT = 0.5
"""Signal efficiency at which rejections are compared."""

_FEWEST_PASSING = 5.0  # effective background events, below which a logarithm is no number


@dataclass(frozen=True)
class MetricComparison:
    """Models minus the base in one metric.

    Attributes
    ----------
    label
        The metric, as the page calls it.
    higher_is_better
        Direction in which it improves.
    rows
        A comparison per model but the base.
    """

    label: str
    higher_is_better: bool
    rows: list[Comparison]


@dataclass(frozen=True)
class _Metric:
    label: str
    higher_is_better: bool
    value: Callable[[JudgedRun], float]
    input: Callable[[JudgedRun], NDArray[np.float64]]
    statistic: Callable[[NDArray], Resampled]
    of_replicates: Callable[[NDArray], NDArray] = np.asarray


def compare_models(
    models: Sequence[Model], events: Events, n_replicates: int
) -> tuple[list[MetricComparison], list[tuple[str, str]]]:
    """Each model minus the first in AUROC, rejection and log loss, on the same events.

    Rejections are compared by their logarithm, which chance makes symmetric: differences are
    relative. Holm's correction is over all models and metrics, and counts all pairs of models, as
    the first was chosen by what it reached.

    Parameters
    ----------
    models
        The base first.
    n_replicates
        Of the paired bootstrap over events.

    Returns
    -------
    comparisons
        One per metric that could be compared.
    left_out : (model and metric, reason)
    """
    found, left_out = [], []
    for metric in _metrics(events):
        chosen = list(models)
        if "ε_B" in metric.label:
            chosen = [model for model in models if _has_background(model, events)]
            left_out += [
                (
                    f"{model.label}, {metric.label}",
                    f"fewer than {_FEWEST_PASSING:g} background events pass in some run: too "
                    "few to compare",
                )
                for model in models
                if model not in chosen
            ]
        if len(chosen) < 2 or chosen[0] is not models[0]:
            continue
        runs = [run for model in chosen for run in model.runs]
        replicates = paired_replicates(
            [metric.input(run) for run in runs], metric.statistic, n_replicates
        )
        deviation = iter(deviations(metric.of_replicates(replicates)))
        groups = [
            Group.of(model.label, [(metric.value(run), next(deviation)) for run in model.runs])
            for model in chosen
        ]
        rows = compare_with(groups[0], groups[1:])
        found.append(MetricComparison(metric.label, metric.higher_is_better, rows))
    return _corrected(found, len(models)), left_out


def _metrics(events: Events) -> list[_Metric]:
    weights, key = events.weights, rejection_key(WORKING_POINT)
    return [
        _Metric(
            "AUROC",
            True,
            lambda run: run.numbers["auroc"].value,
            lambda run: run.score,
            auroc_statistic(events.is_signal, weights),
        ),
        _Metric(
            f"ln 1/ε_B at ε_S = {WORKING_POINT:g}",
            True,
            lambda run: float(np.log(run.numbers[key].value)),
            lambda run: run.score,
            rejection_statistic(events.is_signal, WORKING_POINT, weights),
            _logarithm,
        ),
        _Metric(
            "log loss",
            False,
            lambda run: run.numbers["log_loss"].value,
            lambda run: run.loss,
            mean_statistic(weights),
        ),
    ]


def _has_background(model: Model, events: Events) -> bool:
    """Whether enough background passes at the working point to speak of a difference."""
    n_background = effective_events(events.weights[~events.is_signal])
    rejections = [run.numbers[rejection_key(WORKING_POINT)].value for run in model.runs]
    return all(0 < one <= n_background / _FEWEST_PASSING for one in rejections)


def _logarithm(replicates: NDArray) -> NDArray[np.float64]:
    return np.log(np.where(replicates > 0, replicates, np.nan))


def _corrected(found: Sequence[MetricComparison], n_models: int) -> list[MetricComparison]:
    p_values = [row.p_value for one in found for row in one.rows]
    n_pairs = n_models * (n_models - 1) // 2
    corrected = iter(holm(p_values, n_pairs * len(found)))
    return [
        replace(one, rows=[replace(row, p_holm=float(next(corrected))) for row in one.rows])
        for one in found
    ]

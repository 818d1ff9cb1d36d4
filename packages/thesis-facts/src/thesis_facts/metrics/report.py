"""All numbers of a finished classifier in one flat dict, as they go into facts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from thesis_facts.metrics.auroc import auroc_influence, auroc_of, macro_auroc_of
from thesis_facts.metrics.calibration import (
    calibration_error_if_perfect_of,
    calibration_error_of,
)
from thesis_facts.metrics.classification import accuracy_of, brier_of, f1_of, log_loss_of
from thesis_facts.metrics.predictions import Predictions, check_predictions
from thesis_facts.metrics.ranking import Ranking
from thesis_facts.metrics.sample import UNKNOWN, Estimate, MetricError, effective_events
from thesis_facts.metrics.working_points import (
    efficiency_of,
    rejection_lower_limit_of,
    rejection_of,
)

EFFICIENCIES = (0.3, 0.5, 0.7)
REJECTIONS = (10, 50, 100, 1000)


def classification_report(
    logits: ArrayLike,
    labels: ArrayLike,
    class_names: Sequence[str],
    weights: ArrayLike | None = None,
) -> dict[str, float]:
    """Every metric of a classifier, each with its uncertainty under ``{key}_uncertainty``.

    Keys: ``acc``, ``f1``, ``log_loss``, ``brier``, ``calibration_error`` (beside
    ``calibration_error_if_perfect``), ``n_events``, ``n_effective``, ``n_effective_{class}``,
    ``auroc``, ``rejection_at_0.3`` (0.5, 0.7), ``efficiency_at_rejection_10`` (50, 100, 1000).
    Class 1 of two is the signal. With more classes, ``auroc`` and ``f1`` are means over classes,
    and AUROC and working points of each class against the rest carry its name, as in
    ``auroc_ttH`` and ``rejection_at_0.3_ttH_uncertainty``.

    A rejection of a cut that no background passes is infinite, without uncertainty, and
    ``rejection_at_0.3_lower_limit`` is then its limit at 95 % confidence. What a class without
    positive total weight leaves undefined is NaN.

    Parameters
    ----------
    logits : [N, C]
    labels : [N] integers in 0..C-1
    class_names : C names, in the order of the logits
    weights : [N], of either sign; None for unit weights
    """
    predictions = check_predictions(logits, labels, weights)
    if len(class_names) != predictions.n_classes:
        raise MetricError(
            "wrong number of classes",
            key="class_names",
            found=list(class_names),
            expected=f"{predictions.n_classes} names",
        )
    rankings = {which: predictions.rank_class(which) for which in predictions.ranked_classes}
    report = _counts(predictions, class_names)
    _put(report, "acc", accuracy_of(predictions))
    _put(report, "f1", f1_of(predictions))
    _put(report, "auroc", _macro_auroc(list(rankings.values())))
    _put(report, "log_loss", log_loss_of(predictions))
    _put(report, "brier", brier_of(predictions))
    _put(report, "calibration_error", calibration_error_of(predictions))
    report["calibration_error_if_perfect"] = calibration_error_if_perfect_of(predictions)
    for which, ranking in rankings.items():
        suffix = "" if len(rankings) == 1 else f"_{class_names[which]}"
        report |= ranking_report(ranking, suffix)
    return report


def ranking_report(ranking: Ranking | None, suffix: str = "") -> dict[str, float]:
    """AUROC and working points, their keys with this suffix; NaN where there is no ranking."""
    report: dict[str, float] = {}
    _put(report, f"auroc{suffix}", _auroc(ranking))
    _put_working_points(report, ranking, suffix)
    return report


def _counts(predictions: Predictions, class_names: Sequence[str]) -> dict[str, float]:
    counts: dict[str, float] = {
        "n_events": len(predictions.labels),
        "n_effective": effective_events(predictions.weights),
    }
    for which, name in enumerate(class_names):
        is_class = predictions.labels == which
        counts[f"n_effective_{name}"] = effective_events(predictions.weights[is_class])
    return counts


def _auroc(ranking: Ranking | None) -> Estimate:
    if ranking is None:
        return UNKNOWN
    return Estimate.from_influence(auroc_of(ranking), auroc_influence(ranking))


def _macro_auroc(rankings: Sequence[Ranking | None]) -> Estimate:
    known = [ranking for ranking in rankings if ranking is not None]
    return macro_auroc_of(known) if len(known) == len(rankings) else UNKNOWN


def _put_working_points(report: dict[str, float], ranking: Ranking | None, suffix: str) -> None:
    for efficiency in EFFICIENCIES:
        key = f"rejection_at_{efficiency:g}{suffix}"
        rejection = UNKNOWN if ranking is None else rejection_of(ranking, efficiency)
        _put(report, key, rejection)
        if ranking is not None and np.isinf(rejection.value):
            report[f"{key}_lower_limit"] = rejection_lower_limit_of(ranking, efficiency)
    for rejection in REJECTIONS:
        key = f"efficiency_at_rejection_{rejection:g}{suffix}"
        _put(report, key, UNKNOWN if ranking is None else efficiency_of(ranking, rejection))


def _put(report: dict[str, float], key: str, number: Estimate) -> None:
    report[key] = number.value
    report[f"{key}_uncertainty"] = number.uncertainty

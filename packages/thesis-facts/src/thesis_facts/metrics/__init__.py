"""The field's metrics of classifier scores: numpy only, O(N log N), signed event weights.

Training, reports and notebooks call these same functions. An uncertainty is one standard
deviation, NaN where the sample supports none.
"""

from thesis_facts.metrics.auroc import auroc, auroc_uncertainty, paired_auroc_difference
from thesis_facts.metrics.calibration import (
    CalibrationCurve,
    calibration_curve,
    calibration_error,
    calibration_error_if_perfect,
)
from thesis_facts.metrics.classification import (
    accuracy,
    brier,
    classification_metrics,
    confusion_matrix,
    f1,
    log_loss,
)
from thesis_facts.metrics.cuts import (
    CountingExperiment,
    CutSignificance,
    SignificanceScan,
    best_cut,
    expected_significance,
    significance_at_cut,
)
from thesis_facts.metrics.predictions import log_odds, log_softmax, softmax
from thesis_facts.metrics.processes import process_report
from thesis_facts.metrics.report import classification_report
from thesis_facts.metrics.roc import RocCurve, roc_curve
from thesis_facts.metrics.sample import Estimate, MetricError, effective_events
from thesis_facts.metrics.significance import asimov_significance, significance
from thesis_facts.metrics.working_points import (
    efficiency_at_rejection,
    rejection_at,
    rejection_lower_limit,
)

__all__ = [
    "CalibrationCurve",
    "CountingExperiment",
    "CutSignificance",
    "Estimate",
    "MetricError",
    "RocCurve",
    "SignificanceScan",
    "accuracy",
    "asimov_significance",
    "auroc",
    "auroc_uncertainty",
    "best_cut",
    "brier",
    "calibration_curve",
    "calibration_error",
    "calibration_error_if_perfect",
    "classification_metrics",
    "classification_report",
    "confusion_matrix",
    "effective_events",
    "efficiency_at_rejection",
    "expected_significance",
    "f1",
    "log_loss",
    "log_odds",
    "log_softmax",
    "paired_auroc_difference",
    "process_report",
    "rejection_at",
    "rejection_lower_limit",
    "roc_curve",
    "significance",
    "significance_at_cut",
    "softmax",
]

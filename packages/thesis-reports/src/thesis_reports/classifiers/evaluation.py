"""What a run reaches on the test split, and its scores where they are at hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from thesis_facts import Scores, classification_report, paired_auroc_difference
from thesis_facts.errors import ThesisError
from thesis_facts.metrics import effective_events, log_odds, roc_curve
from thesis_reports.figures.roc import RocLine
from thesis_reports.scores import ScoreSource
from thesis_reports.statistics import Difference, roc_band

WORKING_POINTS = (0.3, 0.5, 0.7)
_TEST_COLUMN = re.compile(r"metric_(.+)_test")
_CURVE_POINTS = 250
_FEWEST_EVENTS = 3  # passing background, below which a curve shows nothing but chance


@dataclass(frozen=True)
class Evaluation:
    """Test metrics of one run.

    Attributes
    ----------
    values
        Metrics by name, each with its ``{name}_uncertainty`` where known; named as in
        ``thesis_facts.classification_report``.
    scores
        Per-event scores, or None.
    missing
        Why there are no scores.
    """

    values: dict[str, float]
    scores: Scores | None = None
    missing: str = ""

    def estimate(self, name: str) -> tuple[float, float]:
        """Value and uncertainty of a metric, NaN where unknown."""
        return self.values.get(name, np.nan), self.values.get(f"{name}_uncertainty", np.nan)


def evaluate_on_test(run: Mapping[str, Any], source: ScoreSource) -> Evaluation:
    """Metrics from the run's test scores, or else those that its facts hold.

    Parameters
    ----------
    run
        Row of the runs table.
    source
        Where scores come from.
    """
    try:
        scores = source.read(run["run_dir"], "test")
        report = classification_report(
            scores.logits, scores.labels, scores.class_names, scores.weights
        )
    except ThesisError as error:
        return Evaluation({} if source.infers else _recorded(run), None, str(error))
    return Evaluation(report, scores)


def roc_lines(result: Evaluation) -> list[RocLine]:
    """The ROC curve of a binary classifier, or one a class against the rest."""
    scores = result.scores
    if scores is None:
        return []
    is_binary = len(scores.class_names) == 2
    classes = [1] if is_binary else range(len(scores.class_names))
    lines = []
    for which in classes:
        name = scores.class_names[which]
        suffix = "" if is_binary else f"_{name}"
        auroc = result.values.get(f"auroc{suffix}", np.nan)
        if np.isfinite(auroc):
            lines.append(_roc_line(scores, which, f"{name}, AUROC {auroc:.4f}", result, suffix))
    return lines


def paired_difference(first: str, second: str, source: ScoreSource) -> Difference | None:
    """AUROC of the first run minus that of the second, on the same validation events.

    None where the scores are not at hand, were not made of the same events, or hold more than
    two classes.
    """
    try:
        a, b = (source.read(run, "val") for run in (first, second))
    except ThesisError:
        return None
    if len(a.class_names) != 2 or not np.array_equal(a.labels, b.labels):
        return None
    try:
        found = paired_auroc_difference(
            log_odds(a.logits, 1), log_odds(b.logits, 1), a.labels == 1, a.weights
        )
    except ThesisError:
        return None
    basis = f"paired, the same {len(a):,} validation events"
    return Difference(found.value, found.uncertainty, basis)


def _recorded(run: Mapping[str, Any]) -> dict[str, float]:
    """Test metrics of a row of the runs table, under their own names."""
    columns = {column: _TEST_COLUMN.fullmatch(column) for column in run}
    return {
        match[1]: float(run[column])
        for column, match in columns.items()
        if match and pd.notna(run[column])
    }


def _roc_line(scores: Scores, which: int, label: str, result: Evaluation, suffix: str) -> RocLine:
    is_signal = scores.labels == which
    curve = roc_curve(log_odds(scores.logits, which), is_signal, scores.weights)
    efficiency = np.linspace(0.01, 1, _CURVE_POINTS)
    at = np.searchsorted(np.maximum.accumulate(curve.signal_efficiency), efficiency)
    background = curve.background_efficiency[np.minimum(at, len(curve.thresholds) - 1)]
    weights = np.ones(len(scores)) if scores.weights is None else scores.weights
    n_background = effective_events(weights[~is_signal])
    known = background * n_background >= _FEWEST_EVENTS
    n_signal = effective_events(weights[is_signal])
    lower, upper = roc_band(efficiency, background, n_signal, n_background)
    points = [
        (point, *result.estimate(f"rejection_at_{point:g}{suffix}")) for point in WORKING_POINTS
    ]
    shown = (values[known] for values in (efficiency, background, lower, upper))
    return RocLine(label, *shown, points)

"""Whether two runs differ in their metric by more than its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from thesis_facts.errors import ThesisError
from thesis_facts.metrics.auroc import auroc_influence, auroc_of
from thesis_facts.metrics.predictions import check_predictions
from thesis_facts.metrics.sample import Estimate
from thesis_facts.scalars import read_scalar_rows
from thesis_facts.scores import Scores, read_scores, same_events


@dataclass(frozen=True)
class MetricDifference:
    """A metric of two runs, and how well their difference is known.

    Attributes
    ----------
    name
        E.g. "test auroc".
    a, b
        Its value in either run.
    uncertainty
        One standard deviation of ``a - b``; NaN where it is unknown.
    basis
        What the uncertainty rests on.
    """

    name: str
    a: float
    b: float
    uncertainty: float
    basis: str

    @property
    def difference(self) -> float:
        """Value of a minus value of b."""
        return self.a - self.b

    @property
    def is_significant(self) -> bool | None:
        """Whether the difference exceeds its uncertainty; None where that is unknown."""
        if not math.isfinite(self.uncertainty):
            return None
        return abs(self.difference) > self.uncertainty


def compare_metric(run_a: str, run_b: str) -> MetricDifference | None:
    """Compare the AUROC of two runs, or their loss where they are no classifiers.

    Scores of the same events are compared event by event, so that what the two runs share
    cancels. Without them the uncertainties that the runs recorded are added in quadrature.
    """
    return _from_scores(run_a, run_b) or _from_scalars(run_a, run_b)


def paired_auroc(a: Scores, b: Scores) -> tuple[float, float, float] | None:
    """AUROC of a, of b, and the uncertainty of their difference on the same events.

    With more than two classes, means over classes of each against the rest. None where the
    events are not the same, or one of the AUROCs is undefined.
    """
    if not same_events(a, b):
        return None
    try:
        rankings = [_rankings(scores) for scores in (a, b)]
    except ThesisError:
        return None
    if None in rankings[0]:
        return None
    areas = np.array([[auroc_of(ranking) for ranking in of_run] for of_run in rankings])
    influences = [
        np.mean([auroc_influence(ranking) for ranking in of_run], axis=0) for of_run in rankings
    ]
    difference = Estimate.from_influence(0.0, influences[0] - influences[1])
    return float(areas[0].mean()), float(areas[1].mean()), difference.uncertainty


def _rankings(scores: Scores) -> list[Any]:
    predictions = check_predictions(scores.logits, scores.labels, scores.weights)
    return [predictions.rank_class(which) for which in predictions.ranked_classes]


def _from_scores(run_a: str, run_b: str) -> MetricDifference | None:
    for split in ("test", "val"):
        try:
            a, b = (read_scores(run, split, with_embeddings=False) for run in (run_a, run_b))
        except ThesisError:
            continue
        found = paired_auroc(a, b)
        if found:
            basis = f"paired, the same {len(a.labels):,} {split} events"
            return MetricDifference(f"{split} auroc", *found, basis)
    return None


def _from_scalars(run_a: str, run_b: str) -> MetricDifference | None:
    a, b = _recorded(run_a), _recorded(run_b)
    for name in ("test auroc", "val auroc", "val loss"):
        if name not in a or name not in b:
            continue
        uncertainties = [run.get(f"{name} uncertainty", math.nan) for run in (a, b)]
        combined = math.hypot(*uncertainties)
        basis = "uncertainties of both runs, added in quadrature"
        if not math.isfinite(combined):
            basis = "its uncertainty is unknown"
        return MetricDifference(name, a[name], b[name], combined, basis)
    return None


def _recorded(run_dir: str) -> dict[str, float]:
    """AUROC and loss of a run by their scalars: of its test, and of its best val epoch."""
    rows = read_scalar_rows(run_dir).rows
    val = [row for row in rows if row["split"] == "val" and row.get("val_loss") is not None]
    best: Mapping[str, Any] = min(val, key=lambda row: row["val_loss"], default={})
    test: Mapping[str, Any] = next((row for row in rows if row["split"] == "test"), {})
    found = {
        "test auroc": test.get("metric_auroc"),
        "test auroc uncertainty": test.get("metric_auroc_uncertainty"),
        "val auroc": best.get("metric_auroc"),
        "val loss": best.get("val_loss"),
    }
    return {name: value for name, value in found.items() if value is not None}

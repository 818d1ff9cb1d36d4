"""Whether predicted probabilities are frequencies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thesis_facts.metrics.predictions import Predictions, check_predictions
from thesis_facts.metrics.sample import (
    Estimate,
    MetricError,
    check_sample,
    check_total,
    effective_of_sums,
)


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """Predicted probability against observed fraction in B bins of equal width.

    Attributes
    ----------
    edges : [B+1], from 0 to 1
    predicted : [B], mean probability; NaN where the bin has no positive weight
    observed : [B], fraction of the weight that is of the class; NaN likewise
    uncertainty : [B], one standard deviation of `observed`
    n_effective : [B], effective number of events
    """

    edges: NDArray[np.float64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    uncertainty: NDArray[np.float64]
    n_effective: NDArray[np.float64]


def calibration_curve(
    probability: ArrayLike,
    is_signal: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    n_bins: int = 15,
) -> CalibrationCurve:
    """Observed fraction of signal in bins of its predicted probability.

    Parameters
    ----------
    probability : [N], in 0..1
    is_signal : [N] bool
    weights : [N], of either sign; None for unit weights
    """
    probability, is_signal, weights = check_sample(probability, is_signal, weights)
    if len(probability) and (probability.min() < 0 or probability.max() > 1):
        raise MetricError(
            "not a probability",
            key="probability",
            found=f"{probability.min():g}..{probability.max():g}",
            expected="0..1",
        )
    check_total(weights, "events")
    bins = _bins(probability, n_bins)

    def per_bin(values: NDArray) -> NDArray:
        return np.bincount(bins, weights=values, minlength=n_bins)

    sums, squares = per_bin(weights), per_bin(np.square(weights))
    safe = np.where(sums > 0, sums, np.nan)
    observed = per_bin(weights * is_signal) / safe
    scatter = per_bin(np.square(weights * (is_signal - observed[bins])))
    return CalibrationCurve(
        edges=np.linspace(0, 1, n_bins + 1),
        predicted=per_bin(weights * probability) / safe,
        observed=observed,
        uncertainty=np.sqrt(scatter) / safe,
        n_effective=effective_of_sums(sums, squares),
    )


def calibration_error(
    logits: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    n_bins: int = 15,
) -> Estimate:
    """Expected calibration error: mean distance of probability and frequency.

    Σ_bins |Σ_{i∈bin} w_i (p_i - y_i)| / Σ w over bins of equal width, of class 1 of two, else the
    mean over classes (classwise error of Kull et al., arXiv:1910.12656). It can't fall below the
    noise of its bins: compare it with `calibration_error_if_perfect`. The uncertainty is the
    linearised one, which is too large once the error is mere noise.

    Parameters
    ----------
    logits : [N, C]
    labels : [N] integers in 0..C-1
    weights : [N], of either sign; None for unit weights
    """
    return calibration_error_of(check_predictions(logits, labels, weights), n_bins)


def calibration_error_if_perfect(
    logits: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    n_bins: int = 15,
) -> float:
    """`calibration_error` that the same events would show if all probabilities were true.

    Each bin's sum is then close to a Gaussian of variance Σ w² p (1-p) about zero, whose mean
    modulus is √(2/π) standard deviations.
    """
    return calibration_error_if_perfect_of(check_predictions(logits, labels, weights), n_bins)


def calibration_error_of(predictions: Predictions, n_bins: int = 15) -> Estimate:
    """`calibration_error` of checked predictions."""
    weights, total = predictions.weights, predictions.weights.sum()
    values, influences = [], []
    for which in predictions.ranked_classes:
        probability = np.exp(predictions.log_probabilities[:, which])
        excess = weights * (probability - (predictions.labels == which))
        bins = _bins(probability, n_bins)
        distance = np.bincount(bins, weights=excess, minlength=n_bins)
        value = float(np.abs(distance).sum() / total)
        values.append(value)
        influences.append((np.sign(distance)[bins] * excess - weights * value) / total)
    return Estimate.from_influence(float(np.mean(values)), np.mean(influences, axis=0))


def calibration_error_if_perfect_of(predictions: Predictions, n_bins: int = 15) -> float:
    """`calibration_error_if_perfect` of checked predictions."""
    weights, total = predictions.weights, predictions.weights.sum()
    values = []
    for which in predictions.ranked_classes:
        probability = np.exp(predictions.log_probabilities[:, which])
        variance = np.square(weights) * probability * (1 - probability)
        deviations = np.sqrt(np.bincount(_bins(probability, n_bins), weights=variance))
        values.append(np.sqrt(2 / np.pi) * deviations.sum() / total)
    return float(np.mean(values))


def _bins(probability: NDArray, n_bins: int) -> NDArray[np.intp]:
    return np.minimum((probability * n_bins).astype(np.intp), n_bins - 1)

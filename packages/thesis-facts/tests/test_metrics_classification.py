"""Accuracy, F1, log-loss, Brier, calibration and the two summaries."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit
from sklearn import metrics as reference

from thesis_facts import metrics
from thesis_facts.metrics import (
    MetricError,
    classification_metrics,
    classification_report,
    log_odds,
    log_softmax,
    softmax,
)

NAMES = ("ttH", "ttW", "4t")


def events(n_classes, n_events=2000, seed=0):
    """Logits that know something of the labels, and weights of which a fifth is negative."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_events)
    logits = 1.5 * rng.normal(size=(n_events, n_classes)) + 1.2 * np.eye(n_classes)[labels]
    weights = rng.exponential(1.0, n_events) * np.where(rng.random(n_events) < 0.2, -0.3, 1.0)
    return logits, labels, weights


def calibrated_events(n_classes, n_events, seed=0):
    """Labels drawn from the probabilities themselves."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n_events, n_classes))
    below = softmax(logits).cumsum(axis=1)
    return logits, (rng.random(n_events)[:, None] > below[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_equal_scikit_learn(n_classes, weighted):
    logits, labels, weights = events(n_classes)
    w = abs(weights) if weighted else None
    chosen, probabilities = logits.argmax(axis=1), softmax(logits)
    average = "binary" if n_classes == 2 else "macro"
    expected = {
        "accuracy": reference.accuracy_score(labels, chosen, sample_weight=w),
        "f1": reference.f1_score(labels, chosen, average=average, sample_weight=w),
        "log_loss": reference.log_loss(labels, probabilities, sample_weight=w),
        "brier": reference.brier_score_loss(labels, probabilities[:, 1], sample_weight=w)
        if n_classes == 2
        else np.average(np.square(probabilities - np.eye(3)[labels]).sum(axis=1), weights=w),
    }
    for name, value in expected.items():
        assert getattr(metrics, name)(logits, labels, w).value == pytest.approx(value), name
    np.testing.assert_allclose(
        metrics.confusion_matrix(logits, labels, w),
        reference.confusion_matrix(labels, chosen, sample_weight=w),
    )
    summary = classification_metrics(logits, labels, w)
    assert summary["acc"] == pytest.approx(expected["accuracy"])
    assert summary["f1"] == pytest.approx(expected["f1"])
    areas = [
        reference.roc_auc_score(labels == c, probabilities[:, c], sample_weight=w)
        for c in range(n_classes)
    ]
    assert summary["auroc"] == pytest.approx(areas[1] if n_classes == 2 else np.mean(areas))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ["accuracy", "f1", "log_loss", "brier", "calibration_error"])
def test_uncertainties_agree_with_a_bootstrap_of_signed_events(name, n_classes):
    logits, labels, weights = events(n_classes)
    rng = np.random.default_rng(1)
    metric = getattr(metrics, name)
    replicas = []
    for _ in range(300):
        rows = rng.integers(0, len(labels), len(labels))
        replicas.append(metric(logits[rows], labels[rows], weights[rows]).value)
    assert metric(logits, labels, weights).uncertainty == pytest.approx(np.std(replicas), rel=0.2)


def test_accuracy_of_unit_weights_has_the_binomial_uncertainty():
    logits, labels, _ = events(2)
    value, uncertainty = metrics.accuracy(logits, labels)
    assert uncertainty == pytest.approx(np.sqrt(value * (1 - value) / len(labels)))


def test_f1_of_a_class_that_is_nowhere_is_zero():
    logits, labels, _ = events(2)
    logits = np.column_stack([logits, np.full(len(labels), -99.0)])
    chosen = logits.argmax(axis=1)
    expected = reference.f1_score(
        labels, chosen, labels=[0, 1, 2], average="macro", zero_division=0
    )
    assert metrics.f1(logits, labels).value == pytest.approx(expected)
    assert classification_metrics(logits, labels)["f1"] == pytest.approx(expected)


@settings(deadline=None)
@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6),
        elements=st.floats(-1e4, 1e4),
    )
)
def test_probabilities_survive_any_logits(logits):
    probabilities = softmax(logits)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(softmax(logits + 123.0), probabilities, atol=1e-10)
    assert np.isfinite(log_softmax(logits)).all()
    which = logits.shape[1] - 1
    np.testing.assert_allclose(expit(log_odds(logits, which)), probabilities[:, which], atol=1e-10)


def test_sure_predictions_keep_their_order():
    logits = np.array([[0.0, 50.0, 0.0], [0.0, 60.0, 0.0], [0.0, 70.0, 0.0]])
    assert len(np.unique(softmax(logits)[:, 1])) == 1
    assert np.all(np.diff(log_odds(logits, 1)) > 9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration_error_tells_true_from_overconfident_probabilities(n_classes):
    logits, labels = calibrated_events(n_classes, 20_000)
    floor = metrics.calibration_error_if_perfect(logits, labels)
    assert metrics.calibration_error(logits, labels).value == pytest.approx(floor, rel=0.4)
    value, uncertainty = metrics.calibration_error(3 * logits, labels)
    assert value > 0.05
    assert value - 10 * uncertainty > floor


def test_calibration_error_by_hand():
    probability = np.array([0.1, 0.2, 0.6, 0.7, 0.9])
    logits = np.column_stack([np.zeros(5), np.log(probability / (1 - probability))])
    labels = np.array([0, 1, 1, 0, 1])
    weights = np.array([1.0, 1.0, 2.0, -1.0, 1.0])
    lower = abs(0.1 - 0 + 0.2 - 1)
    upper = abs(2 * (0.6 - 1) - (0.7 - 0) + (0.9 - 1))
    value = metrics.calibration_error(logits, labels, weights, n_bins=2).value
    assert value == pytest.approx((lower + upper) / 4)


def test_calibration_curve_lies_on_the_diagonal_for_true_probabilities():
    rng = np.random.default_rng(2)
    probability = rng.random(50_000)
    is_signal = rng.random(50_000) < probability
    weights = rng.choice([1.0, -0.5], 50_000, p=[0.8, 0.2])
    curve = metrics.calibration_curve(probability, is_signal, weights, n_bins=10)
    pulls = (curve.observed - curve.predicted) / curve.uncertainty
    assert 2 < np.square(pulls).sum() < 25  # chi² of 10 bins: 0.5 % on either side
    np.testing.assert_allclose(curve.edges, np.linspace(0, 1, 11))
    in_bin = (probability >= 0.3) & (probability < 0.4)
    assert curve.n_effective[3] == pytest.approx(metrics.effective_events(weights[in_bin]))


def test_calibration_curve_leaves_empty_bins_out():
    curve = metrics.calibration_curve([0.05, 1.0], [False, True], n_bins=10)
    assert curve.observed[0] == 0
    assert curve.observed[9] == 1
    assert np.isnan(curve.observed[1:9]).all()
    with pytest.raises(MetricError, match="probability"):
        metrics.calibration_curve([0.5, 1.5], [False, True])


@settings(deadline=None)
@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_summaries_ignore_the_order_of_events_and_the_scale_of_weights(n_classes, seed):
    logits, labels, weights = events(n_classes, 80, seed)
    names = [f"class{c}" for c in range(n_classes)]
    order = np.random.default_rng(seed).permutation(80)
    report = classification_report(logits, labels, names, abs(weights))
    changed = classification_report(logits[order], labels[order], names, 2.5 * abs(weights[order]))
    assert changed.keys() == report.keys()
    for key, value in report.items():
        assert changed[key] == pytest.approx(value, rel=1e-6, abs=1e-9, nan_ok=True), key


def test_report_of_two_classes_is_flat_and_agrees_with_the_single_metrics():
    logits, labels, weights = events(2)
    report = classification_report(logits, labels, ["background", "4t"], weights)
    scores, is_signal = log_odds(logits, 1), labels == 1
    assert report["auroc"] == metrics.auroc(scores, is_signal, weights)
    assert report["auroc_uncertainty"] == metrics.auroc_uncertainty(scores, is_signal, weights)
    for key in ("0.3", "0.5", "0.7"):
        value, uncertainty = metrics.rejection_at(scores, is_signal, float(key), weights)
        assert report[f"rejection_at_{key}"] == value
        assert report[f"rejection_at_{key}_uncertainty"] == uncertainty
    for key in (10, 50, 100, 1000):
        value, uncertainty = metrics.efficiency_at_rejection(scores, is_signal, key, weights)
        assert report[f"efficiency_at_rejection_{key}"] == value
        assert report[f"efficiency_at_rejection_{key}_uncertainty"] == pytest.approx(
            uncertainty, nan_ok=True
        )
    assert report["n_effective_4t"] == metrics.effective_events(weights[is_signal])
    assert report["n_events"] == 2000
    for key, value in classification_metrics(logits, labels, weights).items():
        assert report[key] == pytest.approx(value), key
    assert json.loads(json.dumps(report)).keys() == report.keys()


def test_report_of_more_classes_names_each_of_them():
    logits, labels, weights = events(3)
    report = classification_report(logits, labels, NAMES, weights)
    areas = [report[f"auroc_{name}"] for name in NAMES]
    assert report["auroc"] == pytest.approx(np.mean(areas))
    for which, name in enumerate(NAMES):
        scores = log_odds(logits, which)
        expected = metrics.rejection_at(scores, labels == which, 0.5, weights)
        assert report[f"rejection_at_0.5_{name}"] == expected.value
        assert report[f"rejection_at_0.5_{name}_uncertainty"] == expected.uncertainty
    for key, value in classification_metrics(logits, labels, weights).items():
        assert report[key] == pytest.approx(value), key


def test_report_states_a_limit_where_no_background_passes():
    labels = np.arange(300) % 2
    logits = np.column_stack([1.0 - labels, labels])
    report = classification_report(logits, labels, ["background", "signal"])
    assert report["rejection_at_0.5"] == np.inf
    assert np.isnan(report["rejection_at_0.5_uncertainty"])
    assert report["rejection_at_0.5_lower_limit"] == pytest.approx(150 / 3, rel=0.02)


def test_a_missing_class_leaves_its_numbers_unknown_and_the_others_known():
    logits, labels, _ = events(3, 50)
    present = labels != 2
    report = classification_report(logits[present], labels[present], NAMES)
    assert np.isnan(report["auroc_4t"])
    assert np.isnan(report["auroc"])
    assert np.isnan(report["rejection_at_0.5_4t"])
    assert report["auroc_ttH"] > 0.5
    assert report["n_effective_4t"] == 0
    summary = classification_metrics(logits[present], labels[present])
    assert np.isnan(summary["auroc"])
    assert summary["acc"] > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros(4)}, "logits"),
        ({"logits": np.zeros((4, 1))}, "logits"),
        ({"logits": np.full((4, 2), np.nan)}, "logits: found 8 of 8"),
        ({"labels": np.array([0, 1, 2, 1])}, "labels: found 0..2, but expected 0..1"),
        ({"labels": np.array([0, 1, 1])}, "labels"),
        ({"labels": np.array([0.0, 1.0, 1.0, 0.0])}, "labels"),
        ({"weights": np.array([1.0, -1.0, 1.0, -1.0])}, "total weight"),
        ({"weights": np.ones(3)}, "weights"),
        ({"class_names": ["a"]}, "class_names"),
    ],
)
def test_bad_predictions_are_named(change, message):
    arguments = {
        "logits": np.eye(2)[[0, 1, 1, 0]],
        "labels": np.array([0, 1, 1, 0]),
        "class_names": ["a", "b"],
        "weights": None,
    } | change
    with pytest.raises(MetricError, match=message):
        classification_report(**arguments)


def test_no_events_are_no_sample():
    with pytest.raises(MetricError, match="no events"):
        classification_metrics(np.zeros((0, 2)), np.zeros(0, dtype=int))

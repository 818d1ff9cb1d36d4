"""AUROC, its uncertainty and paired differences, against slow references and toys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from thesis_facts.errors import ThesisError
from thesis_facts.metrics import (
    MetricError,
    auroc,
    auroc_uncertainty,
    effective_events,
    paired_auroc_difference,
    roc_curve,
)
from thesis_facts.metrics.auroc import macro_auroc_of
from thesis_facts.metrics.ranking import rank_events


def auroc_by_pairs(scores, is_signal, weights):
    """Sum over all pairs, as the definition says."""
    order = np.sign(scores[is_signal][:, None] - scores[~is_signal][None, :])
    pairs = weights[is_signal][:, None] * weights[~is_signal][None, :]
    return (pairs * (1 + order) / 2).sum() / (weights[is_signal].sum() * weights[~is_signal].sum())


def delong_by_pairs(all_scores, is_signal):
    """Covariance matrix of the AUROCs of several scores [K, N], from the full pair matrices."""
    by_signal, by_background = [], []
    for scores in all_scores:
        order = np.sign(scores[is_signal][:, None] - scores[~is_signal][None, :])
        kernel = (1 + order) / 2
        by_signal.append(kernel.mean(axis=1))
        by_background.append(kernel.mean(axis=0))
    n_signal, n_background = is_signal.sum(), (~is_signal).sum()
    return np.atleast_2d(np.cov(by_signal)) / n_signal + np.atleast_2d(np.cov(by_background)) / (
        n_background
    )


def signed_events(rng, n_events, separation=1.0, n_levels=None):
    """Scores, truth and weights with about a quarter of them negative."""
    is_signal = rng.random(n_events) < 0.4
    is_signal[:2] = True, False
    scores = rng.normal(separation * is_signal)
    if n_levels:
        scores = np.round(scores * n_levels) / n_levels
    weights = rng.exponential(1.0, n_events) * rng.choice([1.0, 1.0, 1.0, -0.4], n_events)
    return scores, is_signal, weights


@st.composite
def samples(draw):
    """Few events with many ties, both classes there, weights of either sign."""
    n_events = draw(st.integers(4, 30))
    scores = draw(hnp.arrays(np.float64, n_events, elements=st.integers(-4, 4).map(float)))
    is_signal = draw(hnp.arrays(np.bool_, n_events))
    is_signal[:4] = True, True, False, False
    weights = draw(
        hnp.arrays(np.float64, n_events, elements=st.sampled_from([-0.5, 0.25, 1.0, 2.0]))
    )
    for of_class in (is_signal, ~is_signal):
        if weights[of_class].sum() < 0.5:
            weights[of_class] = 1.0
    return scores, is_signal, weights


@pytest.mark.parametrize("n_levels", [None, 3])
def test_auroc_equals_scikit_learn_with_positive_weights(n_levels):
    scores, is_signal, weights = signed_events(np.random.default_rng(0), 500, n_levels=n_levels)
    assert auroc(scores, is_signal) == pytest.approx(roc_auc_score(is_signal, scores), abs=1e-12)
    expected = roc_auc_score(is_signal, scores, sample_weight=abs(weights))
    assert auroc(scores, is_signal, abs(weights)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_levels", [None, 3])
def test_roc_curve_equals_scikit_learn(n_levels):
    scores, is_signal, weights = signed_events(np.random.default_rng(1), 200, n_levels=n_levels)
    curve = roc_curve(scores, is_signal, abs(weights))
    background, signal, thresholds = sklearn_roc_curve(
        is_signal, scores, sample_weight=abs(weights), drop_intermediate=False
    )
    np.testing.assert_allclose(curve.signal_efficiency, signal, atol=1e-12)
    np.testing.assert_allclose(curve.background_efficiency, background, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds)


@settings(deadline=None)
@given(samples())
def test_auroc_equals_the_sum_over_pairs_for_signed_weights(sample):
    assert auroc(*sample) == pytest.approx(auroc_by_pairs(*sample), abs=1e-10)


@settings(deadline=None)
@given(samples())
def test_auroc_ignores_what_cannot_matter(sample):
    scores, is_signal, weights = sample
    value, uncertainty = auroc(*sample), auroc_uncertainty(*sample)
    order = np.random.default_rng(0).permutation(len(scores))
    same = {
        "order of events": (scores[order], is_signal[order], weights[order]),
        "monotone transformation": (np.exp(scores / 2) - 7, is_signal, weights),
        "scale of all weights": (scores, is_signal, 3.7 * weights),
        "scale of one class": (scores, is_signal, np.where(is_signal, 5, 1) * weights),
        "events of no weight": (
            np.append(scores, [-9, 9]),
            np.append(is_signal, [True, False]),
            np.append(weights, [0, 0]),
        ),
    }
    for what, changed in same.items():
        assert auroc(*changed) == pytest.approx(value, abs=1e-10), what
        assert auroc_uncertainty(*changed) == pytest.approx(uncertainty, abs=1e-10), what


@settings(deadline=None)
@given(samples())
def test_exchanging_the_classes_mirrors_the_auroc(sample):
    scores, is_signal, weights = sample
    assert auroc(scores, ~is_signal, weights) == pytest.approx(1 - auroc(*sample), abs=1e-10)
    mirrored = auroc_uncertainty(scores, ~is_signal, weights)
    assert mirrored == pytest.approx(auroc_uncertainty(*sample), abs=1e-10)


@pytest.mark.parametrize("n_levels", [None, 2])
def test_uncertainty_is_delongs_for_unit_weights(n_levels):
    scores, is_signal, _ = signed_events(np.random.default_rng(2), 300, n_levels=n_levels)
    expected = np.sqrt(delong_by_pairs([scores], is_signal)[0, 0])
    assert auroc_uncertainty(scores, is_signal) == pytest.approx(expected, rel=1e-10)


def test_paired_difference_is_delongs_for_unit_weights():
    rng = np.random.default_rng(3)
    scores, is_signal, _ = signed_events(rng, 300)
    other = scores + rng.normal(0, 0.5, 300)
    covariance = delong_by_pairs([scores, other], is_signal)
    difference, uncertainty = paired_auroc_difference(scores, other, is_signal)
    assert difference == pytest.approx(auroc(scores, is_signal) - auroc(other, is_signal))
    expected = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert uncertainty == pytest.approx(expected, rel=1e-10)
    assert uncertainty < auroc_uncertainty(scores, is_signal)


@pytest.mark.parametrize("signed", [False, True])
def test_uncertainty_agrees_with_a_bootstrap(signed):
    rng = np.random.default_rng(4)
    scores, is_signal, weights = signed_events(rng, 1000)
    weights = weights if signed else np.ones(1000)
    replicas = []
    for _ in range(600):
        rows = rng.integers(0, 1000, 1000)
        replicas.append(auroc(scores[rows], is_signal[rows], weights[rows]))
    # the standard deviation of 600 replicas is itself known to 3 %
    assert auroc_uncertainty(scores, is_signal, weights) == pytest.approx(np.std(replicas), rel=0.1)


@pytest.mark.parametrize("signed", [False, True])
def test_null_pairs_are_called_significant_as_often_as_promised(signed):
    rng = np.random.default_rng(5)
    n_toys, n_events, n_significant = 1000, 400, 0
    is_signal = np.arange(n_events) % 2 == 0
    for _ in range(n_toys):
        common = rng.normal(is_signal)
        a, b = (common + rng.normal(0, 0.7, n_events) for _ in range(2))
        weights = rng.choice([1.0, 1.0, 1.0, 1.0, -1.0], n_events) if signed else None
        difference, uncertainty = paired_auroc_difference(a, b, is_signal, weights)
        n_significant += abs(difference) > 1.96 * uncertainty
    # a binomial deviation of 0.7 %; three of them
    assert n_significant / n_toys == pytest.approx(0.05, abs=0.02)


def test_equal_models_do_not_differ():
    scores, is_signal, weights = signed_events(np.random.default_rng(6), 100)
    assert paired_auroc_difference(scores, 2 * scores, is_signal, weights) == (0, 0)


def test_macro_auroc_keeps_the_correlation_of_its_classes():
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 3, 900)
    logits = rng.normal(size=(900, 3)) + np.eye(3)[labels]

    def macro(rows):
        return macro_auroc_of([rank_events(logits[rows, c], labels[rows] == c) for c in range(3)])

    replicas = [macro(rng.integers(0, 900, 900)).value for _ in range(400)]
    value, uncertainty = macro(np.arange(900))
    assert value == pytest.approx(
        roc_auc_score(labels == 0, logits[:, 0]) / 3
        + roc_auc_score(labels == 1, logits[:, 1]) / 3
        + roc_auc_score(labels == 2, logits[:, 2]) / 3
    )
    assert uncertainty == pytest.approx(np.std(replicas), rel=0.12)


def test_a_class_of_one_event_has_an_auroc_without_uncertainty():
    assert auroc([0.2, 0.9, 0.4], [False, True, False]) == 1
    assert np.isnan(auroc_uncertainty([0.2, 0.9, 0.4], [False, True, False]))


@settings(deadline=None)
@given(
    hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(0.1, 10)), st.floats(0.01, 100)
)
def test_effective_events_count_equal_weights_and_never_more_than_there_are(weights, scale):
    assert effective_events(np.full(7, scale)) == pytest.approx(7)
    assert effective_events(weights) <= len(weights) * (1 + 1e-12)
    assert effective_events(scale * weights) == pytest.approx(effective_events(weights))


def test_effective_events_of_negative_weights_and_of_none():
    assert effective_events([1, 1, 1, -1]) == 1  # (1+1+1-1)² / 4
    assert effective_events([]) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"is_signal": [True] * 4}, "no background"),
        ({"is_signal": [False] * 4}, "no signal"),
        ({"is_signal": [True, False]}, "is_signal"),
        ({"is_signal": [0, 1, 2, 1]}, "is_signal"),
        ({"scores": [0.1, np.nan, 0.3, 0.4]}, "scores: found 1 of 4"),
        ({"scores": [0.1, np.inf, 0.3, 0.4]}, "scores"),
        ({"scores": [[0.1], [0.2], [0.3], [0.4]]}, "scores"),
        ({"weights": [1.0, 1.0]}, "weights"),
        ({"weights": [1.0, 1.0, np.nan, 1.0]}, "weights"),
        ({"weights": [1.0, 1.0, -1.0, 0.5]}, "total weight of signal"),
        ({"weights": [-1.0, 1.0, 1.0, 1.0]}, "total weight of background"),
        ({"weights": [0.0, 0.0, 1.0, 1.0]}, "total weight of background"),
    ],
)
def test_bad_input_is_named(change, message):
    sample = {
        "scores": [0.1, 0.2, 0.3, 0.4],
        "is_signal": [False, False, True, True],
        "weights": [1.0, 1.0, 1.0, 1.0],
    }
    with pytest.raises(MetricError, match=message) as caught:
        auroc(**(sample | change))
    assert isinstance(caught.value, ThesisError)


def test_a_million_events_are_ranked_without_losing_precision():
    rng = np.random.default_rng(8)
    is_signal = rng.random(10**6) < 0.5
    scores = np.round(rng.normal(is_signal), 2)
    weights = rng.choice([1.0, -0.5], 10**6, p=[0.8, 0.2])
    levels, group = np.unique(scores, return_inverse=True)
    signal, background = (
        np.bincount(group, weights=np.where(of_class, weights, 0), minlength=len(levels))
        for of_class in (is_signal, ~is_signal)
    )
    below = np.concatenate([[0], np.cumsum(background)[:-1]])
    expected = (signal * (below + background / 2)).sum() / (signal.sum() * background.sum())
    assert auroc(scores, is_signal, weights) == pytest.approx(expected, abs=1e-11)

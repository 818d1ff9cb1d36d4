"""Rejection at fixed efficiency and the other way round."""

import numpy as np
import pytest
from scipy.stats import beta, norm

from thesis_facts.metrics import (
    MetricError,
    efficiency_at_rejection,
    rejection_at,
    rejection_lower_limit,
    roc_curve,
)


def gaussians(rng, n_events, separation=1.5):
    """Equal numbers of signal and background, unit Gaussians apart by the separation."""
    is_signal = np.arange(n_events) % 2 == 0
    return rng.normal(separation * is_signal), is_signal


def test_working_points_are_read_off_the_curve():
    #             S    S    B    S    S    B    S    B    B    B
    scores = np.array([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    is_signal = np.array([1, 1, 0, 1, 1, 0, 1, 0, 0, 0], dtype=bool)
    assert rejection_at(scores, is_signal, 0.4).value == np.inf
    assert rejection_at(scores, is_signal, 0.5).value == pytest.approx(5)
    assert rejection_at(scores, is_signal, 0.8).value == pytest.approx(5)
    assert rejection_at(scores, is_signal, 1.0).value == pytest.approx(2.5)
    assert efficiency_at_rejection(scores, is_signal, 5).value == pytest.approx(0.8)
    assert efficiency_at_rejection(scores, is_signal, 2.5).value == pytest.approx(1)
    assert efficiency_at_rejection(scores, is_signal, 1).value == pytest.approx(1)
    assert efficiency_at_rejection(scores, is_signal, 100).value == pytest.approx(0.4)


@pytest.mark.parametrize("efficiency", [0.3, 0.5, 0.7])
def test_two_gaussians_have_the_rejection_of_theory(efficiency):
    scores, is_signal = gaussians(np.random.default_rng(0), 200_000)
    expected = 1 / norm.sf(norm.isf(efficiency) + 1.5)
    value, uncertainty = rejection_at(scores, is_signal, efficiency)
    assert abs(value - expected) < 3 * uncertainty
    assert uncertainty < 0.05 * value
    value, uncertainty = efficiency_at_rejection(scores, is_signal, expected)
    assert abs(value - efficiency) < 3 * uncertainty


@pytest.mark.parametrize("n_levels", [None, 4])
@pytest.mark.parametrize("signed", [False, True])
def test_uncertainties_agree_with_a_bootstrap(signed, n_levels):
    rng = np.random.default_rng(1)
    scores, is_signal = gaussians(rng, 4000)
    if n_levels:
        scores = np.round(scores * n_levels) / n_levels
    weights = rng.choice([1.0, 1.0, 1.0, -0.5], 4000) if signed else np.ones(4000)
    rejections, efficiencies = [], []
    for _ in range(300):
        rows = rng.integers(0, 4000, 4000)
        sample = scores[rows], is_signal[rows]
        rejections.append(rejection_at(*sample, 0.5, weights[rows]).value)
        efficiencies.append(efficiency_at_rejection(*sample, 10, weights[rows]).value)
    _, uncertainty = rejection_at(scores, is_signal, 0.5, weights)
    assert uncertainty == pytest.approx(np.std(rejections), rel=0.25)
    _, uncertainty = efficiency_at_rejection(scores, is_signal, 10, weights)
    assert uncertainty == pytest.approx(np.std(efficiencies), rel=0.25)


def test_equal_scores_reject_like_chance():
    scores, is_signal = np.zeros(1000), np.arange(1000) < 400
    assert rejection_at(scores, is_signal, 0.25).value == pytest.approx(4)
    assert efficiency_at_rejection(scores, is_signal, 4).value == pytest.approx(0.25)


def test_the_tightest_cut_counts_where_negative_weights_bend_the_curve():
    scores = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    is_signal = np.array([True, False, True, True, False, True])
    weights = np.array([2.0, 1.0, -1.0, 1.0, 3.0, 2.0])  # eps_S: .5 .5 .25 .5 .5 1
    assert rejection_at(scores, is_signal, 0.5, weights).value == np.inf
    assert rejection_at(scores, is_signal, 0.6, weights).value == pytest.approx(1)
    assert np.any(np.diff(roc_curve(scores, is_signal, weights).signal_efficiency) < 0)


def test_no_passing_background_gives_an_infinite_rejection_and_a_limit():
    is_signal = np.arange(400) < 100
    scores = is_signal.astype(float)
    value, uncertainty = rejection_at(scores, is_signal, 0.5)
    assert value == np.inf
    assert np.isnan(uncertainty)
    limit = rejection_lower_limit(scores, is_signal, 0.5)
    assert limit == pytest.approx(1 / beta.ppf(0.95, 1, 300), rel=1e-10)
    weighted = rejection_lower_limit(scores, is_signal, 0.5, np.where(is_signal, 1, 0.1))
    assert weighted == pytest.approx(limit)
    mixed = rejection_lower_limit(scores, is_signal, 0.5, np.tile([1.0, -0.5], 200))
    assert mixed < limit / 4
    assert np.isnan(rejection_lower_limit(1 - scores, is_signal, 0.5))


def test_background_that_cancels_is_no_rejection_but_no_limit_either():
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    is_signal = np.array([False, False, True, True, False])
    weights = np.array([1.0, -1.0, 1.0, 1.0, 1.0])
    assert rejection_at(scores, is_signal, 0.5, weights).value == np.inf
    assert np.isnan(rejection_lower_limit(scores, is_signal, 0.5, weights))


def test_a_rejection_beyond_the_sample_has_no_uncertainty():
    scores, is_signal = gaussians(np.random.default_rng(2), 1000)
    assert np.isfinite(efficiency_at_rejection(scores, is_signal, 499).uncertainty)
    value, uncertainty = efficiency_at_rejection(scores, is_signal, 501)
    assert 0 <= value < 0.5
    assert np.isnan(uncertainty)


@pytest.mark.parametrize("efficiency", [0, -0.1, 1.1, np.nan])
def test_impossible_efficiencies_are_refused(efficiency):
    with pytest.raises(MetricError, match="efficiency"):
        rejection_at([0.0, 1.0], [False, True], efficiency)


@pytest.mark.parametrize("rejection", [0, 0.5, -3, np.nan])
def test_impossible_rejections_are_refused(rejection):
    with pytest.raises(MetricError, match="rejection"):
        efficiency_at_rejection([0.0, 1.0], [False, True], rejection)

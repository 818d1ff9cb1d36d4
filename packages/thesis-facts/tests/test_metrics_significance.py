"""Expected significance, by formula, by likelihood and behind a cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, poisson

from thesis_facts.metrics import (
    CountingExperiment,
    MetricError,
    asimov_significance,
    best_cut,
    expected_significance,
    significance,
    significance_at_cut,
)

EXPERIMENT = CountingExperiment(
    signal_cross_section=12.0,
    background_cross_section=800.0,
    luminosity=300.0,
    relative_background_uncertainty=0.1,
)


def asimov_by_likelihood(signal, background, relative):
    """√q0 of the Asimov data of a count and of a control measurement of its background."""
    tau = 1 / (relative**2 * background)  # the control count τB varies by √(τB), relatively r
    count, control = signal + background, tau * background
    without_signal = (count + control) / (1 + tau)

    def log_likelihood(mean, mean_control):
        # Poisson terms without the factorials, which cancel: the counts are no integers
        return count * np.log(mean) - mean + control * np.log(mean_control) - mean_control

    free = log_likelihood(count, control)
    return np.sqrt(2 * (free - log_likelihood(without_signal, tau * without_signal)))


def gaussians(rng, n_events):
    is_signal = np.arange(n_events) % 2 == 0
    return rng.normal(1.5 * is_signal), is_signal


@pytest.mark.parametrize("relative", [0.02, 0.1, 0.5])
@pytest.mark.parametrize(("signal", "background"), [(5.0, 2.0), (30.0, 100.0), (3600.0, 24e4)])
def test_asimov_equals_the_profile_likelihood(signal, background, relative):
    expected = asimov_by_likelihood(signal, background, relative)
    assert asimov_significance(signal, background, relative) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("relative", [0, 0.1])
def test_both_formulas_agree_for_little_signal(relative):
    simple = significance(1e-3, 500.0, relative)
    assert asimov_significance(1e-3, 500.0, relative) == pytest.approx(simple, rel=1e-4)


def test_asimov_is_close_to_the_exact_poisson_significance():
    median = poisson.median(25.0 + 15.0)
    exact = norm.isf(poisson.sf(median - 1, 15.0))
    assert asimov_significance(25.0, 15.0, 0.0) == pytest.approx(exact, rel=0.03)
    assert significance(25.0, 15.0, 0.0) > asimov_significance(25.0, 15.0, 0.0)


@settings(deadline=None)
@given(st.floats(0.01, 1e4), st.floats(0.01, 1e6), st.floats(0, 1))
def test_significance_grows_with_signal_and_falls_with_uncertainty(signal, background, relative):
    for formula in (significance, asimov_significance):
        value = formula(signal, background, relative)
        assert np.isfinite(value)
        assert value >= 0
        assert formula(1.1 * signal, background, relative) >= value
        assert formula(signal, background, relative + 0.1) <= value * (1 + 1e-9) + 1e-9


def test_formulas_work_on_arrays_and_know_where_they_end():
    signal, background = np.array([10.0, 0.0, 5.0, -1.0]), np.array([50.0, 50.0, 0.0, 50.0])
    np.testing.assert_allclose(
        asimov_significance(signal, background, 0.1)[[0, 1, 3]],
        [asimov_significance(10, 50, 0.1), 0, 0],
    )
    assert significance(signal, background, 0.1)[3] < 0
    for formula in (significance, asimov_significance):
        assert np.isnan(formula(signal, background, 0.1)[2])


def test_a_cut_scales_the_events_before_it():
    scores = np.array([0.9, 0.8, 0.2, 0.7, 0.3, 0.1, 0.0])
    is_signal = np.array([True, True, True, False, False, False, False])
    weights = np.array([1.0, 2.0, 1.0, 0.5, 2.0, 1.0, -0.5])
    result = significance_at_cut(scores, is_signal, 0.7, EXPERIMENT, weights)
    assert result.signal.value == pytest.approx(0.75 * 3600)
    assert result.background.value == pytest.approx(0.5 / 3 * 240_000)
    assert result.simple.value == pytest.approx(float(significance(2700, 40_000, 0.1)))
    assert result.asimov.value == pytest.approx(float(asimov_significance(2700, 40_000, 0.1)))


def test_the_scan_agrees_with_the_single_cut():
    scores, is_signal = gaussians(np.random.default_rng(0), 500)
    weights = np.random.default_rng(1).choice([1.0, 1.0, -0.3], 500)
    scan = expected_significance(scores, is_signal, EXPERIMENT, weights)
    for index in (30, 200, 450):
        single = significance_at_cut(scores, is_signal, scan.thresholds[index], EXPERIMENT, weights)
        assert scan.signal[index] == pytest.approx(single.signal.value)
        assert scan.background[index] == pytest.approx(single.background.value)
        assert scan.asimov[index] == pytest.approx(single.asimov.value)
        assert scan.simple[index] == pytest.approx(single.simple.value)


def test_uncertainty_of_the_significance_agrees_with_a_bootstrap():
    rng = np.random.default_rng(2)
    n_events = 20_000  # enough for the second order in 1/√B not to matter
    scores, is_signal = gaussians(rng, n_events)
    weights = rng.choice([1.0, 1.0, -0.3], n_events)
    replicas = []
    for _ in range(400):
        rows = rng.integers(0, n_events, n_events)
        cut = significance_at_cut(scores[rows], is_signal[rows], 1.5, EXPERIMENT, weights[rows])
        replicas.append((cut.simple.value, cut.asimov.value))
    cut = significance_at_cut(scores, is_signal, 1.5, EXPERIMENT, weights)
    spread = np.std(replicas, axis=0)
    assert cut.simple.uncertainty == pytest.approx(spread[0], rel=0.15)
    assert cut.asimov.uncertainty == pytest.approx(spread[1], rel=0.15)


@pytest.mark.parametrize("formula", ["simple", "asimov"])
def test_best_cut_is_the_best_that_keeps_enough_background(formula):
    scores, is_signal = gaussians(np.random.default_rng(3), 2000)
    threshold = best_cut(scores, is_signal, EXPERIMENT, formula=formula, min_background_events=20)
    assert np.count_nonzero(scores[~is_signal] >= threshold) >= 20

    def value(cut):
        return getattr(significance_at_cut(scores, is_signal, cut, EXPERIMENT), formula).value

    allowed = [s for s in scores if np.count_nonzero(scores[~is_signal] >= s) >= 20]
    assert value(threshold) == pytest.approx(max(value(s) for s in allowed))


def test_a_cut_without_background_makes_no_statement():
    cut = significance_at_cut([0.9, 0.8, 0.1], [True, True, False], 0.5, EXPERIMENT)
    assert cut.background.value == 0
    assert np.isnan(cut.asimov.value)
    assert np.isnan(cut.simple.value)


@pytest.mark.parametrize(
    "change",
    [
        {"luminosity": 0.0},
        {"signal_cross_section": -1.0},
        {"background_cross_section": np.nan},
        {"relative_background_uncertainty": -0.1},
    ],
)
def test_impossible_experiments_are_refused(change):
    values = {
        "signal_cross_section": 12.0,
        "background_cross_section": 800.0,
        "luminosity": 300.0,
        "relative_background_uncertainty": 0.1,
    }
    with pytest.raises(MetricError, match=next(iter(change))):
        CountingExperiment(**(values | change))


def test_a_cut_that_cannot_be_chosen_is_refused():
    scores, is_signal = gaussians(np.random.default_rng(4), 100)
    with pytest.raises(MetricError, match="min_background_events: found at most 50"):
        best_cut(scores, is_signal, EXPERIMENT, min_background_events=51)
    with pytest.raises(MetricError, match="formula"):
        best_cut(scores, is_signal, EXPERIMENT, formula="naive", min_background_events=1)

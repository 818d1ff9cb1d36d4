"""Spreads, differences and bands, against numpy and against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from thesis_reports.statistics import (
    Spread,
    cut_scatter,
    difference_of_means,
    efficiency_band,
    spread,
)


@given(st.lists(st.floats(-10, 10), max_size=8), st.integers(0, 3))
def test_spread_is_that_of_the_known_values(values: list[float], n_missing: int) -> None:
    found = spread([*values, *[math.nan] * n_missing])
    assert found.n == len(values)
    if values:
        assert found.mean == pytest.approx(np.mean(values))
    if len(values) > 1:
        assert found.sd == pytest.approx(np.std(values, ddof=1))
    else:
        assert math.isnan(found.sd)


def test_difference_of_means_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    pulls = []
    for _ in range(2000):
        a, b = generator.normal(0, 1, 12), generator.normal(0.5, 2, 15)
        difference = difference_of_means(spread(a), spread(b))
        assert difference is not None
        pulls.append((difference.value + 0.5) / difference.uncertainty)
    assert np.mean(pulls) == pytest.approx(0, abs=0.08)
    assert np.std(pulls) == pytest.approx(1, abs=0.12)


def test_one_seed_gives_no_uncertainty_of_a_difference() -> None:
    assert difference_of_means(Spread(0.9, math.nan, 1), Spread(0.8, 0.1, 3)) is None


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_the_band_of_an_efficiency_holds_it_and_stays_possible(eps: float, n: float) -> None:
    lower, upper = efficiency_band(np.array([eps]), n)
    assert -1e-12 <= lower[0] <= eps + 1e-12
    assert eps - 1e-12 <= upper[0] <= 1 + 1e-12
    assert upper[0] > lower[0]


def test_the_band_is_binomial_for_many_events() -> None:
    lower, upper = efficiency_band(np.array([0.3]), 1e6)
    assert (upper - lower)[0] / 2 == pytest.approx(math.sqrt(0.3 * 0.7 / 1e6), rel=1e-3)


@pytest.mark.parametrize("n_seeds", [2, 3, 6])
def test_equals_are_rarely_called_different_however_few_the_seeds(n_seeds: int) -> None:
    generator = np.random.default_rng(n_seeds)
    called = 0
    for _ in range(2000):
        found = difference_of_means(*(spread(generator.normal(0, 1, n_seeds)) for _ in range(2)))
        assert found is not None
        called += found.is_clear
    assert called / 2000 < 0.065  # Welch is a little conservative for few


def test_the_band_of_a_roc_curve_covers_what_other_events_would_have_given() -> None:
    generator = np.random.default_rng(3)
    efficiency, n_signal, n_background = np.array([0.5, 0.7, 0.9]), 400, 4000
    grid = np.linspace(0.01, 1, 250)
    truth = stats.norm.sf(stats.norm.isf(efficiency, loc=1.5))
    inside = np.zeros(3)
    for _ in range(400):
        signal = np.sort(generator.normal(1.5, 1, n_signal))[::-1]
        background = np.sort(generator.normal(0, 1, n_background))
        cuts = signal[np.ceil(grid * n_signal).astype(int) - 1]
        curve = 1 - np.searchsorted(background, cuts) / n_background
        lower, upper = efficiency_band(curve, n_background)
        other = cut_scatter(grid, curve, n_signal)
        low, high = curve - np.hypot(curve - lower, other), curve + np.hypot(upper - curve, other)
        at = np.searchsorted(grid, efficiency - 1e-9)
        inside += (low[at] <= truth) & (truth <= high[at])
    assert inside / 400 == pytest.approx(0.68, abs=0.09)

"""Differences of groups of runs: as often false as they say, against direct formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from thesis_facts.metrics.auroc import auroc_influence, auroc_of
from thesis_facts.metrics.ranking import rank_events
from thesis_reports.comparison import Group, compare_with, holm


def group_of(scores: np.ndarray, is_signal: np.ndarray, name: str = "a") -> Group:
    """AUROC of models [n, N] on N events."""
    rankings = [rank_events(one, is_signal) for one in scores]
    return Group.of(name, [(auroc_of(one), auroc_influence(one)) for one in rankings])


def on_no_events(values: np.ndarray) -> Group:
    """Runs whose values hold no chance of events."""
    return Group.of("a", [(float(value), np.zeros(1)) for value in values])


def models(draw: np.random.Generator, known: np.ndarray, n: int, noise: float) -> np.ndarray:
    """Scores [n, N] of models that each know the same and err on their own."""
    return known + noise * draw.standard_normal((n, len(known)))


@pytest.mark.parametrize(
    "n_seeds", [3, pytest.param(2, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)]
)
def test_equals_are_called_different_in_one_of_twenty(n_seeds):
    """1,000 comparisons of two groups of the same kind."""
    draw, called = np.random.default_rng(n_seeds), 0
    for _ in range(1000):
        is_signal = np.arange(300) < 150
        known = is_signal + draw.standard_normal(300)
        a, b = (group_of(models(draw, known, n_seeds, 0.6), is_signal) for _ in range(2))
        called += compare_with(a, [b])[0].p_value < 0.05
    assert 20 <= called <= 70  # 50 expected, 7 their standard deviation; Welch calls fewer


@pytest.mark.slow
def test_equals_on_other_events_are_called_different_in_one_of_twenty():
    """Two kinds of models that are as good as each other, but good at other events."""
    draw, called = np.random.default_rng(1), 0
    for _ in range(1000):
        is_signal = np.arange(300) < 150
        groups = []
        for _ in range(2):
            known = is_signal + draw.standard_normal(300)
            groups.append(group_of(models(draw, known, 3, 0.3), is_signal))
        called += compare_with(groups[0], groups[1:])[0].p_value < 0.05
    assert 25 <= called <= 70


def test_many_equals_rarely_make_one_a_find():
    """Ten variants as good as the base: Holm's correction finds one in a twentieth of sweeps."""
    draw, found = np.random.default_rng(2), 0
    for _ in range(200):
        is_signal = np.arange(200) < 100
        known = is_signal + draw.standard_normal(200)
        groups = [group_of(models(draw, known, 2, 0.6), is_signal) for _ in range(11)]
        found += any(one.is_found for one in compare_with(groups[0], groups[1:]))
    assert found <= 22  # 10 expected, 3 their standard deviation


def test_chance_that_runs_do_not_share_is_told_from_that_of_events():
    draw = np.random.default_rng(6)
    deviations = draw.standard_normal((3, 50))
    group = Group.of("a", [(0.5, one) for one in deviations])
    apart = deviations - deviations.mean(0)
    np.testing.assert_allclose(group.deviation, deviations.mean(0))
    assert group.own_event_variance == pytest.approx((apart**2).sum() / (3 * 2))


def test_what_is_called_detectable_is_found_four_times_in_five():
    draw, found, reach = np.random.default_rng(3), 0, []
    for _ in range(300):
        base, other = draw.normal(0, 1, 4), draw.normal(1.0, 1, 4)
        one = compare_with(on_no_events(base), [on_no_events(other)])[0]
        reach.append(one.detectable)
    typical = float(np.median(reach))
    for _ in range(600):
        base, other = draw.normal(0, 1, 4), draw.normal(typical, 1, 4)
        one = compare_with(on_no_events(base), [on_no_events(other)])[0]
        found += one.p_value < 0.05
    assert 0.7 < found / 600 < 0.9


def test_without_chance_in_the_events_it_is_welchs_test():
    draw = np.random.default_rng(4)
    a, b = draw.normal(0, 1, 5), draw.normal(0.5, 1, 7)
    found = compare_with(on_no_events(a), [on_no_events(b)])[0]
    expected = stats.ttest_ind(b, a, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.degrees == pytest.approx(expected.df)


def test_a_single_run_has_the_spread_of_the_others():
    groups = [on_no_events(np.array(v)) for v in ([1.0], [0.0, 2.0], [5.0, 6.0, 7.0])]
    found = compare_with(groups[0], groups[1:])[0]
    assert found.seed_error == pytest.approx(np.sqrt((2 + 2) / 3 * (1 + 1 / 2)))
    assert found.degrees == pytest.approx(3)


def test_without_any_known_chance_nothing_is_claimed():
    found = compare_with(on_no_events(np.array([0.9])), [on_no_events(np.array([0.5]))])[0]
    assert np.isnan(found.p_value)
    assert np.isnan(found.detectable)
    assert not found.is_found


def test_a_base_that_was_chosen_counts_as_all_pairs():
    assert holm([0.01, 0.2], n_tests=6).tolist() == pytest.approx([0.06, 1.0])


def test_of_one_run_each_it_is_delongs_test():
    draw = np.random.default_rng(5)
    is_signal = np.arange(400) < 200
    known = is_signal + draw.standard_normal(400)
    a, b = (group_of(models(draw, known, 1, 0.5), is_signal) for _ in range(2))
    found = compare_with(a, [b])[0]
    error = np.linalg.norm(a.deviation - b.deviation)
    assert np.isnan(found.seed_error)
    assert found.error == pytest.approx(error)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(found.difference) / error))


def test_the_same_runs_differ_by_nothing():
    runs = [(0.9, np.ones(3))]
    found = compare_with(Group.of("a", runs), [Group.of("b", runs)])[0]
    assert found.difference == 0
    assert np.isnan(found.p_value)
    assert not found.is_found


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_against_its_definition(p_values):
    found = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    for rank, which in enumerate(order):
        steps = [min(1.0, (len(order) - k) * p_values[order[k]]) for k in range(rank + 1)]
        assert found[which] == pytest.approx(max(steps))


def test_holm_leaves_out_what_is_unknown():
    assert holm([0.02, float("nan"), 0.5])[[0, 2]].tolist() == [0.04, 0.5]
    assert np.isnan(holm([0.02, float("nan")])[1])

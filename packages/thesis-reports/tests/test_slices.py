"""Slices of events, and what models do in them, against direct counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thesis_facts.metrics import auroc, auroc_uncertainty
from thesis_reports.classifiers.slices import auroc_by_slice, efficiency_by_slice, slices_of


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=80),
    st.integers(1, 8),
    st.sampled_from([1.0, 0.37, 1e4]),
)
def test_slices_hold_each_event_once(values, n, scale):
    values = np.array(values) * scale
    slices = slices_of(values, n)
    assert (np.sum([one.holds(values) for one in slices], axis=0) == 1).all()
    assert len({one.label for one in slices}) == len(slices)
    assert all(one.shown[0] < one.shown[1] for one in slices) or len(slices) == 1


def test_counts_stay_whole_and_their_rare_ends_are_merged():
    values = np.repeat([2, 3, 4, 5, 6, 11], [1, 40, 60, 50, 3, 2])
    slices = slices_of(values, 3)
    assert [one.label for one in slices] == ["≤ 3", "4", "≥ 5"]
    assert [int(one.holds(values).sum()) for one in slices] == [41, 60, 55]
    assert [one.shown[0] for one in slices[1:]] == [3.5, 4.5]


def test_other_variables_are_cut_at_round_numbers():
    values = np.random.default_rng(0).exponential(300, 5000)
    slices = slices_of(values, 4)
    assert [one.label for one in slices] == ["< 100", "100–200", "200–400", "≥ 400"]
    assert slices_of(np.zeros(0), 3) == []
    assert [one.label for one in slices_of(np.full(9, 0.5), 3)] == ["all"]


@pytest.fixture
def events():
    draw = np.random.default_rng(3)
    is_signal = draw.random(4000) < 0.4
    jets = draw.poisson(5 + 2 * is_signal)
    scores = [is_signal + 0.2 * jets + draw.standard_normal(4000) for _ in range(2)]
    weights = draw.uniform(0.5, 2, 4000) * np.where(draw.random(4000) < 0.1, -1, 1)
    return is_signal, jets, scores, weights


@pytest.mark.parametrize("weighted", [False, True])
def test_efficiencies_are_fractions_at_one_cut(events, weighted):
    is_signal, jets, scores, weights = events
    w = weights if weighted else np.ones(4000)
    slices = slices_of(jets, 5)
    found = efficiency_by_slice(scores, is_signal, w, jets, slices, efficiency=0.5, fewest=5)
    total = 0.0
    for one in slices:
        expected = []
        for score in scores:
            cuts = np.sort(score[is_signal])[::-1]
            passing = np.cumsum(w[is_signal][np.argsort(-score[is_signal])])
            cut = cuts[np.argmax(passing >= 0.5 * passing[-1])]
            inside = ~is_signal & one.holds(jets)
            expected.append(w[inside & (score >= cut)].sum() / w[inside].sum())
        row = found[(found["sample"] == "background") & (found["slice"] == one.label)].iloc[0]
        assert row["efficiency"] == pytest.approx(np.mean(expected))
        assert row["seed_sd"] == pytest.approx(np.std(expected, ddof=1))
        assert row["lower"] < row["efficiency"] < row["upper"]
        inside = is_signal & one.holds(jets)
        row = found[(found["sample"] == "signal") & (found["slice"] == one.label)].iloc[0]
        total += row["efficiency"] * w[inside].sum()
    assert total / w[is_signal].sum() == pytest.approx(0.5, abs=0.002)


def test_auroc_is_that_of_the_events_of_a_slice(events):
    is_signal, jets, scores, weights = events
    slices = slices_of(jets, 4)
    found = auroc_by_slice(scores[:1], is_signal, weights, jets, slices, fewest=10)
    for one, row in zip(slices, found.itertuples(), strict=True):
        inside = one.holds(jets)
        sample = scores[0][inside], is_signal[inside], weights[inside]
        assert row.auroc == pytest.approx(auroc(*sample))
        assert row.event_error == pytest.approx(auroc_uncertainty(*sample))
    both = auroc_by_slice(scores, is_signal, weights, jets, slices, fewest=10)
    assert both["seed_sd"].notna().all()
    assert (both["event_error"] < 1.2 * found["event_error"]).all()


def test_slices_with_too_few_events_have_no_number(events):
    is_signal, jets, scores, _ = events
    ones, none = np.ones(4000), is_signal & (jets < 4)
    slices = slices_of(jets, 4)
    found = auroc_by_slice(scores, is_signal, np.where(none, 0, ones), jets, slices, fewest=30)
    assert np.isnan(found["auroc"].iloc[0]) == (found["n_signal"].iloc[0] < 30)
    found = auroc_by_slice(scores, np.zeros(4000, bool), ones, jets, slices, fewest=30)
    assert found["auroc"].isna().all()
    assert (found["n_signal"] == 0).all()
    few = efficiency_by_slice(scores, is_signal, ones, jets, slices, efficiency=0.5, fewest=1e6)
    assert len(few) == 0

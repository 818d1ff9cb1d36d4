"""Bins are equally filled, and a token says in which an object fell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thesis_data.binning import Binning, find_bins, find_phi_bins, quantile_edges
from thesis_data.layout import Layout
from thesis_data.vocabulary import MOST_BINS, Vocabulary
from thesis_facts.errors import DataError

LAYOUT = Layout()
BINNING = Binning(
    pt_edges=np.array([35.0, 50.0, 70.0, 105.0]),
    eta_edges=np.array([-1.0, -0.3, 0.3, 1.0]),
    met_edges=np.array([20.0, 40.0, 60.0, 100.0]),
)


def counts_of(values: np.ndarray, n_bins: int) -> np.ndarray:
    bins = find_bins(values, quantile_edges(values, n_bins))
    assert bins.min() >= 1
    assert bins.max() <= n_bins
    return np.bincount(bins - 1, minlength=n_bins)


@pytest.mark.parametrize("n_bins", [2, 5, 7])
def test_bins_of_a_continuous_quantity_are_equally_filled(n_bins):
    pt = np.random.default_rng(0).exponential(50, 100_003).astype(np.float32)
    counts = counts_of(pt, n_bins)
    assert counts.max() - counts.min() <= 2  # but for rounding and a tie or two of float32


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=60),
    st.integers(2, 8),
)
def test_with_ties_no_other_edge_would_fill_the_bins_more_evenly(values, n_bins):
    values = np.array(values, dtype=np.float32)
    edges = quantile_edges(values, n_bins)
    assert (np.diff(edges) >= 0).all()
    possible = {int((values < cut).sum()) for cut in np.arange(-3.5, 4.5)}
    for number, edge in enumerate(edges, 1):
        share = len(values) * number / n_bins
        below = int((values < edge).sum())
        assert abs(below - share) == min(abs(count - share) for count in possible)


def test_equal_values_share_a_bin_and_leave_others_empty():
    assert sorted(counts_of(np.full(10, 3.0), 5)) == [0, 0, 0, 0, 10]
    half_zero = np.concatenate([np.zeros(50), np.arange(1.0, 51.0)])
    assert sorted(counts_of(half_zero, 4)) == [0, 25, 25, 50]


def test_values_beyond_the_edges_belong_to_the_outer_bins():
    edges = BINNING.pt_edges
    assert find_bins(np.array([-5.0, 0.0, 1e9, np.inf, -np.inf]), edges).tolist() == [1, 1, 5, 5, 1]
    assert find_bins(np.nextafter(edges, 0), edges).tolist() == [1, 2, 3, 4]
    assert find_bins(edges, edges).tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("n_bins", [2, 5, 16])
def test_phi_bins_are_equally_wide_over_the_full_circle(n_bins):
    phi = -np.pi + (np.arange(10_000 * n_bins) + 0.5) * 2 * np.pi / (10_000 * n_bins)
    counts = np.bincount(find_phi_bins(phi, n_bins) - 1)
    assert counts.tolist() == [10_000] * n_bins
    middles = -np.pi + (np.arange(n_bins) + 0.5) * 2 * np.pi / n_bins
    assert find_phi_bins(middles, n_bins).tolist() == list(range(1, n_bins + 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_phi_begins_and_ends_at_pi_and_other_turns_count_alike(dtype):
    ends = np.array([-np.pi, np.pi], dtype=dtype)
    assert find_phi_bins(ends, 5).tolist() == [1, 5]
    phi = np.array([-3.0, -1.0, 0.1, 2.0], dtype=dtype)
    for turns in (-2, 1, 3):
        turned = phi + turns * 2 * np.pi
        assert find_phi_bins(turned, 5).tolist() == find_phi_bins(phi, 5).tolist()


@pytest.mark.parametrize(
    "bin_it",
    [
        lambda values: quantile_edges(values, 5),
        lambda values: find_bins(values, BINNING.pt_edges),
        lambda values: find_phi_bins(values, 5),
    ],
)
def test_nan_is_refused(bin_it):
    with pytest.raises(DataError, match="NaN and infinite angles fall into no bin: found 1 of 3"):
        bin_it(np.array([1.0, np.nan, 2.0]))


def test_an_infinite_angle_is_refused():
    with pytest.raises(DataError, match="infinite"):
        find_phi_bins(np.array([np.inf]), 5)


def _slow_tokens(row: np.ndarray) -> list[int]:
    """The formula, one object after the other, with bins counted edge by edge."""

    def place(value, edges):
        return 1 + sum(value >= edge for edge in edges)

    def place_phi(phi):
        return next(k for k in range(1, 6) if phi <= -np.pi + k * 2 * np.pi / 5 + 1e-6)

    tokens = []
    for slot in range(18):
        identity = int(row[slot])
        _, pt, eta, phi = row[20 + 4 * slot : 24 + 4 * slot]
        tokens.append(
            125 * (identity - 1)
            + 25 * (place(pt, BINNING.pt_edges) - 1)
            + 5 * (place(eta, BINNING.eta_edges) - 1)
            + place_phi(phi)
            if identity
            else 0
        )
    return [*tokens, 875 + place(row[18], BINNING.met_edges), 880 + place_phi(row[19])]


def test_tokens_are_those_of_the_formula(rows):
    events = rows(300)
    LAYOUT.objects(events)[LAYOUT.ids(events) == 0] = np.nan  # padding has no effect
    tokens = BINNING.tokens(LAYOUT.ids(events), LAYOUT.objects(events), LAYOUT.globals(events))
    assert tokens.tolist() == [_slow_tokens(event) for event in events]


def test_events_without_objects_and_no_events_are_fine():
    empty = np.zeros((2, 18), dtype=np.float32)
    met = np.array([[10, 0], [500, 0]], dtype=np.float32)
    tokens = BINNING.tokens(empty, np.zeros((2, 18, 4), dtype=np.float32), met)
    assert tokens[:, :18].sum() == 0
    assert tokens[:, 18:].tolist() == [[876, 883], [880, 883]]
    none = BINNING.tokens(empty[:0], np.zeros((0, 18, 4), dtype=np.float32), met[:0])
    assert none.shape == (0, 20)


@pytest.mark.parametrize("n_bins", [2, 5, MOST_BINS])
def test_every_combination_of_bins_has_a_token_of_its_own(n_bins):
    vocabulary = Vocabulary(n_bins)
    tokens = np.array(vocabulary.of_objects)
    ids, *bins = vocabulary.object_bins(tokens)
    assert np.array_equal(vocabulary.object_token(ids, *bins), tokens)
    assert (ids.min(), ids.max()) == (1, 7)
    assert all((numbers.min(), numbers.max()) == (1, n_bins) for numbers in bins)
    assert len(vocabulary) == vocabulary.of_met_phi[-1] + 1 <= 2**15


def test_the_vocabulary_of_five_bins_is_that_of_the_field():
    vocabulary = Vocabulary(5)
    assert len(vocabulary) == 886
    assert (vocabulary.of_objects[0], vocabulary.of_objects[-1]) == (1, 875)
    assert (vocabulary.of_met[0], vocabulary.of_met[-1]) == (876, 880)
    assert (vocabulary.of_met_phi[0], vocabulary.of_met_phi[-1]) == (881, 885)

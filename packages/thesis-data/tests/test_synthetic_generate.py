import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thesis_data.layout import Layout
from thesis_data.synthetic import generate
from thesis_data.synthetic.config import DetectorConfig
from thesis_data.synthetic.generate import default_shares, simulate
from thesis_facts.errors import DataError
from thesis_facts.metrics import auroc
from thesis_facts.processes import LABELS

LAYOUT = Layout()


@pytest.fixture(scope="module")
def events() -> generate.ToyEvents:
    return simulate(12_000, seed=3)


def n_jets(x: np.ndarray) -> np.ndarray:
    return np.isin(LAYOUT.ids(x), (1, 2)).sum(axis=1)


def n_b_jets(x: np.ndarray) -> np.ndarray:
    return (LAYOUT.ids(x) == 2).sum(axis=1)


def test_rows_have_the_layout(events):
    assert events.x.dtype == np.float32
    assert events.x.shape == (12_000, 92)
    ids, objects = LAYOUT.ids(events.x), LAYOUT.objects(events.x)
    present = ids > 0
    assert np.isfinite(events.x).all()
    assert set(np.unique(ids)) == set(range(8))
    assert (np.diff(present.astype(int), axis=1) <= 0).all()  # padding comes last
    assert (objects[~present] == 0).all()
    assert (np.diff(objects[..., 1], axis=1) <= 0).all()  # hardest first
    energy, pt, eta, phi = np.moveaxis(objects[present].astype(np.float64), -1, 0)
    assert (energy >= pt * np.cosh(eta) * (1 - 1e-6)).all()
    assert np.abs(eta).max() < 2.5
    assert np.abs(phi).max() < np.pi + 1e-6
    assert pt[np.isin(ids[present], (1, 2))].min() >= 25
    assert pt.min() >= 10
    assert (events.x[:, 18] > 0).all()


def test_every_event_passes_the_selection(events):
    assert n_jets(events.x).min() == 4
    assert n_b_jets(events.x).min() == 1
    tight = simulate(300, seed=3, detector=DetectorConfig(min_jets=7, min_b_jets=3))
    assert n_jets(tight.x).min() == 7
    assert n_b_jets(tight.x).min() == 3


def test_no_event_comes_twice(events):
    assert len(np.unique(events.x, axis=0)) == len(events)


def test_shares_of_the_processes(events):
    for name, share in default_shares().items():
        spread = np.sqrt(share * (1 - share) / len(events))
        assert np.mean(events.labels == LABELS[name]) == pytest.approx(share, abs=5 * spread)


def test_the_order_tells_nothing_about_the_labels(events):
    position = np.arange(len(events)) / len(events)
    assert auroc(position, events.labels == 1) == pytest.approx(0.5, abs=0.03)
    follows = (events.labels[1:] == 1) == (events.labels[:-1] == 1)
    assert follows.mean() == pytest.approx(0.5, abs=0.03)


@settings(max_examples=5)
@given(st.integers(0, 2**40), st.integers(1, 3000))
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(seed, size):
    processes = {"4t": 2.0, "ttH": 1.0}
    small = simulate(size, seed=seed, processes=processes)
    large = simulate(size + 2500, seed=seed, processes=processes)
    np.testing.assert_array_equal(small.x, large.x[:size])
    np.testing.assert_array_equal(small.labels, large.labels[:size])


def test_rows_do_not_depend_on_how_many_are_made_at_once(events, monkeypatch):
    monkeypatch.setattr(generate, "BLOCK", 501)
    again = simulate(1200, seed=3)
    np.testing.assert_array_equal(again.x, events.x[:1200])
    np.testing.assert_array_equal(again.labels, events.labels[:1200])


def test_the_events_of_a_process_do_not_depend_on_the_others(events):
    alone = simulate(100, seed=3, processes={"ttZ": 1.0})
    assert set(alone.labels) == {5}
    np.testing.assert_array_equal(alone.x, events.x[events.labels == 5][:100])


def test_other_seeds_give_other_events(events):
    other = simulate(1000, seed=4)
    assert not np.isin(other.x[:, 18], events.x[:, 18]).any()


OTHER_DETECTORS = {
    "jet_pt_min": 40.0,
    "lepton_pt_min": 20.0,
    "eta_max": 2.0,
    "b_tag": 0.9,
    "c_tag": 0.5,
    "light_tag": 0.1,
    "lepton_efficiency": 0.1,
    "met_noise": 40.0,
    "min_jets": 6,
    "min_b_jets": 2,
}


def test_all_keys_of_the_detector_are_tried():
    assert set(OTHER_DETECTORS) == set(DetectorConfig.model_fields)


@pytest.mark.parametrize("key", OTHER_DETECTORS)
def test_each_key_of_the_detector_acts(key):
    def sample(detector: DetectorConfig) -> np.ndarray:
        return simulate(300, seed=1, processes={"4t": 1}, detector=detector).x

    usual, other = DetectorConfig(), DetectorConfig(**{key: OTHER_DETECTORS[key]})
    assert not np.array_equal(sample(usual), sample(other))


def test_a_selection_that_nothing_passes_is_an_error():
    blind = DetectorConfig(b_tag=0, c_tag=0, light_tag=0)
    with pytest.raises(DataError, match=r"no ttW event passes.*detector"):
        simulate(10, seed=1, processes={"ttW": 1.0}, detector=blind)


@pytest.mark.parametrize(
    ("processes", "message"),
    [
        ({"tth": 1.0}, "tth, but expected 4t, ttH"),
        ({}, "no process"),
        ({"4t": 0.0}, "make no sense"),
        ({"4t": 2.0, "ttH": -1.0}, "make no sense"),
        ({"4t": float("nan")}, "make no sense"),
    ],
)
def test_shares_that_make_no_sense_are_refused(processes, message):
    with pytest.raises(DataError, match=message):
        simulate(10, seed=1, processes=processes)


def test_counting_separates_the_signal_but_not_trivially(events):
    is_signal = events.labels == 1
    for count in (n_jets(events.x), n_b_jets(events.x)):
        assert 0.70 < auroc(count.astype(float), is_signal) < 0.88


def test_pairs_of_jets_show_the_w(events):
    """Light jets of ttW: more pairs at the W mass than on either side."""
    x = events.x[events.labels == LABELS["ttW"]].astype(np.float64)
    energy, pt, eta, phi = np.moveaxis(LAYOUT.objects(x), -1, 0)
    p = np.stack([energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
    first, second = np.triu_indices(LAYOUT.n_tokens, 1)
    jet = LAYOUT.ids(x) == 1
    pair = (p[:, :, first] + p[:, :, second])[:, jet[:, first] & jet[:, second]]
    mass = np.sqrt(pair[0] ** 2 - np.square(pair[1:]).sum(axis=0))
    below, at_w, above = np.histogram(mass, bins=(55, 70, 95, 110))[0] / (15, 25, 15)
    assert at_w > 1.15 * below
    assert at_w > 1.15 * above


def test_simulating_imports_no_torch():
    code = (
        "import sys, thesis_data.synthetic.dataset as d; d.default_shares();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

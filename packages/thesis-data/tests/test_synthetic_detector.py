import numpy as np
import pytest

from thesis_data.synthetic.config import DetectorConfig
from thesis_data.synthetic.detector import Objects, reconstruct
from thesis_data.synthetic.kinematics import from_transverse
from thesis_data.synthetic.particles import Particles
from thesis_data.synthetic.species import BOTTOM, CHARM, ELECTRON, LIGHT, MUON, NEUTRINO, PHOTON

N_EVENTS = 20_000


def measure(
    code: int, pt: float = 100.0, eta: float = 0.0, noise: float = 0.0, **detector: float
) -> tuple[Objects, np.ndarray]:
    """Objects and missing momentum of events that hold one particle at phi = 0."""
    event = np.arange(N_EVENTS)
    momentum = from_transverse(
        np.full(N_EVENTS, pt), np.zeros(N_EVENTS), np.full(N_EVENTS, eta), 0.0
    )
    particles = Particles(
        event, np.full(N_EVENTS, code, np.int8), momentum, np.zeros(N_EVENTS), np.full(N_EVENTS, -1)
    )
    config = DetectorConfig(met_noise=noise, **detector)
    return reconstruct(particles, N_EVENTS, config, np.random.default_rng(0))


@pytest.mark.parametrize(("code", "rate"), [(BOTTOM, 0.77), (CHARM, 0.18), (LIGHT, 0.008)])
def test_jets_are_tagged_at_the_rate_of_their_flavour(code, rate):
    objects, _ = measure(code)
    is_jet = objects.ids <= 2
    spread = np.sqrt(rate * (1 - rate) / N_EVENTS)
    assert np.mean(objects.ids[is_jet] == 2) == pytest.approx(rate, abs=5 * spread)
    assert np.mean(objects.ids == 7) == pytest.approx(0.0015, abs=0.0015)


@pytest.mark.parametrize(
    ("code", "object_id"),
    [(-ELECTRON, 3), (ELECTRON, 4), (-MUON, 5), (MUON, 6), (PHOTON, 7)],
)
def test_leptons_and_photons_get_their_id_and_efficiency(code, object_id):
    objects, _ = measure(code, lepton_efficiency=0.6)
    assert set(objects.ids) == {object_id}
    assert objects.ids.size / N_EVENTS == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize(("code", "pt_min"), [(LIGHT, 25.0), (MUON, 10.0)])
def test_acceptance(code, pt_min):
    assert measure(code, pt=pt_min / 3)[0].ids.size < 0.02 * N_EVENTS
    assert measure(code, pt=3 * pt_min)[0].ids.size > 0.75 * N_EVENTS
    assert measure(code, eta=2.49)[0].ids.size > 0.75 * N_EVENTS
    assert measure(code, eta=2.51)[0].ids.size == 0
    objects, _ = measure(code, pt=pt_min)
    assert objects.kinematics[1].min() >= pt_min


@pytest.mark.parametrize(
    ("code", "pt", "resolution"),
    [
        (LIGHT, 64.0, np.hypot(0.8 / 8, 0.05)),
        (LIGHT, 400.0, np.hypot(0.8 / 20, 0.05)),
        (MUON, 64.0, 0.015),
    ],
)
def test_energies_are_smeared_by_the_resolution(code, pt, resolution):
    pt_measured = measure(code, pt=pt)[0].kinematics[1]
    assert np.std(pt_measured) / pt == pytest.approx(resolution, rel=0.05)
    assert np.mean(pt_measured) == pytest.approx(pt, rel=0.01)


def test_directions_survive():
    objects, _ = measure(LIGHT, eta=1.3)
    np.testing.assert_allclose(objects.kinematics[2], 1.3)
    np.testing.assert_allclose(objects.kinematics[3], 0.0, atol=1e-12)


def test_jets_have_mass_and_leptons_none():
    for code, median in ((LIGHT, 0.14), (MUON, 0.0)):
        energy, pt, eta, _ = measure(code)[0].kinematics
        squared = (energy / pt) ** 2 - np.cosh(eta) ** 2
        assert squared.min() > -1e-12
        assert np.sqrt(np.maximum(np.median(squared), 0)) == pytest.approx(median, abs=0.01)


def test_missing_momentum_is_that_of_the_neutrinos():
    objects, missing = measure(NEUTRINO, pt=80.0)
    assert objects.ids.size == 0
    np.testing.assert_allclose(missing, np.repeat([[80.0], [0.0]], N_EVENTS, axis=1), atol=1e-9)


def test_missing_momentum_takes_up_what_a_jet_lost():
    objects, missing = measure(BOTTOM, pt=100.0)
    np.testing.assert_allclose(objects.kinematics[1] + missing[0, objects.event], 100.0)


def test_noise_spreads_the_missing_momentum():
    _, missing = measure(NEUTRINO, noise=12.0)
    assert missing.std(axis=1) == pytest.approx(12.0, rel=0.05)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thesis_data.synthetic.kinematics import (
    azimuth,
    boost,
    from_transverse,
    invariant_mass,
    pseudorapidity,
    random_direction,
    transverse_momentum,
    two_body_decay,
)

COMPONENT = st.floats(-1000, 1000)
MASS = st.floats(0.5, 200)
SEED = st.integers(0, 2**32)


def on_shell(px: float, py: float, pz: float, mass: float) -> np.ndarray:
    """One four-momentum [4, 1] (GeV)."""
    return np.array([[np.sqrt(px**2 + py**2 + pz**2 + mass**2)], [px], [py], [pz]])


def boost_matrix(frame: np.ndarray) -> np.ndarray:
    """Lorentz matrix [4, 4] from the rest frame of `frame` [4] to the laboratory, by the book."""
    beta = frame[1:] / frame[0]
    squared = beta @ beta
    gamma = 1 / np.sqrt(1 - squared)
    matrix = np.empty((4, 4))
    matrix[0, 0] = gamma
    matrix[0, 1:] = matrix[1:, 0] = gamma * beta
    along = np.outer(beta, beta) / squared if squared else np.zeros((3, 3))
    matrix[1:, 1:] = np.eye(3) + (gamma - 1) * along
    return matrix


@given(COMPONENT, COMPONENT, COMPONENT, MASS, COMPONENT, COMPONENT, COMPONENT, MASS)
def test_boosts_agree_with_the_lorentz_matrix(px, py, pz, mass, qx, qy, qz, frame_mass):
    p, frame = on_shell(px, py, pz, mass), on_shell(qx, qy, qz, frame_mass)
    expected = boost_matrix(frame[:, 0]) @ p
    boosted = boost(p, frame, np.array([frame_mass]))
    np.testing.assert_allclose(boosted, expected, rtol=1e-6, atol=1e-9 * expected[0, 0])


@given(COMPONENT, COMPONENT, COMPONENT, MASS)
def test_a_boost_brings_a_particle_at_rest_to_the_momentum_of_the_frame(px, py, pz, mass):
    frame = on_shell(px, py, pz, mass)
    at_rest = np.array([[mass], [0.0], [0.0], [0.0]])
    np.testing.assert_allclose(boost(at_rest, frame, np.array([mass])), frame, rtol=1e-12)


@given(COMPONENT, COMPONENT, COMPONENT, MASS, st.floats(0, 0.98), st.floats(0, 1), SEED)
def test_decays_conserve_momentum_and_give_the_daughters_their_masses(
    px, py, pz, mass, available, share, seed
):
    parent = on_shell(px, py, pz, mass)
    mass_a, mass_b = mass * available * share, mass * available * (1 - share)
    a, b = two_body_decay(
        parent,
        np.array([mass]),
        np.array([mass_a]),
        np.array([mass_b]),
        np.random.default_rng(seed),
    )
    np.testing.assert_allclose(a + b, parent, rtol=1e-12, atol=1e-9)
    # a mass is the root of a difference: its rounding error is that of E², not of m²
    rounding = 1e-13 * parent[0, 0] ** 2
    np.testing.assert_allclose(invariant_mass(a) ** 2, mass_a**2, rtol=1e-9, atol=rounding)
    np.testing.assert_allclose(invariant_mass(b) ** 2, mass_b**2, rtol=1e-9, atol=rounding)


def test_decays_at_rest_are_isotropic():
    n, mass = 200_000, 80.4
    parent = np.zeros((4, n))
    parent[0] = mass
    zero = np.zeros(n)
    daughter, _ = two_body_decay(parent, np.full(n, mass), zero, zero, np.random.default_rng(0))
    direction = daughter[1:] / daughter[0]
    # a uniform sphere: zero mean, covariance 1/3 of the unit matrix, uniform cosine and azimuth
    assert np.abs(direction.mean(axis=1)).max() < 5 / np.sqrt(3 * n)
    assert np.abs(np.cov(direction) - np.eye(3) / 3).max() < 5 * 0.3 / np.sqrt(n)
    for uniform in (direction[2], azimuth(daughter) / np.pi):
        counts, _ = np.histogram(uniform, bins=20, range=(-1, 1))
        assert np.abs(counts - n / 20).max() < 5 * np.sqrt(n / 20)


@given(COMPONENT, COMPONENT, st.floats(-5, 5), st.floats(0, 200))
def test_transverse_components_rapidity_and_mass_come_back(px, py, rapidity, mass):
    p = from_transverse(np.array([px]), np.array([py]), np.array([rapidity]), np.array([mass]))
    assert transverse_momentum(p) == pytest.approx(np.hypot(px, py))
    if np.hypot(px, py, dtype=float) + mass > 1e-3:
        assert 0.5 * np.log((p[0] + p[3]) / (p[0] - p[3])) == pytest.approx(rapidity, abs=1e-6)
    assert invariant_mass(p) ** 2 == pytest.approx(mass**2, rel=1e-9, abs=1e-12 * p[0, 0] ** 2)


@given(st.floats(0.1, 1000), st.floats(-5, 5), st.floats(-3.14, 3.14))
def test_directions_come_back(pt, eta, phi):
    p = np.array([[0.0], [pt * np.cos(phi)], [pt * np.sin(phi)], [pt * np.sinh(eta)]])
    assert pseudorapidity(p) == pytest.approx(eta, abs=1e-9)
    assert azimuth(p) == pytest.approx(phi, abs=1e-9)


def test_random_directions_have_unit_length():
    cosine, sine = random_direction(1000, np.random.default_rng(0))
    np.testing.assert_allclose(cosine**2 + sine**2, 1.0, rtol=1e-15)

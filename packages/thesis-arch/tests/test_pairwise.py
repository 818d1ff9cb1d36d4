"""Pairwise kinematics against plain float64 four-vectors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thesis_arch.physics.four_momentum import FourMomentum, delta_phi
from thesis_arch.physics.pairwise import NEEDS_ENERGY, PAIRWISE_FEATURES, Pairs

METRIC = np.diag([1.0, -1.0, -1.0, -1.0])


def random_vectors(n: int, seed: int) -> np.ndarray:
    """Massive four-vectors (E, px, py, pz), [n, 4]."""
    rng = np.random.default_rng(seed)
    pt, eta = 20 + rng.exponential(60, n), rng.uniform(-2.5, 2.5, n)
    phi, mass = rng.uniform(-np.pi, np.pi, n), rng.uniform(0.1, 30, n)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return np.stack([np.sqrt(px**2 + py**2 + pz**2 + mass**2), px, py, pz], axis=1)


def momentum(vectors: np.ndarray, dtype: torch.dtype = torch.float64) -> FourMomentum:
    energy, px, py, pz = (torch.tensor(column) for column in vectors.T)
    pt = torch.hypot(px, py)
    parts = (pt, torch.asinh(pz / pt), torch.atan2(py, px), energy)
    return FourMomentum.of(*(part.to(dtype) for part in parts))


def boost(velocity: np.ndarray) -> np.ndarray:
    """Lorentz boost matrix of a velocity (units of c)."""
    beta2 = velocity @ velocity
    gamma = 1 / np.sqrt(1 - beta2)
    matrix = np.eye(4)
    matrix[0, 0] = gamma
    matrix[0, 1:] = matrix[1:, 0] = -gamma * velocity
    matrix[1:, 1:] += (gamma - 1) * np.outer(velocity, velocity) / beta2
    return matrix


def rotation_about_beam(angle: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def naive(name: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The textbook definition, in float64."""

    def pt(v):
        return np.hypot(v[:, 1], v[:, 2])

    def eta(v):
        return np.arctanh(v[:, 3] / np.linalg.norm(v[:, 1:], axis=1))

    dot = np.einsum("ni,ij,nj->n", a, METRIC, b)
    m2 = np.einsum("ni,ij,nj->n", a + b, METRIC, a + b)
    cosine = (a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]) / (pt(a) * pt(b))
    dr = np.sqrt((eta(a) - eta(b)) ** 2 + np.arccos(np.clip(cosine, -1, 1)) ** 2)
    low = np.minimum(pt(a), pt(b))
    return {
        "m2": m2,
        "log_m2": np.log(m2),
        "dot": dot,
        "log_kt": np.log(low * dr),
        "z": low / (pt(a) + pt(b)),
        "deltaR": dr,
        "deltaR_ptw": dr * (pt(a) + pt(b)),
    }[name]


@pytest.mark.parametrize("name", PAIRWISE_FEATURES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_feature_is_its_definition(name, dtype):
    a, b = random_vectors(500, 1), random_vectors(500, 2)
    result = PAIRWISE_FEATURES[name](momentum(a, dtype), momentum(b, dtype))
    tolerance = 1e-6 if dtype == torch.float64 else 1e-4
    np.testing.assert_allclose(result.numpy(), naive(name, a, b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", PAIRWISE_FEATURES)
def test_feature_is_symmetric(name):
    a, b = momentum(random_vectors(100, 1)), momentum(random_vectors(100, 2))
    feature = PAIRWISE_FEATURES[name]
    torch.testing.assert_close(feature(a, b), feature(b, a))


@given(
    st.tuples(*[st.floats(-0.55, 0.55)] * 3).filter(lambda v: 0.01 < np.linalg.norm(v) < 0.95),
    st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_masses_are_lorentz_invariant(velocity, seed):
    a, b = random_vectors(20, seed), random_vectors(20, seed + 1)
    matrix = boost(np.array(velocity))
    for name in ("m2", "dot"):
        feature = PAIRWISE_FEATURES[name]
        before = feature(momentum(a), momentum(b))
        after = feature(momentum(a @ matrix.T), momentum(b @ matrix.T))
        torch.testing.assert_close(after, before, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("name", PAIRWISE_FEATURES)
@given(st.floats(-0.9, 0.9).filter(lambda beta: abs(beta) > 0.01), st.floats(-3.1, 3.1))
@settings(max_examples=15, deadline=None)
def test_features_do_not_depend_on_the_frame_along_the_beam(name, beta, angle):
    # Massless, since only then is Δη the same after a boost.
    a, b = random_vectors(20, 5), random_vectors(20, 6)
    for vectors in (a, b):
        vectors[:, 0] = np.linalg.norm(vectors[:, 1:], axis=1)
    matrix = boost(np.array([0.0, 0.0, beta])) @ rotation_about_beam(angle)
    feature = PAIRWISE_FEATURES[name]
    before = feature(momentum(a), momentum(b))
    after = feature(momentum(a @ matrix.T), momentum(b @ matrix.T))
    torch.testing.assert_close(after, before, rtol=1e-6, atol=1e-6)


def test_small_masses_survive_float32():
    """Nearly collinear hard objects: E_a E_b - p_a p_b would lose every digit."""
    # Measured as float32 numbers; the truth is what float64 makes of those very numbers.
    pt, eta, phi = torch.tensor([[800.0, 450.0], [1.2, 1.2003], [0.0, 0.0004]])
    energy = torch.hypot(pt * torch.cosh(eta), torch.ones(2))

    def pair(dtype):
        rows = [x.to(dtype)[:, None] for x in (pt, eta, phi, energy)]
        return [FourMomentum.of(*(row[k] for row in rows)) for k in range(2)]

    px, py, pz = (pt * torch.cos(phi), pt * torch.sin(phi), pt * torch.sinh(eta))
    px64, py64, pz64 = (
        pt.double() * f for f in (phi.double().cos(), phi.double().sin(), eta.double().sinh())
    )
    truth = energy.double().prod() - px64.prod() - py64.prod() - pz64.prod()
    cancelling = energy.prod() - px.prod() - py.prod() - pz.prod()
    assert abs(float(cancelling / truth) - 1) > 0.01  # the trap is real
    dot = PAIRWISE_FEATURES["dot"]
    torch.testing.assert_close(dot(*pair(torch.float64))[0], truth, rtol=1e-6, atol=0)
    torch.testing.assert_close(dot(*pair(torch.float32))[0].double(), truth, rtol=1e-3, atol=0)


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_delta_phi_is_wrapped(phi_i, phi_j):
    difference = delta_phi(*torch.tensor([[phi_i], [phi_j]], dtype=torch.float64))
    assert -np.pi <= float(difference) < np.pi + 1e-9
    assert np.isclose(np.exp(1j * float(difference)), np.exp(1j * (phi_i - phi_j)))


def test_pairs_are_all_unordered_pairs_of_valid_objects():
    mask = torch.tensor([[1, 1, 0, 1], [0, 0, 0, 1], [1, 0, 1, 0]], dtype=torch.bool)
    pairs = Pairs.of(mask)
    found = set(zip(pairs.event.tolist(), pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert found == {(0, 0, 1), (0, 0, 3), (0, 1, 3), (2, 0, 2)}
    packed = mask.nonzero()
    for k in range(len(pairs.event)):
        assert packed[pairs.first_object[k]].tolist() == [pairs.event[k], pairs.first[k]]
        assert packed[pairs.second_object[k]].tolist() == [pairs.event[k], pairs.second[k]]


def test_features_that_need_the_energy_are_those_that_fail_without():
    a, b = (FourMomentum.of(*torch.rand(3, 4).unbind(), energy=None) for _ in range(2))
    for name, feature in PAIRWISE_FEATURES.items():
        if name in NEEDS_ENERGY:
            with pytest.raises(AssertionError):
                feature(a, b)
        else:
            assert torch.isfinite(feature(a, b)).all()

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from thesis_data.synthetic.clusters import BOTTOM_JET, NO_JET, build_clusters
from thesis_data.synthetic.cones import cone_owners
from thesis_data.synthetic.kinematics import from_transverse
from thesis_data.synthetic.particles import Particles
from thesis_data.synthetic.species import BOTTOM, CHARM, ELECTRON, LIGHT, MUON


def slow_owners(event, eta, phi, hadronic, radius):
    """One particle after the other."""
    owner = list(range(len(event)))
    free = set(owner)
    for i in range(len(event)):
        if i not in free:
            continue
        for j in range(i + 1, len(event)):
            angle = abs(phi[i] - phi[j])
            angle = min(angle, 2 * np.pi - angle)
            near = (eta[i] - eta[j]) ** 2 + angle**2 < radius**2
            if j in free and event[i] == event[j] and near and (hadronic[i] or hadronic[j]):
                owner[j] = i
                free.discard(j)
    return owner


@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(1, 6), st.floats(0.1, 1.5))
def test_cones_agree_with_taking_one_particle_after_the_other(seed, size, n_events, radius):
    rng = np.random.default_rng(seed)
    event = np.sort(rng.integers(0, n_events, size))
    eta, phi = rng.uniform(-1.5, 1.5, size), rng.uniform(-np.pi, np.pi, size)
    hadronic = rng.random(size) < 0.7
    assert cone_owners(event, eta, phi, hadronic, radius).tolist() == slow_owners(
        event, eta, phi, hadronic, radius
    )


def particles(*rows: tuple[int, float, float, float], event: int = 0) -> Particles:
    """Massless particles of one event from (code, pt, eta, phi)."""
    code, pt, eta, phi = (np.array(column) for column in zip(*rows, strict=True))
    momentum = from_transverse(pt * np.cos(phi), pt * np.sin(phi), eta, 0.0)
    size = len(rows)
    return Particles(
        np.full(size, event), code.astype(np.int8), momentum, np.zeros(size), np.full(size, -1)
    )


def test_overlapping_partons_are_one_jet_of_the_heaviest_flavour():
    pair = particles((CHARM, 100.0, 0.0, 0.0), (BOTTOM, 50.0, 0.2, 0.1))
    clusters = build_clusters(pair, eta_max=2.5)
    assert clusters.content.tolist() == [BOTTOM_JET]
    np.testing.assert_allclose(clusters.momentum[:, 0], pair.momentum.sum(axis=1))
    assert 0.0 < clusters.eta[0] < 0.1


def test_a_cone_reaches_around_the_back_of_the_detector():
    clusters = build_clusters(
        particles((LIGHT, 100.0, 0.0, np.pi - 0.1), (LIGHT, 50.0, 0.0, -np.pi + 0.1)), eta_max=2.5
    )
    assert clusters.event.size == 1
    assert abs(clusters.phi[0]) > np.pi - 0.1


def test_leptons_are_isolated_or_part_of_a_jet():
    clusters = build_clusters(
        particles(
            (LIGHT, 100.0, 0.0, 0.0),
            (ELECTRON, 30.0, 0.2, 0.0),  # in the jet
            (MUON, 40.0, 1.0, 2.0),
            (-MUON, 20.0, 1.1, 2.0),  # close to the other muon only
        ),
        eta_max=2.5,
    )
    assert clusters.code.tolist() == [LIGHT, MUON, -MUON]
    assert (clusters.content == NO_JET).tolist() == [False, True, True]


def test_forward_and_soft_particles_are_not_seen():
    clusters = build_clusters(
        particles((LIGHT, 100.0, 3.5, 0.0), (LIGHT, 1.0, 0.0, 1.0), (LIGHT, 30.0, 0.0, 2.0)),
        eta_max=2.5,
    )
    np.testing.assert_allclose(clusters.momentum[0], [30.0])

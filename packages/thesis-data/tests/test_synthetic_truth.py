"""The true particles: production and decays."""

from functools import cache

import numpy as np
import pytest

from thesis_data.synthetic.decays import decay_chain
from thesis_data.synthetic.kinematics import (
    boost,
    invariant_mass,
    transverse_momentum,
)
from thesis_data.synthetic.particles import Particles, stable
from thesis_data.synthetic.production import BEAM_ENERGY, HARD_PROCESS, produce
from thesis_data.synthetic.species import (
    BOTTOM,
    CHANNELS,
    CHARM,
    ELECTRON,
    GLUON,
    HIGGS,
    MASS,
    MUON,
    NEUTRINO,
    TAU,
    TAU_HADRONS,
    TOP,
    WIDTH,
    W,
    Z,
)

N_EVENTS = 20_000
PROCESSES = tuple(HARD_PROCESS)


@cache
def truth(process: str) -> Particles:
    rng = np.random.default_rng(PROCESSES.index(process))
    return decay_chain(produce(process, N_EVENTS, rng), rng)


def daughters(particles: Particles, rows: np.ndarray) -> tuple[Particles, Particles]:
    """First and second daughter of decayed particles at these rows, in the order of the rows."""
    order = np.argsort(particles.mother, kind="stable")
    first = np.searchsorted(particles.mother[order], rows)
    return particles.select(order[first]), particles.select(order[first + 1])


def rows_of(particles: Particles, *codes: int) -> np.ndarray:
    return np.flatnonzero(np.isin(np.abs(particles.code), codes))


def mass_from_daughters(particles: Particles, rows: np.ndarray) -> np.ndarray:
    a, b = daughters(particles, rows)
    return invariant_mass(a.momentum + b.momentum)


@pytest.mark.parametrize(
    ("process", "species", "pole"),
    [("4t", TOP, 172.5), ("4t", W, 80.4), ("ttZ", Z, 91.2), ("ttH", HIGGS, 125.0)],
)
def test_masses_reconstruct_from_what_came_out(process, species, pole):
    particles = truth(process)
    mass = mass_from_daughters(particles, rows_of(particles, species))
    assert np.median(mass) == pytest.approx(pole, abs=0.05)
    # half of a Breit-Wigner lies within half a width; the window makes it slightly more
    within = np.mean(np.abs(mass - pole) < WIDTH[species] / 2)
    assert 0.5 < within < 0.57


@pytest.mark.parametrize("process", PROCESSES)
def test_every_decay_conserves_four_momentum(process):
    particles = truth(process)
    parents = np.unique(particles.mother[particles.mother >= 0])
    assert np.array_equal(
        np.bincount(particles.mother[particles.mother >= 0])[parents] == 2,
        np.ones(parents.size, bool),
    )
    a, b = daughters(particles, parents)
    np.testing.assert_array_equal(a.event, particles.event[parents])
    np.testing.assert_allclose(
        a.momentum + b.momentum, particles.momentum[:, parents], rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("process", PROCESSES)
def test_masses_of_the_table_are_those_of_the_momenta(process):
    particles = truth(process)
    squared = particles.momentum[0] ** 2 - np.square(particles.momentum[1:]).sum(axis=0)
    rounding = 1e-12 * particles.momentum[0].max() ** 2
    np.testing.assert_allclose(squared, particles.mass**2, rtol=1e-6, atol=rounding)


@pytest.mark.parametrize("process", PROCESSES)
def test_transverse_momentum_balances(process):
    final = stable(truth(process))
    for axis in (1, 2):
        total = np.bincount(final.event, final.momentum[axis], N_EVENTS)
        np.testing.assert_allclose(total, 0.0, atol=1e-8)


@pytest.mark.parametrize("process", PROCESSES)
def test_only_stable_particles_are_left(process):
    assert rows_of(stable(truth(process)), TOP, W, Z, HIGGS, TAU).size == 0


@pytest.mark.parametrize("process", PROCESSES)
def test_events_hold_their_process_and_stay_below_the_beam_energy(process):
    produced = produce(process, N_EVENTS, np.random.default_rng(1))
    heavy = produced.select(produced.code != GLUON)
    kept = np.unique(heavy.event)
    assert 0.95 * N_EVENTS < kept.size < N_EVENTS
    assert set(np.unique(produced.event)) == set(kept)
    for code in set(map(abs, HARD_PROCESS[process])):
        wanted = list(map(abs, HARD_PROCESS[process])).count(code)
        counts = np.bincount(heavy.event[np.abs(heavy.code) == code], minlength=N_EVENTS)
        assert set(counts[kept]) == {wanted}
    energy = np.bincount(produced.event, produced.momentum[0], N_EVENTS)
    along = np.bincount(produced.event, produced.momentum[3], N_EVENTS)
    assert (energy + np.abs(along)).max() < 2 * BEAM_ENERGY


def test_spectra_fall_and_radiation_recoils():
    produced = produce("4t", N_EVENTS, np.random.default_rng(2))
    is_top = produced.code != GLUON
    pt = transverse_momentum(produced.momentum)
    counts, _ = np.histogram(pt[is_top], bins=np.arange(150, 1000, 100))
    assert (np.diff(counts) < 0).all()
    assert 100 < np.median(pt[is_top]) < 200
    radiated = np.bincount(produced.event[~is_top], pt[~is_top], N_EVENTS)
    system = np.hypot(
        *(
            np.bincount(produced.event[is_top], produced.momentum[i][is_top], N_EVENTS)
            for i in (1, 2)
        )
    )
    assert np.all(system <= radiated + 1e-6)
    assert np.corrcoef(system, radiated)[0, 1] > 0.7


@pytest.mark.parametrize(
    ("process", "species"), [("4t", W), ("ttZ", Z), ("ttH", HIGGS), ("4t", TAU)]
)
def test_branching_fractions(process, species):
    particles = truth(process)
    rows = rows_of(particles, species)
    first = np.abs(daughters(particles, rows)[0].code)
    total = sum(channel.fraction for channel in CHANNELS[species])
    expected: dict[int, float] = {}
    for channel in CHANNELS[species]:
        code = abs(channel.daughters[0])
        expected[code] = expected.get(code, 0.0) + channel.fraction / total
    for code, fraction in expected.items():
        spread = np.sqrt(fraction * (1 - fraction) / rows.size)
        assert np.mean(first == code) == pytest.approx(fraction, abs=5 * spread)


def test_channel_fractions_cover_nearly_all_decays():
    for species, channels in CHANNELS.items():
        assert sum(channel.fraction for channel in channels) == pytest.approx(1, abs=0.003), species


def test_half_of_the_hadronic_w_decays_have_charm():
    particles = truth("4t")
    first = np.abs(daughters(particles, rows_of(particles, W))[0].code)
    hadronic = first < BOTTOM
    assert hadronic.mean() == pytest.approx(0.674, abs=0.01)
    assert np.mean(first[hadronic] == CHARM) == pytest.approx(0.5, abs=0.01)


def test_charges_follow_the_chain():
    particles = truth("ttWW")
    tops = rows_of(particles, TOP)
    boson, bottom = daughters(particles, tops)
    sign = np.sign(particles.code[tops])
    np.testing.assert_array_equal(boson.code, W * sign)
    np.testing.assert_array_equal(bottom.code, BOTTOM * sign)
    leptons = rows_of(particles, ELECTRON, MUON, TAU)
    parent = particles.code[particles.mother[leptons]]
    like_parent = np.sign(particles.code[leptons]) == np.sign(parent)
    assert not like_parent[np.abs(parent) == W].any()  # W+ (24) -> e+ (-11)
    assert like_parent[np.abs(parent) == TAU].all()  # tau+ (-15) -> e+ (-11)


def test_more_positive_than_negative_ttw():
    produced = produce("ttW", N_EVENTS, np.random.default_rng(3))
    charge = np.sign(produced.code[np.abs(produced.code) == W])
    assert np.mean(charge > 0) == pytest.approx(2 / 3, abs=0.02)


def test_tops_decay_isotropically_in_their_own_frame():
    particles = truth("4t")
    tops = rows_of(particles, TOP)
    boson, _ = daughters(particles, tops)
    top = particles.momentum[:, tops]
    reversed_top = top * np.array([[1], [-1], [-1], [-1]])
    at_rest = boost(boson.momentum, reversed_top, particles.mass[tops])
    flight = (at_rest[1:] * top[1:]).sum(axis=0)
    cosine = flight / np.sqrt(np.square(at_rest[1:]).sum(axis=0) * np.square(top[1:]).sum(axis=0))
    counts, _ = np.histogram(cosine, bins=20, range=(-1, 1))
    assert np.abs(counts - tops.size / 20).max() < 5 * np.sqrt(tops.size / 20)


def test_one_boson_of_a_higgs_pair_is_virtual():
    particles = truth("ttH")
    higgs = rows_of(particles, HIGGS)
    a, b = daughters(particles, higgs)
    pair = np.abs(a.code) == W
    real, virtual = np.maximum(a.mass, b.mass)[pair], np.minimum(a.mass, b.mass)[pair]
    assert np.median(real) == pytest.approx(80.4, abs=0.3)
    assert virtual.min() > 2 * MASS[BOTTOM]
    assert (real + virtual < particles.mass[higgs][pair]).all()
    # neither charge is preferred
    assert np.mean(a.mass[pair] > b.mass[pair]) == pytest.approx(0.5, abs=0.05)


def test_leptons_of_tau_decays_have_the_michel_spectrum():
    particles = truth("4t")
    taus = rows_of(particles, TAU)
    visible, invisible = daughters(particles, taus)
    leptonic = np.abs(visible.code) != TAU_HADRONS
    assert (np.abs(invisible.code) == NEUTRINO).all()
    share = 1 - (invisible.mass[leptonic] / MASS[TAU]) ** 2
    n = share.size
    # moments of 2 x² (3 - 2 x): mean 7/10, mean square 8/15
    assert share.mean() == pytest.approx(7 / 10, abs=5 * 0.21 / np.sqrt(n))
    assert np.square(share).mean() == pytest.approx(8 / 15, abs=5 * 0.27 / np.sqrt(n))

"""Decays of tops, bosons and taus until only stable particles are left.

Every decay is a two-body decay, isotropic in its parent's rest frame: spins are not correlated.
A leptonic tau decay becomes two-body by taking its neutrinos as one system whose mass follows the
Michel spectrum of the lepton.
"""

from __future__ import annotations

import numpy as np

from thesis_data.synthetic.kinematics import two_body_decay
from thesis_data.synthetic.particles import Particles, join
from thesis_data.synthetic.production import breit_wigner
from thesis_data.synthetic.species import (
    CHANNELS,
    HIGGS,
    MASS,
    TAU,
    TAU_HADRONS,
    TOP,
    WIDTH,
    Channel,
    W,
    Z,
)

LOWEST_VIRTUAL_MASS = 12.0  # GeV, of the W* or Z* of a Higgs decay: above the b-quark pair


def decay_chain(produced: Particles, rng: np.random.Generator) -> Particles:
    """`produced` and all that comes out of it; `mother` names rows of the returned table."""
    generations = [produced]
    first_row = 0
    while len(generations[-1]):
        parents = generations[-1]
        generations.append(_decay_generation(parents, first_row, rng))
        first_row += len(parents)
    return join(generations)


def _decay_generation(parents: Particles, first_row: int, rng: np.random.Generator) -> Particles:
    """Daughters of those parents that decay; `first_row` is the row of the first parent."""
    kind = np.abs(parents.code)
    daughters = []
    for species, channels in CHANNELS.items():
        rows = np.flatnonzero(kind == species)
        if rows.size:
            daughters += _decay_species(parents.select(rows), rows + first_row, channels, rng)
    return join(daughters) if daughters else parents.select(np.empty(0, dtype=np.int64))


def _decay_species(
    parents: Particles, rows: np.ndarray, channels: tuple[Channel, ...], rng: np.random.Generator
) -> list[Particles]:
    """First and second daughters of parents of one species; `rows` become their mothers."""
    code = _draw_daughters(parents.code, channels, rng)
    mass_a, mass_b = _daughter_masses(abs(int(parents.code[0])), parents.mass, code, rng)
    momentum_a, momentum_b = two_body_decay(parents.momentum, parents.mass, mass_a, mass_b, rng)
    return [
        Particles(parents.event, code[0], momentum_a, mass_a, rows),
        Particles(parents.event, code[1], momentum_b, mass_b, rows),
    ]


def _draw_daughters(
    parent_code: np.ndarray, channels: tuple[Channel, ...], rng: np.random.Generator
) -> np.ndarray:
    """Codes int8 [2, M] of the daughters, conjugated where the parent is an antiparticle."""
    table = np.array([channel.daughters for channel in channels], dtype=np.int8).T
    cumulative = np.cumsum([channel.fraction for channel in channels])
    uniform = rng.random(parent_code.size) * cumulative[-1]
    code = table[:, np.searchsorted(cumulative[:-1], uniform, side="right")]
    return code * np.sign(parent_code)


def _daughter_masses(
    species: int, parent_mass: np.ndarray, code: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Masses [2, M] (GeV) of the daughters of one species."""
    mass = MASS[np.abs(code)]
    if species == TOP:
        mass[0] = breit_wigner(MASS[W], WIDTH[W], code.shape[1], rng)
    elif species == HIGGS:
        _draw_higgs_bosons(parent_mass, code, mass, rng)
    elif species == TAU:
        leptonic = np.flatnonzero(np.abs(code[0]) != TAU_HADRONS)
        mass[1, leptonic] = _neutrino_pair_mass(leptonic.size, rng)
    return mass


def _draw_higgs_bosons(
    parent_mass: np.ndarray, code: np.ndarray, mass: np.ndarray, rng: np.random.Generator
) -> None:
    """Fill in W and Z masses: one of a pair is real; the other takes what is left of m_H.

    The density of the virtual mass rises linearly up to its limit, close to the true shape.
    """
    kind = np.abs(code)
    boson = (kind == W) | (kind == Z)
    single = np.flatnonzero(boson[0] & ~boson[1])
    mass[0, single] = breit_wigner(MASS[kind[0, single]], WIDTH[kind[0, single]], single.size, rng)
    pair = np.flatnonzero(boson[0] & boson[1])
    real = breit_wigner(MASS[kind[0, pair]], WIDTH[kind[0, pair]], pair.size, rng)
    room = parent_mass[pair] - real - LOWEST_VIRTUAL_MASS
    virtual = LOWEST_VIRTUAL_MASS + room * np.sqrt(rng.random(pair.size))
    first = rng.integers(0, 2, pair.size)  # which of the two is real: W+ and W- alike
    mass[first, pair] = real
    mass[1 - first, pair] = virtual


def _neutrino_pair_mass(size: int, rng: np.random.Generator) -> np.ndarray:
    """Mass (GeV) of the two neutrinos of unpolarised leptonic tau decays.

    The lepton's share x = 2 E / m_tau has density 2 x² (3 - 2 x): in equal parts that of the
    third and of the fourth of four ordered uniform numbers.
    """
    ordered = np.sort(rng.random((size, 4)), axis=1)
    share = ordered[np.arange(size), rng.integers(2, 4, size)]
    return MASS[TAU] * np.sqrt(1.0 - share)

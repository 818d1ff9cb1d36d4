"""Stable particles as the detector sees them: overlapping ones are one cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thesis_data.synthetic.cones import cone_owners
from thesis_data.synthetic.kinematics import azimuth, pseudorapidity, transverse_momentum
from thesis_data.synthetic.particles import Particles, hardest_first
from thesis_data.synthetic.species import BOTTOM, CHARM, GLUON, LIGHT, TAU_HADRONS

CONE_RADIUS = 0.4
LOWEST_PT = 3.0  # GeV; softer particles only add to the missing momentum

NO_JET, LIGHT_JET, C_JET, BOTTOM_JET = -1, 0, 1, 2
"""What a cluster holds, ordered so that the largest value of its members names the whole."""

_CONTENT = np.full(26, NO_JET, dtype=np.int8)
_CONTENT[[LIGHT, GLUON, TAU_HADRONS]] = LIGHT_JET
_CONTENT[CHARM], _CONTENT[BOTTOM] = C_JET, BOTTOM_JET


@dataclass(frozen=True)
class Clusters:
    """Separated clusters of many events in one flat table of M rows.

    Attributes
    ----------
    event : ndarray int64 [M]
    content : ndarray int8 [M]
        `NO_JET` for an isolated lepton or photon, else the flavour of the jet.
    code : ndarray int8 [M]
        Particle code of the hardest member.
    momentum : ndarray float64 [4, M]
        True (E, px, py, pz) in GeV, the sum of the members.
    eta, phi : ndarray float64 [M]
        Direction of `momentum`.
    """

    event: np.ndarray
    content: np.ndarray
    code: np.ndarray
    momentum: np.ndarray
    eta: np.ndarray
    phi: np.ndarray


def build_clusters(visible: Particles, eta_max: float) -> Clusters:
    """Merge visible particles that overlap, up to just beyond |eta| = `eta_max`."""
    particles = _hardest_first(visible, eta_max + CONE_RADIUS)
    content = _CONTENT[np.abs(particles.code)]
    eta, phi = pseudorapidity(particles.momentum), azimuth(particles.momentum)
    owner = cone_owners(
        particles.event,
        eta.astype(np.float32),
        phi.astype(np.float32),
        content != NO_JET,
        CONE_RADIUS,
    )
    own = np.arange(owner.size)
    taken = np.flatnonzero(owner != own)
    owner_of_taken = owner[taken]
    momentum = particles.momentum
    for component in momentum:
        np.add.at(component, owner_of_taken, component[taken])
    np.maximum.at(content, owner_of_taken, content[taken])
    grown = np.unique(owner_of_taken)
    eta[grown], phi[grown] = pseudorapidity(momentum[:, grown]), azimuth(momentum[:, grown])
    left = np.flatnonzero(owner == own)
    return Clusters(
        particles.event[left],
        content[left],
        particles.code[left],
        momentum[:, left],
        eta[left],
        phi[left],
    )


def _hardest_first(visible: Particles, eta_max: float) -> Particles:
    """A copy without soft and forward particles, sorted by event and by falling pt."""
    pt = transverse_momentum(visible.momentum)
    central = np.abs(visible.momentum[3]) < np.sinh(eta_max) * pt
    seen = np.flatnonzero(central & (pt > LOWEST_PT))
    return visible.select(seen[hardest_first(visible.event[seen], pt[seen])])

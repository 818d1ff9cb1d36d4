"""What the detector measures: objects with ids, and missing transverse momentum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thesis_data.synthetic.clusters import NO_JET, Clusters, build_clusters
from thesis_data.synthetic.config import DetectorConfig
from thesis_data.synthetic.kinematics import transverse_momentum
from thesis_data.synthetic.particles import Particles
from thesis_data.synthetic.species import ELECTRON, MUON, NEUTRINO, PHOTON

JET, B_JET = 1, 2
POSITRON_ID, ELECTRON_ID, ANTIMUON_ID, MUON_ID, PHOTON_ID = 3, 4, 5, 6, 7

JET_STOCHASTIC, JET_CONSTANT = 0.8, 0.05  # relative resolution: 80 %/sqrt(E) in quadrature with 5 %
LEPTON_RESOLUTION = 0.015
LOWEST_SCALE = 0.1  # the resolution of very soft jets is wide enough to turn them around
JET_SEEN_AS_PHOTON = 0.0015

# Mass of a jet grown from one parton: median 0.16 pt at 60 GeV, narrower jets at higher pt.
JET_MASS, JET_MASS_PT, JET_MASS_POWER, JET_MASS_SPREAD = 0.16, 60.0, 0.75, 0.35

_ID_BY_CODE = np.zeros(51, dtype=np.int8)  # negative codes index from the end
_ID_BY_CODE[[-ELECTRON, ELECTRON]] = POSITRON_ID, ELECTRON_ID
_ID_BY_CODE[[-MUON, MUON]] = ANTIMUON_ID, MUON_ID
_ID_BY_CODE[PHOTON] = PHOTON_ID


@dataclass(frozen=True)
class Objects:
    """Reconstructed objects of many events in one flat table of M rows.

    Attributes
    ----------
    event : ndarray int64 [M]
    ids : ndarray int8 [M]
        1 jet, 2 b-jet, 3 e+, 4 e-, 5 mu+, 6 mu-, 7 photon.
    kinematics : ndarray float64 [4, M]
        (E, pt, eta, phi) in GeV and rad.
    """

    event: np.ndarray
    ids: np.ndarray
    kinematics: np.ndarray

    def select(self, rows: np.ndarray) -> Objects:
        """The objects of some rows."""
        return Objects(self.event[rows], self.ids[rows], self.kinematics[:, rows])


def reconstruct(
    particles: Particles, n_events: int, detector: DetectorConfig, rng: np.random.Generator
) -> tuple[Objects, np.ndarray]:
    """Measure the stable particles of `n_events` events.

    Returns
    -------
    objects : Objects
        Jets, leptons and photons within the acceptance, in no particular order.
    missing : ndarray float64 [2, n_events]
        Missing transverse momentum (px, py) in GeV: that of the neutrinos, less what the energy
        resolution added to the clusters, plus noise.
    """
    neutrino = np.abs(particles.code) == NEUTRINO
    invisible = particles.select(neutrino)
    clusters = build_clusters(particles.select(~neutrino), detector.eta_max)
    scale = _energy_scale(clusters, rng)

    missing = rng.normal(0.0, detector.met_noise, (2, n_events))
    for axis in (1, 2):
        lost = (1.0 - scale) * clusters.momentum[axis]
        missing[axis - 1] += np.bincount(clusters.event, lost, n_events)
        missing[axis - 1] += np.bincount(invisible.event, invisible.momentum[axis], n_events)
    return _identify(clusters, scale, detector, rng), missing


def _energy_scale(clusters: Clusters, rng: np.random.Generator) -> np.ndarray:
    """Measured over true momentum [M] of each cluster."""
    resolution = np.sqrt(JET_STOCHASTIC**2 / clusters.momentum[0] + JET_CONSTANT**2)
    resolution = np.where(clusters.content == NO_JET, LEPTON_RESOLUTION, resolution)
    return np.maximum(1.0 + resolution * rng.standard_normal(resolution.size), LOWEST_SCALE)


def _identify(
    clusters: Clusters, scale: np.ndarray, detector: DetectorConfig, rng: np.random.Generator
) -> Objects:
    """Ids and measured kinematics of the clusters within the acceptance."""
    pt = scale * transverse_momentum(clusters.momentum)
    is_jet = clusters.content != NO_JET
    accepted = pt > np.where(is_jet, detector.jet_pt_min, detector.lepton_pt_min)
    accepted &= np.abs(clusters.eta) < detector.eta_max
    accepted &= is_jet | (rng.random(pt.size) < detector.lepton_efficiency)
    rows = np.flatnonzero(accepted)

    ids = np.where(
        is_jet[rows],
        _tag_jets(clusters.content[rows], detector, rng),
        _ID_BY_CODE[clusters.code[rows]],
    ).astype(np.int8)
    kinematics = np.empty((4, rows.size))
    kinematics[1] = pt[rows]
    kinematics[2], kinematics[3] = clusters.eta[rows], clusters.phi[rows]
    parton_energy = scale[rows] * clusters.momentum[0, rows]
    jet_mass = np.where(ids <= B_JET, _jet_mass(pt[rows], rng), 0.0)
    kinematics[0] = np.sqrt(np.square(parton_energy) + np.square(jet_mass))
    return Objects(clusters.event[rows], ids, kinematics)


def _tag_jets(
    content: np.ndarray, detector: DetectorConfig, rng: np.random.Generator
) -> np.ndarray:
    """Ids [M] of jets by their true flavour: tagged, not tagged, or taken for a photon."""
    tag = np.array([detector.light_tag, detector.c_tag, detector.b_tag])[content]
    ids = np.where(rng.random(content.size) < tag, B_JET, JET)
    ids[rng.random(content.size) < JET_SEEN_AS_PHOTON] = PHOTON_ID
    return ids


def _jet_mass(pt: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mass (GeV) that showering gives to a jet of one parton; `pt` in GeV."""
    median = JET_MASS * JET_MASS_PT * (pt / JET_MASS_PT) ** JET_MASS_POWER
    return median * np.exp(JET_MASS_SPREAD * rng.standard_normal(pt.size))

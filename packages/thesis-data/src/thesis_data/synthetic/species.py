"""The particles of the toy: codes, masses, widths and decay channels.

Codes are those of the Particle Data Group where there is one. One code stands for several
particles that the detector cannot tell apart: `LIGHT` for u, d and s quarks, `NEUTRINO` for all
flavours and for the neutrino pair of a leptonic tau decay. Masses and fractions are rounded
values of the Review of Particle Physics and of the LHC Higgs working group (m_H = 125 GeV).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LIGHT, CHARM, BOTTOM, TOP = 1, 4, 5, 6
ELECTRON, NEUTRINO, MUON, TAU = 11, 12, 13, 15
TAU_HADRONS = 19  # the visible part of a hadronic tau decay: no code of its own exists
GLUON, PHOTON, Z, W, HIGGS = 21, 22, 23, 24, 25

MASS = np.zeros(26)
"""Pole masses (GeV) by absolute code; light quarks, gluons, electrons and muons are massless."""
MASS[[CHARM, BOTTOM, TOP]] = 1.3, 4.8, 172.5
MASS[[TAU, TAU_HADRONS]] = 1.777, 0.775
MASS[[Z, W, HIGGS]] = 91.2, 80.4, 125.0

WIDTH = np.zeros(26)
"""Total widths (GeV) by absolute code; zero where a mass is sharp."""
WIDTH[[TOP, Z, W, HIGGS]] = 1.42, 2.495, 2.085, 0.0041


@dataclass(frozen=True)
class Channel:
    """A two-body decay of the positive or neutral state, and its share of all decays."""

    fraction: float
    daughters: tuple[int, int]


# Three simplifications: a W decays hadronically into (u, d) or (c, s) in equal parts without
# mixing; H -> mu mu (0.02 %) is left out; W and Z from a Higgs decay further like others.
CHANNELS: dict[int, tuple[Channel, ...]] = {
    TOP: (Channel(1.0, (W, BOTTOM)),),
    W: (
        Channel(0.337, (LIGHT, -LIGHT)),
        Channel(0.337, (CHARM, -LIGHT)),
        Channel(0.107, (-ELECTRON, NEUTRINO)),
        Channel(0.106, (-MUON, NEUTRINO)),
        Channel(0.113, (-TAU, NEUTRINO)),
    ),
    Z: (
        Channel(0.428, (LIGHT, -LIGHT)),
        Channel(0.120, (CHARM, -CHARM)),
        Channel(0.151, (BOTTOM, -BOTTOM)),
        Channel(0.0336, (ELECTRON, -ELECTRON)),
        Channel(0.0336, (MUON, -MUON)),
        Channel(0.0338, (TAU, -TAU)),
        Channel(0.200, (NEUTRINO, -NEUTRINO)),
    ),
    HIGGS: (
        Channel(0.582, (BOTTOM, -BOTTOM)),
        Channel(0.214, (W, -W)),
        Channel(0.0819, (GLUON, GLUON)),
        Channel(0.0627, (TAU, -TAU)),
        Channel(0.0289, (CHARM, -CHARM)),
        Channel(0.0262, (Z, Z)),
        Channel(0.0023, (PHOTON, PHOTON)),
        Channel(0.0015, (Z, PHOTON)),
    ),
    TAU: (
        Channel(0.648, (TAU_HADRONS, NEUTRINO)),
        Channel(0.178, (ELECTRON, NEUTRINO)),
        Channel(0.174, (MUON, NEUTRINO)),
    ),
}

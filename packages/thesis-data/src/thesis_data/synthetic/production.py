"""The hard process and the radiation off the incoming partons.

Not a matrix element: each heavy particle gets a transverse momentum from a falling spectrum and a
rapidity near that of the whole system. Transverse momenta are then shifted so that the heavy
particles balance the radiated jets exactly. What no pair of partons could make is left out.
"""

from __future__ import annotations

import numpy as np

from thesis_data.synthetic.kinematics import from_transverse, random_direction
from thesis_data.synthetic.particles import Particles, join
from thesis_data.synthetic.species import GLUON, HIGGS, MASS, TOP, WIDTH, W, Z

BEAM_ENERGY = 6500.0  # GeV

HARD_PROCESS: dict[str, tuple[int, ...]] = {
    "4t": (TOP, -TOP, TOP, -TOP),
    "ttH": (TOP, -TOP, HIGGS),
    "ttW": (TOP, -TOP, W),
    "ttWW": (TOP, -TOP, W, -W),
    "ttZ": (TOP, -TOP, Z),
}

# dN/dpt ~ pt (1 + (pt / scale)^2)^-power: rises linearly, falls like a power at high pt.
SPECTRUM_POWER = 2.8
SPECTRUM_END = 2000.0  # GeV
SPECTRUM_SCALE = {TOP: 155.0, HIGGS: 140.0, W: 100.0, Z: 105.0}  # GeV, beside a top pair alone
SPECTRUM_GROWTH = 0.25  # power of the produced mass: heavier systems are produced harder
SYSTEM_RAPIDITY_SPREAD = 0.7
OWN_RAPIDITY_SPREAD = 1.0
POSITIVE_TTW = 2.0 / 3.0  # more u than d quarks in the proton: two ttW+ for each ttW-

RESONANCE_WINDOW = 5.0  # widths on either side of the pole

RADIATED_JETS = 1.25  # mean of a top pair alone; grows with the produced mass
RADIATION_PT = (20.0, 800.0)  # GeV
RADIATION_POWER = 1.6  # dN/dpt ~ pt^-(power + 1)
RADIATION_RAPIDITY_SPREAD = 1.8


def produce(process: str, n_events: int, rng: np.random.Generator) -> Particles:
    """The undecayed particles of `n_events` events of one process.

    Parameters
    ----------
    process : str
        A key of `HARD_PROCESS`.

    Returns
    -------
    Particles
        Heavy particles of all events, then the gluons radiated off the incoming partons. The
        transverse momenta of an event add up to zero. The one or two per cent of events that
        would need more than the beam energy have no particles.
    """
    excess = MASS[np.abs(HARD_PROCESS[process])].sum() / (2.0 * MASS[TOP])
    radiation = _radiate(n_events, RADIATED_JETS * excess, rng)
    recoil = [-np.bincount(radiation.event, radiation.momentum[axis], n_events) for axis in (1, 2)]
    scale = excess**SPECTRUM_GROWTH
    produced = join([_hard_process(process, scale, np.stack(recoil), rng), radiation])
    return produced.select(_within_beam_energy(produced, n_events)[produced.event])


def breit_wigner(
    pole: np.ndarray | float, width: np.ndarray | float, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Masses [size] (GeV) of resonances, within `RESONANCE_WINDOW` widths of the pole."""
    edge = np.arctan(2.0 * RESONANCE_WINDOW)
    return pole + 0.5 * width * np.tan(rng.uniform(-edge, edge, size))


def _hard_process(
    process: str, hardness: float, recoil: np.ndarray, rng: np.random.Generator
) -> Particles:
    """Heavy particles whose transverse momenta add up to `recoil` [2, n] (GeV)."""
    n_events = recoil.shape[1]
    species = np.array(HARD_PROCESS[process], dtype=np.int8)
    size = (species.size, n_events)
    kind = np.abs(species)
    scale = hardness * np.array([SPECTRUM_SCALE[k] for k in kind.tolist()])
    pt = _falling_pt(scale[:, None], rng.random(size))
    cosine, sine = random_direction(pt.size, rng)
    px, py = pt * cosine.reshape(size), pt * sine.reshape(size)
    px += (recoil[0] - px.sum(axis=0)) / species.size
    py += (recoil[1] - py.sum(axis=0)) / species.size
    rapidity = rng.normal(0.0, OWN_RAPIDITY_SPREAD, size)
    rapidity += rng.normal(0.0, SYSTEM_RAPIDITY_SPREAD, n_events)
    mass = breit_wigner(MASS[kind].repeat(n_events), WIDTH[kind].repeat(n_events), pt.size, rng)
    code = species.repeat(n_events).reshape(size)
    if process == "ttW":
        code[2] = np.where(rng.random(n_events) < POSITIVE_TTW, W, -W)
    return Particles(
        event=np.tile(np.arange(n_events), species.size),
        code=code.ravel(),
        momentum=from_transverse(px.ravel(), py.ravel(), rapidity.ravel(), mass),
        mass=mass,
        mother=np.full(pt.size, -1),
    )


def _falling_pt(scale: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Transverse momenta (GeV) by inverting the cumulative spectrum."""
    slope = SPECTRUM_POWER - 1.0
    beyond_end = (1.0 + np.square(SPECTRUM_END / scale)) ** -slope
    beyond = 1.0 - uniform * (1.0 - beyond_end)
    return scale * np.sqrt(beyond ** (-1.0 / slope) - 1.0)


def _within_beam_energy(produced: Particles, n_events: int) -> np.ndarray:
    """Which events [n_events] need no parton with more momentum than its proton."""
    energy = np.bincount(produced.event, produced.momentum[0], n_events)
    along_beam = np.bincount(produced.event, produced.momentum[3], n_events)
    return energy + np.abs(along_beam) < 2.0 * BEAM_ENERGY


def _radiate(n_events: int, mean_jets: float, rng: np.random.Generator) -> Particles:
    """Massless gluons with a power-law pt spectrum, a Poisson number of them in each event."""
    event = np.repeat(np.arange(n_events), rng.poisson(mean_jets, n_events))
    low, high = RADIATION_PT
    beyond = 1.0 - rng.random(event.size) * (1.0 - (high / low) ** -RADIATION_POWER)
    pt = low * beyond ** (-1.0 / RADIATION_POWER)
    cosine, sine = random_direction(event.size, rng)
    rapidity = rng.normal(0.0, RADIATION_RAPIDITY_SPREAD, event.size)
    return Particles(
        event=event,
        code=np.full(event.size, GLUON, dtype=np.int8),
        momentum=from_transverse(pt * cosine, pt * sine, rapidity, 0.0),
        mass=np.zeros(event.size),
        mother=np.full(event.size, -1),
    )

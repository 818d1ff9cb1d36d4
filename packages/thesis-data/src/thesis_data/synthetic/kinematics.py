"""Four-momenta of many particles at once.

A set of M four-momenta is one array [4, M] with rows (E, px, py, pz) in GeV: each component is
contiguous, so that every formula below is a few passes over long vectors. Double precision
throughout: a mass is a small difference of large numbers.
"""

from __future__ import annotations

import numpy as np


def from_transverse(
    px: np.ndarray, py: np.ndarray, rapidity: np.ndarray, mass: np.ndarray | float
) -> np.ndarray:
    """Four-momenta [4, ...] from transverse components (GeV), rapidity and mass (GeV)."""
    transverse_mass = np.sqrt(px * px + py * py + np.square(mass))
    return np.stack(
        [transverse_mass * np.cosh(rapidity), px, py, transverse_mass * np.sinh(rapidity)]
    )


def transverse_momentum(p: np.ndarray) -> np.ndarray:
    """Transverse momentum (GeV) of four-momenta [4, ...]."""
    return np.sqrt(p[1] * p[1] + p[2] * p[2])


def pseudorapidity(p: np.ndarray) -> np.ndarray:
    """Pseudorapidity of four-momenta [4, ...]; pt must not be zero."""
    return np.arcsinh(p[3] / transverse_momentum(p))


def azimuth(p: np.ndarray) -> np.ndarray:
    """Azimuthal angle in [-pi, pi] (rad) of four-momenta [4, ...]."""
    return np.arctan2(p[2], p[1])


def invariant_mass(p: np.ndarray) -> np.ndarray:
    """Invariant mass (GeV) of four-momenta [4, ...]; rounding below zero counts as zero."""
    squared = p[0] * p[0] - p[1] * p[1] - p[2] * p[2] - p[3] * p[3]
    return np.sqrt(np.maximum(squared, 0.0))


def boost(p: np.ndarray, frame: np.ndarray, frame_mass: np.ndarray) -> np.ndarray:
    """Four-momenta seen from the laboratory, given in the rest frame of another particle.

    Parameters
    ----------
    p : ndarray [4, M]
        Momenta in the rest frame of `frame` (GeV).
    frame : ndarray [4, M]
        Laboratory momenta of the particles at rest in that frame (GeV).
    frame_mass : ndarray [M]
        Their masses (GeV): the caller knows them better than E² - p² does.
    """
    along = p[1] * frame[1] + p[2] * frame[2] + p[3] * frame[3]
    boosted = np.empty_like(p)
    boosted[0] = (p[0] * frame[0] + along) / frame_mass
    shift = (along / (frame[0] + frame_mass) + p[0]) / frame_mass
    np.multiply(frame[1:], shift, out=boosted[1:])
    boosted[1:] += p[1:]
    return boosted


def breakup_momentum(mass: np.ndarray, mass_a: np.ndarray, mass_b: np.ndarray) -> np.ndarray:
    """Momentum (GeV) of either daughter in the rest frame of a two-body decay."""
    above = mass * mass - np.square(mass_a + mass_b)
    below = mass * mass - np.square(mass_a - mass_b)
    return np.sqrt(above * below) / (2.0 * mass)


def two_body_decay(
    parent: np.ndarray,
    mass: np.ndarray,
    mass_a: np.ndarray,
    mass_b: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Decay every parent into two daughters, isotropic in its rest frame.

    Parameters
    ----------
    parent : ndarray [4, M]
        Laboratory momenta (GeV).
    mass, mass_a, mass_b : ndarray [M]
        Masses of the parent and of its daughters (GeV), mass > mass_a + mass_b.

    Returns
    -------
    tuple of ndarray [4, M]
        The daughters' laboratory momenta (GeV); they add up to `parent`.
    """
    momentum = breakup_momentum(mass, mass_a, mass_b)
    cos_theta = rng.uniform(-1.0, 1.0, momentum.size)
    cos_phi, sin_phi = random_direction(momentum.size, rng)
    transverse = momentum * np.sqrt(1.0 - cos_theta * cos_theta)
    at_rest = np.empty_like(parent)
    at_rest[0] = np.sqrt(momentum * momentum + np.square(mass_a))
    np.multiply(transverse, cos_phi, out=at_rest[1])
    np.multiply(transverse, sin_phi, out=at_rest[2])
    np.multiply(momentum, cos_theta, out=at_rest[3])
    daughter = boost(at_rest, parent, mass)
    return daughter, parent - daughter


def random_direction(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine, each [size], of uniform angles on the circle.

    The angle is drawn in single precision, where sine and cosine are ten times faster; the
    values are scaled to unit length in double precision, so that no momentum is lost.
    """
    angle = rng.random(size, dtype=np.float32) * np.float32(2.0 * np.pi)
    cosine = np.cos(angle).astype(np.float64)
    sine = np.sin(angle).astype(np.float64)
    length = np.sqrt(cosine * cosine + sine * sine)
    return cosine / length, sine / length

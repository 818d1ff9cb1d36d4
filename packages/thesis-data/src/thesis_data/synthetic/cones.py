"""Overlapping particles: which ones does the detector see as one object?

The hardest particle of an event opens a cone and takes all others within its radius; the hardest
of the rest opens the next one, and so on. For a few hard partons this is what anti-kt does.
"""

from __future__ import annotations

import numpy as np


def cone_owners(
    event: np.ndarray, eta: np.ndarray, phi: np.ndarray, hadronic: np.ndarray, radius: float
) -> np.ndarray:
    """Row of the particle whose cone each particle belongs to (its own row if it opened one).

    Parameters
    ----------
    event, eta, phi : ndarray [M]
        Particles sorted by event and, within an event, by falling transverse momentum.
    hadronic : ndarray bool [M]
        Leptons and photons (False) never take one another: they are no calorimeter clusters.
    radius : float
        Size of a cone in sqrt(Δη² + Δφ²).

    Returns
    -------
    ndarray int64 [M]
    """
    harder, softer = _close_pairs(event, eta, phi, radius)
    mixed = hadronic[harder] | hadronic[softer]
    harder, softer = harder[mixed], softer[mixed]
    own = np.arange(event.size)
    owner = own.copy()
    while harder.size:
        hardest_near = own.copy()
        np.minimum.at(hardest_near, softer, harder)
        opens_cone = hardest_near == own
        taken = opens_cone[hardest_near] & ~opens_cone
        owner[taken] = hardest_near[taken]
        undecided = ~(taken[harder] | taken[softer])
        harder, softer = harder[undecided], softer[undecided]
    return owner


def _close_pairs(
    event: np.ndarray, eta: np.ndarray, phi: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (i, j), i < j, of all pairs of one event that are closer than `radius`.

    Rows of an event are neighbours: comparing the table with itself, shifted by one row, by two
    and so on, sees every pair without a padded array.
    """
    full_turn = 2.0 * np.pi
    first, second = [], []
    for shift in range(1, np.bincount(event).max(initial=1)):
        angle = np.abs(phi[shift:] - phi[:-shift])
        angle = np.minimum(angle, full_turn - angle)
        distance = eta[shift:] - eta[:-shift]
        close = angle * angle + distance * distance < radius * radius
        close &= event[shift:] == event[:-shift]
        rows = np.flatnonzero(close)
        first.append(rows)
        second.append(rows + shift)
    if not first:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate(first), np.concatenate(second)

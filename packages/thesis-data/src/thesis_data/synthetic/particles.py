"""The true particles of many events in one flat table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Particles:
    """A table of M particles; those of one event need not be neighbours.

    Attributes
    ----------
    event : ndarray int64 [M]
        Row of the event in its chunk.
    code : ndarray int8 [M]
        Signed particle code (`species`), negative for antiparticles.
    momentum : ndarray float64 [4, M]
        (E, px, py, pz) in GeV.
    mass : ndarray float64 [M]
        Mass of this very particle (GeV), never recomputed from its momentum.
    mother : ndarray int64 [M]
        Row of the particle it came from, -1 for those of the hard process and the radiation.
    """

    event: np.ndarray
    code: np.ndarray
    momentum: np.ndarray
    mass: np.ndarray
    mother: np.ndarray

    def __len__(self) -> int:
        return self.event.size

    def select(self, rows: np.ndarray) -> Particles:
        """The particles of some rows (indices or a mask); `mother` still names the old rows."""
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        return Particles(
            self.event[rows],
            self.code[rows],
            self.momentum[:, rows],
            self.mass[rows],
            self.mother[rows],
        )


def join(parts: Sequence[Particles]) -> Particles:
    """One table of several, in order."""
    return Particles(
        np.concatenate([part.event for part in parts]),
        np.concatenate([part.code for part in parts]),
        np.concatenate([part.momentum for part in parts], axis=1),
        np.concatenate([part.mass for part in parts]),
        np.concatenate([part.mother for part in parts]),
    )


def stable(particles: Particles) -> Particles:
    """The particles of a decay chain that did not decay."""
    decayed = np.zeros(len(particles), dtype=bool)
    decayed[particles.mother[particles.mother >= 0]] = True
    return particles.select(~decayed)


def hardest_first(event: np.ndarray, pt: np.ndarray) -> np.ndarray:
    """Rows [M] sorted by event and, within an event, by falling transverse momentum (GeV)."""
    beyond_any_pt = 1e5  # GeV; makes one sortable number of both, ten times faster than lexsort
    return np.argsort(event * beyond_any_pt - pt)

"""Counts and ranges of a split, gathered block by block."""

from dataclasses import dataclass, field

import numpy as np

from thesis_data.h5 import N_IDS
from thesis_data.validation.checks import Block

QUANTITIES = ("E", "pt", "eta", "phi", "MET", "METphi")


@dataclass
class Summary:
    """What the events of a split look like.

    Attributes
    ----------
    multiplicity : ndarray
        [T + 1] number of events with that many objects.
    id_counts : ndarray
        [8] number of objects of each id.
    low, high, total : dict
        Smallest and largest value and sum of each of `QUANTITIES`, over objects that are there.
    """

    multiplicity: np.ndarray
    id_counts: np.ndarray = field(default_factory=lambda: np.zeros(N_IDS, dtype=np.int64))
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)
    total: dict[str, float] = field(default_factory=dict)

    @property
    def n_events(self) -> int:
        return int(self.multiplicity.sum())

    @property
    def n_objects(self) -> int:
        return int(self.multiplicity @ np.arange(len(self.multiplicity)))

    def mean(self, quantity: str) -> float:
        """Mean over the objects, or over the events for MET and METphi."""
        count = self.n_events if quantity.startswith("MET") else self.n_objects
        return self.total.get(quantity, 0.0) / max(count, 1)

    def add(self, block: Block) -> None:
        """Count the events of a block."""
        n_slots = len(self.multiplicity)
        self.multiplicity += np.bincount(block.valid.sum(1), minlength=n_slots)
        known = np.clip(block.ids[block.valid], 0, N_IDS - 1).astype(np.int64)
        self.id_counts += np.bincount(known, minlength=N_IDS)
        objects = block.objects[block.valid]
        for quantity, values in zip(QUANTITIES, (*objects.T, *block.globals.T), strict=False):
            if values.size:
                self.low[quantity] = min(self.low.get(quantity, np.inf), float(values.min()))
                self.high[quantity] = max(self.high.get(quantity, -np.inf), float(values.max()))
                total = float(values.sum(dtype=np.float64))
                self.total[quantity] = self.total.get(quantity, 0.0) + total

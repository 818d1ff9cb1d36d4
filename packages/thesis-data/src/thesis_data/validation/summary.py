"""Counts and ranges of a split, gathered block by block."""

from dataclasses import dataclass, field

import numpy as np

from thesis_data.validation.checks import Block
from thesis_data.vocabulary import N_IDS, Vocabulary

QUANTITIES = ("E", "pt", "eta", "phi", "MET", "METphi")
BINNED_QUANTITIES = QUANTITIES[1:]


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
    vocabulary : Vocabulary or None
        What the tokens of a binned file mean.
    bin_counts : dict
        [n] number of objects (events) in each bin of each of `BINNED_QUANTITIES`, if it is binned.
    """

    multiplicity: np.ndarray
    vocabulary: Vocabulary | None = None
    id_counts: np.ndarray = field(default_factory=lambda: np.zeros(N_IDS, dtype=np.int64))
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)
    total: dict[str, float] = field(default_factory=dict)
    bin_counts: dict[str, np.ndarray] = field(default_factory=dict)

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
        if self.vocabulary is None:
            self._add_ids(block.ids[block.valid])
            self._add_numbers(block)
        else:
            self._add_tokens(block, self.vocabulary)

    def _add_ids(self, ids: np.ndarray) -> None:
        known = np.clip(ids, 0, N_IDS - 1).astype(np.int64)
        self.id_counts += np.bincount(known, minlength=N_IDS)

    def _add_tokens(self, block: Block, vocabulary: Vocabulary) -> None:
        """Unknown tokens count as the nearest known ones; the checks tell of them."""
        first, last = vocabulary.of_objects[0], vocabulary.of_objects[-1]
        tokens = np.clip(block.ids[block.valid], first, last).astype(np.int64)
        ids, *bins = vocabulary.object_bins(tokens)
        self._add_ids(ids)
        met = block.globals[:, 0] - vocabulary.of_met[0] + 1
        met_phi = block.globals[:, 1] - vocabulary.of_met_phi[0] + 1
        n = vocabulary.n_bins
        for quantity, numbers in zip(BINNED_QUANTITIES, (*bins, met, met_phi), strict=True):
            inside = np.clip(numbers, 1, n).astype(np.int64) - 1
            counts = self.bin_counts.setdefault(quantity, np.zeros(n, dtype=np.int64))
            counts += np.bincount(inside, minlength=n)

    def _add_numbers(self, block: Block) -> None:
        objects = block.objects[block.valid]
        for quantity, values in zip(QUANTITIES, (*objects.T, *block.globals.T), strict=False):
            if values.size:
                self.low[quantity] = min(self.low.get(quantity, np.inf), float(values.min()))
                self.high[quantity] = max(self.high.get(quantity, -np.inf), float(values.max()))
                total = float(values.sum(dtype=np.float64))
                self.total[quantity] = self.total.get(quantity, 0.0) + total

"""Events as tokens: every quantity cut into bins, an object into one number.

The bins of pt, eta and MET hold equally many objects (events) of the training split; those of phi
are equally wide, over the full circle, as nothing in a collision prefers a direction around the
beam.
"""

from dataclasses import dataclass

import numpy as np

from thesis_data.vocabulary import Vocabulary
from thesis_facts.errors import DataError

_CIRCLE = np.pi * (1 + 1e-6)  # pi as a float32 is a little more than pi


@dataclass(frozen=True)
class Binning:
    """Where the bins of each quantity end.

    Attributes
    ----------
    pt_edges, eta_edges, met_edges : ndarray
        [n - 1] float64 ascending inner edges (GeV, 1, GeV); the outer bins are open. Of equal
        edges, the bins between them are empty.
    """

    pt_edges: np.ndarray
    eta_edges: np.ndarray
    met_edges: np.ndarray

    @property
    def n_bins(self) -> int:
        return len(self.pt_edges) + 1

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.n_bins)

    def tokens(self, ids: np.ndarray, objects: np.ndarray, globals_: np.ndarray) -> np.ndarray:
        """Tokens of events.

        Parameters
        ----------
        ids : ndarray
            [N, T] object ids, 0 where padded; what stands in padded slots has no effect.
        objects : ndarray
            [N, T, 4] (E, pt, eta, phi) in GeV and rad.
        globals_ : ndarray
            [N, 2] MET (GeV) and METphi (rad).

        Returns
        -------
        ndarray
            [N, T + 2] int16: T tokens of objects, that of MET, that of METphi.

        Raises
        ------
        DataError
            A value is NaN, or an angle infinite.
        """
        tokens = np.zeros((ids.shape[0], ids.shape[1] + 2), dtype=np.int16)
        valid = ids > 0
        _, pt, eta, phi = objects[valid].T
        tokens[:, :-2][valid] = self.vocabulary.object_token(
            ids[valid].astype(np.int64),
            find_bins(pt, self.pt_edges),
            find_bins(eta, self.eta_edges),
            find_phi_bins(phi, self.n_bins),
        )
        met, met_phi = globals_.T
        tokens[:, -2] = self.vocabulary.of_met[0] + find_bins(met, self.met_edges) - 1
        tokens[:, -1] = self.vocabulary.of_met_phi[0] + find_phi_bins(met_phi, self.n_bins) - 1
        return tokens


def quantile_edges(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Inner edges [n_bins - 1] between which equally many values lie, as far as ties allow.

    Equal values share a bin, so an edge stands half-way between two different ones: where the
    number of values below comes closest to its share. With fewer different values than bins, edges
    coincide.

    Parameters
    ----------
    values : ndarray
        [N] numbers, N > 0, in any order.
    """
    _refuse(np.isnan(values))
    distinct, counts = np.unique(values, return_counts=True)
    distinct = distinct.astype(np.float64)
    # cut k stands below the k-th distinct value; nothing is below the first
    cuts = np.concatenate([distinct[:1], (distinct[1:] + distinct[:-1]) / 2, distinct[-1:] + 1])
    below = np.concatenate([[0], counts.cumsum()])
    shares = len(values) * np.arange(1, n_bins) / n_bins
    above = np.searchsorted(below, shares)  # at least 1, as shares are above 0
    lower_is_closer = shares - below[above - 1] < below[above] - shares
    return cuts[above - lower_is_closer]


def find_bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bin of each value, from 1 to len(edges) + 1; a value on an edge belongs above it."""
    _refuse(np.isnan(values))
    return np.searchsorted(edges, values, side="right") + 1


def find_phi_bins(phi: np.ndarray, n_bins: int) -> np.ndarray:
    """Bin of each angle (rad), from 1 at -pi to `n_bins` at +pi; any other turn counts alike."""
    _refuse(~np.isfinite(phi))
    phi = phi.astype(np.float64)
    on_circle = np.abs(phi) <= _CIRCLE
    turns = (phi + np.pi) / (2 * np.pi)
    turns = np.where(on_circle, turns.clip(0, 1), turns % 1)
    return np.minimum((turns * n_bins).astype(np.int64), n_bins - 1) + 1


def _refuse(in_no_bin: np.ndarray) -> None:
    if in_no_bin.any():
        raise DataError(
            "NaN and infinite angles fall into no bin",
            found=f"{np.count_nonzero(in_no_bin):,} of {in_no_bin.size:,} values",
            do="repair or drop such events; `thesis-data validate` counts them",
        )

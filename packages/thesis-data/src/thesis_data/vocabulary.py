"""Which numbers a token may be: the id of an object, or the number of the bins that it falls in."""

from dataclasses import dataclass

import numpy as np

N_IDS = 8
"""0 padding, 1 jet, 2 b-jet, 3 e+, 4 e-, 5 mu+, 6 mu-, 7 photon."""

MOST_BINS = 16
"""Of each quantity: with more, tokens (28,704 for 16) outgrow 16 bits and what can be learned."""


@dataclass(frozen=True)
class Vocabulary:
    """Tokens of objects, MET and METphi that are cut into `n_bins` bins each.

    An object's token is n^3 (id - 1) + n^2 (bin of pt - 1) + n (bin of eta - 1) + bin of phi, with
    bins counted from 1; 0 is padding. MET's n tokens come next, METphi's n last.
    """

    n_bins: int

    @property
    def of_objects(self) -> range:
        """Tokens of objects: 1 to 875 for 5 bins."""
        return range(1, (N_IDS - 1) * self.n_bins**3 + 1)

    @property
    def of_met(self) -> range:
        """Tokens of MET: 876 to 880 for 5 bins."""
        return range(self.of_objects.stop, self.of_objects.stop + self.n_bins)

    @property
    def of_met_phi(self) -> range:
        """Tokens of METphi: 881 to 885 for 5 bins."""
        return range(self.of_met.stop, self.of_met.stop + self.n_bins)

    def __len__(self) -> int:
        return self.of_met_phi.stop

    def object_token(
        self, ids: np.ndarray, pt: np.ndarray, eta: np.ndarray, phi: np.ndarray
    ) -> np.ndarray:
        """Tokens of objects from their ids and the bins (from 1) of pt, eta and phi; broadcasts."""
        n = self.n_bins
        return n**3 * (ids - 1) + n**2 * (pt - 1) + n * (eta - 1) + phi

    def object_bins(self, tokens: np.ndarray) -> tuple[np.ndarray, ...]:
        """Ids and bins (from 1) of pt, eta and phi of tokens of objects."""
        n = self.n_bins
        ids, pt, eta, phi = np.unravel_index(tokens - 1, (N_IDS - 1, n, n, n))
        return ids + 1, pt + 1, eta + 1, phi + 1

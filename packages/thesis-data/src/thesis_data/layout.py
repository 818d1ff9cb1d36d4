"""The columns of a row: one row of numbers per event.

A row is T ids | MET, METphi | T x (E, pt, eta, phi); in a file of binned tokens it is T tokens |
MET token, METphi token.
"""

from dataclasses import dataclass

import numpy as np

from thesis_data.vocabulary import N_IDS, Vocabulary

FEATURES = ("E", "pt", "eta", "phi")
GLOBALS = ("MET", "METphi")


@dataclass(frozen=True)
class Layout:
    """Which columns of a row hold what.

    Attributes
    ----------
    n_bins : int or None
        Bins of each quantity where the file holds binned tokens, None where it holds ids and
        numbers.
    """

    n_tokens: int = 18
    n_globals: int = 2
    n_bins: int | None = None

    @property
    def n_features(self) -> int:
        """Numbers of an object beside its id or token."""
        return 0 if self.n_bins else len(FEATURES)

    @property
    def width(self) -> int:
        return self.n_tokens * (1 + self.n_features) + self.n_globals

    @property
    def vocabulary(self) -> Vocabulary | None:
        """What binned tokens may be."""
        return Vocabulary(self.n_bins) if self.n_bins else None

    @property
    def n_ids(self) -> int:
        """How many ids (binned: tokens) an object can have, padding included."""
        return self.vocabulary.of_objects.stop if self.vocabulary else N_IDS

    @property
    def id_type(self) -> type[np.signedinteger]:
        """The smallest type of numbers that holds them."""
        return np.int8 if self.n_ids <= 128 else np.int16

    def ids(self, rows: np.ndarray) -> np.ndarray:
        """[N, T] ids (binned: tokens) of rows [N, width]."""
        return rows[:, : self.n_tokens]

    def globals(self, rows: np.ndarray) -> np.ndarray:
        """[N, G] event-wide numbers: MET in GeV and METphi in rad (binned: their tokens)."""
        return rows[:, self.n_tokens : self.n_tokens + self.n_globals]

    def objects(self, rows: np.ndarray) -> np.ndarray:
        """[N, T, 4] (E, pt, eta, phi) in GeV and rad; [N, T, 0] of binned tokens."""
        return rows[:, self.n_tokens + self.n_globals :].reshape(
            len(rows), self.n_tokens, self.n_features
        )

    def whole_numbers(self) -> list[tuple[slice, range, str]]:
        """Columns that hold whole numbers, which these may be, and what they are called."""
        ids = slice(0, self.n_tokens)
        if self.vocabulary is None:
            return [(ids, range(self.n_ids), "object ids")]
        met = slice(self.n_tokens, self.n_tokens + 1)
        met_phi = slice(self.n_tokens + 1, self.n_tokens + 2)
        return [
            (ids, range(self.n_ids), "tokens"),
            (met, self.vocabulary.of_met, "tokens of MET"),
            (met_phi, self.vocabulary.of_met_phi, "tokens of METphi"),
        ]

    def describe(self) -> str:
        if self.n_bins:
            return f"{self.n_tokens} tokens ({self.n_bins} bins) + MET token, METphi token"
        middle = " + MET, METphi" if self.n_globals else ""
        return f"{self.n_tokens} ids{middle} + {self.n_tokens} x (E, pt, eta, phi)"

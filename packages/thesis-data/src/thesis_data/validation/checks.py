"""What must hold of every event, checked for a block of events at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from thesis_data.h5 import N_IDS, Layout
from thesis_data.validation.problems import Problem

# A file stores E, pt and eta with six or seven digits: what is closer than this is massless.
_ENERGY_TOLERANCE = 1e-4
_ENERGY_TOLERANCE_GEV = 1e-3


@dataclass(frozen=True)
class Block:
    """Some events, values that are not finite set to zero.

    Attributes
    ----------
    finite : ndarray
        [n] whether all numbers of the event were finite.
    ids, valid : ndarray
        [n, T] object ids as they stand in the file, and whether there is an object.
    globals : ndarray
        [n, G] MET and METphi.
    objects : ndarray
        [n, T, 4] (E, pt, eta, phi).
    """

    finite: np.ndarray
    ids: np.ndarray
    valid: np.ndarray
    globals: np.ndarray
    objects: np.ndarray


def cut_block(values: np.ndarray, layout: Layout) -> Block:
    """Take rows [n, width] apart."""
    finite = np.isfinite(values)
    if not finite.all():
        values = np.where(finite, values, np.float32(0))
    ids = layout.ids(values)
    return Block(~_in_event(~finite), ids, ids > 0, layout.globals(values), layout.objects(values))


@dataclass(frozen=True)
class Check:
    """A condition on events: `bad` gives [n] bool for a block."""

    severity: Literal["error", "warning"]
    what: str
    bad: Callable[[Block], np.ndarray]


def _in_event(flags: np.ndarray) -> np.ndarray:
    """Whether any flag along the last axis is set."""
    return np.logical_or.reduce(flags, axis=-1)


def _wrong_ids(block: Block) -> np.ndarray:
    known = (block.ids >= 0) & (block.ids < N_IDS) & (block.ids == np.floor(block.ids))
    return _in_event(~known)


def _filled_padding(block: Block) -> np.ndarray:
    return _in_event(_in_event(block.objects != 0) & ~block.valid)


def _negative_pt(block: Block) -> np.ndarray:
    return _in_event((block.objects[..., 1] < 0) & block.valid)


def _energy_below_momentum(block: Block) -> np.ndarray:
    energy, pt, eta = (block.objects[..., i] for i in range(3))
    with np.errstate(over="ignore"):  # an absurd eta makes the momentum infinite, and is found
        momentum = pt * np.cosh(eta)
        allowed = momentum * (1 - _ENERGY_TOLERANCE) - _ENERGY_TOLERANCE_GEV
    return _in_event((energy < allowed) & block.valid)


def _negative_met(block: Block) -> np.ndarray:
    return _in_event(block.globals[:, :1] < 0)


def _unwrapped_phi(block: Block) -> np.ndarray:
    limit = np.float32(np.pi) * np.float32(1 + 1e-6)
    objects = _in_event((np.abs(block.objects[..., 3]) > limit) & block.valid)
    return objects | _in_event(np.abs(block.globals[:, 1:]) > limit)


def _gaps(block: Block) -> np.ndarray:
    return _in_event(~block.valid[:, :-1] & block.valid[:, 1:])


_NOT_FINITE = Check("error", "have values that are not finite", lambda block: ~block.finite)

CHECKS = (
    _NOT_FINITE,
    Check("error", f"have ids outside 0..{N_IDS - 1}", _wrong_ids),
    Check("error", "have values other than zero in padded slots", _filled_padding),
    Check("error", "have an object with pt < 0", _negative_pt),
    Check("error", "have an object with E < |p|", _energy_below_momentum),
    Check("warning", "have MET < 0", _negative_met),
    Check("warning", "have an angle phi outside [-pi, pi]", _unwrapped_phi),
    Check("warning", "have padding between objects (closed when loaded)", _gaps),
    Check("warning", "have no object at all", lambda block: ~_in_event(block.valid)),
)


@dataclass
class Tally:
    """How many events of a split fail each check, and which is the first."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros(len(CHECKS), dtype=np.int64))
    first_rows: np.ndarray = field(default_factory=lambda: np.full(len(CHECKS), -1))
    n_events: int = 0

    def add(self, rows: np.ndarray, block: Block) -> None:
        """Check a block whose events stand in these rows of the file."""
        for index, check in enumerate(CHECKS):
            bad = check.bad(block)
            if check is not _NOT_FINITE:  # what follows from a missing number is no finding
                bad &= block.finite
            if self.counts[index] == 0 and bad.any():
                self.first_rows[index] = rows[bad.argmax()]
            self.counts[index] += np.count_nonzero(bad)
        self.n_events += len(rows)

    def problems(self, where: str) -> list[Problem]:
        return [
            Problem(
                check.severity,
                where,
                f"{count:,} of {self.n_events:,} events {check.what}, the first in row {row}",
            )
            for check, count, row in zip(CHECKS, self.counts, self.first_rows, strict=True)
            if count
        ]

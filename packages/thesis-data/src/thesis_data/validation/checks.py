"""What must hold of every event, checked for a block of events at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from thesis_data.layout import Layout
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
    rows : ndarray
        [n, width] the rows themselves.
    ids, valid : ndarray
        [n, T] object ids (binned: tokens) as they stand in the file, and whether there is an
        object.
    globals : ndarray
        [n, G] MET and METphi (binned: their tokens).
    objects : ndarray
        [n, T, 4] (E, pt, eta, phi); [n, T, 0] of binned tokens.
    """

    finite: np.ndarray
    rows: np.ndarray
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
    globals_, objects = layout.globals(values), layout.objects(values)
    return Block(~_in_event(~finite), values, ids, ids > 0, globals_, objects)


@dataclass(frozen=True)
class Check:
    """A condition on events: `bad` gives [n] bool for a block."""

    severity: Literal["error", "warning"]
    what: str
    bad: Callable[[Block], np.ndarray]


def checks_of(layout: Layout) -> tuple[Check, ...]:
    """What must hold of events in these columns; of binned tokens there is less to be known."""
    whole = (_whole_numbers(*numbers) for numbers in layout.whole_numbers())
    return (_NOT_FINITE, *whole, *(() if layout.n_bins else _OF_NUMBERS), *_OF_ANY)


def _whole_numbers(columns: slice, allowed: range, what: str) -> Check:
    def outside(block: Block) -> np.ndarray:
        values = block.rows[:, columns]
        known = (values >= allowed[0]) & (values <= allowed[-1]) & (values == np.floor(values))
        return _in_event(~known)

    return Check("error", f"have {what} outside {allowed[0]}..{allowed[-1]}", outside)


def _in_event(flags: np.ndarray) -> np.ndarray:
    """Whether any flag along the last axis is set."""
    return np.logical_or.reduce(flags, axis=-1)


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

_OF_NUMBERS = (
    Check("error", "have values other than zero in padded slots", _filled_padding),
    Check("error", "have an object with pt < 0", _negative_pt),
    Check("error", "have an object with E < |p|", _energy_below_momentum),
    Check("warning", "have MET < 0", _negative_met),
    Check("warning", "have an angle phi outside [-pi, pi]", _unwrapped_phi),
)

_OF_ANY = (
    Check("warning", "have padding between objects (closed when loaded)", _gaps),
    Check("warning", "have no object at all", lambda block: ~_in_event(block.valid)),
)


@dataclass
class Tally:
    """How many events of a split fail each check, and which is the first."""

    checks: tuple[Check, ...]
    n_events: int = 0
    counts: np.ndarray = field(init=False)
    first_rows: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.checks), dtype=np.int64)
        self.first_rows = np.full(len(self.checks), -1)

    def add(self, rows: np.ndarray, block: Block) -> None:
        """Check a block whose events stand in these rows of the file."""
        for index, check in enumerate(self.checks):
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
            for check, count, row in zip(self.checks, self.counts, self.first_rows, strict=True)
            if count
        ]

"""Toy events: labelled rows of the H5 layout, drawn chunk by chunk.

Every process has its own endless stream of accepted events, made of chunks keyed by (seed,
process, chunk). Labels are a stream of independent draws. Row i of a sample is therefore the same
however many events are asked for, and the order of the rows tells nothing about their labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from thesis_data.layout import Layout
from thesis_data.random import keyed_seed
from thesis_data.synthetic.config import DetectorConfig
from thesis_data.synthetic.decays import decay_chain
from thesis_data.synthetic.detector import B_JET, Objects, reconstruct
from thesis_data.synthetic.particles import hardest_first, stable
from thesis_data.synthetic.production import HARD_PROCESS, produce
from thesis_facts.errors import DataError
from thesis_facts.processes import LABELS

LAYOUT = Layout()
CHUNK = 2048  # generated events: small enough for the tables to stay in the cache of a core
HOPELESS_CHUNKS = 50  # give up where so many chunks in a row hold no acceptable event
BLOCK = 32_768  # accepted events


@dataclass(frozen=True)
class ToyEvents:
    """Reconstructed events.

    Attributes
    ----------
    x : ndarray float32 [N, 92]
        18 ids | MET, METphi | 18 x (E, pt, eta, phi), by falling pt, in GeV and rad.
    labels : ndarray int64 [N]
        1 4t, 2 ttH, 3 ttW, 4 ttWW, 5 ttZ.
    """

    x: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return self.labels.size


def simulate(
    n_events: int,
    *,
    seed: int,
    processes: Mapping[str, float] | None = None,
    detector: DetectorConfig | None = None,
) -> ToyEvents:
    """Toy events of the five processes, all passing the event selection.

    Parameters
    ----------
    n_events : int
        Accepted events. The first rows of a larger sample are the rows of a smaller one.
    seed : int
        Key of every draw.
    processes : mapping, optional
        Expected share of each process by name; shares need not add up to one. By default half of
        the events are 4t and the others share the rest equally.
    detector : DetectorConfig, optional
        Acceptance, tagging and selection.

    Examples
    --------
    >>> events = simulate(100, seed=1, processes={"4t": 1, "ttZ": 3})
    >>> events.x.shape, sorted(set(events.labels.tolist()))
    ((100, 92), [1, 5])
    """
    shares = default_shares() if processes is None else _checked_shares(processes)
    events = _empty_events(n_events)
    start = 0
    for block in toy_blocks(
        n_events, seed=seed, shares=shares, detector=detector or DetectorConfig()
    ):
        rows = slice(start, start + len(block))
        events.x[rows], events.labels[rows] = block.x, block.labels
        start = rows.stop
    return events


def toy_blocks(
    n_events: int, *, seed: int, shares: Mapping[str, float], detector: DetectorConfig
) -> Iterator[ToyEvents]:
    """The events of `simulate`, a bounded number at a time."""
    streams = {name: ProcessStream(name, seed, detector) for name in shares}
    cumulative = np.cumsum(list(shares.values()))
    draws = _generator(seed, "labels")
    for start in range(0, n_events, BLOCK):
        block = _empty_events(min(BLOCK, n_events - start))
        uniform = draws.random(len(block)) * cumulative[-1]
        choice = np.searchsorted(cumulative[:-1], uniform, side="right")
        for index, (name, stream) in enumerate(streams.items()):
            rows = np.flatnonzero(choice == index)
            block.labels[rows] = LABELS[name]
            block.x[rows] = stream.take(rows.size)
        yield block


def default_shares(signal_fraction: float = 0.5) -> dict[str, float]:
    """Expected share of each process: 4t is the signal, the others are equally frequent."""
    backgrounds = [name for name in HARD_PROCESS if name != "4t"]
    other = (1.0 - signal_fraction) / len(backgrounds)
    return {"4t": signal_fraction, **dict.fromkeys(backgrounds, other)}


class ProcessStream:
    """Accepted events of one process, without end, in a fixed order."""

    def __init__(self, process: str, seed: int, detector: DetectorConfig):
        self.process = process
        self.seed = seed
        self.detector = detector
        self._next_chunk = 0
        self._left = np.empty((0, LAYOUT.width), dtype=np.float32)

    def take(self, n_events: int) -> np.ndarray:
        """The next `n_events` events, float32 [n_events, 92]."""
        parts, missing, empty_chunks = [self._left], n_events - len(self._left), 0
        while missing > 0:
            parts.append(self._generate_chunk())
            missing -= len(parts[-1])
            empty_chunks = 0 if len(parts[-1]) else empty_chunks + 1
            if empty_chunks == HOPELESS_CHUNKS:
                self._give_up()
        rows = np.concatenate(parts)
        self._left = rows[n_events:].copy()
        return rows[:n_events]

    def _generate_chunk(self) -> np.ndarray:
        rng = _generator(self.seed, self.process, self._next_chunk)
        self._next_chunk += 1
        particles = decay_chain(produce(self.process, CHUNK, rng), rng)
        objects, missing = reconstruct(stable(particles), CHUNK, self.detector, rng)
        return _write_rows(*_select_events(objects, missing, self.detector))

    def _give_up(self) -> None:
        raise DataError(
            f"no {self.process} event passes the event selection",
            key="data.synthetic.detector",
            found=f"0 of {HOPELESS_CHUNKS * CHUNK} accepted",
            do="lower min_jets, min_b_jets or jet_pt_min, or raise b_tag",
        )


def _select_events(
    objects: Objects, missing: np.ndarray, detector: DetectorConfig
) -> tuple[Objects, np.ndarray]:
    """Objects and missing momentum of events with enough jets, numbered anew from zero."""
    n_events = missing.shape[1]
    n_jets = np.bincount(objects.event[objects.ids <= B_JET], minlength=n_events)
    n_b_jets = np.bincount(objects.event[objects.ids == B_JET], minlength=n_events)
    accepted = (n_jets >= detector.min_jets) & (n_b_jets >= detector.min_b_jets)
    objects = objects.select(np.flatnonzero(accepted[objects.event]))
    new_number = np.cumsum(accepted) - 1
    return (
        Objects(new_number[objects.event], objects.ids, objects.kinematics),
        missing[:, accepted],
    )


def _write_rows(objects: Objects, missing: np.ndarray) -> np.ndarray:
    """Rows float32 [n, 92] of the H5 layout: the hardest objects first, zeros behind them."""
    objects = objects.select(hardest_first(objects.event, objects.kinematics[1]))
    counts = np.bincount(objects.event, minlength=missing.shape[1])
    slot = np.arange(objects.event.size) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = np.flatnonzero(slot < LAYOUT.n_tokens)
    event, slot = objects.event[kept], slot[kept]

    rows = np.zeros((missing.shape[1], LAYOUT.width), dtype=np.float32)
    LAYOUT.ids(rows)[event, slot] = objects.ids[kept]
    LAYOUT.objects(rows)[event, slot] = objects.kinematics[:, kept].T
    globals_ = LAYOUT.globals(rows)
    globals_[:, 0] = np.hypot(missing[0], missing[1])
    globals_[:, 1] = np.arctan2(missing[1], missing[0])
    return rows


def _empty_events(n_events: int) -> ToyEvents:
    return ToyEvents(
        np.empty((n_events, LAYOUT.width), dtype=np.float32), np.empty(n_events, dtype=np.int64)
    )


def _checked_shares(processes: Mapping[str, float]) -> dict[str, float]:
    unknown = sorted(set(processes) - set(HARD_PROCESS))
    if unknown or not processes:
        raise DataError(
            "unknown process" if unknown else "no process to simulate",
            key="processes",
            found=", ".join(unknown) or "none",
            expected=", ".join(HARD_PROCESS),
        )
    shares = {name: processes[name] for name in HARD_PROCESS if processes.get(name, 0) != 0}
    if not shares or min(shares.values()) < 0 or not np.isfinite(sum(shares.values())):
        raise DataError(
            "shares of processes make no sense",
            key="processes",
            found=dict(processes),
            expected="finite shares, none negative, one or more positive",
        )
    return shares


def _generator(seed: int, *keys: int | str) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(keyed_seed(seed, "toy", *keys)))

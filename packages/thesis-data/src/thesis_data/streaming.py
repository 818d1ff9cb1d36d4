"""A split that is larger than memory: its events are read anew each time they are asked for.

Memory holds two pools: one that batches are cut from and one that is being read. Every batch
follows from (seed, epoch, step) and the way the file is stored, so an epoch can be entered at any
step; pools before it are not read.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from thesis_data.events import EventBatch, EventSplit, join
from thesis_data.pools import count_steps, deal_blocks, equal_cuts, ordered_cuts
from thesis_data.random import keyed_generator
from thesis_data.read_ahead import read_ahead
from thesis_data.reading import EventReader, Span

_POOL_BYTES = 128 * 2**20
_POOLS_IN_BUDGET = 4  # two are in memory at once; blocks, batches and labels take the rest
_BLOCK_ROWS = 1024
_BLOCKS_IN_POOL = 64  # as many at least, where the file's chunks are small enough
_FEWEST_BLOCKS = 16  # below it a pool of a sorted file is no fair sample

log = logging.getLogger(__name__)


class Blocks(NamedTuple):
    """Stretches of files that hold events that take part, in the order of the split ([n] each)."""

    part: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    n_events: np.ndarray


class _Pool(NamedTuple):
    """Blocks to read together, and the key of their shuffle (None keeps the order)."""

    blocks: np.ndarray
    shuffled_by: tuple[int, str, int, int] | None


@dataclass(frozen=True)
class StreamedSplit:
    """A split on disk; `train_batches` and `eval_batches` treat it as one in memory.

    Attributes
    ----------
    reader : EventReader
        Reads the events of any rows.
    blocks : Blocks
        What is read together.
    pool_bytes : int
        About how many bytes of events are shuffled together.
    """

    reader: EventReader
    blocks: Blocks
    pool_bytes: int

    @classmethod
    def within(cls, budget: int, reader: EventReader) -> "StreamedSplit":
        """Stream with at most about `budget` bytes in memory."""
        pool_bytes = max(min(budget // _POOLS_IN_BUDGET, _POOL_BYTES), 1)
        in_pool = max(pool_bytes // reader.event_bytes, 1)
        blocks = _cut_blocks(reader, max(min(_BLOCK_ROWS, in_pool // _BLOCKS_IN_POOL), 1))
        split = cls(reader, blocks, pool_bytes)
        log.info(
            "%s: %s events take %.2f GiB, more than data.memory_budget_gib: streamed from disk",
            split.name,
            f"{len(split):,}",
            len(split) * reader.event_bytes / 2**30,
        )
        largest = int(blocks.n_events.max())
        if largest > in_pool // _FEWEST_BLOCKS:
            log.warning(
                "%s: the file is stored in chunks of %s events, so that the %s events which are "
                "shuffled together come from few places; chunks of 1,000 mix better",
                split.name,
                f"{largest:,}",
                f"{max(in_pool, largest):,}",
            )
        return split

    @property
    def name(self) -> str:
        """Which split it is: "train", "val" or "test"."""
        return self.reader.catalogue.split

    @property
    def cont_features(self) -> tuple[int, ...]:
        """Which of (E, pt, eta, phi) a token has."""
        return self.reader.cont_features

    def __len__(self) -> int:
        return len(self.reader.catalogue)

    def class_counts(self, n_classes: int) -> Tensor:
        """[C] int64 number of events of each class; events without a label don't count."""
        return torch.from_numpy(self.reader.catalogue.class_counts(n_classes))

    def sample(self, n_events: int) -> EventSplit:
        """At most `n_events` of the events, always the same ones, from blocks all over the files.

        Fewer come where so many would take more memory than a pool.
        """
        counts = self.blocks.n_events
        in_pool = max(self.pool_bytes // (self.reader.event_bytes * int(counts.max())), 1)
        wanted = max(-(-n_events // int(counts.min())), _BLOCKS_IN_POOL)
        n_blocks = min(wanted, in_pool, len(counts))
        blocks = np.arange(n_blocks) * len(counts) // n_blocks
        return self._read(_Pool(blocks, None), lambda: False)[0].sample(n_events)

    def shuffled(
        self,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        start_step: int,
        shard: tuple[int, int],
        trim: bool,
    ) -> Generator[EventBatch]:
        """One rank's batches of an epoch, from a step on.

        All ranks have `count_steps(len(self), batch_size)` of them; the sizes of one rank's
        batches differ by one at most.
        """
        rank, n_ranks = shard
        of_all_ranks = self.pool_bytes * n_ranks
        n_pools = -(-len(self) * self.reader.event_bytes // of_all_ranks)
        n_pools = max(1, min(n_pools, len(self.blocks.part) // n_ranks))
        hands = deal_blocks(len(self.blocks.part), n_pools, n_ranks, seed=seed, epoch=epoch)[rank]
        pools = [
            _Pool(blocks, (seed, "pool", epoch, pool * n_ranks + rank))
            for pool, blocks in enumerate(hands)
        ]
        sizes = np.array([self.blocks.n_events[blocks].sum() for blocks in hands])
        cuts = equal_cuts(int(sizes.sum()), count_steps(len(self), batch_size))[start_step:]
        if len(cuts) < 2:
            return
        ends = sizes.cumsum()
        first = min(int(np.searchsorted(ends, cuts[0], side="right")), n_pools - 1)
        yield from self._batches(pools[first:], cuts - (ends[first] - sizes[first]), trim)

    def in_order(
        self, batch_size: int, *, shard: tuple[int, int], trim: bool
    ) -> Generator[EventBatch]:
        """One rank's part of the events, in the order of the split."""
        cuts = np.array(ordered_cuts(len(self), batch_size, shard))
        if len(cuts) < 2:
            return
        ends = self.blocks.n_events.cumsum()
        first = int(np.searchsorted(ends, cuts[0], side="right"))
        last = int(np.searchsorted(ends, cuts[-1], side="left"))
        begin = ends[first] - self.blocks.n_events[first]
        in_pool = max(self.pool_bytes // self.reader.event_bytes, 1)
        number = (ends[first : last + 1] - begin - 1) // in_pool
        edges = np.flatnonzero(np.diff(number)) + 1
        pools = [_Pool(blocks, None) for blocks in np.split(np.arange(first, last + 1), edges)]
        yield from self._batches(pools, cuts - begin, trim)

    def _batches(
        self, pools: Sequence[_Pool], cuts: np.ndarray, trim: bool
    ) -> Generator[EventBatch]:
        """The events of the pools one after the other, cut at these places."""
        with closing(read_ahead(self._read, pools)) as parts:
            yield from _cut(parts, cuts.tolist(), trim)

    def _read(self, pool: _Pool, cancelled: Callable[[], bool]) -> tuple[EventSplit, Tensor]:
        """The events of a pool, and in which order they come ([n] int64)."""
        blocks, parts = self.blocks, self.reader.catalogue.parts
        spans = [
            Span(parts[blocks.part[i]], int(blocks.start[i]), int(blocks.stop[i]))
            for i in pool.blocks
        ]
        events = self.reader.read(spans, cancelled)
        counts = blocks.n_events[pool.blocks]
        before_block = blocks.n_events.cumsum()[pool.blocks] - counts
        before_in_pool = counts.cumsum() - counts
        position = np.arange(len(events)) + np.repeat(before_block - before_in_pool, counts)
        events = replace(events, position=torch.from_numpy(position))
        if pool.shuffled_by is None:
            return events, torch.arange(len(events))
        return events, torch.randperm(len(events), generator=keyed_generator(*pool.shuffled_by))


def _cut(
    parts: Iterable[tuple[EventSplit, Tensor]], cuts: Sequence[int], trim: bool
) -> Generator[EventBatch]:
    """Batches [cuts[k], cuts[k + 1]) of the events of the parts, one part after the other."""
    step, begin, n_steps = 0, 0, len(cuts) - 1
    carried: list[EventSplit] = []  # of a batch that goes on in the next part
    for events, order in parts:
        end = begin + len(order)
        while step < n_steps and cuts[step + 1] <= end:
            index = order[max(cuts[step] - begin, 0) : cuts[step + 1] - begin]
            if carried:
                whole = join([*carried, events.take(index)])
                carried = []
                yield whole.select(torch.arange(len(whole)), trim)
            else:
                yield events.select(index, trim)
            step += 1
        if step < n_steps and cuts[step] < end:
            carried.append(events.take(order[max(cuts[step] - begin, 0) :]))
        begin = end
        del events, order  # else they stay in memory while the part after the next is read


def _cut_blocks(reader: EventReader, n_rows: int) -> Blocks:
    """Blocks of about that many rows, in whole chunks of the files."""
    catalogue = reader.catalogue
    columns: list[tuple[np.ndarray, ...]] = []
    for number, part in enumerate(catalogue.parts):
        if part.n_rows == 0:
            continue
        step = part.chunk_rows * max(1, n_rows // part.chunk_rows)
        start = np.arange(0, part.n_rows, step)
        stop = np.minimum(start + step, part.n_rows)
        chosen = catalogue.chosen[part.first_row : part.first_row + part.n_rows]
        n_events = np.add.reduceat(chosen, start, dtype=np.int64)
        columns.append((np.full(len(start), number), start, stop, n_events))
    whole = [np.concatenate(column) for column in zip(*columns, strict=True)]
    return Blocks(*(column[whole[-1] > 0] for column in whole))

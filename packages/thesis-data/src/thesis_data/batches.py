"""The order of events: every one of a split once, a batch at a time.

Everything random about step k of an epoch is keyed by (seed, epoch, k): an iteration that starts
at k gives the very same batches as one that came there from the beginning.

Where W processes train together, `shard=(rank, W)` gives each its part; `batch_size` counts over
all of them, and all have the same number of steps. In memory a batch is the same set of events
whatever W is. A streamed split has other batches for each W, since every rank reads blocks of its
own.
"""

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import torch
from torch import Tensor

from thesis_data.augmentation import augment_batch, draw_symmetries
from thesis_data.config import AugmentConfig
from thesis_data.events import EventBatch, EventSplit
from thesis_data.pools import count_steps, ordered_cuts
from thesis_data.random import keyed_generator
from thesis_data.streaming import StreamedSplit

WHOLE = (0, 1)
"""The shard of a process that trains alone."""


def train_batches(
    split: EventSplit | StreamedSplit,
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    start_step: int = 0,
    augment: AugmentConfig | None = None,
    trim: bool = True,
    shard: tuple[int, int] = WHOLE,
) -> Iterator[EventBatch]:
    """Every event of the split once, in an order that depends on seed and epoch alone.

    Parameters
    ----------
    start_step : int
        Batches to leave out at the beginning, for a run that goes on inside an epoch.
    augment : AugmentConfig or None
        Symmetries to turn the events by; None or all off leaves them as they are.
    trim : bool
        Cut each batch to its longest event.
    shard : (int, int)
        Rank and number of processes; a rank's part of a short batch may have no event.
    """
    rank, n_ranks = shard
    if isinstance(split, StreamedSplit):
        batches = split.shuffled(
            batch_size, seed=seed, epoch=epoch, start_step=start_step, shard=shard, trim=trim
        )
        of_rank = (rank,) if n_ranks > 1 else ()
        with closing(batches):
            for step, batch in enumerate(batches, start_step):
                generator = keyed_generator(seed, "augment", epoch, step, *of_rank)
                yield _augmented(batch, augment, len(batch), generator)
        return
    order = index_batches(len(split), batch_size, seed=seed, epoch=epoch, start_step=start_step)
    part = slice(rank, None, n_ranks)
    for step, index in enumerate(order, start_step):
        generator = keyed_generator(seed, "augment", epoch, step)
        yield _augmented(split.select(index[part], trim), augment, len(index), generator, part)


def eval_batches(
    split: EventSplit | StreamedSplit,
    batch_size: int,
    trim: bool = True,
    shard: tuple[int, int] = WHOLE,
) -> Iterator[EventBatch]:
    """Every event of the split once, in the order of the split.

    With a shard it is a stretch of the split: the results of all ranks, one rank after the other,
    are in the order of the split (`EventBatch.index` says so too). Ranks may differ by one batch.
    """
    if isinstance(split, StreamedSplit):
        with closing(split.in_order(batch_size, shard=shard, trim=trim)) as batches:
            yield from batches
        return
    for start, stop in pairwise(ordered_cuts(len(split), batch_size, shard)):
        yield split.select(torch.arange(start, stop), trim)


def steps_per_epoch(split: EventSplit | StreamedSplit, batch_size: int) -> int:
    """Number of training batches in an epoch, for every rank."""
    return count_steps(len(split), batch_size)


def index_batches(
    n_events: int, batch_size: int, *, seed: int, epoch: int, start_step: int = 0
) -> Iterator[Tensor]:
    """Positions [B] of the events of each step of an epoch; the last batch may be shorter."""
    order = torch.randperm(n_events, generator=keyed_generator(seed, "order", epoch))
    yield from order.split(batch_size)[start_step:]


def _augmented(
    batch: EventBatch,
    config: AugmentConfig | None,
    n_drawn: int,
    generator: torch.Generator,
    part: slice = slice(None),
) -> EventBatch:
    """The batch turned by the draws of its events, which are a part of the `n_drawn` drawn ones."""
    if config is None or not (config.phi_rotation or config.eta_flip):
        return batch
    return augment_batch(batch, config, draw_symmetries(n_drawn, generator).of(part))

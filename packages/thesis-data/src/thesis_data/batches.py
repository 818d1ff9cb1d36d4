"""The order of events: every one of a split once, a batch at a time.

Everything random about step k of an epoch is keyed by (seed, epoch, k): an iteration that starts
at k gives the very same batches as one that came there from the beginning.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from thesis_data.augmentation import augment_batch
from thesis_data.config import AugmentConfig
from thesis_data.events import EventBatch, EventSplit
from thesis_data.random import keyed_generator


def train_batches(
    split: EventSplit,
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    start_step: int = 0,
    augment: AugmentConfig | None = None,
    trim: bool = True,
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
    """
    turned = augment is not None and (augment.phi_rotation or augment.eta_flip)
    order = index_batches(len(split), batch_size, seed=seed, epoch=epoch, start_step=start_step)
    for step, index in enumerate(order, start_step):
        batch = split.select(index, trim)
        if augment is not None and turned:
            generator = keyed_generator(seed, "augment", epoch, step)
            batch = augment_batch(batch, split.cont_features, augment, generator)
        yield batch


def eval_batches(split: EventSplit, batch_size: int, trim: bool = True) -> Iterator[EventBatch]:
    """Every event of the split once, in the order of the split."""
    for index in torch.arange(len(split)).split(batch_size):
        yield split.select(index, trim)


def index_batches(
    n_events: int, batch_size: int, *, seed: int, epoch: int, start_step: int = 0
) -> Iterator[Tensor]:
    """Positions [B] of the events of each step of an epoch; the last batch may be shorter."""
    order = torch.randperm(n_events, generator=keyed_generator(seed, "order", epoch))
    yield from order.split(batch_size)[start_step:]

"""What is done to events to see whether scores change.

What happens to an event depends on its row in the file alone, whatever batch it is in; only
shuffled MET comes from the event beside it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from thesis_data.augmentation import wrap
from thesis_data.events import EventBatch
from thesis_data.random import keyed_seed, keyed_words
from thesis_facts.errors import DataError

Corrupt = Callable[[EventBatch], EventBatch]


def corruption(kind: str, strength: float, n_tokens: int) -> Corrupt:
    """One of `CORRUPTIONS`; `n_tokens` is the most objects of an event."""
    return partial(CORRUPTIONS[kind], strength=strength, n_tokens=n_tokens)


def smear(batch: EventBatch, strength: float, n_tokens: int) -> EventBatch:
    """Multiply energy and pt of each object by a log-normal factor of width `strength`.

    The mass stays in proportion; eta and phi stay as they are.

    Raises
    ------
    DataError
        The objects carry neither.
    """
    if not {0, 1} & set(batch.cont_features):
        raise DataError("these events have no energy or pt to smear")
    normal = 2**0.5 * torch.erfinv(2 * _uniform(batch, n_tokens, "smear") - 1)
    columns = [c for c, feature in enumerate(batch.cont_features) if feature in (0, 1)]
    cont = batch.tokens_cont.clone()
    cont[..., columns] = cont[..., columns] * (strength * normal).exp()[..., None]
    return replace(batch, tokens_cont=cont)


def swap_ids(batch: EventBatch, strength: float, n_tokens: int) -> EventBatch:
    """Give an object, with the chance `strength`, the id of an object of its event."""
    chosen = (_uniform(batch, n_tokens, "swap") < strength) & batch.mask
    lengths = batch.mask.sum(1, keepdim=True)
    other = (_uniform(batch, n_tokens, "other") * lengths).long()
    swapped = batch.tokens_id.gather(1, other)  # objects come first, padding last
    return replace(batch, tokens_id=torch.where(chosen, swapped, batch.tokens_id))


def scale_met(batch: EventBatch, strength: float, n_tokens: int) -> EventBatch:
    """Multiply MET by `strength`; its direction stays. DataError: there is none."""
    _check_met(batch)
    globals_ = batch.globals.clone()
    globals_[:, :1] *= strength
    return replace(batch, globals=globals_)


def turn_met(batch: EventBatch, strength: float, n_tokens: int) -> EventBatch:
    """Turn METphi by an angle drawn evenly from ± `strength` (rad). DataError: there is none."""
    _check_met(batch)
    globals_ = batch.globals.clone()
    angle = strength * (2 * _uniform(batch, n_tokens, "turn")[:, :1] - 1)
    globals_[:, 1:] = wrap(globals_[:, 1:] + angle)
    return replace(batch, globals=globals_)


def shuffle_met(batch: EventBatch, strength: float, n_tokens: int) -> EventBatch:
    """Give an event, with the chance `strength`, MET and METphi of the event before it.

    Raises
    ------
    DataError
        There is no MET.
    """
    _check_met(batch)
    chosen = _uniform(batch, n_tokens, "shuffle")[:, :1] < strength
    return replace(batch, globals=torch.where(chosen, batch.globals.roll(1, 0), batch.globals))


def drop_objects(batch: EventBatch, strength: float, n_tokens: int) -> EventBatch:
    """Lose each object with the chance `strength`; the first one always stays."""
    lost = _uniform(batch, n_tokens, "drop") < strength
    lost[:, 0] = False
    kept = batch.mask & ~lost
    order = (~kept).to(torch.int8).argsort(dim=1, stable=True)  # objects first, padding last
    of_features = order[..., None].expand_as(batch.tokens_cont)
    return replace(
        batch,
        tokens_cont=(batch.tokens_cont * kept[..., None]).gather(1, of_features),
        tokens_id=(batch.tokens_id * kept).gather(1, order),
        mask=kept.gather(1, order),
    )


def _check_met(batch: EventBatch) -> None:
    if not batch.globals.shape[1] or not batch.cont_features:  # binned tokens of MET are words
        raise DataError("these events have no MET in GeV to change")


CORRUPTIONS: dict[str, Callable[..., EventBatch]] = {
    "smearing": smear,
    "swapped_ids": swap_ids,
    "met_scale": scale_met,
    "met_direction": turn_met,
    "met_shuffled": shuffle_met,
    "dropped_objects": drop_objects,
}
"""By name; each takes (batch, strength, n_tokens)."""


def _uniform(batch: EventBatch, n_tokens: int, what: str) -> Tensor:
    """[B, T] in (0, 1)."""
    words = keyed_words(keyed_seed(0, "corruption", what), batch.row.numpy(), n_tokens)
    # 23 bits: one more, and the half would be rounded away, up to 1
    draws = torch.from_numpy((words >> 41).astype("float32") + 0.5) / 2**23
    return draws[:, : batch.mask.shape[1]]

"""What is done to events to see whether anomaly scores find it.

What happens to an event depends on its row in the file alone, whatever batch it is in.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from thesis_data.events import EventBatch
from thesis_data.random import keyed_seed, keyed_words
from thesis_loops.config import CorruptionSettings

Corrupt = Callable[[EventBatch], EventBatch]


def corruptions(settings: CorruptionSettings, n_tokens: int) -> dict[str, Corrupt]:
    """The corruptions that are asked for, by name; `n_tokens` is the most objects of an event."""
    known = {
        "smearing": smear,
        "swapped_ids": swap_ids,
        "met_scale": scale_met,
        "dropped_objects": drop_objects,
    }
    strengths = {name: getattr(settings, name) for name in known}
    return {
        name: partial(corrupt, strength=strengths[name], n_tokens=n_tokens)
        for name, corrupt in known.items()
        if strengths[name] is not None
    }


def smear(batch: EventBatch, strength: float, n_tokens: int) -> EventBatch:
    """Multiply energy and pt of each object by a log-normal factor of width `strength`.

    The mass stays in proportion; eta and phi stay as they are.
    """
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
    """Multiply MET by `strength`; its direction stays."""
    globals_ = batch.globals.clone()
    globals_[:, :1] *= strength
    return replace(batch, globals=globals_)


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


def _uniform(batch: EventBatch, n_tokens: int, what: str) -> Tensor:
    """[B, T] in (0, 1)."""
    words = keyed_words(keyed_seed(0, "corruption", what), batch.row.numpy(), n_tokens)
    draws = torch.from_numpy((words >> 40).astype("float32") + 0.5) / 2**24
    return draws[:, : batch.mask.shape[1]]

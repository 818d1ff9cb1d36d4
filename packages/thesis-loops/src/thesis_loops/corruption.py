"""What is done to events to see whether anomaly scores find it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from thesis_data.events import EventBatch
from thesis_loops.config import CorruptionSettings

Corrupt = Callable[[EventBatch, torch.Generator], EventBatch]


def corruptions(settings: CorruptionSettings) -> dict[str, Corrupt]:
    """The corruptions that are asked for, by name."""
    known = {
        "smearing": smear,
        "swapped_ids": swap_ids,
        "met_scale": scale_met,
        "dropped_objects": drop_objects,
    }
    strengths = {name: getattr(settings, name) for name in known}
    return {
        name: partial(corrupt, strength=strengths[name])
        for name, corrupt in known.items()
        if strengths[name] is not None
    }


def smear(batch: EventBatch, generator: torch.Generator, strength: float) -> EventBatch:
    """Multiply energy and pt of each object by a log-normal factor of width `strength`.

    The mass stays in proportion; eta and phi stay as they are.
    """
    factor = (strength * _normal(batch.mask, generator)).exp()
    columns = [c for c, feature in enumerate(batch.cont_features) if feature in (0, 1)]
    cont = batch.tokens_cont.clone()
    cont[..., columns] = cont[..., columns] * factor[..., None]
    return replace(batch, tokens_cont=cont)


def swap_ids(batch: EventBatch, generator: torch.Generator, strength: float) -> EventBatch:
    """Give an object, with the chance `strength`, the id of an object of its event."""
    chosen = (_uniform(batch.mask, generator) < strength) & batch.mask
    lengths = batch.mask.sum(1, keepdim=True).clamp_min(1)
    other = (_uniform(batch.mask, generator) * lengths).long()
    swapped = batch.tokens_id.gather(1, other)  # objects come first, padding last
    return replace(batch, tokens_id=torch.where(chosen, swapped, batch.tokens_id))


def scale_met(batch: EventBatch, generator: torch.Generator, strength: float) -> EventBatch:
    """Multiply MET by `strength`; its direction stays."""
    globals_ = batch.globals.clone()
    globals_[:, :1] *= strength
    return replace(batch, globals=globals_)


def drop_objects(batch: EventBatch, generator: torch.Generator, strength: float) -> EventBatch:
    """Lose each object with the chance `strength`; the first one always stays."""
    lost = _uniform(batch.mask, generator) < strength
    lost[:, 0] = False
    kept = batch.mask & ~lost
    order = (~kept).to(torch.int8).argsort(dim=1, stable=True)  # objects first, padding last
    return replace(
        batch,
        tokens_cont=(batch.tokens_cont * kept[..., None]).gather(
            1, order[..., None].expand_as(batch.tokens_cont)
        ),
        tokens_id=(batch.tokens_id * kept).gather(1, order),
        mask=kept.gather(1, order),
    )


def _uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator)

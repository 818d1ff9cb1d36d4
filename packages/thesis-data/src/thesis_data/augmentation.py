"""Symmetries of a collision: rotation about the beam and reflection along it.

The physics of an event does not depend on where phi = 0 lies nor on which beam is called +z, so
a turned event is as good as a new one. Only angles change: pt, E and all invariant masses stay.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from thesis_data.config import AugmentConfig
from thesis_data.events import EventBatch

ETA, PHI = 2, 3
MET_PHI = 1


def augment_batch(
    batch: EventBatch,
    cont_features: tuple[int, ...],
    config: AugmentConfig,
    generator: torch.Generator,
) -> EventBatch:
    """Turn and mirror the events of a batch, each by its own draw; padded slots keep their values.

    Parameters
    ----------
    cont_features : tuple of int
        Which of (E, pt, eta, phi) the columns of `batch.tokens_cont` are.
    """
    # Both are always drawn, so that switching one on does not change the numbers of the other.
    angle = 2 * math.pi * torch.rand(len(batch), generator=generator)
    sign = 1.0 - 2.0 * torch.randint(2, (len(batch),), generator=generator).float()
    if config.phi_rotation:
        batch = rotate(batch, cont_features, angle)
    if config.eta_flip:
        batch = reflect(batch, cont_features, sign)
    return batch


def rotate(batch: EventBatch, cont_features: tuple[int, ...], angle: Tensor) -> EventBatch:
    """Rotate each event about the beam by its angle ([B] rad), METphi along with the objects."""
    tokens, event = batch.tokens_cont, batch.globals
    if PHI in cont_features:
        column = cont_features.index(PHI)
        phi = tokens[..., column]
        tokens = tokens.clone()
        tokens[..., column] = torch.where(batch.mask, wrap(phi + angle[:, None]), phi)
    if event.shape[1] > MET_PHI:
        event = event.clone()
        event[:, MET_PHI] = wrap(event[:, MET_PHI] + angle)
    return replace(batch, tokens_cont=tokens, globals=event)


def reflect(batch: EventBatch, cont_features: tuple[int, ...], sign: Tensor) -> EventBatch:
    """Multiply eta of each event's objects by its sign ([B], +1 or -1)."""
    if ETA not in cont_features:
        return batch
    column = cont_features.index(ETA)
    eta = batch.tokens_cont[..., column]
    tokens = batch.tokens_cont.clone()
    tokens[..., column] = torch.where(batch.mask, eta * sign[:, None], eta)
    return replace(batch, tokens_cont=tokens)


def wrap(phi: Tensor) -> Tensor:
    """The same angle in [-pi, pi) (rad)."""
    return torch.remainder(phi + math.pi, 2 * math.pi) - math.pi

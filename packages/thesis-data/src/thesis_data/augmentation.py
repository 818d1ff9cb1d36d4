"""Symmetries of a collision: rotation about the beam and reflection along it.

The physics of an event does not depend on where phi = 0 lies nor on which beam is called +z, so
a turned event is as good as a new one. Only angles change: pt, E and all invariant masses stay.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from thesis_data.config import AugmentConfig
from thesis_data.events import EventBatch

ETA, PHI = 2, 3
MET_PHI = 1


class Symmetries(NamedTuple):
    """How each event is turned: an angle about the beam ([B] rad) and a sign of eta ([B])."""

    angle: Tensor
    sign: Tensor

    def of(self, part: slice) -> "Symmetries":
        """Those of some of the events."""
        return Symmetries(self.angle[part], self.sign[part])


def draw_symmetries(n_events: int, generator: torch.Generator) -> Symmetries:
    """Draw both for each event, so that using one does not change the numbers of the other."""
    angle = 2 * math.pi * torch.rand(n_events, generator=generator)
    sign = 1.0 - 2.0 * torch.randint(2, (n_events,), generator=generator).float()
    return Symmetries(angle, sign)


def augment_batch(batch: EventBatch, config: AugmentConfig, symmetries: Symmetries) -> EventBatch:
    """Turn and mirror the events of a batch; padded slots keep their values."""
    if config.phi_rotation:
        batch = rotate(batch, symmetries.angle)
    if config.eta_flip:
        batch = reflect(batch, symmetries.sign)
    return batch


def rotate(batch: EventBatch, angle: Tensor) -> EventBatch:
    """Rotate each event about the beam by its angle ([B] rad), METphi along with the objects."""
    tokens, event = batch.tokens_cont, batch.globals
    if PHI in batch.cont_features:
        column = batch.cont_features.index(PHI)
        phi = tokens[..., column]
        tokens = tokens.clone()
        tokens[..., column] = torch.where(batch.mask, wrap(phi + angle[:, None]), phi)
    if event.shape[1] > MET_PHI:
        event = event.clone()
        event[:, MET_PHI] = wrap(event[:, MET_PHI] + angle)
    return replace(batch, tokens_cont=tokens, globals=event)


def reflect(batch: EventBatch, sign: Tensor) -> EventBatch:
    """Multiply eta of each event's objects by its sign ([B], +1 or -1)."""
    if ETA not in batch.cont_features:
        return batch
    column = batch.cont_features.index(ETA)
    eta = batch.tokens_cont[..., column]
    tokens = batch.tokens_cont.clone()
    tokens[..., column] = torch.where(batch.mask, eta * sign[:, None], eta)
    return replace(batch, tokens_cont=tokens)


def wrap(phi: Tensor) -> Tensor:
    """The same angle in [-pi, pi) (rad)."""
    return torch.remainder(phi + math.pi, 2 * math.pi) - math.pi

"""Objects of events inside sequences with extra tokens, as modules meet them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from small_models import Batch
from thesis_arch import DataSpec
from thesis_arch.blocks import Blocks
from thesis_arch.packing import Packing, join
from thesis_arch.physics.event_objects import EventObjects


@dataclass(frozen=True)
class Placed:
    """The objects of events between a token before and one after them.

    Attributes
    ----------
    objects : EventObjects
        The objects.
    tokens : Tensor
        Which tokens of the sequence they are.
    blocks : Blocks
        The sequence.
    """

    objects: EventObjects
    tokens: Tensor
    blocks: Blocks

    def matrix(self, biases: list[Tensor], event: int) -> Tensor:
        """[queries, keys, M] of the tokens of one event."""
        place = int((self.blocks.order == event).nonzero())
        for bias in biases:
            if place < len(bias):
                length = int(self.blocks.packing.mask[event].sum())
                return bias[place, :, :length, :length].permute(2, 1, 0)
            place -= len(bias)
        raise AssertionError("no such event")


def place(events: Batch, spec: DataSpec, *, extra: bool = True) -> Placed:
    """Put the objects of events into sequences, between extra tokens or alone."""
    objects = EventObjects.of(events, spec, Packing.of(events.mask))
    around = [torch.zeros(len(events.mask), 1)] if extra else []
    sequence = join(torch.zeros(len(objects.cont), 1), events.mask, before=around, after=around)
    return Placed(objects, sequence.objects, Blocks.of(sequence.packing))


def fitted(module: nn.Module, placed: Placed) -> nn.Module:
    """The module with statistics of the objects."""
    module.observe(placed.objects)
    module.finish()
    return module

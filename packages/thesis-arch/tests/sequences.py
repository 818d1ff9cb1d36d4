"""Objects of events inside sequences with extra tokens, as modules meet them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from small_models import Batch, classifier_spec
from thesis_arch import DataSpec
from thesis_arch.blocks import Blocks
from thesis_arch.packing import join
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.four_momentum import FourMomentum
from thesis_arch.physics.observer import fit_observers
from thesis_arch.transformer_classifier.attention_biases import AttentionBias


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
    objects = EventObjects.of(events, spec)
    around = [torch.zeros(len(events.mask), 1)] if extra else []
    sequence = join(torch.zeros(len(objects.cont), 1), events.mask, before=around, after=around)
    return Placed(objects, sequence.objects, Blocks.of(sequence.packing))


def fitted(module: nn.Module, placed: Placed) -> nn.Module:
    """The module with statistics of the objects."""
    fit_observers(module, [placed.objects])
    return module


def built_bias(
    spec: DataSpec, events: Batch, biases: str, *, extra: bool = True, **options: Any
) -> tuple[AttentionBias, Placed]:
    """A sum of biases with statistics of the events, and the events in place."""
    placed = place(events, spec, extra=extra)
    config = classifier_spec(attention_biases=biases, **options).model
    torch.manual_seed(2)
    module = AttentionBias(config, spec)
    fitted(module, placed)
    return module, placed


def bias_matrix(module: AttentionBias, placed: Placed, event: int) -> Tensor:
    """[queries, keys, M] of the objects of one event that stands between two extra tokens."""
    whole = placed.matrix(module(placed.objects, placed.tokens, placed.blocks).pairs, event)
    inner = whole[1:-1, 1:-1]
    assert whole.count_nonzero() == inner.count_nonzero()  # nothing for the extra tokens
    assert (inner.diagonal() == 0).all()
    return inner


def objects_of(events: Batch, event: int) -> tuple[FourMomentum, list[int], float, float]:
    """Momenta, ids, MET and its direction of one event."""
    here = events.mask[event]
    cont = events.tokens_cont[event, here]
    momenta = FourMomentum.of(cont[:, 1], cont[:, 2], cont[:, 3], cont[:, 0])
    met, met_phi = events.globals[event].tolist()
    return momenta, events.tokens_id[event, here].tolist(), met, met_phi


def loop_over_pairs(n: int, value: Callable[[int, int], Tensor]) -> Tensor:
    """[n, n, M] of `value(i, j)`, 0 on the diagonal."""
    rows = [[value(i, j) for j in range(n)] for i in range(n)]
    result = torch.stack([torch.stack(row) for row in rows])
    result[range(n), range(n)] = 0
    return result

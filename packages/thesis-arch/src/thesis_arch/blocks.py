"""Where attention pads: events of similar length side by side, each block as long as its longest.

Packed tokens have no padding, but attention needs the tokens of an event in a row of their own.
Padding every event of a batch to the longest makes twice as many pairs of slots as sorting the
events into a few blocks by length. The batch itself keeps its order.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from thesis_arch.packing import Packing

_MOST_BLOCKS = 4  # more of them cost more calls than they save padding
_EVENTS_A_BLOCK = 32  # a smaller block is all overhead


@dataclass(frozen=True)
class Blocks:
    """Slots for the tokens of each event, in blocks [n_events, length] one after the other.

    The tokens of an event come first in its row, in their order, whatever gaps the mask has.

    Attributes
    ----------
    sizes : tuple of (int, int)
        Events of each block, and slots of each of its events.
    order : Tensor
        [B] the events in the order of the blocks.
    packing : Packing
        The tokens, [N].
    """

    sizes: tuple[tuple[int, int], ...]
    order: Tensor
    packing: Packing

    @classmethod
    def of(cls, packing: Packing) -> "Blocks":
        """A few blocks on CPUs; a single one elsewhere, where reading lengths back would wait."""
        mask = packing.mask
        n_events, n_slots = mask.shape
        if mask.device.type != "cpu":
            return cls(((n_events, n_slots),), torch.arange(n_events, device=mask.device), packing)
        lengths, order = mask.sum(1).sort(stable=True)
        n_blocks = min(_MOST_BLOCKS, max(n_events // _EVENTS_A_BLOCK, 1))
        sizes = tuple((len(part), max(int(part[-1]), 1)) for part in lengths.tensor_split(n_blocks))
        return cls(sizes, order, packing)

    @property
    def n_slots(self) -> int:
        """Slots of all blocks."""
        return sum(n * length for n, length in self.sizes)

    @property
    def n_pairs(self) -> int:
        """Ordered pairs of slots of the same event, of all blocks."""
        return sum(n * length**2 for n, length in self.sizes)

    @cached_property
    def slot(self) -> Tensor:
        """[N] slot of each token."""
        return self._first_slot[self.packing.event] + self._rank

    @cached_property
    def token(self) -> Tensor:
        """[n_slots] token in each slot; an empty slot repeats the last token of its event."""
        event = self.order.repeat_interleave(self._width[self.order], output_size=self.n_slots)
        rank = torch.arange(self.n_slots, device=event.device) - self._first_slot[event]
        last = self._lengths[event] - 1
        return (self._first_token[event] + torch.minimum(rank, last)).clamp_min(0)

    @cached_property
    def occupied(self) -> Tensor:
        """[n_slots] bool, True where there is a token."""
        return self.packing.mask.new_zeros(self.n_slots).index_fill_(0, self.slot, True)

    def pair(self, first_token: Tensor, second_token: Tensor) -> Tensor:
        """[P] place of pairs of packed tokens of one event among all `n_pairs`."""
        event = self.packing.event[first_token]
        row = self._rank[first_token] * self._width[event]
        return self._first_pair[event] + row + self._rank[second_token]

    def first_row(self, heads: int) -> Tensor:
        """[N] place of each token in the first of `heads` rows of slots that each event has."""
        return self._first_slot[self.packing.event] * heads + self._rank

    @cached_property
    def token_width(self) -> Tensor:
        """[N] slots that the event of each token has."""
        return self._width[self.packing.event]

    def split_slots(self, values: Tensor) -> list[Tensor]:
        """[n_slots, ...] -> [n, length, ...] of each block."""
        parts = values.split([n * length for n, length in self.sizes])
        return [part.unflatten(0, size) for part, size in zip(parts, self.sizes, strict=True)]

    def split_pairs(self, values: Tensor) -> list[Tensor]:
        """[n_pairs, ...] -> [n, length, length, ...] of each block."""
        parts = values.split([n * length**2 for n, length in self.sizes])
        return [
            part.unflatten(0, (n, length, length))
            for part, (n, length) in zip(parts, self.sizes, strict=True)
        ]

    @cached_property
    def _lengths(self) -> Tensor:
        return self.packing.mask.sum(1)

    @cached_property
    def _first_token(self) -> Tensor:
        return self._lengths.cumsum(0) - self._lengths

    @cached_property
    def _rank(self) -> Tensor:
        tokens = torch.arange(len(self.packing.event), device=self.packing.event.device)
        return tokens - self._first_token[self.packing.event]

    @cached_property
    def _width(self) -> Tensor:
        """[B] slots of each event."""
        in_order = [self._lengths.new_full((n,), length) for n, length in self.sizes]
        return self._scatter(torch.cat(in_order))

    @cached_property
    def _first_slot(self) -> Tensor:
        in_order = self._width[self.order]
        return self._scatter(in_order.cumsum(0) - in_order)

    @cached_property
    def _first_pair(self) -> Tensor:
        in_order = self._width[self.order].square()
        return self._scatter(in_order.cumsum(0) - in_order)

    def _scatter(self, in_order: Tensor) -> Tensor:
        """[B] in the order of the blocks -> in the order of the batch."""
        return torch.empty_like(in_order).index_copy_(0, self.order, in_order)

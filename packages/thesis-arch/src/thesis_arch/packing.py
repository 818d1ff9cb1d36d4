"""Valid tokens of a batch in one row: padding is not computed on, so it can't leak.

Of 18 slots about 8 hold an object. Layers that treat tokens one by one (norms, projections,
feed-forwards, dropout) work on the packed tokens [N, D]; only attention spreads them to [B, S, D].
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Packing:
    """Where the packed tokens of a batch belong.

    Attributes
    ----------
    mask : Tensor
        [B, S], True where there is a token.
    index : Tensor
        [N] positions of the tokens in the flattened [B * S].
    """

    mask: Tensor
    index: Tensor

    @classmethod
    def of(cls, mask: Tensor) -> "Packing":
        return cls(mask, mask.reshape(-1).nonzero().squeeze(1))

    @cached_property
    def event(self) -> Tensor:
        """[N] event of each token."""
        return self.index // self.mask.shape[1]

    def pack(self, padded: Tensor) -> Tensor:
        """[B, S, ...] -> [N, ...]."""
        return padded.flatten(0, 1).index_select(0, self.index)

    def unpack(self, packed: Tensor) -> Tensor:
        """[N, ...] -> [B, S, ...], zero where there is no token."""
        batch, length = self.mask.shape
        rows = packed.new_zeros(batch * length, *packed.shape[1:])
        return rows.index_copy(0, self.index, packed).unflatten(0, (batch, length))


_ROWS = 64


def with_spare_rows(tokens: Tensor) -> Tensor:
    """[N, D] -> [N + k, D] with k < 64 rows of zeros at the end, on CPUs.

    oneDNN compiles a kernel for each number of rows, which takes longer than to use it in all
    layers of a small model; so let there be few such numbers. Nothing looks at the spare rows, and
    no gradient comes from them.
    """
    if tokens.device.type != "cpu":
        return tokens
    return functional.pad(tokens, (0, 0, 0, -len(tokens) % _ROWS))


@dataclass(frozen=True)
class Sequence:
    """Packed objects with extra tokens before and after them in each event.

    Attributes
    ----------
    packing : Packing
        Layout of the whole sequence, [B, S].
    tokens : Tensor
        [N, D] packed tokens.
    objects : Tensor
        [n_objects] which of the tokens are the packed objects.
    """

    packing: Packing
    tokens: Tensor
    objects: Tensor


def join(
    objects: Tensor, object_mask: Tensor, before: list[Tensor], after: list[Tensor]
) -> Sequence:
    """Put extra tokens around the packed objects of each event.

    Parameters
    ----------
    objects : Tensor
        [N, D] packed objects.
    object_mask : Tensor
        [B, T].
    before, after : list of Tensor
        Tokens [B, D] that every event has.
    """
    batch, n_objects = object_mask.shape[0], objects.shape[0]
    extra = [*before, *after]
    numbers = torch.arange(n_objects, device=objects.device)
    if not extra:
        return Sequence(Packing.of(object_mask), objects, numbers)
    events = torch.arange(batch, device=objects.device)
    # Row numbers in [objects; extra_0; extra_1; …] of each slot of the sequence.
    rank = (object_mask.reshape(-1).cumsum(0) - 1).view_as(object_mask)
    columns = [(n_objects + k * batch + events)[:, None] for k in range(len(extra))]
    source = torch.cat([*columns[: len(before)], rank, *columns[len(before) :]], dim=1)
    present = object_mask.new_ones(batch, 1)
    mask = torch.cat([present] * len(before) + [object_mask] + [present] * len(after), dim=1)
    packing = Packing.of(mask)
    rows = source.reshape(-1).index_select(0, packing.index)
    tokens = torch.cat([objects, *extra]).index_select(0, rows)
    event = events.repeat_interleave(object_mask.sum(1), output_size=n_objects)
    return Sequence(packing, tokens, numbers + len(before) + event * len(extra))

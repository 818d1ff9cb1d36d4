"""Events as tensors: a split, and a batch picked out of it by index.

A split that fits into memory is a handful of tensors, so there is no Python code per event and no
worker process.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class EventBatch:
    """B events of up to T objects in physical units.

    Attributes
    ----------
    tokens_cont : Tensor
        [B, T, F] float32: the chosen columns of (E, pt, eta, phi) (GeV, GeV, 1, rad).
    tokens_id : Tensor
        [B, T] int64 object ids, 0 where padded.
    globals : Tensor
        [B, 2] float32 MET (GeV) and METphi (rad); [B, 0] for files without them.
    mask : Tensor
        [B, T] bool, True where there is an object. Objects come first, padding last.
    label : Tensor
        [B] int64 class index; -1 where the event has no label.
    weight : Tensor or None
        [B] float32 event weights.
    process : Tensor
        [B] int64 process label of the file (1 4t ... 5 ttZ); 0 where unknown.
    index : Tensor
        [B] int64 position of the event in its split.
    """

    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor
    mask: Tensor
    label: Tensor
    weight: Tensor | None
    process: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.tokens_id)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "EventBatch":
        """The same batch on another device."""
        values = (getattr(self, field.name) for field in fields(self))
        moved = (v if v is None else v.to(device, non_blocking=non_blocking) for v in values)
        return EventBatch(*moved)


@dataclass(frozen=True)
class EventSplit:
    """All events of one split, stored as small as they get.

    The fields are those of `EventBatch` for N events, except that ids and processes are int8
    and that the mask follows from the ids.

    Attributes
    ----------
    row : Tensor
        [N] int64 row of the event in the file.
    cont_features : tuple of int
        Which of (E, pt, eta, phi) the columns of `tokens_cont` are.
    """

    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor
    label: Tensor
    weight: Tensor | None
    process: Tensor
    row: Tensor
    cont_features: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.tokens_id)

    @property
    def mask(self) -> Tensor:
        """[N, T] bool, True where there is an object."""
        return self.tokens_id > 0

    def select(self, index: Tensor, trim: bool = False) -> EventBatch:
        """The events at these positions ([B] int64) as a batch.

        With `trim` the batch is cut to its longest event (one slot at least).
        """
        ids = self.tokens_id.index_select(0, index)
        mask = ids > 0
        length = ids.shape[1]
        if trim:  # objects stand before padding, so the count is the length
            length = max(int(mask.sum(1).max()), 1)
            ids, mask = ids[:, :length], mask[:, :length]
        return EventBatch(
            tokens_cont=self.tokens_cont[:, :length].index_select(0, index),
            tokens_id=ids.long(),
            globals=self.globals.index_select(0, index),
            mask=mask.contiguous(),
            label=self.label.index_select(0, index),
            weight=None if self.weight is None else self.weight.index_select(0, index),
            process=self.process.index_select(0, index).long(),
            index=index,
        )

"""Events as tensors: a split, and a batch picked out of it by index.

A split that fits into memory is a handful of tensors, so there is no Python code per event and no
worker process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from thesis_data.layout import FEATURES, GLOBALS
from thesis_data.random import keyed_generator


@dataclass(frozen=True)
class EventBatch:
    """B events of up to T objects in physical units; B may be 0.

    Attributes
    ----------
    tokens_cont : Tensor
        [B, T, F] float32: the chosen columns of (E, pt, eta, phi) (GeV, GeV, 1, rad); F is 0 for
        binned tokens.
    tokens_id : Tensor
        [B, T] int64 object ids or binned tokens, 0 where padded.
    globals : Tensor
        [B, 2] float32 MET (GeV) and METphi (rad), or their binned tokens; [B, 0] for files without
        them.
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
    row : Tensor
        [B] int64 row of the event in the file, over all files of the data set.
    cont_features : tuple of int
        Which of (E, pt, eta, phi) the columns of `tokens_cont` are.
    split : str
        Name of the split.
    """

    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor
    mask: Tensor
    label: Tensor
    weight: Tensor | None
    process: Tensor
    index: Tensor
    row: Tensor
    cont_features: tuple[int, ...]
    split: str

    def __len__(self) -> int:
        return len(self.tokens_id)

    def to(self, device: torch.device | str) -> "EventBatch":
        """The same batch on another device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {
            name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)

    def non_finite(self) -> str | None:
        """Where the first value that is NaN or infinite stands, in words; None without one.

        Padded slots don't count. Objects are counted from 0, as rows are.
        """
        objects = ~self.tokens_cont.isfinite() & self.mask[..., None]
        globals_ = ~self.globals.isfinite()
        bad = objects.flatten(1).any(1) | globals_.any(1)
        if self.weight is not None:
            bad |= ~self.weight.isfinite()
        if not bad.any():
            return None
        event = int(bad.int().argmax())
        if objects[event].any():
            slot, column = objects[event].nonzero()[0].tolist()
            value = f"{FEATURES[self.cont_features[column]]} of object {slot} in"
        elif globals_[event].any():
            value = f"{GLOBALS[int(globals_[event].int().argmax())]} of"
        else:
            value = "weight of"
        place = f"row {int(self.row[event])} of the {self.split} split"
        return f"{value} event {int(self.index[event])} ({place})"


@dataclass(frozen=True)
class EventSplit:
    """All events of one split, or some of them, stored as small as they get.

    The fields are those of `EventBatch` for N events, except that ids and processes are int8
    (binned tokens int16) and that the mask follows from the ids.

    Attributes
    ----------
    row : Tensor
        [N] int64 row of the event in the file, over all files of the data set.
    cont_features : tuple of int
        Which of (E, pt, eta, phi) the columns of `tokens_cont` are.
    name : str
        "train", "val" or "test".
    position : Tensor or None
        [N] int64 position of each event in the whole split, where these are only some of it.
    """

    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor
    label: Tensor
    weight: Tensor | None
    process: Tensor
    row: Tensor
    cont_features: tuple[int, ...]
    name: str
    position: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens_id)

    @property
    def mask(self) -> Tensor:
        """[N, T] bool, True where there is an object."""
        return self.tokens_id > 0

    def class_counts(self, n_classes: int) -> Tensor:
        """[C] int64 number of events of each class; events without a label don't count."""
        return torch.bincount(self.label[self.label >= 0], minlength=n_classes)

    def select(self, index: Tensor, trim: bool = False) -> EventBatch:
        """The events at these positions ([B] int64) as a batch.

        With `trim` the batch is cut to its longest event (one slot at least).
        """
        ids = self.tokens_id.index_select(0, index)
        mask = ids > 0
        length = ids.shape[1]
        if trim:  # objects stand before padding, so the count is the length
            length = max(int(mask.sum(1).max()), 1) if len(mask) else 1
            ids, mask = ids[:, :length], mask[:, :length]
        return EventBatch(
            tokens_cont=self.tokens_cont[:, :length].index_select(0, index),
            tokens_id=ids.long(),
            globals=self.globals.index_select(0, index),
            mask=mask.contiguous(),
            label=self.label.index_select(0, index),
            weight=None if self.weight is None else self.weight.index_select(0, index),
            process=self.process.index_select(0, index).long(),
            index=index if self.position is None else self.position.index_select(0, index),
            row=self.row.index_select(0, index),
            cont_features=self.cont_features,
            split=self.name,
        )

    def take(self, index: Tensor) -> "EventSplit":
        """A copy of the events at these positions ([n] int64)."""
        return replace(self, **{name: v.index_select(0, index) for name, v in _tensors(self)})

    def sample(self, n_events: int) -> "EventSplit":
        """At most `n_events` of the events in their order, always the same ones."""
        if n_events >= len(self):
            return self
        drawn = torch.randperm(len(self), generator=keyed_generator(0, "sample", self.name))
        index = drawn[:n_events].sort().values
        sample = self.take(index)
        return sample if self.position is not None else replace(sample, position=index)


def join(parts: Sequence[EventSplit]) -> EventSplit:
    """The events of several parts of a split, one part after the other."""
    columns = {name: [] for name, _ in _tensors(parts[0])}
    for part in parts:
        for name, value in _tensors(part):
            columns[name].append(value)
    return replace(parts[0], **{name: torch.cat(values) for name, values in columns.items()})


def _tensors(split: EventSplit) -> list[tuple[str, Tensor]]:
    """Name and values of each column that a split has."""
    values = ((field.name, getattr(split, field.name)) for field in fields(split))
    return [(name, value) for name, value in values if isinstance(value, Tensor)]

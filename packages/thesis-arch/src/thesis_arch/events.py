"""The batch interface that models read; any object with these fields will do."""

from typing import Protocol

from torch import Tensor


class Events(Protocol):
    """A batch of events in physical units.

    Attributes
    ----------
    tokens_cont : Tensor
        [B, T, F] continuous features (GeV, rad); values in padded slots are never read.
    tokens_id : Tensor
        [B, T] object ids, 0 where padded.
    globals : Tensor
        [B, 2] MET (GeV) and METphi (rad).
    mask : Tensor
        [B, T], True where there is an object.
    """

    @property
    def tokens_cont(self) -> Tensor: ...
    @property
    def tokens_id(self) -> Tensor: ...
    @property
    def globals(self) -> Tensor: ...
    @property
    def mask(self) -> Tensor: ...

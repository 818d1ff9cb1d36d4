"""From the tokens of an event to one vector."""

from collections.abc import Callable

from torch import Tensor

from thesis_arch.packing import Packing


def cls_pooling(x: Tensor, packing: Packing) -> Tensor:
    """The [CLS] token, which stands first. [N, D] -> [B, D]."""
    counts = packing.mask.sum(1)
    return x[counts.cumsum(0) - counts]


def last_pooling(x: Tensor, packing: Packing) -> Tensor:
    """The last token, which is [CLS] where attention is causal. [N, D] -> [B, D]."""
    return x[packing.mask.sum(1).cumsum(0) - 1]


def mean_pooling(x: Tensor, packing: Packing) -> Tensor:
    """Mean over valid tokens, zero for an event without any. [N, D] -> [B, D]."""
    counts = packing.mask.sum(1, keepdim=True).clamp_min(1)
    return packing.unpack(x).sum(1) / counts


def max_pooling(x: Tensor, packing: Packing) -> Tensor:
    """Maximum over valid tokens, zero for an event without any. [N, D] -> [B, D]."""
    empty = ~packing.mask
    highest = packing.unpack(x).masked_fill(empty[..., None], float("-inf")).amax(1)
    return highest.masked_fill(empty.all(1, keepdim=True), 0.0)


POOLINGS: dict[str, Callable[[Tensor, Packing], Tensor]] = {
    "cls": cls_pooling,
    "last": last_pooling,
    "mean": mean_pooling,
    "max": max_pooling,
}
"""`head.pooling` -> function; last is that of cls where attention is causal."""

"""The layers of the encoder in their order."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def in_order(blocks: Sequence[T], interactions: Sequence[T], placement: str) -> list[T]:
    """Blocks of the encoder with the interaction blocks where `mia_blocks.placement` puts them.

    Parameters
    ----------
    blocks, interactions : sequence
        Of either kind.
    placement : {"prepend", "append", "interleave"}
        Interleaved ones are spread evenly and begin: of 5 among 6, one stands before each of the
        first five blocks; of 2 among 6, before the first and before the fourth.
    """
    if placement == "prepend":
        return [*interactions, *blocks]
    if placement == "append":
        return [*blocks, *interactions]
    n, m = len(blocks), len(interactions)
    merged: list[T] = []
    for i, block in enumerate(blocks):
        merged += [other for j, other in enumerate(interactions) if j * n // m == i]
        merged.append(block)
    return merged

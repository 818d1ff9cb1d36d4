"""What all attention layers of a forward pass share: where tokens go, and what biases them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from thesis_arch.blocks import Blocks
from thesis_arch.transformer_classifier.attention.packed import HeadRows


@dataclass(frozen=True)
class AttentionLayout:
    """Blocks of events and their biases.

    Attributes
    ----------
    blocks : Blocks
        Where the tokens of each event stand.
    biases : tuple of Tensor
        Of each block [n, 1 | H, length, 1 | length], keys before queries; -inf for empty keys.
    rows : HeadRows or None
        Places by heads, which attention on CPUs needs.
    """

    blocks: Blocks
    biases: tuple[Tensor, ...]
    rows: HeadRows | None

    @classmethod
    def of(
        cls, blocks: Blocks, heads: int, physics: Sequence[Tensor] | None = None
    ) -> "AttentionLayout":
        """Empty keys are never looked at; `physics` [n, 1 | H, length, length] comes on top."""
        device = blocks.packing.mask.device
        empty = torch.zeros(blocks.n_slots, device=device)
        empty.masked_fill_(~blocks.occupied, float("-inf"))
        biases = [block[:, None, :, None] for block in blocks.split_slots(empty)]
        if physics is not None:
            biases = [own + added for own, added in zip(biases, physics, strict=True)]
        rows = HeadRows.of(blocks, heads) if device.type == "cpu" else None
        return cls(blocks, tuple(biases), rows)

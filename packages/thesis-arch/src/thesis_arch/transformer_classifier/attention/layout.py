"""What all attention layers of a forward pass share: where tokens go, and what biases them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from thesis_arch.blocks import Blocks
from thesis_arch.packing import with_spare_rows
from thesis_arch.transformer_classifier.attention.packed import HeadRows
from thesis_arch.transformer_classifier.positional.rotary import Rotation


@dataclass(frozen=True)
class AttentionLayout:
    """Blocks of events and their biases. Each of M softmaxes gives a map of its own.

    Attributes
    ----------
    blocks : Blocks
        Where the tokens of each event stand.
    biases : tuple of Tensor
        Of each block [n, 1 | M, length, 1 | length], keys before queries; -inf for keys that are
        never looked at.
    rows : HeadRows or None
        Places by maps, which attention on CPUs needs.
    rotation : Rotation or None
        By which queries and keys are turned.
    query_scale : Tensor or None
        [N + k, H] what multiplies the logits of each query; k spare rows follow.
    """

    blocks: Blocks
    biases: tuple[Tensor, ...]
    rows: HeadRows | None
    rotation: Rotation | None = None
    query_scale: Tensor | None = None

    @classmethod
    def of(
        cls,
        blocks: Blocks,
        n_maps: int,
        physics: Sequence[Tensor] = (),
        *,
        causal: bool = False,
        rotation: Rotation | None = None,
        query_scale: Tensor | None = None,
    ) -> "AttentionLayout":
        """Lay out a batch.

        Parameters
        ----------
        blocks : Blocks
            The sequences.
        n_maps : int
            Softmaxes of a layer, M.
        physics : sequence of Tensor
            What is added to the logits of each block [n, 1 | M, length, length]; may be empty.
        causal : bool
            Whether a token sees only itself and those before it.
        rotation : Rotation or None
            Of all rows.
        query_scale : Tensor or None
            [B, H] of each event.
        """
        device = blocks.packing.mask.device
        empty = torch.zeros(blocks.n_slots, device=device)
        empty.masked_fill_(~blocks.occupied, float("-inf"))
        biases = [block[:, None, :, None] for block in blocks.split_slots(empty)]
        if causal:
            biases = [own + _later(own.shape[2], device) for own in biases]
        if physics:
            biases = [own + added for own, added in zip(biases, physics, strict=True)]
        rows = HeadRows.of(blocks, n_maps) if device.type == "cpu" else None
        if query_scale is not None:
            query_scale = with_spare_rows(query_scale[blocks.packing.event])
        return cls(blocks, tuple(biases), rows, rotation, query_scale)


def _later(length: int, device: torch.device) -> Tensor:
    """[keys, queries] -inf where the key comes after the query, else 0."""
    return torch.full((length, length), float("-inf"), device=device).tril(-1)

"""Scaled dot-product attention of packed tokens, by the kernel that fits the device."""

import torch
from torch import Tensor
from torch.nn import functional

from thesis_arch.dropout import ByteDropout
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.attention.packed import attend_packed


def attend(qkv: Tensor, layout: AttentionLayout, n_maps: int, dropout: ByteDropout) -> Tensor:
    """Attention within each event.

    Parameters
    ----------
    qkv : Tensor
        [N + k, 3 * M * d] queries, keys and values of the packed tokens; k spare rows follow.
    layout : AttentionLayout
        Where the tokens belong, and what biases them.
    n_maps : int
        Number of softmaxes, M.
    dropout : ByteDropout
        Of the attention weights.

    Returns
    -------
    Tensor
        [N + k, M * d] on CPUs; elsewhere [N, M * d], for there are no spare rows.
    """
    if layout.rows is not None:
        return attend_packed(qkv, layout.rows, layout.biases, n_maps, dropout)
    if len(qkv) == 0:  # a batch without a single token
        return qkv[:, : qkv.shape[1] // 3]
    probability = dropout.probability if dropout.training else 0.0
    mixed = []
    for (query, key, value), bias in _by_block(qkv, layout, n_maps):
        by_map = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=bias.transpose(2, 3).to(query.dtype),
            dropout_p=probability,
        )
        mixed.append(by_map.transpose(1, 2).flatten(2).flatten(0, 1))
    return torch.cat(mixed).index_select(0, layout.blocks.slot)


def attention_maps(qkv: Tensor, layout: AttentionLayout, n_maps: int) -> list[Tensor]:
    """The softmaxes themselves, of each block [n, M, queries, keys]; `attend` never forms them."""
    maps = []
    for (query, key, _), bias in _by_block(qkv, layout, n_maps):
        logits = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        maps.append((logits + bias.transpose(2, 3)).softmax(-1))
    return maps


def _by_block(
    qkv: Tensor, layout: AttentionLayout, n_maps: int
) -> list[tuple[tuple[Tensor, ...], Tensor]]:
    """(Query, key, value), each [n, M, length, d], and the bias of each block."""
    blocks = layout.blocks
    slots = blocks.split_slots(qkv.index_select(0, blocks.token))
    parts = [padded.unflatten(-1, (3, n_maps, -1)).permute(2, 0, 3, 1, 4) for padded in slots]
    return [(part.unbind(0), bias) for part, bias in zip(parts, layout.biases, strict=True)]

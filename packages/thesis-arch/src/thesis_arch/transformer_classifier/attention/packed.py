"""Attention of packed tokens on CPUs, with its gradient.

A head of a small transformer has 8 channels, an event some ten tokens. Products of such sizes cost
little; moving costs: copies to and from a layout by heads, a softmax along rows of ten numbers (ten
times slower than one across them), what autograd adds. So logits are kept transposed, keys before
queries, all that can is done in place, and the gradient is written down.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from thesis_arch.blocks import Blocks
from thesis_arch.dropout import ByteDropout


@dataclass(frozen=True)
class HeadRows:
    """Where the channels of a token in a head stand: rows of d channels.

    Packed rows are those of [N, 3, H, d]: all of a token, then all of the next. Spread rows are
    those of [3, R, d]: all queries, then keys, then values, where R counts [n, H, length] of one
    block after the other. Two events of 2 tokens and 1 token (a b | c) with two heads (1 2) make
    one block of length 2, and R is a1 b1 a2 b2 c1 - c2 -, an empty slot (-) repeating c.

    Attributes
    ----------
    fill_from : Tensor
        [3 * R] packed row of query, key or value that each spread row is filled from.
    gradient_from : Tensor
        [N * 3 * H] spread row that the gradient of each packed row comes from.
    result_from : Tensor
        [N * H] row of [R, d] that the result of each token and head comes from.
    """

    fill_from: Tensor
    gradient_from: Tensor
    result_from: Tensor

    @classmethod
    def of(cls, blocks: Blocks, heads: int) -> "HeadRows":
        head, part = torch.arange(heads), torch.arange(3)
        tokens = blocks.split_slots(blocks.token)
        by_head = [(t[:, None, :] * (3 * heads) + head[:, None]).flatten() for t in tokens]
        fill_from = torch.cat(by_head) + part[:, None] * heads
        result_from = blocks.first_row(heads)[:, None] + head * blocks.token_width[:, None]
        gradient_from = result_from[:, None, :] + part[:, None] * (blocks.n_slots * heads)
        # 32 bits halve what the gathers below have to read
        return cls(*(rows.flatten().int() for rows in (fill_from, gradient_from, result_from)))


def attend_packed(
    qkv: Tensor, rows: HeadRows, biases: Sequence[Tensor], heads: int, dropout: ByteDropout
) -> Tensor:
    """Attention within each event.

    Parameters
    ----------
    qkv : Tensor
        [N + k, 3 * H * d] queries, keys and values of the packed tokens; k spare rows follow.
    rows : HeadRows
        Their places.
    biases : sequence of Tensor
        Of each block [n, 1 | H, length, 1 | length]: keys before queries, -inf for empty keys.
    heads : int
        Number of heads, H.
    dropout : ByteDropout
        Of the attention weights.

    Returns
    -------
    Tensor
        [N + k, H * d], zero in spare rows.
    """
    if len(rows.result_from) == 0:  # a batch without a single token
        return qkv[:, : qkv.shape[1] // 3]
    return _PackedAttention.apply(qkv, rows, heads, dropout, *biases)


class _PackedAttention(torch.autograd.Function):
    """Softmax attention; its backward pass uses dS = P (dP - sum dO O) (Dao et al., 2205.14135)."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: Any, qkv: Tensor, rows: HeadRows, heads: int, dropout: ByteDropout, *biases: Tensor
    ) -> Tensor:
        n_rows, width = qkv.shape
        channels = width // (3 * heads)
        scale = 1 / math.sqrt(channels)
        spread = qkv.reshape(-1, channels).index_select(0, rows.fill_from).unflatten(0, (3, -1))
        spread[0].mul_(scale)
        mixed = torch.empty_like(spread[0])
        weights, dropped = [], []
        start = 0
        for bias in biases:
            n, _, length, _ = bias.shape
            stop = start + n * heads * length
            query, key, value = spread[:, start:stop].view(3, n * heads, length, channels)
            p = torch.bmm(key, query.transpose(1, 2))  # [n * H, keys, queries]
            p.view(n, heads, length, length).add_(bias)
            p.sub_(p.amax(1, keepdim=True)).exp_()
            p.mul_(p.sum(1, keepdim=True).reciprocal_())
            kept = p * mask if (mask := dropout.mask(p)) is not None else p
            torch.bmm(kept.transpose(1, 2), value, out=mixed[start:stop].view_as(value))
            weights.append(p)
            dropped.append(kept)
            start = stop
        ctx.save_for_backward(spread, mixed, *weights, *dropped)
        ctx.rows, ctx.heads, ctx.scale = rows, heads, scale
        ctx.bias_shapes = [bias.shape for bias in biases]
        return _filled_up(mixed.index_select(0, rows.result_from).view(-1, width // 3), n_rows)

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        spread, mixed, *saved = ctx.saved_tensors
        shapes = ctx.bias_shapes
        channels = spread.shape[-1]
        d_mixed = torch.zeros_like(mixed)
        n_tokens = len(ctx.rows.result_from) // ctx.heads
        d_tokens = gradient[:n_tokens].to(mixed.dtype).reshape(-1, channels)
        d_mixed.index_copy_(0, ctx.rows.result_from.long(), d_tokens)
        along = (d_mixed * mixed).sum(-1)  # sum over keys of P dP, one a query
        d_spread = torch.empty_like(spread)
        d_biases: list[Tensor | None] = []
        start = 0
        for i, shape in enumerate(shapes):
            p, kept = saved[i], saved[len(shapes) + i]
            stop = start + p.shape[0] * p.shape[1]
            here = slice(start, stop)
            query, key, value = spread[:, here].view(3, *p.shape[:2], channels)
            d_query, d_key, d_value = d_spread[:, here].view(3, *p.shape[:2], channels)
            d_out = d_mixed[here].view_as(value)
            torch.bmm(kept, d_out, out=d_value)
            ds = torch.bmm(value, d_out.transpose(1, 2)).mul_(kept)
            ds.addcmul_(p, along[here].view(p.shape[0], 1, -1), value=-1)
            torch.bmm(ds.transpose(1, 2), key, out=d_query)
            torch.bmm(ds, query, out=d_key)
            wanted = ctx.needs_input_grad[4 + i]
            per_head = ds.view(shape[0], ctx.heads, *p.shape[1:])
            d_biases.append(per_head.sum_to_size(shape) if wanted else None)
            start = stop
        d_spread[0].mul_(ctx.scale)
        d_qkv = d_spread.view(-1, channels).index_select(0, ctx.rows.gradient_from)
        d_qkv = _filled_up(d_qkv.view(n_tokens, -1), len(gradient))
        return d_qkv, None, None, None, *d_biases


def _filled_up(rows: Tensor, n_rows: int) -> Tensor:
    """With rows of zeros at the end."""
    return functional.pad(rows, (0, 0, 0, n_rows - len(rows)))

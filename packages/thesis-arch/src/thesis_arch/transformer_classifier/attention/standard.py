"""Scaled dot-product attention (Vaswani et al., arXiv:1706.03762) on packed tokens."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.dropout import ByteDropout
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.attention.packed import attend_packed


class StandardAttention(nn.Module):
    """Multi-head self-attention with an additive bias.

    Parameters
    ----------
    dim, heads : int
        Width of a token and number of heads; `heads` divides `dim`.
    dropout : float
        Dropout of attention weights.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.dropout = ByteDropout(dropout)

    def forward(self, x: Tensor, layout: AttentionLayout) -> Tensor:
        """Attend within each event; [N, D] -> [N, D]."""
        qkv = self.qkv(x)
        if layout.rows is not None:
            mixed = attend_packed(qkv, layout.rows, layout.biases, self.heads, self.dropout)
        else:
            mixed = self._attend_padded(qkv, layout)
        return self.out(mixed)

    def _attend_padded(self, qkv: Tensor, layout: AttentionLayout) -> Tensor:
        """With torch's fused kernels, which are made for GPUs."""
        blocks = layout.blocks
        probability = self.dropout.probability if self.training else 0.0
        mixed = []
        slots = blocks.split_slots(qkv.index_select(0, blocks.token))
        for padded, bias in zip(slots, layout.biases, strict=True):
            query, key, value = padded.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
            by_head = functional.scaled_dot_product_attention(
                query,
                key,
                value,
                attn_mask=bias.transpose(2, 3).to(query.dtype),
                dropout_p=probability,
            )
            mixed.append(by_head.transpose(1, 2).flatten(2).flatten(0, 1))
        return torch.cat(mixed).index_select(0, blocks.slot)

"""Multi-head attention (Vaswani et al., arXiv:1706.03762) on packed tokens."""

import torch
from torch import Tensor, nn

from thesis_arch.dropout import ByteDropout
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.attention.per_head import PerHead
from thesis_arch.transformer_classifier.attention.scaled_dot_product import attend
from thesis_arch.transformer_classifier.config import TransformerConfig


class StandardAttention(nn.Module):
    """Self-attention with an additive bias: one softmax for each head.

    Parameters
    ----------
    config : TransformerConfig
        Sizes, dropout and norms.
    layer : int
        Which attention layer it is, from 0; all are alike.
    """

    def __init__(self, config: TransformerConfig, layer: int) -> None:
        super().__init__()
        self.n_maps = self.heads = config.heads
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.per_head = PerHead(config)
        self.out = nn.Linear(config.dim, config.dim)
        self.dropout = ByteDropout(config.attention.dropout)

    def forward(self, x: Tensor, layout: AttentionLayout) -> Tensor:
        """Attend within each event; [N + k, D] -> [N + k, D]."""
        mixed = attend(self.queries_keys_values(x, layout), layout, self.n_maps, self.dropout)
        return self.out(self.per_head(mixed))

    def queries_keys_values(self, x: Tensor, layout: AttentionLayout) -> Tensor:
        """[N + k, D] -> [N + k, 3 D], turned and scaled as the layout says."""
        qkv = self.qkv(x)
        if layout.rotation is None and layout.query_scale is None:
            return qkv
        query, key, value = qkv.unflatten(-1, (3, self.heads, -1)).unbind(1)
        if layout.rotation is not None:
            query, key = layout.rotation(query), layout.rotation(key)
        if layout.query_scale is not None:
            query = (query * layout.query_scale[..., None]).to(value.dtype)
        return torch.stack([query, key, value], dim=1).flatten(1)

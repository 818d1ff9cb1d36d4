"""Differential attention (Ye et al., arXiv:2410.05258): what two softmaxes share cancels."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.dropout import ByteDropout
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.attention.per_head import PerHead
from thesis_arch.transformer_classifier.attention.scaled_dot_product import attend
from thesis_arch.transformer_classifier.config import TransformerConfig


class DifferentialAttention(nn.Module):
    """(softmax(Q1 K1^T / √d) − λ softmax(Q2 K2^T / √d)) V, times 1 − λ0, for each head.

    Q and K have half the channels of a head for each softmax, V has all. λ = exp(q1·k1) −
    exp(q2·k2) + λ0 with learned vectors of the layer, λ0 = 0.8 − 0.6 exp(−0.3 layer). Since the
    sum is linear in V, it is standard attention of 2 H maps whose results are subtracted.

    Parameters
    ----------
    config : TransformerConfig
        Sizes, dropout and norms.
    layer : int
        Which attention layer it is, from 0.
    """

    def __init__(self, config: TransformerConfig, layer: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.n_maps = 2 * config.heads
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        half = config.head_dim // 2
        self.lambda_queries = nn.Parameter(0.1 * torch.randn(2, half))
        self.lambda_keys = nn.Parameter(0.1 * torch.randn(2, half))
        self.initial_lambda = 0.8 - 0.6 * math.exp(-0.3 * layer)
        self.per_head = PerHead(config)
        self.out = nn.Linear(config.dim, config.dim)
        self.dropout = ByteDropout(config.attention.dropout)

    @property
    def lambda_(self) -> Tensor:
        """Scalar λ, the weight of the second softmax."""
        first, second = (self.lambda_queries * self.lambda_keys).sum(1).exp()
        return first - second + self.initial_lambda

    def forward(self, x: Tensor, layout: AttentionLayout) -> Tensor:
        """Attend within each event; [N + k, D] -> [N + k, D]."""
        mixed = attend(self.queries_keys_values(x, layout), layout, self.n_maps, self.dropout)
        first, second = mixed.chunk(2, dim=1)
        difference = first - self.lambda_.to(first.dtype) * second
        return self.out(self.per_head(difference) * (1 - self.initial_lambda))

    def queries_keys_values(self, x: Tensor, layout: AttentionLayout) -> Tensor:
        """[N + k, D] -> [N + k, 3 * 2 D]: those of all heads' first maps, then of the second.

        Queries and keys are filled up with zeros to the channels of the values.
        """
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(1)
        query, key = (part.unflatten(-1, (2, -1)) for part in (query, key))  # [N + k, H, 2, d/2]
        if layout.rotation is not None:
            query, key = layout.rotation(query), layout.rotation(key)
        if layout.query_scale is not None:
            query = (query * layout.query_scale[..., None, None]).to(value.dtype)
        query = query * math.sqrt(2)  # `attend` divides by the root of d, not of d/2
        half = query.shape[-1]
        query, key = (functional.pad(part.transpose(1, 2), (0, half)) for part in (query, key))
        value = value[:, None].expand_as(query)
        return torch.stack([query, key, value], dim=1).flatten(1)

"""Scaled dot-product attention (Vaswani et al., arXiv:1706.03762) on packed tokens."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.dropout import ByteDropout
from thesis_arch.packing import Packing


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

    def forward(self, x: Tensor, packing: Packing, bias: Tensor) -> Tensor:
        """Attend within each event.

        Parameters
        ----------
        x : Tensor
            [N, D] packed tokens.
        packing : Packing
            Their place in [B, S].
        bias : Tensor
            [B, 1 | H, 1 | S, S], added to the logits; -inf where a key is padding.

        Returns
        -------
        Tensor
            [N, D].
        """
        padded = packing.unpack(self.qkv(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = padded.permute(2, 0, 3, 1, 4)  # each [B, H, S, d]
        if x.device.type == "cpu":
            mixed = self._explicit(query, key, value, bias)
        else:
            mixed = functional.scaled_dot_product_attention(
                query,
                key,
                value,
                attn_mask=bias.to(query.dtype),
                dropout_p=self.dropout.probability if self.training else 0.0,
            )
        return self.out(packing.pack(mixed.transpose(1, 2).flatten(2)))

    def _explicit(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        # Heads of 8 channels are too thin for the CPU's fused kernel; three products are faster.
        logits = (query / math.sqrt(query.shape[-1])) @ key.transpose(-2, -1) + bias
        return self.dropout(torch.softmax(logits, dim=-1).to(value.dtype)) @ value
